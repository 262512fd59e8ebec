//! Merged copies that nobody asked for by name: made when a model is loaded with an adapter, and
//! kept for the next time.
//!
//! A file a pair, its name the checksums of both and the number of the way they are merged, in a
//! folder of their own. A copy's own checksum stands beside it and is computed again at each use: a
//! copy that is damaged is made anew. All together have a bound, and a card keeps room for what
//! matters more; the copy that was used longest ago goes first. What must never be here: the
//! catalogue, what to do where there is no copy.

use std::fs::{self, File, FileTimes};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{MergeError, settle, write};
use crate::causes::chain;
use crate::mind::adapters::AdapterFile;
use crate::mind::gguf;
use crate::mind::pull::{self, Report, Silent};
use crate::mind::stamp;
use crate::{disk, limits};

/// Changes whenever the bytes of a copy do.
const WAY: u32 = 1;
const ENDING: &str = "gguf";

/// A copy that can be loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cached {
    /// Its file.
    pub path: PathBuf,
    /// Its SHA-256, computed just now.
    pub sha256: String,
    /// Whether it was there already.
    pub was_here: bool,
}

/// How much room the copies may take.
#[derive(Debug, Clone, Copy)]
struct Room {
    /// Bytes of all of them.
    bytes_max: u64,
    /// Bytes that stay free on the disk.
    free_min: u64,
}

const ROOM: Room =
    Room { bytes_max: limits::MIND_MERGED_BYTES_MAX, free_min: limits::MIND_MERGED_FREE_BYTES_MIN };

/// The copy of a model, whose checksum is known, with an adapter that fits it.
///
/// # Errors
/// Where there is none and none can be made: [`MergeError::Room`], [`MergeError::Activated`], a
/// disk that cannot be written.
pub fn of(
    folder: &Path,
    model: &Path,
    model_sha256: &str,
    adapter: &AdapterFile,
    report: &mut dyn Report,
) -> Result<Cached, MergeError> {
    within(ROOM, folder, model, model_sha256, adapter, report)
}

/// The same for who goes on without a copy where there is none, which is said then. The checksum
/// of a model whose file did not change since it was recorded is not computed again: it is the
/// copy that is read.
#[must_use]
pub fn of_file(folder: &Path, model: &Path, adapter: &AdapterFile) -> Option<Cached> {
    if adapter.facts.activated {
        return None;
    }
    let copy = recorded_sum(model)
        .map_err(|source| MergeError::Io { path: model.into(), source })
        .and_then(|sha256| of(folder, model, &sha256, adapter, &mut Silent));
    copy.inspect_err(|error| {
        let (error, adapter) = (chain(error), adapter.path.display());
        tracing::warn!(%error, %adapter, "the adapter is not merged but put on, which is slower");
    })
    .ok()
}

/// The checksum of a file: the recorded one where the file is still the same.
///
/// # Errors
/// It cannot be read.
pub fn recorded_sum(file: &Path) -> io::Result<String> {
    let recorded = stamp::read(file, &file.metadata()?).filter(|stamp| stamp.fresh);
    recorded.map_or_else(|| stamp::sha256_of(file, |_| ()), |stamp| Ok(stamp.sha256))
}

fn within(
    room: Room,
    folder: &Path,
    model: &Path,
    model_sha256: &str,
    adapter: &AdapterFile,
    report: &mut dyn Report,
) -> Result<Cached, MergeError> {
    if adapter.facts.activated {
        return Err(MergeError::Activated { path: adapter.path.clone() });
    }
    let path = folder.join(format!("{model_sha256}-{}.{WAY}.{ENDING}", adapter.sha256));
    disk::folder(folder)?;
    // One at a time: whoever comes second finds the copy of the first.
    let _lock = pull::lock(folder, report)?;
    if let Some(sha256) = sound(&path) {
        return Ok(Cached { path, sha256, was_here: true });
    }
    remove(&path);
    let bytes = model.metadata().map_err(|source| MergeError::Io { path: model.into(), source })?;
    make_room(room, folder, bytes.len())?;
    let made = folder.join("copy.tmp");
    let merged = write(model, &adapter.path, &made, report)
        .and_then(|sums| settle(&made, &path, sums))
        .inspect_err(|_| drop(fs::remove_file(&made)))?;
    Ok(Cached { path, sha256: merged.sha256, was_here: false })
}

/// The checksum of a copy that is whole. That it is used now is written down.
fn sound(path: &Path) -> Option<String> {
    let recorded = stamp::read(path, &path.metadata().ok()?)?;
    gguf::check(path).ok()?;
    let found = stamp::sha256_of(path, |_| ()).ok()?;
    if found != recorded.sha256 {
        return None;
    }
    let now = FileTimes::new().set_accessed(SystemTime::now());
    let told = File::open(path).and_then(|file| file.set_times(now));
    // It may then go a little early.
    told.unwrap_or_default();
    Some(found)
}

fn remove(path: &Path) {
    stamp::remove(path);
    // What is not there need not go.
    drop(fs::remove_file(path));
}

/// Removes copies until there is room for so many bytes more.
fn make_room(room: Room, folder: &Path, bytes: u64) -> Result<(), MergeError> {
    let io = |source| MergeError::Io { path: folder.into(), source };
    // Left behind by a process that ended halfway.
    drop(fs::remove_file(folder.join("copy.tmp")));
    let mut copies: Vec<(SystemTime, u64, PathBuf)> = Vec::new();
    for entry in fs::read_dir(folder).map_err(io)?.flatten() {
        let (path, Ok(facts)) = (entry.path(), entry.metadata()) else { continue };
        if path.extension().is_some_and(|ending| ending == ENDING) {
            let used = facts.accessed().or_else(|_| facts.modified());
            copies.push((used.unwrap_or(SystemTime::UNIX_EPOCH), facts.len(), path));
        }
    }
    copies.sort();
    let Room { bytes_max, free_min } = room;
    let mut taken: u64 = copies.iter().map(|(_, bytes, _)| *bytes).sum();
    let space = rustix::fs::statvfs(folder).map_err(|error| io(error.into()))?;
    let mut free = space.f_bavail.saturating_mul(space.f_frsize);
    let wanted = bytes.saturating_add(free_min);
    // Where all of them together are not enough, none goes.
    if bytes > bytes_max || free.saturating_add(taken) < wanted {
        return Err(MergeError::Room { bytes, free, bytes_max, free_min });
    }
    for (_, theirs, oldest) in copies {
        if taken.saturating_add(bytes) <= bytes_max && free >= wanted {
            break;
        }
        remove(&oldest);
        (taken, free) = (taken - theirs, free.saturating_add(theirs));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mind::adapters;
    use crate::mind::catalog::Catalog;
    use crate::mind::gguf::tests::{Writer, array, float, text};

    /// A model, its adapters and the folder of their copies.
    struct Place {
        folder: tempfile::TempDir,
        room: Room,
    }

    impl Place {
        fn new() -> Self {
            let place = Self { folder: tempfile::tempdir().unwrap(), room: ROOM };
            disk::replace(&place.model(), &Writer::small().bytes()).unwrap();
            place
        }

        fn model(&self) -> PathBuf {
            self.folder.path().join("model.gguf")
        }

        fn copies(&self) -> PathBuf {
            self.folder.path().join("merged")
        }

        /// An adapter with this as its strength, so that each is a file of its own.
        fn adapter(&self, alpha: f32, invoked: bool) -> AdapterFile {
            let name = "blk.0.attn_q.weight";
            let mut writer = Writer { keys: Vec::new(), tensors: Vec::new(), missing_bytes: 0 }
                .with("general.type", text("adapter"))
                .with("adapter.type", text("lora"))
                .with("general.architecture", text("llama"))
                .with("adapter.lora.alpha", float(alpha))
                .tensor(&format!("{name}.lora_a"), &[64, 4], 0, None)
                .tensor(&format!("{name}.lora_b"), &[4, 64], 0, None);
            if invoked {
                let tokens = array(4, 1, &[1, 0, 0, 0]);
                writer = writer.with("adapter.alora.invocation_tokens", tokens);
            }
            let path = self.folder.path().join(format!("{alpha}.gguf"));
            disk::replace(&path, &writer.bytes()).unwrap();
            adapters::check(Catalog::embedded(), &path, &self.model()).unwrap()
        }

        fn copy(&self, adapter: &AdapterFile) -> Result<Cached, MergeError> {
            let (folder, model) = (self.copies(), self.model());
            let sha256 = stamp::sha256_of(&model, |_| ()).unwrap();
            within(self.room, &folder, &model, &sha256, adapter, &mut Silent)
        }

        /// Files of models in the folder of copies, and whatever was not finished.
        fn files(&self) -> usize {
            let names = fs::read_dir(self.copies()).unwrap().map(|file| file.unwrap().file_name());
            let names = names.map(|name| name.to_string_lossy().into_owned());
            names.filter(|name| name.ends_with(".gguf") || name.ends_with(".tmp")).count()
        }
    }

    #[test]
    fn a_copy_is_made_once_and_anew_when_it_is_damaged() {
        let place = Place::new();
        let adapter = place.adapter(8.0, false);
        let first = place.copy(&adapter).unwrap();
        assert!(!first.was_here);
        let name = first.path.file_name().unwrap().to_string_lossy().into_owned();
        assert!(name.contains(&adapter.sha256), "{name}");
        assert_eq!(place.copy(&adapter).unwrap(), Cached { was_here: true, ..first.clone() });

        let whole = fs::read(&first.path).unwrap();
        let mut bytes = whole.clone();
        *bytes.last_mut().unwrap() ^= 1;
        let cut = whole[..whole.len() - 64].to_vec();
        for damaged in [bytes, cut, Vec::new()] {
            disk::replace(&first.path, &damaged).unwrap();
            assert_eq!(place.copy(&adapter).unwrap(), first);
            assert_eq!(fs::read(&first.path).unwrap(), whole);
        }
        stamp::remove(&first.path);
        assert!(!place.copy(&adapter).unwrap().was_here, "nobody knows whether it is whole");
        assert_eq!(place.files(), 1);
    }

    #[test]
    fn the_copy_that_was_used_longest_ago_makes_room_and_without_any_there_is_none() {
        let mut place = Place::new();
        let bytes = place.model().metadata().unwrap().len();
        place.room = Room { bytes_max: 2 * bytes, free_min: 0 };
        let adapters = [1.0, 2.0, 3.0].map(|alpha| place.adapter(alpha, false));
        let paths = adapters.each_ref().map(|adapter| place.copy(adapter).unwrap().path);
        assert!(!paths[0].exists() && paths[1].exists() && paths[2].exists());
        assert!(place.copy(&adapters[1]).unwrap().was_here, "and so it was used last");
        place.copy(&adapters[0]).unwrap();
        assert!(paths[0].exists() && paths[1].exists() && !paths[2].exists());

        let left = paths[0].with_file_name("copy.tmp");
        disk::replace(&left, b"of a process that was killed").unwrap();
        for (room, what) in [
            (Room { bytes_max: bytes - 1, free_min: 0 }, "allowed"),
            (Room { bytes_max: 2 * bytes, free_min: u64::MAX }, "free"),
        ] {
            place.room = room;
            let error = place.copy(&adapters[2]).unwrap_err();
            let text = error.to_string();
            assert!(matches!(error, MergeError::Room { .. }) && text.contains(what), "{text}");
            assert!(!left.exists() && !paths[2].exists());
            assert!(paths[0].exists() && paths[1].exists(), "none went for nothing");
        }
    }

    #[test]
    fn an_activated_adapter_has_no_copy() {
        let place = Place::new();
        let error = place.copy(&place.adapter(8.0, true)).unwrap_err();
        assert!(matches!(error, MergeError::Activated { .. }), "{error}");
        assert!(!place.copies().exists());
    }
}
