//! The seam to plain files: what slots and their state need of a file system, one call for each
//! step that a power cut can fall behind. The real one is here; a simulated one in `tests/cuts`.
//!
//! What must never be here: a call that does two of these steps.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A file system. What is not synced may be lost, torn or reordered by a power cut.
pub trait Disk {
    /// Opens a file to be read from its beginning.
    ///
    /// # Errors
    /// As the system says it.
    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + '_>>;
    /// Makes an empty file, or empties the one that is there.
    ///
    /// # Errors
    /// As the system says it.
    fn create(&self, path: &Path) -> io::Result<()>;
    /// Writes at the end of a file.
    ///
    /// # Errors
    /// As the system says it; a part of `bytes` may be written then.
    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Writes over the beginning of a file that is there and cuts off what comes after: room that
    /// the file has is used, and none is asked for.
    ///
    /// # Errors
    /// As the system says it; a part of `bytes` may be written then.
    fn write_over(&self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Makes the content of a file outlive a power cut; not its name.
    ///
    /// # Errors
    /// As the system says it.
    fn sync_file(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder outlive a power cut.
    ///
    /// # Errors
    /// As the system says it.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
    /// Gives a file another name in one step; what had that name is gone.
    ///
    /// # Errors
    /// As the system says it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// As the system says it.
    fn remove(&self, path: &Path) -> io::Result<()>;
    /// The names in a folder.
    ///
    /// # Errors
    /// As the system says it.
    fn list(&self, folder: &Path) -> io::Result<Vec<String>>;
    /// Makes a folder, if there is none.
    ///
    /// # Errors
    /// As the system says it.
    fn folder(&self, path: &Path) -> io::Result<()>;
    /// Lets a file be run as a program.
    ///
    /// # Errors
    /// As the system says it.
    fn executable(&self, path: &Path) -> io::Result<()>;
    /// Bytes that we may still write into this folder.
    ///
    /// # Errors
    /// As the system says it.
    fn free_bytes(&self, folder: &Path) -> io::Result<u64>;

    /// A whole file of at most `most` bytes.
    ///
    /// # Errors
    /// As the system says it, or where the file is longer.
    fn read(&self, path: &Path, most: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open(path)?.take(most + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > most {
            let text = format!("longer than the {most} bytes that are allowed");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
        }
        Ok(bytes)
    }
}

/// The system's own file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn open(&self, path: &Path) -> io::Result<Box<dyn Read + '_>> {
        Ok(Box::new(File::open(path)?))
    }

    fn create(&self, path: &Path) -> io::Result<()> {
        OpenOptions::new().create(true).write(true).truncate(true).open(path).map(drop)
    }

    fn append(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        OpenOptions::new().append(true).open(path)?.write_all(bytes)
    }

    fn write_over(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).open(path)?;
        file.write_all(bytes)?;
        file.set_len(bytes.len() as u64)
    }

    fn sync_file(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }

    #[expect(clippy::disallowed_methods, reason = "the caller syncs the file and its folder")]
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        std::fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        std::fs::remove_file(path)
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<String>> {
        let names = std::fs::read_dir(folder)?;
        names.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn folder(&self, path: &Path) -> io::Result<()> {
        std::fs::create_dir_all(path)
    }

    fn executable(&self, path: &Path) -> io::Result<()> {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
    }

    fn free_bytes(&self, folder: &Path) -> io::Result<u64> {
        let facts = rustix::fs::statvfs(folder)?;
        Ok(facts.f_bavail.saturating_mul(facts.f_frsize))
    }
}
