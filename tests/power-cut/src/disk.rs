//! A block device whose writes and flushes are written down: a file, served through FUSE, below a loop device.

use std::ffi::OsStr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use fuser::{
    Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags, Generation, INodeNo, LockOwner,
    OpenFlags, ReplyAttr, ReplyData, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyWrite, Request,
    WriteFlags,
};

/// The name of the file.
pub const NAME: &str = "disk";
const FILE: INodeNo = INodeNo(2);
const TTL: Duration = Duration::from_secs(3600);

/// What happened, in order.
#[derive(Debug, Clone)]
pub enum Op {
    /// Bytes that the device was given.
    Write { offset: u64, data: Vec<u8> },
    /// From here on what was written before is durable.
    Flush,
    /// The program said that the update is committed.
    Committed,
}

/// What is on the device now, and how it came there.
#[derive(Debug, Default)]
pub struct State {
    pub bytes: Vec<u8>,
    pub log: Vec<Op>,
}

/// The file system with the one file.
pub struct Recorder(pub Arc<Mutex<State>>);

impl Recorder {
    fn attributes(&self, inode: INodeNo) -> FileAttr {
        let size = self.0.lock().map_or(0, |state| state.bytes.len() as u64);
        let is_file = inode == FILE;
        FileAttr {
            ino: inode,
            size: if is_file { size } else { 0 },
            blocks: size / 512,
            atime: UNIX_EPOCH,
            mtime: UNIX_EPOCH,
            ctime: UNIX_EPOCH,
            crtime: UNIX_EPOCH,
            kind: if is_file {
                FileType::RegularFile
            } else {
                FileType::Directory
            },
            perm: if is_file { 0o600 } else { 0o700 },
            nlink: 1,
            uid: 0,
            gid: 0,
            rdev: 0,
            blksize: 4096,
            flags: 0,
        }
    }
}

impl Filesystem for Recorder {
    fn lookup(&self, _: &Request, _: INodeNo, name: &OsStr, reply: ReplyEntry) {
        match name == NAME {
            true => reply.entry(&TTL, &self.attributes(FILE), Generation(0)),
            false => reply.error(Errno::ENOENT),
        }
    }

    fn getattr(&self, _: &Request, inode: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        reply.attr(&TTL, &self.attributes(inode));
    }

    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        // No cache of the host stands between the loop device and the log.
        reply.opened(FileHandle(0), FopenFlags::FOPEN_DIRECT_IO);
    }

    fn read(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let Ok(state) = self.0.lock() else {
            return reply.error(Errno::EIO);
        };
        let begin = state.bytes.len().min(offset as usize);
        let end = state.bytes.len().min(begin + size as usize);
        reply.data(&state.bytes[begin..end]);
    }

    fn write(
        &self,
        _: &Request,
        _: INodeNo,
        _: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let Ok(mut state) = self.0.lock() else {
            return reply.error(Errno::EIO);
        };
        let begin = offset as usize;
        match state.bytes.get_mut(begin..begin + data.len()) {
            Some(place) => place.copy_from_slice(data),
            None => return reply.error(Errno::ENOSPC),
        }
        let data = data.to_vec();
        let count = data.len() as u32;
        state.log.push(Op::Write { offset, data });
        reply.written(count);
    }

    fn fsync(&self, _: &Request, _: INodeNo, _: FileHandle, _: bool, reply: ReplyEmpty) {
        match self.0.lock() {
            Ok(mut state) => {
                state.log.push(Op::Flush);
                reply.ok();
            }
            Err(_) => reply.error(Errno::EIO),
        }
    }
}
