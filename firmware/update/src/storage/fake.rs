//! A disk in memory that is stricter than any real one. It counts operations, panics when a file is renamed before it
//! was synced, and can cut the power before any operation; then [`FakeStorage::restart`] answers what a disk may hold
//! after that.
//!
//! The model: file contents and folder entries live in memory until synced. What was not synced when the power went
//! may be there, in any part and in any order within its folder, or not. A rename itself is never half, and adding to a file
//! takes nothing of it back that was synced before.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use skueye_models::{Code, Fault};

use super::Storage;

/// What survives a power cut of all that was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survival {
    /// Nothing.
    Nothing,
    /// Everything.
    Everything,
    /// The names, but only half of the contents: the classic file of the right name and the wrong length.
    Torn,
    /// Each entry or not, each content in any part, by this seed.
    Random(u64),
}

/// How many cut points were tried, and in how many the device came up with neither old nor new.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Survey {
    /// Tried: each cut with each survival.
    pub cuts: u64,
    /// Of those, the ones after which something was lost.
    pub lost: u64,
}

/// Runs `update` on copies of `before`, cut off before its operation 0, 1, ... until it ends by itself, and hands every disk
/// that may result to `comes_up`, which answers whether nothing is lost; a panic is a loss.
pub fn survey(
    before: &FakeStorage,
    update: impl Fn(&FakeStorage) -> Result<(), Fault>,
    comes_up: impl Fn(FakeStorage) -> bool,
) -> Survey {
    let survivals = [Survival::Nothing, Survival::Everything, Survival::Torn];
    let random = (0..12).map(Survival::Random);
    let survivals: Vec<_> = survivals.into_iter().chain(random).collect();
    let mut result = Survey::default();
    for cut in 0.. {
        let disk = before.clone();
        disk.cut_before(cut);
        let over = update(&disk).is_ok();
        for survival in &survivals {
            result.cuts += 1;
            let disk = disk.clone().restart(*survival);
            let up = catch_unwind(AssertUnwindSafe(|| comes_up(disk)));
            result.lost += u64::from(!up.unwrap_or(false));
        }
        if over {
            return result;
        }
    }
    unreachable!("an update ends")
}

/// The disk.
#[derive(Debug, Clone, Default)]
pub struct FakeStorage {
    state: RefCell<State>,
}

#[derive(Debug, Clone, Default)]
struct State {
    files: Vec<Content>,
    folders: BTreeMap<String, Folder>,
    operations: u64,
    cut_before: Option<u64>,
    free: Option<u64>,
}

#[derive(Debug, Clone, Default)]
struct Content {
    now: Vec<u8>,
    synced: Vec<u8>,
    is_synced: bool,
    /// Bytes at the begin that were synced and only added to since: no power cut takes them back.
    kept: usize,
}

/// Names point to contents, as directory entries point to inodes.
#[derive(Debug, Clone, Default)]
struct Folder {
    is_synced: bool,
    now: BTreeMap<String, usize>,
    synced: BTreeMap<String, usize>,
    pending: Vec<Change>,
}

/// Entries that change together: name, and the content it points to or its removal.
type Change = Vec<(String, Option<usize>)>;

impl FakeStorage {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many operations that change the disk were asked for.
    pub fn operations(&self) -> u64 {
        self.state.borrow().operations
    }

    /// Cuts the power before the operation of this number, counted from 0 and from now; everything from then on fails.
    pub fn cut_before(&self, operation: u64) {
        let mut state = self.state.borrow_mut();
        state.operations = 0;
        state.cut_before = Some(operation);
    }

    /// The disk after the power came back.
    #[must_use]
    pub fn restart(self, survival: Survival) -> Self {
        let mut state = self.state.into_inner();
        let mut fate = Fate::new(survival);
        state.folders.retain(|_, f| f.is_synced || fate.entry());
        for folder in state.folders.values_mut() {
            let pending = std::mem::take(&mut folder.pending);
            for change in pending.into_iter().filter(|_| fate.entry()) {
                apply(&mut folder.synced, change);
            }
            folder.now = folder.synced.clone();
            folder.is_synced = true;
        }
        for content in state.files.iter_mut().filter(|c| !c.is_synced) {
            if let Some(part) = fate.content(content.now.len() - content.kept) {
                content.now.truncate(content.kept + part);
                content.synced = std::mem::take(&mut content.now);
            }
            content.now = content.synced.clone();
            content.is_synced = true;
            content.kept = content.now.len();
        }
        state.operations = 0;
        state.cut_before = None;
        Self {
            state: RefCell::new(state),
        }
    }

    /// Cuts a file to `length` bytes; updates never do, but what lies beside them may. Errors: E901.
    pub fn truncate(&self, path: &str, length: u64) -> Result<(), Fault> {
        self.change(|state| {
            let content = state.find(path)?;
            let content = &mut state.files[content];
            content.now.truncate(length as usize);
            content.kept = content.kept.min(length as usize);
            content.is_synced = false;
            Some(())
        })
    }

    /// Lets so many bytes be free from now on.
    pub fn set_free(&self, bytes: u64) {
        self.state.borrow_mut().free = Some(bytes);
    }

    /// Changes one bit of a file, as a failing disk would. Panics when there is no such file.
    pub fn rot(&self, path: &str) {
        let mut state = self.state.borrow_mut();
        let content = state.find(path).expect("a file to damage");
        state.files[content].now[0] ^= 1;
    }

    fn change<T>(&self, operation: impl FnOnce(&mut State) -> Option<T>) -> Result<T, Fault> {
        let mut state = self.state.borrow_mut();
        state.operations += 1;
        state.powered()?;
        operation(&mut state).ok_or_else(|| failed("no such file or folder"))
    }
}

impl State {
    fn powered(&self) -> Result<(), Fault> {
        match self.cut_before {
            Some(cut) if self.operations > cut => Err(failed("the power was cut")),
            _ => Ok(()),
        }
    }

    fn find(&self, path: &str) -> Option<usize> {
        let (folder, name) = split(path);
        self.folder(folder)?.now.get(name).copied()
    }

    fn folder(&self, folder: &str) -> Option<&Folder> {
        self.folders.get(folder)
    }

    /// The root is always there.
    fn folder_mut(&mut self, folder: &str) -> Option<&mut Folder> {
        if folder.is_empty() {
            let root = self.folders.entry(String::new()).or_default();
            root.is_synced = true;
            return Some(root);
        }
        self.folders.get_mut(folder)
    }

    fn enter(&mut self, folder: &str, change: Change) -> Option<()> {
        let folder = self.folder_mut(folder)?;
        apply(&mut folder.now, change.clone());
        folder.pending.push(change);
        Some(())
    }
}

impl Storage for FakeStorage {
    fn list(&self, folder: &str) -> Result<Vec<String>, Fault> {
        let state = self.state.borrow();
        state.powered()?;
        let names = |folder: &Folder| folder.now.keys().cloned().collect();
        Ok(state.folder(folder).map(names).unwrap_or_default())
    }

    fn length(&self, path: &str) -> Result<Option<u64>, Fault> {
        let state = self.state.borrow();
        state.powered()?;
        let length = |content: usize| state.files[content].now.len() as u64;
        Ok(state.find(path).map(length))
    }

    fn read_at(&self, path: &str, offset: u64, into: &mut [u8]) -> Result<usize, Fault> {
        let state = self.state.borrow();
        state.powered()?;
        let content = state.find(path).ok_or_else(|| failed("no such file"))?;
        let bytes = &state.files[content].now;
        let rest = &bytes[bytes.len().min(offset as usize)..];
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn create_folder(&self, folder: &str) -> Result<(), Fault> {
        self.change(|state| {
            state.folders.entry(folder.into()).or_default();
            Some(())
        })
    }

    fn create(&self, path: &str) -> Result<(), Fault> {
        self.change(|state| {
            if let Some(content) = state.find(path) {
                state.files[content].now.clear();
                state.files[content].kept = 0;
                state.files[content].is_synced = false;
                return Some(());
            }
            let (folder, name) = split(path);
            state.files.push(Content::default());
            let content = state.files.len() - 1;
            state.enter(folder, vec![(name.into(), Some(content))])
        })
    }

    fn append(&self, path: &str, bytes: &[u8]) -> Result<(), Fault> {
        self.change(|state| {
            let content = state.find(path)?;
            state.files[content].now.extend_from_slice(bytes);
            state.files[content].is_synced = false;
            Some(())
        })
    }

    fn sync_file(&self, path: &str) -> Result<(), Fault> {
        self.change(|state| {
            let content = state.find(path)?;
            let content = &mut state.files[content];
            content.synced = content.now.clone();
            content.is_synced = true;
            content.kept = content.now.len();
            Some(())
        })
    }

    fn sync_folder(&self, folder: &str) -> Result<(), Fault> {
        self.change(|state| {
            let folder_state = state.folder_mut(folder)?;
            folder_state.synced = folder_state.now.clone();
            folder_state.pending.clear();
            if folder.is_empty() {
                state.folders.values_mut().for_each(|f| f.is_synced = true);
            }
            Some(())
        })
    }

    fn rename(&self, from: &str, to: &str) -> Result<(), Fault> {
        self.change(|state| {
            let content = state.find(from)?;
            assert!(
                state.files[content].is_synced,
                "{from} was renamed before it was synced"
            );
            let ((folder, old), (same, new)) = (split(from), split(to));
            assert_eq!(folder, same, "files are renamed within one folder only");
            let change = vec![(old.into(), None), (new.into(), Some(content))];
            state.enter(folder, change)
        })
    }

    fn remove(&self, path: &str) -> Result<(), Fault> {
        self.change(|state| {
            state.find(path)?;
            let (folder, name) = split(path);
            state.enter(folder, vec![(name.into(), None)])
        })
    }

    fn link(&self, from: &str, to: &str) -> Result<bool, Fault> {
        self.change(|state| {
            let content = state.find(from)?;
            assert!(
                state.files[content].is_synced,
                "{from} was linked before it was synced"
            );
            let (folder, name) = split(to);
            state.enter(folder, vec![(name.into(), Some(content))])
        })?;
        Ok(true)
    }

    fn free(&self) -> Result<Option<u64>, Fault> {
        Ok(self.state.borrow().free)
    }
}

/// Decides, one thing after the other, what survives.
struct Fate {
    survival: Survival,
    random: u64,
}

impl Fate {
    fn new(survival: Survival) -> Self {
        let random = match survival {
            Survival::Random(seed) => seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1,
            _ => 1,
        };
        Self { survival, random }
    }

    /// Whether a change of entries survives.
    fn entry(&mut self) -> bool {
        match self.survival {
            Survival::Nothing => false,
            Survival::Everything | Survival::Torn => true,
            Survival::Random(_) => self.draw().is_multiple_of(2),
        }
    }

    /// How many of `length` bytes survive that were added since the last sync; `None`: the content is as it was when last synced.
    fn content(&mut self, length: usize) -> Option<usize> {
        match self.survival {
            Survival::Nothing => None,
            Survival::Everything => Some(length),
            Survival::Torn => Some(length / 2),
            Survival::Random(_) => {
                let (kept, part) = (self.draw(), self.draw());
                (!kept.is_multiple_of(3)).then_some(part as usize % (length + 1))
            }
        }
    }

    /// xorshift64.
    fn draw(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 16
    }
}

fn apply(entries: &mut BTreeMap<String, usize>, change: Change) {
    for (name, content) in change {
        match content {
            Some(content) => entries.insert(name, content),
            None => entries.remove(&name),
        };
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn failed(got: &str) -> Fault {
    Fault::new(Code::Io, "a working disk", got, "switch the power on again")
}
