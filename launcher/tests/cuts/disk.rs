//! A disk that forgets: what is not synced when the power goes is lost, torn or there, by chance.
//! It counts its operations, and the power goes at a chosen one, in the middle of it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use outpost_launcher::disk::Disk;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// A disk that does less than it says: the checks must notice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Does what it says.
    None,
    /// `sync_file` does nothing.
    NoFileSync,
    /// `sync_file` does nothing but for the state.
    NoPartSync,
    /// `sync_folder` does nothing.
    NoFolderSync,
    /// `rename` copies the content, in two steps.
    RenameInSteps,
}

#[derive(Clone, Default)]
struct Content {
    now: Vec<u8>,
    kept: Vec<u8>,
}

/// A change of a folder's names: these become what they say. `None`: the name is gone.
type Change = Vec<(String, Option<usize>)>;

#[derive(Clone, Default)]
struct Folder {
    now: BTreeMap<String, usize>,
    kept: BTreeMap<String, usize>,
    pending: Vec<Change>,
    is_kept: bool,
}

struct Inner {
    contents: Vec<Content>,
    folders: BTreeMap<PathBuf, Folder>,
    operations: BTreeMap<&'static str, u64>,
    count: u64,
    cut_at: u64,
    is_off: bool,
    lie: Lie,
    rng: StdRng,
}

/// A handle; clones are the same disk.
#[derive(Clone)]
pub struct SimDisk(Rc<RefCell<Inner>>);

fn off() -> io::Error {
    io::Error::other("the power is off")
}

fn absent() -> io::Error {
    io::Error::from(io::ErrorKind::NotFound)
}

fn split(path: &Path) -> (PathBuf, String) {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    (path.parent().unwrap().to_path_buf(), name)
}

impl Inner {
    /// One step that changes the disk; `true` in the one in which the power goes.
    fn step(&mut self, what: &'static str) -> io::Result<bool> {
        if self.is_off {
            return Err(off());
        }
        self.count += 1;
        *self.operations.entry(what).or_default() += 1;
        self.is_off = self.count == self.cut_at;
        Ok(self.is_off)
    }

    fn end(is_cut: bool) -> io::Result<()> {
        if is_cut { Err(off()) } else { Ok(()) }
    }

    fn file(&self, path: &Path) -> io::Result<usize> {
        let (folder, name) = split(path);
        let folder = self.folders.get(&folder).ok_or_else(absent)?;
        folder.now.get(&name).copied().ok_or_else(absent)
    }

    fn change(&mut self, folder: &Path, change: Change) -> io::Result<()> {
        let folder = self.folders.get_mut(folder).ok_or_else(absent)?;
        apply(&mut folder.now, &change);
        folder.pending.push(change);
        Ok(())
    }

    fn create(&mut self, path: &Path) -> io::Result<()> {
        if let Ok(file) = self.file(path) {
            self.contents[file].now.clear();
            return Ok(());
        }
        let (folder, name) = split(path);
        self.contents.push(Content::default());
        let file = self.contents.len() - 1;
        self.change(&folder, vec![(name, Some(file))])
    }
}

fn apply(names: &mut BTreeMap<String, usize>, change: &Change) {
    for (name, file) in change {
        match file {
            Some(file) => drop(names.insert(name.clone(), *file)),
            None => drop(names.remove(name)),
        }
    }
}

impl SimDisk {
    /// An empty disk with these folders.
    pub fn new(seed: u64, lie: Lie, folders: &[&str]) -> SimDisk {
        let kept = Folder { is_kept: true, ..Folder::default() };
        SimDisk(Rc::new(RefCell::new(Inner {
            contents: Vec::new(),
            folders: folders.iter().map(|path| (PathBuf::from(path), kept.clone())).collect(),
            operations: BTreeMap::new(),
            count: 0,
            cut_at: u64::MAX,
            is_off: false,
            lie,
            rng: StdRng::seed_from_u64(seed),
        })))
    }

    /// Operations so far.
    pub fn count(&self) -> u64 {
        self.0.borrow().count
    }

    /// Operations so far, by kind.
    pub fn operations(&self) -> BTreeMap<&'static str, u64> {
        self.0.borrow().operations.clone()
    }

    /// Has the power go in the operation with this number.
    pub fn cut_at(&self, operation: u64) {
        self.0.borrow_mut().cut_at = operation;
    }

    /// Whether the power has gone.
    pub fn is_off(&self) -> bool {
        self.0.borrow().is_off
    }

    /// The power comes back: what was not synced is there, lost or torn.
    pub fn power_on(&self) {
        let mut inner = self.0.borrow_mut();
        let inner = &mut *inner;
        for content in &mut inner.contents {
            if content.now != content.kept {
                content.now = torn(content, &mut inner.rng);
                content.kept = content.now.clone();
            }
        }
        let rng = &mut inner.rng;
        inner.folders.retain(|_, folder| folder.is_kept || rng.random_bool(0.5));
        for folder in inner.folders.values_mut() {
            let in_order = rng.random_bool(0.5);
            let until = rng.random_range(0..=folder.pending.len());
            for (number, change) in std::mem::take(&mut folder.pending).into_iter().enumerate() {
                if if in_order { number < until } else { rng.random_bool(0.5) } {
                    apply(&mut folder.kept, &change);
                }
            }
            folder.now = folder.kept.clone();
            folder.is_kept = true;
        }
        inner.is_off = false;
        inner.cut_at = u64::MAX;
    }
}

/// A content that was not synced: the old one, the new one, a part of it, or with holes.
fn torn(content: &Content, rng: &mut StdRng) -> Vec<u8> {
    let part = rng.random_range(0..=content.now.len());
    match rng.random_range(0..4) {
        0 => content.kept.clone(),
        1 => content.now.clone(),
        2 => content.now[..part].to_vec(),
        _ => {
            let mut bytes = content.now.clone();
            bytes[part..].fill(0);
            bytes
        }
    }
}

impl Disk for SimDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + '_>> {
        let inner = self.0.borrow();
        if inner.is_off {
            return Err(off());
        }
        let file = inner.file(path)?;
        Ok(Box::new(Cursor::new(inner.contents[file].now.clone())))
    }

    fn create(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.0.borrow_mut();
        let is_cut = inner.step("create")?;
        inner.create(path)?;
        Inner::end(is_cut)
    }

    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut inner = self.0.borrow_mut();
        let is_cut = inner.step("write")?;
        let file = inner.file(path)?;
        let part = if is_cut { inner.rng.random_range(0..=bytes.len()) } else { bytes.len() };
        inner.contents[file].now.extend_from_slice(&bytes[..part]);
        Inner::end(is_cut)
    }

    fn write_over(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut inner = self.0.borrow_mut();
        let is_cut = inner.step("write over")?;
        let file = inner.file(path)?;
        let part = if is_cut { inner.rng.random_range(0..=bytes.len()) } else { bytes.len() };
        inner.contents[file].now.splice(..part, bytes[..part].iter().copied());
        if !is_cut {
            inner.contents[file].now.truncate(bytes.len());
        }
        Inner::end(is_cut)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.0.borrow_mut();
        let is_cut = inner.step("sync")?;
        let file = inner.file(path)?;
        let is_state = path.parent() == Some(Path::new("/slots"));
        let is_lie = inner.lie == Lie::NoFileSync || inner.lie == Lie::NoPartSync && !is_state;
        if !is_cut && !is_lie {
            inner.contents[file].kept = inner.contents[file].now.clone();
        }
        Inner::end(is_cut)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.0.borrow_mut();
        let is_cut = inner.step("sync folder")?;
        if !is_cut && inner.lie != Lie::NoFolderSync {
            for (child, folder) in &mut inner.folders {
                folder.is_kept |= child.parent() == Some(path);
            }
            let folder = inner.folders.get_mut(path).ok_or_else(absent)?;
            folder.kept = folder.now.clone();
            folder.pending.clear();
        }
        Inner::end(is_cut)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut inner = self.0.borrow_mut();
        let is_cut = inner.step("rename")?;
        let file = inner.file(from)?;
        let ((folder, old), (other, new)) = (split(from), split(to));
        assert_eq!(folder, other, "names are changed within a folder");
        if inner.lie == Lie::RenameInSteps {
            let bytes = inner.contents[file].now.clone();
            inner.create(to)?;
            let target = inner.file(to)?;
            let part = if is_cut { inner.rng.random_range(0..bytes.len()) } else { bytes.len() };
            inner.contents[target].now = bytes[..part].to_vec();
            inner.contents[target].kept = inner.contents[target].now.clone();
        } else {
            inner.change(&folder, vec![(old, None), (new, Some(file))])?;
        }
        Inner::end(is_cut)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.0.borrow_mut();
        let is_cut = inner.step("remove")?;
        inner.file(path)?;
        let (folder, name) = split(path);
        inner.change(&folder, vec![(name, None)])?;
        Inner::end(is_cut)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let inner = self.0.borrow();
        let folder = inner.folders.get(folder).ok_or_else(absent)?;
        Ok(folder.now.keys().cloned().collect())
    }

    fn folder(&self, path: &Path) -> io::Result<()> {
        let mut inner = self.0.borrow_mut();
        if inner.folders.contains_key(path) {
            return Ok(());
        }
        let is_cut = inner.step("make folder")?;
        inner.folders.insert(path.to_path_buf(), Folder::default());
        Inner::end(is_cut)
    }

    fn executable(&self, path: &Path) -> io::Result<()> {
        self.0.borrow().file(path).map(drop)
    }

    fn free_bytes(&self, _: &Path) -> io::Result<u64> {
        Ok(1 << 40)
    }
}
