//! A virtual machine: QEMU's `virt` board with an emulated Cortex-A76. Never KVM: that it can be opened does not say that a
//! kernel runs in it.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::guest::Guest;
use crate::image::{Image, kernel};
use crate::layout::Layout;
use crate::ports::{Awaited, Lines, Sockets};
use crate::qmp::Qmp;
use crate::trouble::Trouble;

/// How long QEMU may take to connect to the sockets.
const START: Duration = Duration::from_secs(60);

/// Where it is written that QEMU died of itself.
const CRASH: &str = "qemu-crashed.txt";
/// The signal by which it dies here.
const KILL: i32 = 9;

/// Whether QEMU itself crashed where a machine had its `folder`, or a folder in it.
pub fn crashed(folder: &Path) -> bool {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).any(|path| {
        path.file_name().is_some_and(|name| name == CRASH) || path.is_dir() && crashed(&path)
    })
}

/// What a machine is made of.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The first file system.
    pub image: Image,
    /// Words for the kernel's command line.
    pub append: String,
    /// Mebibytes.
    pub memory: u32,
    /// Disks, in order `/dev/vda`, `/dev/vdb` where they are plugged in.
    pub disks: Vec<Disk>,
    /// Serial ports of virtio, in the guest `/dev/virtio-ports/NAME`.
    pub ports: Vec<&'static str>,
    /// Lines to which devices are plugged later, such as a USB serial adapter.
    pub lines: Vec<&'static str>,
    /// Further words of QEMU's command line.
    pub more: Vec<String>,
}

impl Plan {
    /// A machine with this first file system and nothing else.
    pub fn new(image: Image) -> Self {
        Self {
            image,
            append: String::new(),
            memory: 1024,
            disks: Vec::new(),
            ports: Vec::new(),
            lines: Vec::new(),
            more: Vec::new(),
        }
    }
}

/// A disk.
#[derive(Debug, Clone)]
pub struct Disk {
    /// Its name for QEMU, by which it is plugged.
    pub id: &'static str,
    /// What is on it.
    pub content: Content,
    /// False where it waits to be plugged.
    pub plugged: bool,
}

/// Where a disk's bytes are.
#[derive(Debug, Clone)]
pub enum Content {
    /// A raw image.
    File(PathBuf),
    /// A server of network block devices at a Unix socket.
    Nbd(PathBuf),
}

/// A running machine; killed when dropped.
#[derive(Debug)]
pub struct Machine {
    child: Child,
    /// QEMU's control.
    pub qmp: Qmp,
    /// A shell in the guest.
    pub guest: Guest,
    streams: BTreeMap<&'static str, UnixStream>,
    folder: PathBuf,
    console: PathBuf,
    _sockets: Sockets,
}

impl Machine {
    /// Starts a machine and waits until it has booted. Image and console are kept in `folder`, which is made.
    pub fn start(layout: &Layout, folder: &Path, plan: &Plan) -> Result<Self, Trouble> {
        fs::create_dir_all(folder).map_err(|e| Trouble::disk(folder, &e))?;
        let initramfs = folder.join("initramfs.cpio");
        plan.image.write(&initramfs)?;
        let sockets = Sockets::new()?;
        let names = plan.ports.iter().chain(&plan.lines);
        let names: Vec<&'static str> = names.copied().chain(["control", "qmp"]).collect();
        let mut awaited = BTreeMap::new();
        for name in names {
            awaited.insert(name, sockets.listen(name)?);
        }
        let console = folder.join("console.log");
        let words = words(layout, plan, &awaited, &initramfs, &console)?;
        let mut child = spawn(layout, folder, &words)?;
        let mut streams = connected(awaited, &mut child, folder)?;
        let mut take = |name| streams.remove(name).expect("it was listened for");
        let (qmp, guest) = (take("qmp"), take("control"));
        let mut machine = Self {
            child,
            qmp: Qmp::new(qmp)?,
            guest: Guest::new(guest),
            streams,
            folder: folder.to_owned(),
            console,
            _sockets: sockets,
        };
        machine.guest.booted().map_err(|trouble| {
            let console = machine.console.display();
            Trouble::new(trouble.to_string(), format!("its console is {console}"))
        })?;
        Ok(machine)
    }

    /// This side of a port or line of the plan, which can be taken once.
    pub fn stream(&mut self, name: &str) -> Result<UnixStream, Trouble> {
        self.streams.remove(name).ok_or_else(|| {
            let what = format!("the machine has no line {name:?}, or somebody has it");
            Trouble::new(what, "name it in the plan")
        })
    }

    /// The same, read line by line.
    pub fn lines(&mut self, name: &str) -> Result<Lines, Trouble> {
        Ok(Lines::new(name, self.stream(name)?))
    }

    /// Plugs a USB device in: its driver, its name, and what it is connected to, such as `("chardev", "till")`.
    pub fn plug(&mut self, driver: &str, id: &str, to: (&str, &str)) -> Result<(), Trouble> {
        let mut arguments = json!({ "driver": driver, "id": id, "bus": "xhci.0", to.0: to.1 });
        match driver {
            "usb-storage" => arguments["removable"] = json!(true),
            // Also while nobody is at the other end of the line.
            "usb-serial" => arguments["always-plugged"] = json!(true),
            _ => {}
        }
        self.qmp.execute("device_add", arguments).map(drop)
    }

    /// Pulls a device out and waits until QEMU has let go of it.
    pub fn pull(&mut self, id: &str) -> Result<(), Trouble> {
        self.qmp.execute("device_del", json!({ "id": id }))?;
        while self.qmp.event("DEVICE_DELETED")?["device"] != id {}
        Ok(())
    }

    /// Plugs a stick in, whose content is the image at `path`; where wanted it reads so many bytes a second only.
    pub fn insert(&mut self, id: &str, path: &Path, speed: Option<u64>) -> Result<(), Trouble> {
        let disk = format!("{id}-disk");
        let file = json!({ "driver": "file", "filename": path });
        let raw = match speed {
            None => json!({ "driver": "raw", "node-name": disk, "file": file }),
            Some(speed) => {
                let group = format!("{id}-{speed}");
                let limits = json!({ "bps-read": speed });
                let object = json!({ "qom-type": "throttle-group", "id": group, "limits": limits });
                self.qmp.execute("object-add", object)?;
                let raw = json!({ "driver": "raw", "file": file });
                json!({ "driver": "throttle", "node-name": disk, "throttle-group": group, "file": raw })
            }
        };
        self.qmp.execute("blockdev-add", raw)?;
        self.plug("usb-storage", id, ("drive", &disk))
    }

    /// Pulls a stick out.
    pub fn eject(&mut self, id: &str) -> Result<(), Trouble> {
        self.pull(id)?;
        let disk = json!({ "node-name": format!("{id}-disk") });
        self.qmp.execute("blockdev-del", disk).map(drop)
    }

    /// Waits until so many bytes have been read from a stick.
    pub fn has_read(&mut self, id: &str, bytes: u64) -> Result<(), Trouble> {
        let end = Instant::now() + Duration::from_secs(240);
        while Instant::now() < end {
            let disks = self.qmp.execute("query-blockstats", json!({}))?;
            let disks = disks.as_array().into_iter().flatten();
            let is =
                |disk: &&serde_json::Value| disk["qdev"].as_str().is_some_and(|q| q.contains(id));
            let read = disks
                .filter(is)
                .filter_map(|disk| disk["stats"]["rd_bytes"].as_u64())
                .max();
            if read.is_some_and(|read| read >= bytes) {
                return Ok(());
            }
            // QEMU has no event for this.
            std::thread::sleep(Duration::from_millis(20));
        }
        Err(Trouble::new(
            format!("{bytes} bytes were not read from {id} in time"),
            format!("its console is {}", self.console.display()),
        ))
    }

    /// Makes a line whose other end is a terminal of this machine; its path.
    pub fn terminal(&mut self, id: &str) -> Result<String, Trouble> {
        let arguments = json!({ "id": id, "backend": { "type": "pty", "data": {} } });
        let made = self.qmp.execute("chardev-add", arguments)?;
        let path = made["pty"].as_str().map(str::to_owned);
        path.ok_or_else(|| Trouble::new("QEMU names no terminal", "use the one of target/device"))
    }

    /// The power goes.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let ended = self.child.wait().ok();
        match ended.and_then(|status| status.signal()) {
            None | Some(KILL) => {}
            Some(signal) => {
                let _ = fs::write(self.folder.join(CRASH), format!("signal {signal}\n"));
            }
        }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.kill();
    }
}

fn words(
    layout: &Layout,
    plan: &Plan,
    awaited: &BTreeMap<&'static str, Awaited>,
    initramfs: &Path,
    console: &Path,
) -> Result<Vec<String>, Trouble> {
    let board = "-machine virt,gic-version=3 -cpu cortex-a76 -accel tcg,thread=multi -smp 2 -nodefaults -display none";
    let mut words: Vec<String> = board.split(' ').map(str::to_owned).collect();
    let mut add = |name: &str, value: String| words.extend([name.to_owned(), value]);
    add("-m", plan.memory.to_string());
    add("-kernel", kernel(&layout.arm64())?.display().to_string());
    add("-initrd", initramfs.display().to_string());
    add(
        "-append",
        format!("console=ttyAMA0 panic=-1 {}", plan.append),
    );
    add("-serial", format!("file:{}", console.display()));
    for (name, awaited) in awaited {
        let path = awaited.path().display();
        add("-chardev", format!("socket,id={name},path={path}"));
    }
    add("-mon", "chardev=qmp,mode=control".into());
    add("-device", "virtio-serial-pci".into());
    for name in plan.ports.iter().chain(&["control"]) {
        add(
            "-device",
            format!("virtserialport,chardev={name},name={name}"),
        );
    }
    add("-device", "qemu-xhci,id=xhci".into());
    for disk in &plan.disks {
        add("-drive", disk.words());
        if disk.plugged {
            add("-device", format!("virtio-blk-pci,drive={}", disk.id));
        }
    }
    words.extend(plan.more.iter().cloned());
    Ok(words)
}

impl Disk {
    fn words(&self) -> String {
        let content = match &self.content {
            Content::File(path) => format!("file={}", path.display()),
            Content::Nbd(socket) => format!(
                "file.driver=nbd,file.server.type=unix,file.server.path={}",
                socket.display()
            ),
        };
        format!(
            "{content},format=raw,if=none,id={},cache=writeback,discard=unmap",
            self.id
        )
    }
}

fn spawn(layout: &Layout, folder: &Path, words: &[String]) -> Result<Child, Trouble> {
    let said = folder.join("qemu.log");
    let said = fs::File::create(&said).map_err(|e| Trouble::disk(&said, &e))?;
    let program = "usr/bin/qemu-system-aarch64";
    let mut command = layout.program(program);
    command.arg("-L").arg(layout.host().join("usr/share/qemu"));
    command.args(words).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(said);
    command
        .spawn()
        .map_err(|error| Trouble::start(Path::new(program), &error))
}

fn connected(
    awaited: BTreeMap<&'static str, Awaited>,
    child: &mut Child,
    folder: &Path,
) -> Result<BTreeMap<&'static str, UnixStream>, Trouble> {
    let mut streams = BTreeMap::new();
    let end = Instant::now() + START;
    for (name, awaited) in awaited {
        let stream = loop {
            if let Some(stream) = awaited.connected(Duration::from_millis(200)) {
                break stream;
            }
            let over = child.try_wait().is_ok_and(|status| status.is_some());
            if over || Instant::now() > end {
                let _ = child.kill();
                let said = fs::read_to_string(folder.join("qemu.log")).unwrap_or_default();
                let what = format!("QEMU does not connect to {name}; it says {:?}", said.trim());
                return Err(Trouble::new(
                    what,
                    "remove target/device/host and try again",
                ));
            }
        };
        streams.insert(name, stream);
    }
    Ok(streams)
}
