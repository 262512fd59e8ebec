//! What we remember about a model file, so that its checksum is not computed at every start.
//!
//! Beside `model.gguf` stands `model.gguf.sha256`, which `sha256sum -c` reads as well:
//!
//! ```text
//! # outpost 1 bytes=91734016 modified_ns=1767225600000000000
//! 0f3c…  model.gguf
//! ```
//!
//! The first line says for which state of the file the sum was computed. While size and time of
//! modification are the same, the sum is believed; otherwise it is computed again.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

use crate::{disk, limits};

const VERSION: &str = "# outpost 1";

/// The recorded sum of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamp {
    /// 64 hexadecimal digits, lower case.
    pub sha256: String,
    /// Whether the file is in the state for which the sum was computed.
    pub fresh: bool,
}

/// Where the stamp of `file` is.
fn stamp_path(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".sha256");
    file.with_file_name(name)
}

/// Nanoseconds since 1970 at which the file changed; 0 where the system does not say.
fn modified_ns(facts: &Metadata) -> u128 {
    let modified = facts.modified().ok();
    modified.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map_or(0, |age| age.as_nanos())
}

fn first_line(facts: &Metadata) -> String {
    format!("{VERSION} bytes={} modified_ns={}", facts.len(), modified_ns(facts))
}

/// Whether this is a SHA-256 in the form that we write.
pub fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// The stamp of a file; `None` where there is none, or none that can be read.
pub fn read(file: &Path, facts: &Metadata) -> Option<Stamp> {
    let text = std::fs::read_to_string(stamp_path(file)).ok()?;
    let mut lines = text.lines();
    let head = lines.next()?;
    let (sha256, _) = lines.next()?.split_once("  ")?;
    (head.starts_with(VERSION) && is_sha256(sha256))
        .then(|| Stamp { sha256: sha256.into(), fresh: head == first_line(facts) })
}

/// Records the sum of a file in its present state.
///
/// # Errors
/// The stamp could not be written.
pub fn write(file: &Path, facts: &Metadata, sha256: &str) -> Result<(), disk::DiskError> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    disk::replace(
        &stamp_path(file),
        format!("{}\n{sha256}  {name}\n", first_line(facts)).as_bytes(),
    )
}

/// Removes a stamp; it is no error if there is none.
pub fn remove(file: &Path) {
    drop(std::fs::remove_file(stamp_path(file)));
}

/// The sum of a whole file. `progress` gets the bytes read so far.
///
/// # Errors
/// The file cannot be opened or read.
pub fn sha256_of(file: &Path, mut progress: impl FnMut(u64)) -> io::Result<String> {
    let mut input = File::open(file)?;
    let mut hash = Sha256::new();
    let mut chunk = vec![0; limits::FILE_CHUNK_BYTES];
    let mut done = 0;
    loop {
        let count = input.read(&mut chunk)?;
        if count == 0 {
            break;
        }
        hash.update(&chunk[..count]);
        done += count as u64;
        progress(done);
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_fresh_until_the_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.gguf");
        disk::replace(&file, b"abc").unwrap();
        let facts = file.metadata().unwrap();
        assert_eq!(read(&file, &facts), None);
        let sum = sha256_of(&file, |_| ()).unwrap();
        assert_eq!(sum, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        write(&file, &facts, &sum).unwrap();
        assert_eq!(read(&file, &facts), Some(Stamp { sha256: sum.clone(), fresh: true }));
        disk::replace(&file, b"abcd").unwrap();
        let changed = file.metadata().unwrap();
        assert_eq!(read(&file, &changed), Some(Stamp { sha256: sum, fresh: false }));
        remove(&file);
        assert_eq!(read(&file, &changed), None);
    }

    #[test]
    fn a_damaged_stamp_is_no_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.gguf");
        disk::replace(&file, b"abc").unwrap();
        let facts = file.metadata().unwrap();
        for text in ["", "x", "# outpost 1 bytes=3\nshort  model.gguf\n", "# outpost 9\n\n"] {
            disk::replace(&stamp_path(&file), text.as_bytes()).unwrap();
            assert_eq!(read(&file, &facts), None, "{text:?}");
        }
    }
}
