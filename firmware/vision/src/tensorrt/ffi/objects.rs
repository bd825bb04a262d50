//! TensorRT's objects: created by the library's C functions, called through their virtual tables, destroyed by theirs.
//!
//! An object of the C++ interface (`IBuilder`) is a table of its own, which has the destructor alone, and a pointer to the
//! implementation (`apiv::VBuilder`), in whose table the methods are: its inline methods only call those. The parser is
//! called directly. Nothing unwinds into Rust: the methods are `noexcept`, or, of the parser of 10.0, catch what they
//! throw.
//!
//! What must outlive what is kept by lifetimes where the objects live for one build, and by counted references where
//! they serve for good.

use std::ffi::{CStr, c_char, c_void};
use std::marker::PhantomData;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::Arc;

use libloading::os::unix::{Library as Opened, RTLD_LOCAL, RTLD_NOW};

use super::callbacks::{Logger, Monitor};
use super::lane::StreamHandle;
use super::slots::{self, Slots};

type Pointer = NonNull<c_void>;
type Create = unsafe extern "C" fn(*mut c_void, i32) -> *mut c_void;
type CreateParser = unsafe extern "C" fn(*mut c_void, *mut c_void, i32) -> *mut c_void;

/// `DeviceType::kDLA` and `BuilderFlag::kGPU_FALLBACK`.
const DLA: i32 = 1;
const GPU_FALLBACK: i32 = 3;
/// `ExecutionContextAllocationStrategy::kSTATIC`.
const STATIC: i32 = 0;

/// TensorRT and its ONNX parser, opened. They stay in memory for good: both start threads and leave exit handlers.
pub(in crate::tensorrt) struct Library {
    pub slots: &'static Slots,
    /// As `getInferLibVersion` has it.
    pub version: i32,
    parser_version: i32,
    create_builder: Create,
    create_runtime: Create,
    create_parser: CreateParser,
}

impl Library {
    /// Opens the two libraries, whose methods stand where `slots` says. Errors: what the loader says.
    pub fn open(infer: &Path, parser: &Path, slots: &'static Slots) -> Result<Self, String> {
        let (infer, parser) = (open(infer)?, open(parser)?);
        type Version = unsafe extern "C" fn() -> i32;
        // SAFETY: the types are those that `NvInfer.h`, `NvInferRuntime.h` and `NvOnnxParser.h` declare, unchanged since
        // TensorRT 8; the libraries are never closed, so the functions stay.
        let opened = unsafe {
            let version: Version = symbol(&infer, c"getInferLibVersion")?;
            let parser_version: Version = symbol(&parser, c"getNvOnnxParserVersion")?;
            Self {
                slots,
                version: version(),
                parser_version: parser_version(),
                create_builder: symbol(&infer, c"createInferBuilder_INTERNAL")?,
                create_runtime: symbol(&infer, c"createInferRuntime_INTERNAL")?,
                create_parser: symbol(&parser, c"createNvOnnxParser_INTERNAL")?,
            }
        };
        std::mem::forget((infer, parser));
        Ok(opened)
    }
}

/// Opens one library for good, its symbols visible to itself alone.
pub(super) fn open(path: &Path) -> Result<Opened, String> {
    // SAFETY: loading runs the library's initialisers. It is NVIDIA's, from where the system's loader or the settings,
    // which only the device's owner writes, have it.
    unsafe { Opened::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.map_err(|error| error.to_string())
}

/// A function of `library`.
///
/// # Safety
/// `F` is the type of that function, and the library stays open.
pub(super) unsafe fn symbol<F: Copy>(library: &Opened, name: &CStr) -> Result<F, String> {
    // SAFETY: the caller says so.
    let found = unsafe { library.get::<F>(name.to_bytes_with_nul()) };
    found.map(|symbol| *symbol).map_err(|e| e.to_string())
}

/// The method at `slot` of the table that `object` begins with.
///
/// # Safety
/// `object` is a live C++ object with a table of more than `slot` places, and `F` is the type of the method there, with
/// the object as its first argument.
unsafe fn method<F: Copy>(object: Pointer, slot: usize) -> F {
    const { assert!(size_of::<F>() == size_of::<*const c_void>()) };
    // SAFETY: the caller says so; a method's place holds the address of its function.
    unsafe {
        let table = *object.as_ptr().cast::<*const *const c_void>();
        std::mem::transmute_copy(&*table.add(slot))
    }
}

/// An object of the C++ interface, destroyed by its own destructor.
struct Object {
    pointer: Pointer,
    delete: usize,
}

impl Object {
    /// Takes what the library has created; `None` where it created nothing.
    fn new(pointer: *mut c_void) -> Option<Self> {
        let delete = slots::DELETE;
        NonNull::new(pointer).map(|pointer| Self { pointer, delete })
    }

    /// The implementation, which has the methods.
    fn inner(&self) -> Pointer {
        // SAFETY: every class of the interface that is called here (`INoCopy` and `mImpl`) holds this pointer after its
        // table's, set by the library for as long as the object lives.
        unsafe { *self.pointer.as_ptr().cast::<Pointer>().add(1) }
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        // SAFETY: the object is ours and live; the place is that of its deleting destructor.
        unsafe {
            let delete: unsafe extern "C" fn(Pointer) = method(self.pointer, self.delete);
            delete(self.pointer);
        }
    }
}

/// What a build reads its errors from: TensorRT writes them while it answers with "no".
fn logger_pointer(logger: &Logger) -> *mut c_void {
    std::ptr::from_ref(logger).cast_mut().cast()
}

/// Builds engines.
pub(in crate::tensorrt) struct Builder<'l> {
    object: Object,
    library: &'l Library,
    logger: &'l Logger,
}

impl<'l> Builder<'l> {
    /// `None` where the library refuses.
    ///
    /// The machine must have been probed: without CUDA's driver the real library ends the process.
    pub fn new(library: &'l Library, logger: &'l Logger) -> Option<Self> {
        // SAFETY: the function is the library's; the logger outlives the builder by its lifetime. The version is the
        // library's own: the part of its interface that is used here has been there since 10.0.
        let made = unsafe { (library.create_builder)(logger_pointer(logger), library.version) };
        Object::new(made).map(|object| Self {
            object,
            library,
            logger,
        })
    }

    /// How many cores for deep learning the machine has.
    pub fn dla_cores(&self) -> i32 {
        let inner = self.object.inner();
        // SAFETY: `VBuilder::getNbDLACores() const`.
        unsafe {
            let count: unsafe extern "C" fn(Pointer) -> i32 =
                method(inner, self.library.slots.builder_dla_cores);
            count(inner)
        }
    }

    /// An empty network, strongly typed. `None` where the library refuses.
    pub fn network(&self) -> Option<Network<'_>> {
        let (inner, slots) = (self.object.inner(), self.library.slots);
        // SAFETY: `VBuilder::createNetworkV2(uint32_t)`.
        let made = unsafe {
            let create: unsafe extern "C" fn(Pointer, u32) -> *mut c_void =
                method(inner, slots.builder_create_network);
            create(inner, slots.strongly_typed)
        };
        Object::new(made).map(|object| Network {
            object,
            builder: self,
        })
    }

    fn config(&self) -> Option<Config<'_>> {
        let (inner, slots) = (self.object.inner(), self.library.slots);
        // SAFETY: `VBuilder::createBuilderConfig()`.
        let made = unsafe {
            let create: unsafe extern "C" fn(Pointer) -> *mut c_void =
                method(inner, slots.builder_create_config);
            create(inner)
        };
        Object::new(made).map(|object| Config {
            object,
            slots,
            builder: PhantomData,
        })
    }
}

/// How an engine is to be built.
struct Config<'b> {
    object: Object,
    slots: &'static Slots,
    builder: PhantomData<&'b ()>,
}

impl Config<'_> {
    /// On this DLA core what it can compute, the rest on the GPU.
    fn prefer_dla(&self, core: i32) {
        let (inner, slots) = (self.object.inner(), self.slots);
        // SAFETY: `VBuilderConfig::setDefaultDeviceType(DeviceType)`, `setDLACore(int32_t)` and `setFlag(BuilderFlag)`;
        // the enumerations are of `int32_t`.
        unsafe {
            for (slot, value) in [
                (slots.config_set_device_type, DLA),
                (slots.config_set_dla_core, core),
                (slots.config_set_flag, GPU_FALLBACK),
            ] {
                let set: unsafe extern "C" fn(Pointer, i32) = method(inner, slot);
                set(inner, value);
            }
        }
    }

    /// # Safety
    /// The monitor stays where it is for as long as the configuration lives.
    unsafe fn watch(&self, monitor: &Monitor<'_>) {
        let (inner, slots) = (self.object.inner(), self.slots);
        // SAFETY: `VBuilderConfig::setProgressMonitor(IProgressMonitor*)`; the caller keeps the monitor.
        unsafe {
            let set: unsafe extern "C" fn(Pointer, *const c_void) =
                method(inner, slots.config_set_progress_monitor);
            set(inner, std::ptr::from_ref(monitor).cast());
        }
    }
}

/// A network that a parser fills.
pub(in crate::tensorrt) struct Network<'b> {
    object: Object,
    builder: &'b Builder<'b>,
}

impl Network<'_> {
    /// Fills the network from the bytes of an ONNX file. Errors: what the parser says of it.
    pub fn parse(&mut self, onnx: &[u8]) -> Result<(), String> {
        let library = self.builder.library;
        let (network, logger) = (
            self.object.pointer.as_ptr(),
            logger_pointer(self.builder.logger),
        );
        // SAFETY: the function is the library's; network and logger outlive the parser, which ends with this call.
        let made = unsafe { (library.create_parser)(network, logger, library.parser_version) };
        let parser = NonNull::new(made).ok_or("no parser was created")?;
        let parser = Parser {
            object: Object {
                pointer: parser,
                delete: library.slots.parser_delete,
            },
            slots: library.slots,
        };
        parser.parse(onnx)
    }

    /// The plan of an engine for this machine. `None` where there is none; the logger says why.
    pub fn build(&self, dla_core: Option<i32>, monitor: &Monitor<'_>) -> Option<Memory> {
        let config = self.builder.config()?;
        if let Some(core) = dla_core {
            config.prefer_dla(core);
        }
        // SAFETY: the configuration ends with this call, which borrows the monitor.
        unsafe { config.watch(monitor) };
        let inner = self.builder.object.inner();
        // SAFETY: `VBuilder::buildSerializedNetwork(INetworkDefinition&, IBuilderConfig&)`: references are pointers to the
        // objects of the interface. Both are of this builder and live.
        let made = unsafe {
            let build: unsafe extern "C" fn(Pointer, Pointer, Pointer) -> *mut c_void =
                method(inner, self.builder.library.slots.builder_build);
            build(inner, self.object.pointer, config.object.pointer)
        };
        Object::new(made).map(Memory)
    }
}

/// Reads ONNX. It has no implementation behind it: its methods are in its own table.
struct Parser {
    object: Object,
    slots: &'static Slots,
}

impl Parser {
    fn parse(&self, onnx: &[u8]) -> Result<(), String> {
        let this = self.object.pointer;
        // SAFETY: `IParser::parse(void const*, size_t, char const*)`; it reads the bytes and keeps copies of what it needs
        // until the parser ends. A null path: the weights are in the bytes.
        let parsed = unsafe {
            type Parse = unsafe extern "C" fn(Pointer, *const u8, usize, *const c_char) -> bool;
            let parse: Parse = method(this, slots::PARSER_PARSE);
            parse(this, onnx.as_ptr(), onnx.len(), std::ptr::null())
        };
        match parsed {
            true => Ok(()),
            false => Err(self.errors()),
        }
    }

    fn errors(&self) -> String {
        let this = self.object.pointer;
        // SAFETY: `IParser::getNbErrors() const`.
        let count = unsafe {
            let count: unsafe extern "C" fn(Pointer) -> i32 =
                method(this, self.slots.parser_error_count);
            count(this)
        };
        let errors: Vec<String> = (0..count.min(8)).filter_map(|at| self.error(at)).collect();
        match errors.is_empty() {
            true => "the parser says no, and not why".into(),
            false => errors.join("; "),
        }
    }

    fn error(&self, at: i32) -> Option<String> {
        let this = self.object.pointer;
        // SAFETY: `IParser::getError(int) const` gives null or an error that lives until the parser ends; of which
        // `IParserError::node() const` gives a number, and `desc() const` and `nodeOperator() const` null or a text that
        // lives as long.
        unsafe {
            let get: unsafe extern "C" fn(Pointer, i32) -> *mut c_void =
                method(this, self.slots.parser_error);
            let error = NonNull::new(get(this, at))?;
            let text = |slot| {
                let text: unsafe extern "C" fn(Pointer) -> *const c_char = method(error, slot);
                let text = text(error);
                (!text.is_null()).then(|| CStr::from_ptr(text).to_string_lossy().into_owned())
            };
            let node: unsafe extern "C" fn(Pointer) -> i32 =
                method(error, slots::PARSER_ERROR_NODE);
            let operator = text(slots::PARSER_ERROR_OPERATOR).unwrap_or_default();
            let said = text(slots::PARSER_ERROR_TEXT)?;
            Some(format!("node {} {operator}: {said}", node(error)))
        }
    }
}

/// Bytes that the library holds.
pub(in crate::tensorrt) struct Memory(Object);

impl Memory {
    pub fn bytes(&self) -> &[u8] {
        let inner = self.0.inner();
        // SAFETY: `VHostMemory::data() const` and `size() const`: that many bytes, unchanged until the object ends.
        unsafe {
            let data: unsafe extern "C" fn(Pointer) -> *const u8 =
                method(inner, slots::MEMORY_DATA);
            let size: unsafe extern "C" fn(Pointer) -> usize = method(inner, slots::MEMORY_SIZE);
            match NonNull::new(data(inner).cast_mut()) {
                Some(data) => std::slice::from_raw_parts(data.as_ptr(), size(inner)),
                None => &[],
            }
        }
    }
}

/// Makes engines of plans.
struct Runtime {
    object: Object,
    library: &'static Library,
    /// Last: it outlives the object.
    logger: Arc<Logger>,
}

/// A network ready for this machine. It keeps the runtime that it came from.
pub(in crate::tensorrt) struct Engine {
    object: Object,
    /// Last: it outlives the object.
    runtime: Runtime,
}

/// `Dims64` of the headers.
#[repr(C)]
struct Dims {
    count: i32,
    sizes: [i64; 8],
}

/// Whether a tensor goes in or out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tensorrt) enum Mode {
    Input,
    Output,
    Neither,
}

/// A tensor at the engine's border.
#[derive(Debug)]
pub(in crate::tensorrt) struct Border<'e> {
    pub name: &'e CStr,
    pub mode: Mode,
    /// `DataType::kFLOAT`.
    pub is_f32: bool,
    /// -1 where a size is open.
    pub sizes: Vec<i64>,
}

impl Engine {
    /// From a plan. `None` where the library refuses it; the logger says why.
    ///
    /// The plan must come from this library on this machine: TensorRT trusts plans. As for [`Builder::new`] the machine
    /// must have been probed.
    pub fn new(
        library: &'static Library,
        logger: &Arc<Logger>,
        plan: &[u8],
        dla_core: Option<i32>,
    ) -> Option<Self> {
        // SAFETY: as for the builder; the runtime keeps the logger.
        let made = unsafe { (library.create_runtime)(logger_pointer(logger), library.version) };
        let runtime = Runtime {
            object: Object::new(made)?,
            library,
            logger: Arc::clone(logger),
        };
        let inner = runtime.object.inner();
        // SAFETY: `VRuntime::setDLACore(int32_t)` and `deserializeCudaEngine(void const*, size_t)`, which copies the plan.
        let made = unsafe {
            if let Some(core) = dla_core {
                let set: unsafe extern "C" fn(Pointer, i32) =
                    method(inner, library.slots.runtime_set_dla_core);
                set(inner, core);
            }
            let make: unsafe extern "C" fn(Pointer, *const u8, usize) -> *mut c_void =
                method(inner, slots::RUNTIME_DESERIALIZE);
            make(inner, plan.as_ptr(), plan.len())
        };
        Object::new(made).map(|object| Self { object, runtime })
    }

    /// The tensors that go in and out.
    pub fn borders(&self) -> Vec<Border<'_>> {
        let inner = self.object.inner();
        // SAFETY: `VCudaEngine::getNbIOTensors() const`.
        let count = unsafe {
            let count: unsafe extern "C" fn(Pointer) -> i32 =
                method(inner, self.runtime.library.slots.engine_tensor_count);
            count(inner)
        };
        (0..count).filter_map(|at| self.border(at)).collect()
    }

    fn border(&self, at: i32) -> Option<Border<'_>> {
        let (inner, slots) = (self.object.inner(), self.runtime.library.slots);
        // SAFETY: `VCudaEngine::getIOTensorName(int32_t) const`, whose text lives as long as the engine, and, of that
        // name, `getTensorIOMode`, `getTensorDataType` and `getTensorShape`, whose `Dims64` C++ and Rust return alike:
        // through a pointer that the caller provides.
        unsafe {
            let name: unsafe extern "C" fn(Pointer, i32) -> *const c_char =
                method(inner, slots.engine_tensor_name);
            let name = name(inner, at);
            if name.is_null() {
                return None;
            }
            let number: [unsafe extern "C" fn(Pointer, *const c_char) -> i32; 2] = [
                method(inner, slots.engine_tensor_mode),
                method(inner, slots.engine_tensor_type),
            ];
            let shape: unsafe extern "C" fn(Pointer, *const c_char) -> Dims =
                method(inner, slots.engine_tensor_shape);
            let dims = shape(inner, name);
            let rank = usize::try_from(dims.count).unwrap_or(0);
            Some(Border {
                name: CStr::from_ptr(name),
                mode: match number[0](inner, name) {
                    1 => Mode::Input,
                    2 => Mode::Output,
                    _ => Mode::Neither,
                },
                is_f32: number[1](inner, name) == 0,
                sizes: dims.sizes.into_iter().take(rank).collect(),
            })
        }
    }
}

/// An engine at work. It keeps the engine.
pub(in crate::tensorrt) struct Context {
    object: Object,
    /// Last: it outlives the object.
    engine: Engine,
}

// SAFETY: the objects are only used by whoever holds the context, one thread at a time; TensorRT allows that from any
// thread whose current CUDA context is the engine's, and the lane makes it so (`Gpu::bind`).
unsafe impl Send for Context {}

impl Context {
    /// `None` where the library refuses; the logger says why.
    pub fn new(engine: Engine) -> Option<Self> {
        let inner = engine.object.inner();
        // SAFETY: `VCudaEngine::createExecutionContext(ExecutionContextAllocationStrategy)`, an enumeration of `int32_t`.
        let made = unsafe {
            let create: unsafe extern "C" fn(Pointer, i32) -> *mut c_void =
                method(inner, slots::ENGINE_CREATE_CONTEXT);
            create(inner, STATIC)
        };
        Object::new(made).map(|object| Self { object, engine })
    }

    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    pub fn logger(&self) -> &Logger {
        &self.engine.runtime.logger
    }

    fn slots(&self) -> &'static Slots {
        self.engine.runtime.library.slots
    }

    /// Where the tensor `name` is on the device. Whether the library takes it.
    ///
    /// # Safety
    /// The address has room for the whole tensor until the last work that was enqueued is done.
    pub unsafe fn set_address(&mut self, name: &CStr, address: u64) -> bool {
        let inner = self.object.inner();
        // SAFETY: `VExecutionContext::setTensorAddress(char const*, void*)`; the caller vouches for the address.
        unsafe {
            let set: unsafe extern "C" fn(Pointer, *const c_char, *mut c_void) -> bool =
                method(inner, self.slots().context_set_address);
            set(
                inner,
                name.as_ptr(),
                std::ptr::without_provenance_mut(address as usize),
            )
        }
    }

    /// Puts the network's work on a stream. Whether the library did.
    ///
    /// # Safety
    /// Every address was set, and what they name stays until the stream has done the work.
    pub unsafe fn enqueue(&mut self, stream: StreamHandle) -> bool {
        let inner = self.object.inner();
        // SAFETY: `VExecutionContext::enqueueV3(cudaStream_t)`; a stream of the driver is one of the runtime.
        unsafe {
            let enqueue: unsafe extern "C" fn(Pointer, StreamHandle) -> bool =
                method(inner, self.slots().context_enqueue);
            enqueue(inner, stream)
        }
    }
}
