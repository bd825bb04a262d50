//! What the kernel says when devices come and go: netlink messages of the family KOBJECT_UEVENT, group 1
//! (Documentation/ABI and lib/kobject_uevent.c of Linux).
//!
//! ```text
//! ACTION@DEVPATH 00 KEY=VALUE 00 KEY=VALUE 00 ...
//! ```
//!
//! Messages of udev, which begin with `libudev`, belong to another group and are none.

/// The longest message that the kernel sends, bytes.
pub const MAX_BYTES: usize = 8192;

/// What happened to a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is there.
    Add,
    /// It is gone.
    Remove,
    /// Something about it is new, such as its medium.
    Change,
    /// Anything else, such as `bind` and `move`.
    Other,
}

/// A message about a block device that can hold files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uevent {
    /// What happened.
    pub action: Action,
    /// Its name below `/dev`, such as `sda1`.
    pub name: String,
    /// Whether it is a part of a disk; a stick may also be formatted as a whole.
    pub is_partition: bool,
}

/// Reads a message; `None` for one about anything but a block device, and for what is no message.
pub fn parse(message: &[u8]) -> Option<Uevent> {
    let mut parts = message
        .split(|&b| b == 0)
        .map(|part| std::str::from_utf8(part).ok());
    let (action, path) = parts.next()??.split_once('@')?;
    if !path.starts_with('/') {
        return None;
    }
    let (mut subsystem, mut name, mut kind) = (None, None, None);
    for part in parts.flatten() {
        match part.split_once('=') {
            Some(("SUBSYSTEM", value)) => subsystem = Some(value),
            Some(("DEVNAME", value)) => name = Some(value),
            Some(("DEVTYPE", value)) => kind = Some(value),
            _ => {}
        }
    }
    let name = name.filter(|name| is_plain(name))?;
    let is_partition = match (subsystem?, kind?) {
        ("block", "partition") => true,
        ("block", "disk") => false,
        _ => return None,
    };
    Some(Uevent {
        action: match action {
            "add" => Action::Add,
            "remove" => Action::Remove,
            "change" => Action::Change,
            _ => Action::Other,
        },
        name: name.to_owned(),
        is_partition,
    })
}

/// A name that stays in its folder.
fn is_plain(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    (1..=32).contains(&name.len()) && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// As Linux 6.1 sends it.
    const STICK: &[u8] = b"add@/devices/pci0000:00/usb1/1-1/1-1:1.0/host2/target2:0:0/2:0:0:0/block/sda/sda1\0\
        ACTION=add\0DEVPATH=/devices/pci0000:00/usb1/1-1/block/sda/sda1\0SUBSYSTEM=block\0MAJOR=8\0MINOR=1\0\
        DEVNAME=sda1\0DEVTYPE=partition\0DISKSEQ=9\0PARTN=1\0SEQNUM=2719\0";

    #[test]
    fn a_stick_that_comes_and_goes_is_noticed() {
        let event = parse(STICK).unwrap();
        assert_eq!(
            (event.action, event.name.as_str(), event.is_partition),
            (Action::Add, "sda1", true)
        );
        let gone = STICK.strip_prefix(b"add").unwrap();
        assert_eq!(
            parse(&[b"remove", gone].concat()).unwrap().action,
            Action::Remove
        );
        let whole = String::from_utf8(STICK.to_vec())
            .unwrap()
            .replace("DEVTYPE=partition", "DEVTYPE=disk");
        assert!(!parse(whole.as_bytes()).unwrap().is_partition);
    }

    #[test]
    fn other_devices_other_senders_and_names_that_leave_dev_are_none() {
        let with =
            |from: &str, to: &str| String::from_utf8(STICK.to_vec()).unwrap().replace(from, to);
        for message in [
            with("SUBSYSTEM=block", "SUBSYSTEM=usb"),
            with("DEVNAME=sda1", "DEVNAME=../etc/passwd"),
            with("DEVNAME=sda1", "DEVNAME="),
            with("DEVNAME=sda1\0", ""),
            with("add@/devices", "add@devices"),
            with("add@", "libudev\0"),
        ] {
            assert_eq!(parse(message.as_bytes()), None, "{message:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = parse(&bytes);
            let _ = parse(&[b"add@/d\0SUBSYSTEM=block\0", &bytes[..]].concat());
        }
    }
}
