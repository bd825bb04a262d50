//! The virtual device at work: a machine with camera, till, settings and a disk, and the program running in it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::camera::{BYTES, Camera, HEIGHT, Item, Picture, WIDTH};
use crate::image::Image;
use crate::layout::Layout;
use crate::machine::{Content, Disk, Machine, Plan};
use crate::native::said;
use crate::plain::{self, Goods};
use crate::ports::Lines;
use crate::trouble::Trouble;

/// How long anything may take that takes seconds on a quiet machine.
pub const LONG: Duration = Duration::from_secs(240);
/// How long a command may take.
pub const SHORT: Duration = Duration::from_secs(120);

/// Where the program says how it is.
const STATUS: &str = "/run/skueye/status.json";

const MODULES: [&str; 13] = [
    "ext4",
    "vfat",
    "nls_cp437",
    "nls_ascii",
    "nls_utf8",
    "sd_mod",
    "usb_storage",
    "uas",
    "xhci_pci",
    "ftdi_sio",
    "v4l2loopback",
    "i6300esb",
    "vivid",
];

/// A machine with the device's hardware.
#[derive(Debug)]
pub struct Device {
    /// The machine.
    pub machine: Machine,
    /// What the camera sees.
    pub camera: Camera,
    /// What the program says, one JSON object a line, and beside it what it says to people.
    pub events: Lines,
    /// What the till reads.
    pub till: Lines,
}

/// What a device is made with.
#[derive(Debug)]
pub struct Parts {
    /// The first file system.
    pub image: Image,
    /// The empty stage.
    pub stage: Picture,
    /// Frames a second of the camera.
    pub fps: u32,
    /// The disk on `/data`; without, it lies in memory.
    pub disk: Option<PathBuf>,
    /// Sticks by name, to be plugged in.
    pub sticks: Vec<(&'static str, PathBuf)>,
    /// Words for the kernel's command line.
    pub append: String,
    /// Further USB serial lines.
    pub lines: Vec<&'static str>,
}

impl Parts {
    /// Program, plain goods and settings, with `more` lines of settings behind those of every scenario.
    pub fn plain(layout: &Layout, goods: &Goods, more: &str) -> Result<Self, Trouble> {
        let stage = plain::empty();
        Self::new(layout, (&goods.model, &goods.gallery), (stage, 8), more)
    }

    /// The same with this model and gallery, and a camera that shows this stage so many times a second.
    pub fn new(
        layout: &Layout,
        (model, gallery): (&Path, &Path),
        (stage, fps): (Picture, u32),
        more: &str,
    ) -> Result<Self, Trouble> {
        let mut image = Image::new(layout, &MODULES)?;
        let arm64 = layout.arm64();
        image.program(&arm64, &arm64.join("usr/bin/v4l2-ctl"), "usr/bin/v4l2-ctl")?;
        image.tree(model, "device/model")?;
        image.copy(gallery, "device/gallery.skg")?;
        image.add("device/kiosk.toml", 0o644, settings(fps, more).into_bytes());
        Ok(Self {
            image,
            stage,
            fps,
            disk: None,
            sticks: Vec::new(),
            append: String::new(),
            lines: Vec::new(),
        })
    }
}

/// What every scenario sets. The emulated processor takes seconds for what a Jetson does in milliseconds.
fn settings(fps: u32, more: &str) -> String {
    format!(
        "[model]\nfolder = \"/device/model\"\nruntime = \"tract\"\n\
         [camera]\nsource = \"v4l2\"\nwidth = {WIDTH}\nheight = {HEIGHT}\nfps = {fps}\nstall_ms = 10000\n\
         [gallery]\npath = \"/data/gallery.skg\"\n[log]\nfolder = \"/data/log\"\n\
         [page]\nlisten = \"off\"\n[status]\npath = \"{STATUS}\"\n{more}"
    )
}

impl Device {
    /// A device that has booted, its camera running; the program does not run yet.
    pub fn boot(layout: &Layout, folder: &Path, parts: &Parts) -> Result<Self, Trouble> {
        let mut plan = Plan::new(parts.image.clone());
        plan.append.clone_from(&parts.append);
        plan.ports = vec!["camera", "events"];
        plan.lines = [&["till"], parts.lines.as_slice()].concat();
        let disk = parts.disk.iter().map(|path| Disk {
            id: "data",
            content: Content::File(path.clone()),
            plugged: true,
        });
        let sticks = parts.sticks.iter().map(|(name, path)| Disk {
            id: name,
            content: Content::File(path.clone()),
            plugged: false,
        });
        plan.disks = disk.chain(sticks).collect();
        plan.more = vec!["-device".into(), "i6300esb".into()];
        let mut machine = Machine::start(layout, folder, &plan)?;
        let camera = Camera::start(machine.stream("camera")?, parts.stage.clone(), parts.fps);
        let (events, till) = (machine.lines("events")?, machine.lines("till")?);
        let mut device = Self {
            machine,
            camera,
            events,
            till,
        };
        device
            .machine
            .plug("usb-serial", "till", ("chardev", "till"))?;
        device.connect(parts.disk.is_some())?;
        Ok(device)
    }

    /// Drivers, the camera, the disk: at each start of the guest.
    pub fn connect(&mut self, disk: bool) -> Result<(), Trouble> {
        let mount = match disk {
            true => "until [ -b /dev/vda ]; do usleep 50000; done; mount -t ext4 /dev/vda /data",
            false => "mount -t tmpfs data /data",
        };
        self.must(&format!(
            "set -e; mkdir -p /data; modprobe virtio_blk; modprobe ext4; {mount}
            for module in xhci-pci usb-storage uas sd_mod vfat nls_cp437 nls_ascii nls_utf8 ftdi_sio; do modprobe $module; done
            [ -e /data/gallery.skg ] || {{ cp /device/gallery.skg /data/; sync; }}
            until [ -c /dev/ttyUSB0 ]; do usleep 50000; done"
        ))?;
        self.plug_camera()
    }

    /// The camera comes to the machine. The driver may refuse a frame while whoever looks closes it; the next begins where it ended.
    /// The port stays open meanwhile: once in a hundred starts no byte came any more after it was opened anew.
    pub fn plug_camera(&mut self) -> Result<(), Trouble> {
        self.must(&format!(
            "set -e; modprobe v4l2loopback devices=1 video_nr=0 card_label=kiosk exclusive_caps=0
            v4l2-ctl -d /dev/video0 -c keep_format=1
            v4l2-ctl -d /dev/video0 --set-fmt-video-out=width={WIDTH},height={HEIGHT},pixelformat=YUYV
            touch /tmp/camera
            (while [ -e /tmp/camera ]; do
                dd of=/dev/video0 bs={BYTES} iflag=fullblock; usleep 100000
            done </dev/virtio-ports/camera >/tmp/camera.log 2>&1 &)"
        ))
        .map(drop)
    }

    /// The camera goes; nothing of it may be on its way any more.
    pub fn pull_camera(&mut self) -> Result<(), Trouble> {
        self.must("rm /tmp/camera; killall dd; until rmmod v4l2loopback 2>/dev/null; do usleep 20000; done")
            .map(drop)
    }

    /// Runs a script in the guest that must end well; its output.
    pub fn must(&mut self, script: &str) -> Result<String, Trouble> {
        self.machine.guest.must(script, SHORT)
    }

    /// Starts the program and waits until it recognises.
    pub fn run(&mut self, words: &str) -> Result<(), Trouble> {
        self.start(words)?;
        self.ready()
    }

    /// Starts the program.
    pub fn start(&mut self, words: &str) -> Result<(), Trouble> {
        self.must(&format!(
            "cd /data; (skueye run --config /device/kiosk.toml --json {words} >/dev/virtio-ports/events 2>&1 &) "
        ))
        .map(drop)
    }

    /// Waits until the program says of itself that it is ready.
    pub fn ready(&mut self) -> Result<(), Trouble> {
        let look = "looks=0; until skueye status --config /device/kiosk.toml >/tmp/status 2>&1; do
            usleep 300000; looks=$((looks + 1)); [ $looks -lt 300 ] || { cat /tmp/status; exit 1; }; done";
        let output = self.machine.guest.run(look, LONG)?;
        match output.code {
            0 => self.empty(),
            _ => Err(Trouble::new(
                format!("the program is not ready: {}", output.text.trim()),
                format!("it said {:?}", self.events.waiting()),
            )),
        }
    }

    /// Puts an item on the stage, waits for the program's word about it, and takes it away; the event.
    pub fn present(&mut self, item: &Item) -> Result<Value, Trouble> {
        self.camera.play(item.comes.clone());
        let event = self.event(&format!("the event of {}", item.gtin))?;
        self.camera.play(item.goes.clone());
        self.empty()?;
        Ok(event)
    }

    /// Waits until the program has seen that the stage is empty. What it said of itself before does not count.
    pub fn empty(&mut self) -> Result<(), Trouble> {
        let look = format!(
            "rm -f {STATUS}; until grep -q '\"stage\":\"empty\"' {STATUS} 2>/dev/null; do usleep 100000; done"
        );
        self.machine.guest.must(&look, LONG).map(drop)
    }

    /// The next event.
    pub fn event(&mut self, what: &str) -> Result<Value, Trouble> {
        self.line(what, |line| line["kind"] == "event")
    }

    /// The next JSON line that is wanted.
    pub fn line(
        &mut self,
        what: &str,
        mut wanted: impl FnMut(&Value) -> bool,
    ) -> Result<Value, Trouble> {
        self.events.wait(what, LONG, |line| {
            let value: Value = serde_json::from_str(line).ok()?;
            wanted(&value).then_some(value)
        })
    }

    /// The next line of the program about a fault with this number.
    pub fn fault(&mut self, code: &str) -> Result<Value, Trouble> {
        self.line(code, |line| {
            line["kind"] == "fault" && line["fault"]["code"] == code
        })
    }

    /// Ends the program in order; its summary.
    pub fn end(&mut self) -> Result<Value, Trouble> {
        self.must("killall -TERM skueye")?;
        self.line("the summary", |line| line["kind"] == "summary")
    }
}

/// An empty ext4 disk of so many mebibytes with the content of `folder`.
pub fn disk(
    layout: &Layout,
    path: &Path,
    mebibytes: u32,
    folder: Option<&Path>,
) -> Result<(), Trouble> {
    let _ = std::fs::remove_file(path);
    let mut make = layout.program("sbin/mkfs.ext4");
    make.args(["-q", "-q", "-F"]);
    if let Some(folder) = folder {
        make.arg("-d").arg(folder);
    }
    said(make.arg(path).arg(format!("{mebibytes}M"))).map(drop)
}
