//! The structures of `linux/videodev2.h` that the crate `v4l` names, as they are on 64-bit Linux, x86-64 and aarch64 alike.
//!
//! The crate of this name that is published makes them at every build and wants libclang for it, which neither a new machine nor
//! a device has; and what its generator asks of common packages builds half of the workspace again. The interface is frozen by
//! the kernel, so `bindings.rs` is made once. Every size and offset that the C compiler gave stands in it as an assertion of the
//! compiler's. Made again, where `v4l` asks for more, by:
//!
//! ```text
//! bindgen /usr/include/linux/videodev2.h --no-doc-comments --use-core --output bindings.rs \
//!     --allowlist-type 'time_t|v4l2_(audio|audioout|buffer|buf_type|capability|captureparm|colorspace|control|crop|cropcap|ctrl_type|edid|enc_idx|encoder_cmd|exportbuffer|exposure_auto_type|ext_controls?|field|fmtdesc|format|fract|framebuffer|frequency|frmivalenum|frmivaltypes|frmsizeenum|frmsizetypes|input|jpegcompression|memory|modulator|output|outputparm|pix_format|quantization|query_ext_ctrl|queryctrl|querymenu|requestbuffers|sliced_vbi_cap|standard|std_id|streamparm|tuner|ycbcr_encoding)' \
//!     --allowlist-var 'V4L2_(BUF_FLAG_.*|CAP_.*|CTRL_FLAG_.*|CID_(EXPOSURE|FOCUS)_.*)'
//! ```
#![forbid(unsafe_code)]

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
compile_error!("these structures are those of 64-bit Linux");

#[allow(
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    clippy::all
)]
mod bindings;
pub use bindings::*;
