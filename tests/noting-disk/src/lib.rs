//! A disk below SQLite, for tests: a VFS that writes through to real files, notes every operation,
//! and puts the files together as a disk leaves them when the power goes at any of them.
//!
//! One process and one thread at a time: locks between connections are kept, those of the log's
//! index are not. Never here: a judgement about what was found afterwards.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rand::RngExt;
use rand::rngs::StdRng;
use sqlite_plugin::flags::{AccessFlags, CreateMode, LockLevel, OpenMode, OpenOpts, ShmLockMode};
use sqlite_plugin::vars;
use sqlite_plugin::vfs::{RegisterOpts, Vfs, VfsHandle, VfsResult, register_static};

/// Bytes that a disk writes whole.
const SECTOR_BYTES: usize = 512;

/// Bytes of a page of the journal's files.
const PAGE_BYTES: u64 = 4096;

/// One operation of SQLite on a file.
#[derive(Clone, Debug)]
pub enum Op {
    /// The file was made.
    Create,
    /// Bytes were written.
    Write {
        /// Where, in bytes.
        offset: usize,
        /// What.
        data: Vec<u8>,
    },
    /// The file was cut or grown to so many bytes.
    Truncate(usize),
    /// Everything before is on the medium.
    Sync,
    /// The file was deleted.
    Delete,
}

/// What becomes of the operations on a file that no sync has covered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// All are lost.
    Lost,
    /// All came through.
    Kept,
    /// Each by a throw of the dice.
    Mixed,
    /// As `Mixed`, and writes in part.
    Torn,
}

/// All fates.
pub const FATES: [Fate; 4] = [Fate::Lost, Fate::Kept, Fate::Mixed, Fate::Torn];

#[derive(Debug, Default)]
struct Shared {
    ops: Mutex<Vec<(PathBuf, Op)>>,
    is_noting: AtomicBool,
    /// Files, by inode, with a page of 4 KB that cannot be read, counted from 0.
    dead: Mutex<HashMap<u64, u64>>,
}

/// The notes of the registered disk.
#[derive(Clone, Debug)]
pub struct Notes(Arc<Shared>);

impl Notes {
    /// Makes the noting disk the one that every later connection of this process uses.
    ///
    /// # Panics
    /// Where SQLite does not take it.
    #[must_use]
    pub fn register() -> Notes {
        let shared = Arc::new(Shared::default());
        let disk = Disk {
            shared: Arc::clone(&shared),
            regions: Mutex::default(),
            locks: Mutex::default(),
            next_id: AtomicU64::new(1),
        };
        let name = CString::new("noting").expect("no zero byte inside");
        let registered = register_static(name, disk, RegisterOpts { make_default: true });
        registered.expect("SQLite takes a disk");
        Notes(shared)
    }

    /// Notes from now on, or no longer.
    pub fn note(&self, on: bool) {
        self.0.is_noting.store(on, Ordering::Relaxed);
    }

    /// From now on a page of a file, counted from 0, cannot be read, whatever its name becomes.
    ///
    /// # Panics
    /// Where there is no such file.
    pub fn kill_page(&self, path: &Path, page: u64) {
        let inode = fs::metadata(path).expect("a file").ino();
        lock(&self.0.dead).insert(inode, page);
    }

    /// How many operations are noted.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.0.ops).len()
    }

    /// True where none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Hands over what is noted.
    #[must_use]
    pub fn take(&self) -> Vec<(PathBuf, Op)> {
        std::mem::take(&mut lock(&self.0.ops))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The files as the disk leaves them when the power goes after these operations.
#[must_use]
pub fn left(ops: &[(PathBuf, Op)], fate: Fate, random: &mut StdRng) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut synced: HashMap<&Path, usize> = HashMap::new();
    for (index, (path, op)) in ops.iter().enumerate() {
        // A deletion is a matter of the folder; SQLite deletes only what is no longer needed.
        if matches!(op, Op::Sync | Op::Delete) {
            synced.insert(path, index);
        }
    }
    let mut files: BTreeMap<PathBuf, Option<Vec<u8>>> = BTreeMap::new();
    for (index, (path, op)) in ops.iter().enumerate() {
        let is_covered = synced.get(path.as_path()).is_some_and(|last| index <= *last);
        let content = files.entry(path.clone()).or_default();
        let keep = is_covered
            || match fate {
                Fate::Lost => false,
                Fate::Kept => true,
                Fate::Mixed | Fate::Torn => random.random_bool(0.5),
            };
        if !keep {
            continue;
        }
        let bytes = match (fate, op) {
            (Fate::Torn, Op::Write { data, .. }) if !is_covered => {
                random.random_range(0..=data.len().div_ceil(SECTOR_BYTES)) * SECTOR_BYTES
            }
            _ => usize::MAX,
        };
        apply(content, op, bytes);
    }
    files.into_iter().filter_map(|(path, content)| Some((path, content?))).collect()
}

fn apply(content: &mut Option<Vec<u8>>, op: &Op, bytes: usize) {
    match op {
        Op::Create => {
            content.get_or_insert_default();
        }
        Op::Write { offset, data } => {
            let content = content.get_or_insert_default();
            let data = &data[..bytes.min(data.len())];
            if content.len() < offset + data.len() {
                content.resize(offset + data.len(), 0);
            }
            content[*offset..offset + data.len()].copy_from_slice(data);
        }
        Op::Truncate(size) => content.get_or_insert_default().resize(*size, 0),
        Op::Sync => {}
        Op::Delete => *content = None,
    }
}

/// An open file.
struct Handle {
    id: u64,
    path: PathBuf,
    file: File,
    delete_on_close: bool,
}

impl VfsHandle for Handle {
    fn readonly(&self) -> bool {
        false
    }

    fn in_memory(&self) -> bool {
        false
    }
}

struct Disk {
    shared: Arc<Shared>,
    /// The index of a database's log, which SQLite keeps in shared memory.
    regions: Mutex<HashMap<PathBuf, Vec<Box<[u64]>>>>,
    /// Who holds which lock on a file.
    locks: Mutex<HashMap<PathBuf, HashMap<u64, LockLevel>>>,
    next_id: AtomicU64,
}

impl Disk {
    fn note(&self, path: &Path, op: Op) {
        if self.shared.is_noting.load(Ordering::Relaxed) {
            lock(&self.shared.ops).push((path.to_owned(), op));
        }
    }
}

impl Vfs for Disk {
    type Handle = Handle;

    fn canonical_path<'a>(&self, path: Cow<'a, str>) -> VfsResult<Cow<'a, str>> {
        Ok(path)
    }

    fn open(&self, path: Option<&str>, opts: OpenOpts) -> VfsResult<Handle> {
        let path = PathBuf::from(path.ok_or(vars::SQLITE_CANTOPEN)?);
        let existed = path.exists();
        let may_create = match opts.mode() {
            OpenMode::ReadOnly => false,
            OpenMode::ReadWrite { create } => create != CreateMode::None,
        };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(may_create).truncate(false);
        let file = options.open(&path).map_err(|_| vars::SQLITE_CANTOPEN)?;
        if !existed {
            self.note(&path, Op::Create);
        }
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        Ok(Handle { id, path, file, delete_on_close: opts.delete_on_close() })
    }

    fn delete(&self, path: &str) -> VfsResult<()> {
        let path = Path::new(path);
        fs::remove_file(path).map_err(|_| vars::SQLITE_IOERR_DELETE_NOENT)?;
        self.note(path, Op::Delete);
        Ok(())
    }

    fn access(&self, path: &str, _flags: AccessFlags) -> VfsResult<bool> {
        Ok(Path::new(path).exists())
    }

    fn file_size(&self, handle: &mut Handle) -> VfsResult<usize> {
        let length = handle.file.metadata().map_err(|_| vars::SQLITE_IOERR)?.len();
        usize::try_from(length).map_err(|_| vars::SQLITE_IOERR)
    }

    fn truncate(&self, handle: &mut Handle, size: usize) -> VfsResult<()> {
        handle.file.set_len(size as u64).map_err(|_| vars::SQLITE_IOERR)?;
        self.note(&handle.path, Op::Truncate(size));
        Ok(())
    }

    fn write(&self, handle: &mut Handle, offset: usize, data: &[u8]) -> VfsResult<usize> {
        handle.file.write_all_at(data, offset as u64).map_err(|_| vars::SQLITE_IOERR)?;
        self.note(&handle.path, Op::Write { offset, data: data.to_vec() });
        Ok(data.len())
    }

    fn read(&self, handle: &mut Handle, offset: usize, data: &mut [u8]) -> VfsResult<usize> {
        let inode = handle.file.metadata().map_or(0, |file| file.ino());
        let dead = lock(&self.shared.dead).get(&inode).copied();
        let pages = offset as u64 / PAGE_BYTES..=(offset + data.len() - 1) as u64 / PAGE_BYTES;
        if dead.is_some_and(|page| pages.contains(&page)) {
            return Err(vars::SQLITE_IOERR_READ);
        }
        let mut done = 0;
        while done < data.len() {
            let at = (offset + done) as u64;
            match handle.file.read_at(&mut data[done..], at) {
                Ok(0) => break,
                Ok(count) => done += count,
                Err(_) => return Err(vars::SQLITE_IOERR),
            }
        }
        Ok(done)
    }

    fn lock(&self, handle: &mut Handle, level: LockLevel) -> VfsResult<()> {
        let mut locks = lock(&self.locks);
        let held = locks.entry(handle.path.clone()).or_default();
        let refuses = |other: &LockLevel| match level {
            LockLevel::Unlocked => false,
            LockLevel::Shared => *other >= LockLevel::Pending,
            LockLevel::Reserved | LockLevel::Pending => *other >= LockLevel::Reserved,
            LockLevel::Exclusive => *other >= LockLevel::Shared,
        };
        if held.iter().any(|(id, other)| *id != handle.id && refuses(other)) {
            return Err(vars::SQLITE_BUSY);
        }
        held.insert(handle.id, level);
        Ok(())
    }

    fn unlock(&self, handle: &mut Handle, level: LockLevel) -> VfsResult<()> {
        lock(&self.locks).entry(handle.path.clone()).or_default().insert(handle.id, level);
        Ok(())
    }

    fn check_reserved_lock(&self, handle: &mut Handle) -> VfsResult<bool> {
        let locks = lock(&self.locks);
        let held = locks.get(&handle.path);
        Ok(held.is_some_and(|held| held.values().any(|level| *level >= LockLevel::Reserved)))
    }

    fn sync(&self, handle: &mut Handle) -> VfsResult<()> {
        self.note(&handle.path, Op::Sync);
        Ok(())
    }

    fn close(&self, handle: Handle) -> VfsResult<()> {
        if let Some(held) = lock(&self.locks).get_mut(&handle.path) {
            held.remove(&handle.id);
        }
        if handle.delete_on_close && fs::remove_file(&handle.path).is_ok() {
            self.note(&handle.path, Op::Delete);
        }
        Ok(())
    }

    // SQLite's own disk for unix says the same of itself.
    fn device_characteristics(&self, _handle: &mut Handle) -> VfsResult<i32> {
        Ok(vars::SQLITE_IOCAP_POWERSAFE_OVERWRITE)
    }

    fn shm_map(
        &self,
        handle: &mut Handle,
        index: usize,
        size: usize,
        extend: bool,
    ) -> VfsResult<Option<NonNull<u8>>> {
        let mut regions = lock(&self.regions);
        let regions = regions.entry(handle.path.clone()).or_default();
        if regions.len() <= index && !extend {
            return Ok(None);
        }
        while regions.len() <= index {
            regions.push(vec![0; size.div_ceil(8)].into_boxed_slice());
        }
        Ok(NonNull::new(regions[index].as_mut_ptr().cast()))
    }

    fn shm_lock(
        &self,
        _handle: &mut Handle,
        _offset: u32,
        _count: u32,
        _mode: ShmLockMode,
    ) -> VfsResult<()> {
        Ok(())
    }

    fn shm_unmap(&self, handle: &mut Handle, delete: bool) -> VfsResult<()> {
        if delete {
            lock(&self.regions).remove(&handle.path);
        }
        Ok(())
    }
}
