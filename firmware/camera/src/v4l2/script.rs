//! A driver that follows a script and is stricter than any: a request out of order, a buffer queued twice or read while
//! the driver holds it, a call after the device is gone — each is a panic.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::time::Duration;

use super::device::{Capabilities, Control, Device, Filled, Format, FourCc};

/// What the driver does next.
#[derive(Debug, Clone)]
pub enum Step {
    /// Fills a buffer with these bytes, under this number, at this time.
    Fill(Vec<u8>, u32, Option<Duration>),
    /// As `Fill`, but flagged as damaged.
    Flag(Vec<u8>, u32),
    /// Wakes the reader and then has nothing (EAGAIN).
    Nothing,
    /// Sends nothing until patience ends.
    Stall,
    /// Fails with this number of the system; after ENODEV (19) the device is gone.
    Fail(i32),
    /// From now on the frames have this form.
    Change(Format),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Buffer {
    Ours,
    Queued,
}

/// A scripted camera.
#[derive(Debug)]
pub struct ScriptedDevice {
    /// What it says it is.
    pub capabilities: Capabilities,
    /// The forms that it lists; the first stands for every one that it does not know.
    pub formats: Vec<FourCc>,
    /// The sizes that it has; it gives the nearest.
    pub sizes: Vec<(u32, u32)>,
    /// The highest rate of each form.
    pub rates: BTreeMap<[u8; 4], u32>,
    /// Bytes that it adds to each row of what the form needs.
    pub padding: u32,
    /// In place of the row's bytes that it states.
    pub stated_stride: Option<u32>,
    /// The controls that it has, with their smallest and largest value.
    pub controls: BTreeMap<&'static str, (i32, i32)>,
    /// Fails at setting a form with this number of the system.
    pub refuses_format: Option<i32>,
    /// How many buffers it has room for.
    pub room: u32,
    script: VecDeque<Step>,
    format: Option<Format>,
    rate: u32,
    values: BTreeMap<&'static str, i32>,
    buffers: Vec<(Buffer, Vec<u8>)>,
    order: VecDeque<usize>,
    streaming: bool,
    woken: bool,
    gone: bool,
}

impl ScriptedDevice {
    /// A webcam with YUYV and MJPG in 1280x720 and 640x480 at 30 frames a second, which then plays `script`.
    pub fn new(script: impl IntoIterator<Item = Step>) -> Self {
        Self {
            capabilities: Capabilities {
                card: "Scripted".into(),
                driver: "script".into(),
                captures: true,
                streams: true,
            },
            formats: vec![FourCc(*b"YUYV"), FourCc(*b"MJPG")],
            sizes: vec![(1280, 720), (640, 480)],
            rates: BTreeMap::new(),
            padding: 0,
            stated_stride: None,
            controls: BTreeMap::new(),
            refuses_format: None,
            room: 8,
            script: script.into_iter().collect(),
            format: None,
            rate: 0,
            values: BTreeMap::new(),
            buffers: Vec::new(),
            order: VecDeque::new(),
            streaming: false,
            woken: false,
            gone: false,
        }
    }

    /// What is left of the script.
    pub fn left(&self) -> usize {
        self.script.len()
    }

    /// The value that a control has now.
    pub fn value(&self, control: Control) -> Option<i32> {
        self.values.get(name(control)).copied()
    }

    fn here(&self) {
        assert!(!self.gone, "a device that is gone was asked again");
    }
}

fn name(control: Control) -> &'static str {
    match control {
        Control::AutoExposure => "auto exposure",
        Control::Exposure => "exposure",
        Control::AutoFocus => "auto focus",
        Control::Focus => "focus",
    }
}

fn number(code: i32) -> io::Error {
    io::Error::from_raw_os_error(code)
}

impl Device for ScriptedDevice {
    fn capabilities(&mut self) -> io::Result<Capabilities> {
        self.here();
        Ok(self.capabilities.clone())
    }

    fn formats(&mut self) -> io::Result<Vec<FourCc>> {
        self.here();
        Ok(self.formats.clone())
    }

    fn sizes(&mut self, pixels: FourCc) -> io::Result<Vec<(u32, u32)>> {
        self.here();
        assert!(
            self.formats.contains(&pixels),
            "sizes of a form that it does not list"
        );
        Ok(self.sizes.clone())
    }

    fn set_format(&mut self, format: &Format) -> io::Result<()> {
        self.here();
        assert!(
            self.buffers.is_empty(),
            "the form was set while buffers are mapped"
        );
        if let Some(code) = self.refuses_format {
            return Err(number(code));
        }
        let known = self.formats.contains(&format.pixels);
        let pixels = if known {
            format.pixels
        } else {
            self.formats[0]
        };
        let off =
            |size: &&(u32, u32)| size.0.abs_diff(format.width) + size.1.abs_diff(format.height);
        let (width, height) = *self.sizes.iter().min_by_key(off).expect("it has a size");
        let least = pixels
            .pixels()
            .and_then(|pixels| pixels.least_stride(width));
        let stride = self
            .stated_stride
            .or(least.map(|least| least + self.padding));
        self.format = Some(Format {
            pixels,
            width,
            height,
            stride: stride.unwrap_or(0),
            ..*format
        });
        Ok(())
    }

    fn format(&mut self) -> io::Result<Format> {
        self.here();
        Ok(self.format.expect("the form was read before it was set"))
    }

    fn set_rate(&mut self, fps: u32) -> io::Result<()> {
        self.here();
        assert!(!self.streaming, "the rate was set while it streams");
        let form = self
            .format
            .expect("the rate was set before the form")
            .pixels;
        self.rate = fps.min(self.rates.get(&form.0).copied().unwrap_or(30));
        Ok(())
    }

    fn rate(&mut self) -> io::Result<f32> {
        self.here();
        Ok(self.rate as f32)
    }

    fn set_control(&mut self, control: Control, value: i32) -> io::Result<()> {
        self.here();
        let (least, most) = *self.controls.get(name(control)).ok_or(number(22))?;
        let auto = match control {
            Control::Exposure => self.value(Control::AutoExposure),
            Control::Focus => self.value(Control::AutoFocus),
            _ => None,
        };
        // A driver does not take a value for what it chooses itself.
        if auto == Some(1) {
            return Err(number(13));
        }
        self.values.insert(name(control), value.clamp(least, most));
        Ok(())
    }

    fn control(&mut self, control: Control) -> io::Result<i32> {
        self.here();
        self.value(control).ok_or(number(22))
    }

    fn map_buffers(&mut self, count: u32) -> io::Result<usize> {
        self.here();
        assert!(
            self.format.is_some(),
            "buffers were mapped before the form was set"
        );
        assert!(self.buffers.is_empty(), "buffers were mapped twice");
        let count = count.min(self.room) as usize;
        self.buffers = vec![(Buffer::Ours, Vec::new()); count];
        match count {
            0 => Err(number(12)),
            _ => Ok(count),
        }
    }

    fn queue(&mut self, index: usize) -> io::Result<()> {
        self.here();
        let buffer = &mut self.buffers[index].0;
        assert_eq!(*buffer, Buffer::Ours, "buffer {index} was queued twice");
        *buffer = Buffer::Queued;
        self.order.push_back(index);
        Ok(())
    }

    fn start(&mut self) -> io::Result<()> {
        self.here();
        assert!(!self.streaming, "it was started twice");
        assert_eq!(
            self.order.len(),
            self.buffers.len(),
            "started without all buffers"
        );
        self.streaming = true;
        Ok(())
    }

    fn wait(&mut self, _patience: Duration) -> io::Result<bool> {
        self.here();
        assert!(self.streaming, "waited for before it was started");
        while let Some(Step::Change(format)) = self.script.front().cloned() {
            self.format = Some(format);
            self.script.pop_front();
        }
        self.woken = !matches!(self.script.front(), Some(Step::Stall) | None);
        if !self.woken {
            self.script.pop_front();
        }
        Ok(self.woken)
    }

    fn dequeue(&mut self) -> io::Result<Filled> {
        self.here();
        assert!(std::mem::take(&mut self.woken), "dequeued without waiting");
        let (bytes, sequence, timestamp, flagged) = match self.script.pop_front() {
            Some(Step::Fill(bytes, sequence, timestamp)) => (bytes, sequence, timestamp, false),
            Some(Step::Flag(bytes, sequence)) => (bytes, sequence, None, true),
            Some(Step::Fail(code)) => {
                self.gone = code == super::ENODEV;
                return Err(number(code));
            }
            _ => return Err(number(super::EAGAIN)),
        };
        let index = self
            .order
            .pop_front()
            .expect("a frame came and no buffer was queued");
        let filled = Filled {
            index,
            bytes: bytes.len(),
            flagged,
            sequence,
            timestamp,
        };
        self.buffers[index] = (Buffer::Ours, bytes);
        Ok(filled)
    }

    fn buffer(&self, index: usize) -> &[u8] {
        let (state, bytes) = &self.buffers[index];
        assert_eq!(
            *state,
            Buffer::Ours,
            "buffer {index} was read while the driver holds it"
        );
        bytes
    }
}
