//! CUDA's driver, `libcuda`: is there a GPU, which one, and its context.
//!
//! The driver's interface is plain C and older than any TensorRT that is served here. The runtime library, which
//! TensorRT brings, works in the same *primary* context, so memory and streams of the driver are good for it too.

use std::ffi::{CStr, c_char, c_void};
use std::path::Path;
use std::ptr::{null, null_mut};
use std::sync::Arc;

use skueye_models::{Code, Fault};

use super::objects::{open, symbol};

/// What every function answers; 0 is success.
type Answer = i32;
pub(super) type Handle = *mut c_void;

macro_rules! driver {
    ($($name:ident $symbol:literal ($($argument:ty),*))*) => {
        /// The functions that are used, as `cuda.h` declares them.
        pub(super) struct Driver { $(pub $name: unsafe extern "C" fn($($argument),*) -> Answer,)* }

        impl Driver {
            fn open(path: &Path) -> Result<Self, String> {
                let library = open(path)?;
                // SAFETY: the types are those of `cuda.h`; the library is never closed.
                let driver = unsafe { Self { $($name: symbol(&library, $symbol)?,)* } };
                std::mem::forget(library);
                Ok(driver)
            }
        }
    };
}

driver! {
    init c"cuInit" (u32)
    error_name c"cuGetErrorName" (Answer, *mut *const c_char)
    device_count c"cuDeviceGetCount" (*mut i32)
    device c"cuDeviceGet" (*mut i32, i32)
    device_name c"cuDeviceGetName" (*mut c_char, i32, i32)
    device_attribute c"cuDeviceGetAttribute" (*mut i32, i32, i32)
    retain_context c"cuDevicePrimaryCtxRetain" (*mut Handle, i32)
    set_context c"cuCtxSetCurrent" (Handle)
    allocate c"cuMemAlloc_v2" (*mut u64, usize)
    free c"cuMemFree_v2" (u64)
    allocate_host c"cuMemHostAlloc" (*mut Handle, usize, u32)
    free_host c"cuMemFreeHost" (Handle)
    stream_create c"cuStreamCreate" (*mut Handle, u32)
    stream_destroy c"cuStreamDestroy_v2" (Handle)
    stream_wait c"cuStreamSynchronize" (Handle)
    to_device c"cuMemcpyHtoDAsync_v2" (u64, *const c_void, usize, Handle)
    to_host c"cuMemcpyDtoHAsync_v2" (*mut c_void, u64, usize, Handle)
    capture_begin c"cuStreamBeginCapture_v2" (Handle, i32)
    capture_end c"cuStreamEndCapture" (Handle, *mut Handle)
    graph_instantiate c"cuGraphInstantiateWithFlags" (*mut Handle, Handle, u64)
    graph_launch c"cuGraphLaunch" (Handle, Handle)
    graph_destroy c"cuGraphDestroy" (Handle)
    graph_exec_destroy c"cuGraphExecDestroy" (Handle)
}

impl Driver {
    /// Errors: E412 with the driver's name for `answer`.
    pub fn check(&self, doing: &str, answer: Answer) -> Result<(), Fault> {
        match answer {
            0 => Ok(()),
            _ => Err(Fault::new(
                Code::EngineFailed,
                format!("CUDA to {doing}"),
                self.name_of(answer),
                "start the program again; if it happens again, look for the GPU's messages in the kernel's log",
            )),
        }
    }

    fn name_of(&self, answer: Answer) -> String {
        let mut name = null();
        // SAFETY: the function writes null or a text that lives for good.
        let text = unsafe {
            match (self.error_name)(answer, &mut name) {
                0 if !name.is_null() => CStr::from_ptr(name).to_string_lossy(),
                _ => "an error without a name".into(),
            }
        };
        format!("{text} ({answer})")
    }
}

/// The first GPU, its context held for good: to open it takes a good part of a second.
pub(in crate::tensorrt) struct Gpu {
    pub(super) driver: Driver,
    context: Handle,
    /// Such as `Orin`.
    pub name: String,
    /// Compute capability.
    pub compute: (i32, i32),
}

// SAFETY: the driver's functions may be called from every thread, and the context handle is only passed to them.
unsafe impl Send for Gpu {}
// SAFETY: as above; nothing of it changes after `probe`.
unsafe impl Sync for Gpu {}

impl Gpu {
    /// Opens the driver at `path` and the first GPU. Errors: E413, with what is missing.
    pub fn probe(path: &Path) -> Result<Arc<Self>, Fault> {
        let driver = Driver::open(path).map_err(|error| no_gpu(&error))?;
        // SAFETY: `cuda.h`; the pointers are to live places of these types, the name's with its length.
        unsafe {
            let ask = |doing: &str, answer: Answer| match answer {
                0 => Ok(()),
                _ => Err(no_gpu(&format!("{doing}: {}", driver.name_of(answer)))),
            };
            ask("start", (driver.init)(0))?;
            let mut count = 0;
            ask("count the GPUs", (driver.device_count)(&mut count))?;
            if count < 1 {
                return Err(no_gpu("a driver without a GPU"));
            }
            let (mut device, mut context) = (0, null_mut());
            ask("open the GPU", (driver.device)(&mut device, 0))?;
            let mut name = [0u8; 128];
            let length = name.len() as i32;
            ask(
                "name the GPU",
                (driver.device_name)(name.as_mut_ptr().cast(), length, device),
            )?;
            let mut compute = [0; 2];
            // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR and _MINOR.
            for (value, attribute) in compute.iter_mut().zip([75, 76]) {
                let answer = (driver.device_attribute)(value, attribute, device);
                ask("tell its generation", answer)?;
            }
            ask(
                "open a context",
                (driver.retain_context)(&mut context, device),
            )?;
            let name = CStr::from_bytes_until_nul(&name).unwrap_or_default();
            Ok(Arc::new(Self {
                context,
                name: name.to_string_lossy().into_owned(),
                compute: (compute[0], compute[1]),
                driver,
            }))
        }
    }

    /// Makes this thread work on the GPU: its current context is one thing per thread. Errors: E412.
    pub fn bind(&self) -> Result<(), Fault> {
        // SAFETY: the context is held until the process ends.
        let answer = unsafe { (self.driver.set_context)(self.context) };
        self.driver.check("enter the context", answer)
    }
}

fn no_gpu(got: &str) -> Fault {
    Fault::new(
        Code::GpuMissing,
        "NVIDIA's driver with a GPU",
        got.chars().take(300).collect::<String>(),
        "install the driver, give this user access to the GPU, or set model.runtime to \"auto\" or \"tract\"",
    )
}
