//! The kernel's driver: the requests of [`Device`] on an open file, with the structures of the crate `v4l`.
//!
//! That crate's own streams are not used: theirs end the program when stopping fails (as with EIO after a cable fault),
//! queue a buffer twice after a timeout, and panic on names and colour spaces that they do not know.

use std::ffi::c_void;
use std::io;
use std::mem::MaybeUninit;
use std::path::Path;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

use v4l::device::Handle;
use v4l::v4l_sys as sys;
use v4l::v4l2::{self, vidioc};

use crate::Colour;
use crate::v4l2::device::{Capabilities, Control, Device, Filled, Format, FourCc};

const CAPTURE: u32 = sys::v4l2_buf_type_V4L2_BUF_TYPE_VIDEO_CAPTURE;
const MMAP: u32 = sys::v4l2_memory_V4L2_MEMORY_MMAP;
/// No driver lists more forms or sizes; one that never ends its list is cut off here.
const MAX_LISTED: u32 = 256;

/// A structure of V4L2: plain numbers, arrays and unions of them, in which any pattern of bits is a value.
///
/// # Safety
///
/// The type must be valid with all of its bytes zero.
unsafe trait Plain: Sized {
    fn zeroed() -> Self {
        // SAFETY: the implementer states that zeros are a value of the type.
        unsafe { MaybeUninit::zeroed().assume_init() }
    }
}

macro_rules! plain {
    ($($name:ident)*) => { $(
        // SAFETY: a structure of the kernel's interface, made of integers, arrays of them, unions, and raw pointers.
        unsafe impl Plain for sys::$name {}
    )* };
}

plain! {
    v4l2_buffer v4l2_capability v4l2_control v4l2_fmtdesc v4l2_format v4l2_frmsizeenum v4l2_requestbuffers
    v4l2_streamparm
}

// SAFETY: an integer.
unsafe impl Plain for std::ffi::c_int {}

/// An open camera.
pub struct Kernel {
    // Before the file: the mappings go first.
    buffers: Vec<Mapping>,
    handle: Arc<Handle>,
    streaming: bool,
}

impl Kernel {
    /// Opens the device at `path`.
    pub fn open(path: &Path) -> io::Result<Self> {
        if path.as_os_str().as_encoded_bytes().contains(&0) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let device = v4l::Device::with_path(path)?;
        Ok(Self {
            buffers: Vec::new(),
            handle: device.handle(),
            streaming: false,
        })
    }

    fn request<T: Plain>(&self, code: vidioc::_IOC_TYPE, argument: &mut T) -> io::Result<()> {
        let pointer = std::ptr::from_mut(argument).cast::<c_void>();
        // SAFETY: each request below is made with the structure that the kernel defines for it, whose size is part of
        // `code`; it lives through the call and the kernel keeps no pointer to it.
        unsafe { v4l2::ioctl(self.handle.fd(), code, pointer) }
    }

    /// Asks for entry 0, 1, ... until the driver has no more.
    fn list<T: Plain>(
        &self,
        code: vidioc::_IOC_TYPE,
        entry: impl Fn(u32) -> T,
    ) -> io::Result<Vec<T>> {
        let mut found = Vec::new();
        for index in 0..MAX_LISTED {
            let mut entry = entry(index);
            match self.request(code, &mut entry) {
                Ok(()) => found.push(entry),
                Err(error) if index > 0 || error.raw_os_error() == Some(libc::EINVAL) => break,
                Err(error) => return Err(error),
            }
        }
        Ok(found)
    }

    fn set_number(&self, id: u32, value: i32) -> io::Result<()> {
        self.request(vidioc::VIDIOC_S_CTRL, &mut sys::v4l2_control { id, value })
    }

    fn descriptor() -> sys::v4l2_buffer {
        sys::v4l2_buffer {
            type_: CAPTURE,
            memory: MMAP,
            ..Plain::zeroed()
        }
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        if self.streaming {
            let mut kind = CAPTURE as std::ffi::c_int;
            // It may be gone; closing the file ends the stream in any case.
            let _ = self.request(vidioc::VIDIOC_STREAMOFF, &mut kind);
        }
    }
}

impl Device for Kernel {
    fn capabilities(&mut self) -> io::Result<Capabilities> {
        let mut answer = sys::v4l2_capability::zeroed();
        self.request(vidioc::VIDIOC_QUERYCAP, &mut answer)?;
        let all = match answer.capabilities & sys::V4L2_CAP_DEVICE_CAPS {
            0 => answer.capabilities,
            _ => answer.device_caps,
        };
        Ok(Capabilities {
            card: text(&answer.card),
            driver: text(&answer.driver),
            captures: all & sys::V4L2_CAP_VIDEO_CAPTURE != 0,
            streams: all & sys::V4L2_CAP_STREAMING != 0,
        })
    }

    fn formats(&mut self) -> io::Result<Vec<FourCc>> {
        let entry = |index| sys::v4l2_fmtdesc {
            index,
            type_: CAPTURE,
            ..Plain::zeroed()
        };
        let found = self.list(vidioc::VIDIOC_ENUM_FMT, entry)?;
        let names = found
            .iter()
            .map(|entry| FourCc(entry.pixelformat.to_le_bytes()));
        Ok(names.collect())
    }

    fn sizes(&mut self, pixels: FourCc) -> io::Result<Vec<(u32, u32)>> {
        let entry = |index| sys::v4l2_frmsizeenum {
            index,
            pixel_format: u32::from_le_bytes(pixels.0),
            ..Plain::zeroed()
        };
        let mut sizes = Vec::new();
        for found in self.list(vidioc::VIDIOC_ENUM_FRAMESIZES, entry)? {
            // SAFETY: both members of the union are integers only, so any bits are a value of either.
            let (one, steps) = unsafe {
                let size = found.__bindgen_anon_1;
                (size.discrete, size.stepwise)
            };
            match found.type_ {
                sys::v4l2_frmsizetypes_V4L2_FRMSIZE_TYPE_DISCRETE => {
                    sizes.push((one.width, one.height));
                }
                _ => {
                    sizes.push((steps.min_width, steps.min_height));
                    sizes.push((steps.max_width, steps.max_height));
                    break;
                }
            }
        }
        Ok(sizes)
    }

    fn set_format(&mut self, format: &Format) -> io::Result<()> {
        let mut request = sys::v4l2_format {
            type_: CAPTURE,
            ..Plain::zeroed()
        };
        request.fmt.pix = sys::v4l2_pix_format {
            width: format.width,
            height: format.height,
            pixelformat: u32::from_le_bytes(format.pixels.0),
            bytesperline: format.stride,
            field: sys::v4l2_field_V4L2_FIELD_NONE,
            // SAFETY: `request` is zeroed, which is a value of this member: integers and a union of integers.
            ..unsafe { request.fmt.pix }
        };
        self.request(vidioc::VIDIOC_S_FMT, &mut request)
    }

    fn format(&mut self) -> io::Result<Format> {
        let mut answer = sys::v4l2_format {
            type_: CAPTURE,
            ..Plain::zeroed()
        };
        self.request(vidioc::VIDIOC_G_FMT, &mut answer)?;
        // SAFETY: the type asked for is one whose answer is `pix`; any bits are a value of its integers.
        let (pix, encoding) =
            unsafe { (answer.fmt.pix, answer.fmt.pix.__bindgen_anon_1.ycbcr_enc) };
        Ok(Format {
            pixels: FourCc(pix.pixelformat.to_le_bytes()),
            width: pix.width,
            height: pix.height,
            stride: pix.bytesperline,
            colour: colour(&pix, encoding),
        })
    }

    fn set_rate(&mut self, fps: u32) -> io::Result<()> {
        let mut request = sys::v4l2_streamparm {
            type_: CAPTURE,
            ..Plain::zeroed()
        };
        request.parm.capture.timeperframe = sys::v4l2_fract {
            numerator: 1,
            denominator: fps,
        };
        self.request(vidioc::VIDIOC_S_PARM, &mut request)
    }

    fn rate(&mut self) -> io::Result<f32> {
        let mut answer = sys::v4l2_streamparm {
            type_: CAPTURE,
            ..Plain::zeroed()
        };
        self.request(vidioc::VIDIOC_G_PARM, &mut answer)?;
        // SAFETY: the type asked for is one whose answer is `capture`; any bits are a value of its integers.
        let time = unsafe { answer.parm.capture.timeperframe };
        Ok(match time.numerator {
            0 => 0.0,
            numerator => time.denominator as f32 / numerator as f32,
        })
    }

    fn set_control(&mut self, control: Control, value: i32) -> io::Result<()> {
        match control {
            // Cameras have one of two automatic modes, so both are tried; manual is one.
            Control::AutoExposure if value != 0 => self
                .set_number(sys::V4L2_CID_EXPOSURE_AUTO, AUTO_BUT_APERTURE)
                .or_else(|_| self.set_number(sys::V4L2_CID_EXPOSURE_AUTO, AUTO)),
            Control::AutoExposure => self.set_number(sys::V4L2_CID_EXPOSURE_AUTO, MANUAL),
            other => self.set_number(id(other), value),
        }
    }

    fn control(&mut self, control: Control) -> io::Result<i32> {
        let mut answer = sys::v4l2_control {
            id: id(control),
            value: 0,
        };
        self.request(vidioc::VIDIOC_G_CTRL, &mut answer)?;
        Ok(match control {
            Control::AutoExposure => i32::from(answer.value != MANUAL),
            _ => answer.value,
        })
    }

    fn map_buffers(&mut self, count: u32) -> io::Result<usize> {
        let mut request = sys::v4l2_requestbuffers {
            count,
            type_: CAPTURE,
            memory: MMAP,
            ..Plain::zeroed()
        };
        self.request(vidioc::VIDIOC_REQBUFS, &mut request)?;
        for index in 0..request.count {
            let mut buffer = Self::descriptor();
            buffer.index = index;
            self.request(vidioc::VIDIOC_QUERYBUF, &mut buffer)?;
            // SAFETY: of a buffer in mapped memory the kernel fills in `offset`.
            let offset = unsafe { buffer.m.offset };
            self.buffers
                .push(Mapping::new(&self.handle, buffer.length as usize, offset)?);
        }
        match self.buffers.len() {
            0 => Err(io::Error::from_raw_os_error(libc::ENOMEM)),
            mapped => Ok(mapped),
        }
    }

    fn queue(&mut self, index: usize) -> io::Result<()> {
        let mut buffer = Self::descriptor();
        buffer.index = index as u32;
        self.request(vidioc::VIDIOC_QBUF, &mut buffer)
    }

    fn start(&mut self) -> io::Result<()> {
        let mut kind = CAPTURE as std::ffi::c_int;
        self.request(vidioc::VIDIOC_STREAMON, &mut kind)?;
        self.streaming = true;
        Ok(())
    }

    fn wait(&mut self, patience: Duration) -> io::Result<bool> {
        let millis = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
        Ok(self.handle.poll(libc::POLLIN, millis)? > 0)
    }

    fn dequeue(&mut self) -> io::Result<Filled> {
        let mut buffer = Self::descriptor();
        self.request(vidioc::VIDIOC_DQBUF, &mut buffer)?;
        let index = buffer.index as usize;
        if index >= self.buffers.len() {
            return Err(io::Error::other("a buffer that does not exist"));
        }
        let monotonic = buffer.flags & sys::V4L2_BUF_FLAG_TIMESTAMP_MASK
            == sys::V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC;
        let seconds = u64::try_from(buffer.timestamp.tv_sec).ok();
        let micros = u64::try_from(buffer.timestamp.tv_usec).ok();
        let stamp = seconds.zip(micros).map(|(seconds, micros)| {
            Duration::from_secs(seconds).saturating_add(Duration::from_micros(micros))
        });
        Ok(Filled {
            index,
            bytes: buffer.bytesused as usize,
            flagged: buffer.flags & sys::V4L2_BUF_FLAG_ERROR != 0,
            sequence: buffer.sequence,
            timestamp: stamp.filter(|_| monotonic),
        })
    }

    fn buffer(&self, index: usize) -> &[u8] {
        self.buffers.get(index).map_or(&[], Mapping::bytes)
    }
}

const AUTO: i32 = sys::v4l2_exposure_auto_type_V4L2_EXPOSURE_AUTO as i32;
const MANUAL: i32 = sys::v4l2_exposure_auto_type_V4L2_EXPOSURE_MANUAL as i32;
const AUTO_BUT_APERTURE: i32 = sys::v4l2_exposure_auto_type_V4L2_EXPOSURE_APERTURE_PRIORITY as i32;

fn id(control: Control) -> u32 {
    match control {
        Control::AutoExposure => sys::V4L2_CID_EXPOSURE_AUTO,
        Control::Exposure => sys::V4L2_CID_EXPOSURE_ABSOLUTE,
        Control::AutoFocus => sys::V4L2_CID_FOCUS_AUTO,
        Control::Focus => sys::V4L2_CID_FOCUS_ABSOLUTE,
    }
}

/// What the driver states of its colours; where it leaves a default, the one that V4L2 defines.
fn colour(pix: &sys::v4l2_pix_format, encoding: u32) -> Colour {
    let by_default = pix.colorspace == sys::v4l2_colorspace_V4L2_COLORSPACE_REC709;
    Colour {
        bt709: match encoding {
            sys::v4l2_ycbcr_encoding_V4L2_YCBCR_ENC_DEFAULT => by_default,
            given => given == sys::v4l2_ycbcr_encoding_V4L2_YCBCR_ENC_709,
        },
        full_range: match pix.quantization {
            sys::v4l2_quantization_V4L2_QUANTIZATION_DEFAULT => {
                pix.colorspace == sys::v4l2_colorspace_V4L2_COLORSPACE_JPEG
            }
            given => given == sys::v4l2_quantization_V4L2_QUANTIZATION_FULL_RANGE,
        },
    }
}

/// A name of fixed length that ends with a zero, in any encoding.
fn text(bytes: &[u8]) -> String {
    let end = bytes
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(bytes.len());
    let text = String::from_utf8_lossy(&bytes[..end]);
    text.chars().filter(|c| !c.is_control()).collect()
}

/// A buffer of the driver in our memory.
struct Mapping {
    start: NonNull<u8>,
    length: usize,
    // The file stays open as long as the memory is mapped.
    _handle: Arc<Handle>,
}

// SAFETY: the memory belongs to this value alone, in this process; it may be read from any thread, one at a time.
unsafe impl Send for Mapping {}

impl Mapping {
    fn new(handle: &Arc<Handle>, length: usize, offset: u32) -> io::Result<Self> {
        let (read, shared) = (libc::PROT_READ, libc::MAP_SHARED);
        let offset = libc::off_t::from(offset);
        // SAFETY: a new mapping at an address of the kernel's choice; length and offset are those that the driver gave.
        let start = unsafe {
            v4l2::mmap(
                std::ptr::null_mut(),
                length,
                read,
                shared,
                handle.fd(),
                offset,
            )
        }?;
        Ok(Self {
            start: NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?,
            length,
            _handle: Arc::clone(handle),
        })
    }

    fn bytes(&self) -> &[u8] {
        // SAFETY: mapped for reading with this length until this value is dropped. The driver writes only into buffers
        // that are queued, and the source reads only those that it has dequeued; a driver that writes all the same
        // changes bytes of which any value is valid.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `new` with this length, and no slice of it outlives this value.
        let _ = unsafe { v4l2::munmap(self.start.as_ptr().cast(), self.length) };
    }
}
