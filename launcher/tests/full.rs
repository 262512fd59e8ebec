//! A disk that is full takes one more state: the room kept aside becomes that state, and is never
//! anybody else's on the way.

#![allow(clippy::unwrap_used, reason = "a test ends where its ground is missing")]

use std::cell::Cell;
use std::io::{self, Read};
use std::path::Path;

use outpost_launcher::disk::{Disk, RealDisk};
use outpost_launcher::manifest::sha256;
use outpost_launcher::slots::{SlotError, Slots, Wish};
use outpost_launcher::state::{Baseline, End};

/// The real file system that somebody else has filled: whatever is given back is gone.
struct Full<'a>(&'a Cell<bool>);

impl Full<'_> {
    fn room(&self) -> io::Result<()> {
        if self.0.get() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl Disk for Full<'_> {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + '_>> {
        RealDisk.open(path)
    }

    fn create(&self, path: &Path) -> io::Result<()> {
        RealDisk.create(path)
    }

    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.room()?;
        RealDisk.append(path, bytes)
    }

    fn write_over(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        if std::fs::metadata(path)?.len() < bytes.len() as u64 {
            self.room()?;
        }
        RealDisk.write_over(path, bytes)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        RealDisk.sync_file(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        RealDisk.sync_folder(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        RealDisk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        RealDisk.list(folder)
    }

    fn folder(&self, path: &Path) -> io::Result<()> {
        RealDisk.folder(path)
    }

    fn executable(&self, path: &Path) -> io::Result<()> {
        RealDisk.executable(path)
    }

    fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        RealDisk.free_bytes(folder)
    }
}

#[test]
fn a_full_disk_takes_the_last_word_on_a_trial() {
    let folder = tempfile::tempdir().unwrap();
    let is_full = Cell::new(false);
    let slots = Slots::new(folder.path().join("slots"), Full(&is_full));
    let program = b"program";
    let stage = |id: &str| {
        let manifest = serde_json::json!({"release": id, "program": "program", "files":
            [{"name": "program", "length": program.len(), "sha256": sha256(program)}]});
        let wish = Wish { baseline: Baseline::default(), again: false, architecture: "x".into() };
        let mut open = |_: &_| -> io::Result<Box<dyn Read>> { Ok(Box::new(&program[..])) };
        slots.stage(manifest.to_string().as_bytes(), &mut open, &wish)
    };
    let id = |text: &str| text.parse().unwrap();
    stage("1").unwrap();
    is_full.set(true);
    slots.undo(&id("1"), "it fills the disk").unwrap();
    let last = slots.state().unwrap().last.unwrap();
    assert_eq!((last.end, last.reason.as_str()), (End::Undone, "it fills the disk"));
    // Nothing is left for another word: the state stays what it is.
    let before = slots.state().unwrap();
    assert!(matches!(stage("2"), Err(SlotError::Disk { .. })));
    assert_eq!(slots.state().unwrap(), before);
    // With room again there is a reserve again.
    is_full.set(false);
    for number in ["3", "4"] {
        stage(number).unwrap();
        is_full.set(true);
        slots.undo(&id(number), "full again").unwrap();
        is_full.set(false);
    }
}
