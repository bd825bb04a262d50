//! One picture in, one embedding out: pinned buffers, buffers on the device, a stream, and a CUDA graph of it all.
//!
//! Everything that is put on the stream is waited for before a call returns, so no copy outlives the borrow it was asked
//! through. Pinned memory is what the device can copy from without the processor; the graph hands the copies and the
//! network's hundred kernels over in one call, where the driver can record them.

use std::ffi::CStr;
use std::ptr::{NonNull, null_mut};
use std::sync::Arc;

use skueye_models::{Code, Fault};

use super::cuda::{Gpu, Handle};
use super::objects::Context;

/// A stream for TensorRT.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub(in crate::tensorrt) struct StreamHandle(Handle);

/// `CU_STREAM_NON_BLOCKING` and `CU_STREAM_CAPTURE_MODE_THREAD_LOCAL`.
const NON_BLOCKING: u32 = 1;
const THREAD_LOCAL: i32 = 1;

/// Floats in host memory that the device copies from and to by itself.
struct Pinned {
    gpu: Arc<Gpu>,
    first: NonNull<f32>,
    count: usize,
}

impl Pinned {
    fn new(gpu: &Arc<Gpu>, count: usize) -> Result<Self, Fault> {
        let mut memory = null_mut();
        // SAFETY: `cuMemHostAlloc` writes the address of that many bytes, aligned for every type.
        let answer = unsafe { (gpu.driver.allocate_host)(&mut memory, 4 * count, 0) };
        gpu.driver.check("pin memory", answer)?;
        let first = NonNull::new(memory.cast::<f32>()).ok_or_else(|| no_memory("pinned"))?;
        // SAFETY: `count` floats; zeros are floats.
        unsafe { first.write_bytes(0, count) };
        Ok(Self {
            gpu: Arc::clone(gpu),
            first,
            count,
        })
    }

    fn values(&mut self) -> &mut [f32] {
        // SAFETY: that many floats, initialised when they were taken; no copy is under way outside `Lane::run`, which
        // waits for its own, and the exclusive borrow keeps other users out.
        unsafe { std::slice::from_raw_parts_mut(self.first.as_ptr(), self.count) }
    }
}

impl Drop for Pinned {
    fn drop(&mut self) {
        let _ = self.gpu.bind();
        // SAFETY: it came from `cuMemHostAlloc` and nothing on a stream uses it any more: the lane waits before it ends.
        let _ = unsafe { (self.gpu.driver.free_host)(self.first.as_ptr().cast()) };
    }
}

/// Memory of the device.
struct OnDevice {
    gpu: Arc<Gpu>,
    address: u64,
}

impl OnDevice {
    fn new(gpu: &Arc<Gpu>, floats: usize) -> Result<Self, Fault> {
        let mut address = 0;
        // SAFETY: `cuMemAlloc_v2` writes the address of that many bytes.
        let answer = unsafe { (gpu.driver.allocate)(&mut address, 4 * floats) };
        gpu.driver.check("take memory of the GPU", answer)?;
        Ok(Self {
            gpu: Arc::clone(gpu),
            address,
        })
    }
}

impl Drop for OnDevice {
    fn drop(&mut self) {
        let _ = self.gpu.bind();
        // SAFETY: as for `Pinned`.
        let _ = unsafe { (self.gpu.driver.free)(self.address) };
    }
}

struct Stream {
    gpu: Arc<Gpu>,
    handle: Handle,
}

impl Stream {
    fn new(gpu: &Arc<Gpu>) -> Result<Self, Fault> {
        let mut handle = null_mut();
        // SAFETY: `cuStreamCreate` writes a handle.
        let answer = unsafe { (gpu.driver.stream_create)(&mut handle, NON_BLOCKING) };
        gpu.driver.check("create a stream", answer)?;
        Ok(Self {
            gpu: Arc::clone(gpu),
            handle,
        })
    }

    fn wait(&self) -> Result<(), Fault> {
        // SAFETY: the stream is live.
        let answer = unsafe { (self.gpu.driver.stream_wait)(self.handle) };
        self.gpu.driver.check("finish", answer)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let _ = self.gpu.bind();
        let _ = self.wait();
        // SAFETY: the stream is live and idle.
        let _ = unsafe { (self.gpu.driver.stream_destroy)(self.handle) };
    }
}

/// The work of one picture, recorded.
struct Graph {
    gpu: Arc<Gpu>,
    handle: Handle,
}

impl Drop for Graph {
    fn drop(&mut self) {
        let _ = self.gpu.bind();
        // SAFETY: it is live, and the lane has waited for its last launch.
        let _ = unsafe { (self.gpu.driver.graph_exec_destroy)(self.handle) };
    }
}

/// An engine with everything that one picture needs.
pub(in crate::tensorrt) struct Lane {
    /// The order is that of their ends: what uses something ends before it.
    graph: Option<Graph>,
    context: Context,
    stream: Stream,
    input: Pinned,
    output: Pinned,
    input_on_device: OnDevice,
    output_on_device: OnDevice,
    gpu: Arc<Gpu>,
}

// SAFETY: handles and addresses are only used through the lane, one thread at a time, each call in the GPU's context.
unsafe impl Send for Lane {}

impl Lane {
    /// For an engine with one input of `floats.0` and one output of `floats.1` floats, by these names.
    ///
    /// It runs the network once, as TensorRT wants before a capture, then records it; where that fails it goes on
    /// without a graph. Errors: E412.
    pub fn new(
        gpu: &Arc<Gpu>,
        mut context: Context,
        names: (&CStr, &CStr),
        floats: (usize, usize),
    ) -> Result<Self, Fault> {
        gpu.bind()?;
        let (input_on_device, output_on_device) =
            (OnDevice::new(gpu, floats.0)?, OnDevice::new(gpu, floats.1)?);
        // SAFETY: the buffers have room for the whole tensors, whose sizes the caller has from the engine, and end after
        // the context; the lane waits for all work before it ends.
        let taken = unsafe {
            context.set_address(names.0, input_on_device.address)
                && context.set_address(names.1, output_on_device.address)
        };
        if !taken {
            return Err(failed("take the buffers", &context));
        }
        let mut lane = Self {
            graph: None,
            context,
            stream: Stream::new(gpu)?,
            input: Pinned::new(gpu, floats.0)?,
            output: Pinned::new(gpu, floats.1)?,
            input_on_device,
            output_on_device,
            gpu: Arc::clone(gpu),
        };
        lane.enqueue()?;
        lane.stream.wait()?;
        lane.graph = lane.record();
        Ok(lane)
    }

    /// Whether pictures are handed over as one graph.
    pub fn has_graph(&self) -> bool {
        self.graph.is_some()
    }

    /// Computes `input` into `output`, which have the lengths that the lane was made for. Errors: E412.
    pub fn run(&mut self, input: &[f32], output: &mut [f32]) -> Result<(), Fault> {
        self.gpu.bind()?;
        self.input.values().copy_from_slice(input);
        match &self.graph {
            Some(graph) => {
                // SAFETY: graph and stream are live, as is every buffer that the graph names.
                let answer =
                    unsafe { (self.gpu.driver.graph_launch)(graph.handle, self.stream.handle) };
                self.gpu.driver.check("launch the graph", answer)?;
            }
            None => self.enqueue()?,
        }
        self.stream.wait()?;
        output.copy_from_slice(self.output.values());
        Ok(())
    }

    /// Puts a picture's work on the stream: in, through the network, out.
    fn enqueue(&mut self) -> Result<(), Fault> {
        let (driver, stream) = (&self.gpu.driver, self.stream.handle);
        let bytes = |pinned: &Pinned| 4 * pinned.count;
        // SAFETY: both ends of each copy have that many bytes and live as long as the lane, which waits before it ends
        // and before it touches them.
        unsafe {
            let from = self.input.first.as_ptr().cast();
            let to = self.input_on_device.address;
            let answer = (driver.to_device)(to, from, bytes(&self.input), stream);
            driver.check("copy a picture to the GPU", answer)?;
            if !self.context.enqueue(StreamHandle(stream)) {
                return Err(failed("take the network's work", &self.context));
            }
            let to = self.output.first.as_ptr().cast();
            let from = self.output_on_device.address;
            let answer = (driver.to_host)(to, from, bytes(&self.output), stream);
            driver.check("copy an embedding from the GPU", answer)
        }
    }

    /// Records [`Self::enqueue`]. `None` where something of it cannot be recorded; the stream is then as it was.
    fn record(&mut self) -> Option<Graph> {
        let stream = self.stream.handle;
        // SAFETY: the stream is live and idle. A capture that was begun is ended in every case, which also ends it where
        // it has been spoilt; a graph that came of it is destroyed here.
        unsafe {
            if (self.gpu.driver.capture_begin)(stream, THREAD_LOCAL) != 0 {
                return None;
            }
            let enqueued = self.enqueue();
            let driver = &self.gpu.driver;
            let mut recorded = null_mut();
            let ended = (driver.capture_end)(stream, &mut recorded);
            if recorded.is_null() {
                return None;
            }
            let mut handle = null_mut();
            let usable = ended == 0
                && enqueued.is_ok()
                && (driver.graph_instantiate)(&mut handle, recorded, 0) == 0;
            let _ = (driver.graph_destroy)(recorded);
            (usable && !handle.is_null()).then(|| Graph {
                gpu: Arc::clone(&self.gpu),
                handle,
            })
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        // The context's own memory may only go when its work is done, in the GPU's context.
        let _ = self.gpu.bind();
        let _ = self.stream.wait();
    }
}

fn failed(doing: &str, context: &Context) -> Fault {
    let got: String = context.logger().take().chars().take(400).collect();
    Fault::new(
        Code::EngineFailed,
        format!("TensorRT to {doing}"),
        if got.is_empty() {
            "a refusal without a word".into()
        } else {
            got
        },
        "start the program again; if it happens again, remove the folder of engines, so that the engine is built anew",
    )
}

fn no_memory(kind: &str) -> Fault {
    Fault::new(
        Code::EngineFailed,
        format!("{kind} memory"),
        "none",
        "close other programs, or restart the device",
    )
}
