//! The two objects of ours that TensorRT calls: a logger and a progress monitor, each with a virtual table as a C++
//! compiler would lay it out.
//!
//! TensorRT calls them from threads of its own, so what they write to is behind locks. They must not unwind: they hold no
//! code that panics, and a panic in an `extern "C"` function would end the process rather than pass through C++.

use std::ffi::{CStr, c_char, c_void};
use std::sync::{Mutex, PoisonError};

use super::slots::Slots;
use crate::tensorrt::progress::Progress;

/// The worst two severities: internal error and error.
const ERROR: i32 = 1;
/// What of TensorRT's complaints is kept, so that a library that never stops complaining takes no memory.
const MESSAGES: usize = 8;
const MESSAGE_CHARACTERS: usize = 300;

/// What stands before a table's methods: the offset to the whole object, and its type, which nobody asks for.
type Header = [usize; 2];

type Destroy = extern "C" fn(*mut c_void);

extern "C" fn stay(_this: *mut c_void) {}

/// `InterfaceInfo` of the headers.
#[repr(C)]
struct InterfaceInfo {
    kind: *const c_char,
    major: i32,
    minor: i32,
}

/// The start of every versioned interface (`IVersionedInterface`).
#[repr(C)]
struct Versioned {
    api_language: extern "C" fn(*const c_void) -> i32,
    interface_info: extern "C" fn(*const c_void) -> InterfaceInfo,
    destroy: [Destroy; 2],
}

/// `APILanguage::kCPP`.
extern "C" fn cpp(_this: *const c_void) -> i32 {
    0
}

type Log = extern "C" fn(*const Logger, i32, *const c_char);

/// `ILogger` of TensorRT 10.
#[repr(C)]
struct LoggerTable {
    header: Header,
    log: Log,
    destroy: [Destroy; 2],
}

/// `ILogger` from TensorRT 11 on.
#[repr(C)]
struct VersionedLoggerTable {
    header: Header,
    versioned: Versioned,
    log: Log,
}

static LOGGER: LoggerTable = LoggerTable {
    header: [0; 2],
    log,
    destroy: [stay; 2],
};

static VERSIONED_LOGGER: VersionedLoggerTable = VersionedLoggerTable {
    header: [0; 2],
    versioned: Versioned {
        api_language: cpp,
        interface_info: logger_info,
        destroy: [stay; 2],
    },
    log,
};

extern "C" fn logger_info(_this: *const c_void) -> InterfaceInfo {
    InterfaceInfo {
        kind: c"ILogger".as_ptr(),
        major: 1,
        minor: 0,
    }
}

/// Keeps the last errors that TensorRT reports. The table comes first, where C++ looks for it.
#[repr(C)]
pub(in crate::tensorrt) struct Logger {
    table: *const c_void,
    messages: Mutex<Vec<String>>,
}

// SAFETY: the table is a static that nobody writes, and the messages are behind a lock.
unsafe impl Send for Logger {}
// SAFETY: as above.
unsafe impl Sync for Logger {}

impl Logger {
    pub fn new(slots: &Slots) -> Self {
        // Past the header, as C++ has it.
        let table: *const c_void = match slots.versioned_logger {
            true => (&raw const VERSIONED_LOGGER.versioned).cast(),
            false => (&raw const LOGGER.log).cast(),
        };
        Self {
            table,
            messages: Mutex::default(),
        }
    }

    /// What was reported since the last call, the oldest first.
    pub fn take(&self) -> String {
        let mut messages = lock(&self.messages);
        std::mem::take(&mut *messages).join("; ")
    }

    fn keep(&self, text: &CStr) {
        let text: String = text
            .to_string_lossy()
            .chars()
            .take(MESSAGE_CHARACTERS)
            .collect();
        let mut messages = lock(&self.messages);
        if messages.len() == MESSAGES {
            messages.remove(0);
        }
        messages.push(text);
    }
}

/// Nothing that a lock here guards is left half done by a panic.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

extern "C" fn log(this: *const Logger, severity: i32, text: *const c_char) {
    if severity > ERROR || text.is_null() {
        return;
    }
    // SAFETY: TensorRT passes the logger that it was created with, which outlives it (`objects` borrows or owns it for
    // as long), and a text that ends in zero and lives for this call (ILogger::log).
    let (this, text) = unsafe { (&*this, CStr::from_ptr(text)) };
    this.keep(text);
}

/// `IProgressMonitor`, the same in 10 and 11.
#[repr(C)]
struct MonitorTable {
    header: Header,
    versioned: Versioned,
    phase_start: extern "C" fn(*const Monitor, *const c_char, *const c_char, i32),
    step_complete: extern "C" fn(*const Monitor, *const c_char, i32) -> bool,
    phase_finish: extern "C" fn(*const Monitor, *const c_char),
}

static MONITOR: MonitorTable = MonitorTable {
    header: [0; 2],
    versioned: Versioned {
        api_language: cpp,
        interface_info: monitor_info,
        destroy: [stay; 2],
    },
    phase_start,
    step_complete,
    phase_finish,
};

extern "C" fn monitor_info(_this: *const c_void) -> InterfaceInfo {
    InterfaceInfo {
        kind: c"IProgressMonitor".as_ptr(),
        major: 1,
        minor: 0,
    }
}

/// Passes a build's progress on, and the wish to stop it back.
#[repr(C)]
pub(in crate::tensorrt) struct Monitor<'p> {
    table: *const c_void,
    progress: &'p Progress,
}

impl<'p> Monitor<'p> {
    pub fn new(progress: &'p Progress) -> Self {
        Self {
            table: (&raw const MONITOR.versioned).cast(),
            progress,
        }
    }
}

/// What TensorRT hands to a monitor's methods: the monitor, and the name of a phase.
///
/// # Safety
/// `this` is the monitor that the configuration was given, which outlives the build; `name` ends in zero.
unsafe fn called<'a>(this: *const Monitor<'a>, name: *const c_char) -> (&'a Progress, &'a [u8]) {
    let name = match name.is_null() {
        true => &[],
        // SAFETY: the caller says so.
        false => unsafe { CStr::from_ptr(name) }.to_bytes(),
    };
    // SAFETY: the caller says so.
    (unsafe { (*this).progress }, name)
}

extern "C" fn phase_start(
    this: *const Monitor,
    name: *const c_char,
    parent: *const c_char,
    steps: i32,
) {
    // SAFETY: TensorRT's own call (IProgressMonitor::phaseStart); `Network::build` keeps the monitor alive around it.
    let (progress, name) = unsafe { called(this, name) };
    progress.start(name, !parent.is_null(), steps);
}

extern "C" fn step_complete(this: *const Monitor, name: *const c_char, step: i32) -> bool {
    // SAFETY: as in `phase_start`.
    let (progress, name) = unsafe { called(this, name) };
    progress.step(name, step)
}

extern "C" fn phase_finish(this: *const Monitor, name: *const c_char) {
    // SAFETY: as in `phase_start`.
    let (progress, name) = unsafe { called(this, name) };
    progress.finish(name);
}
