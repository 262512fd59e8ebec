//! A board's configuration, the small files that it names, and what it remembers, in a folder to be
//! carried away; and from there onto a new board.
//!
//! The agent may run meanwhile. Secrets stay on the board where nobody asks for them. A backup is
//! whole or not there. Before anything of it is put in place, all of it is verified and all places
//! are looked at.
//! What must never be here: a file that a restored configuration does not name, and one that takes
//! the place of another content.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use outpost_launcher::limits::COPY_BYTES;
use outpost_launcher::manifest::{hex, sha256};
use rusqlite::{Connection, OpenFlags};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::disk::{self, DiskError};
use crate::journal::DATABASE;
use crate::limits::{
    BACKUP_FILE_BYTES_MAX, BACKUP_FILES_MAX, BACKUP_JOURNAL_BYTES_MAX, JOURNAL_BUSY_MS,
    RESTORE_SEQ_AHEAD,
};
use crate::support::is_secret_file;

/// What the backup is, in its folder.
const MANIFEST: &str = "backup.json";
/// The configuration in it.
const CONFIG: &str = "outpost.toml";
/// The journal's files in it.
const JOURNAL: &str = "journal";
/// Which sequences may have been used.
const SEQUENCES: &str = "journal.seq";
/// Small files of the journal's folder that are copied as they are.
const SMALL: [&str; 2] = [SEQUENCES, "mind.json"];
/// The form of what we write.
const VERSION: u32 = 1;

/// Why there is no backup, or it is not restored.
#[derive(Debug, Error)]
pub enum BackupError {
    /// A file or folder cannot be used.
    #[error("cannot {action} {}", path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// A database of the journal cannot be copied.
    #[error("cannot copy {}", path.display())]
    Journal {
        /// Which.
        path: PathBuf,
        /// Why.
        source: rusqlite::Error,
    },
    /// It is there already, and is not overwritten.
    #[error("{} is there already; it is not overwritten", .0.display())]
    Exists(PathBuf),
    /// Files that the configuration names are there, and are others.
    #[error("{}: there already, with another content; nothing was put in place", list(.0))]
    Others(Vec<PathBuf>),
    /// The configuration is no TOML, or does not say what is needed.
    #[error("{}: {what}", path.display())]
    Config {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// It is none of ours, or not whole.
    #[error("the backup in {}: {what}", path.display())]
    Backup {
        /// Where.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

fn list(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    paths.join(", ")
}

fn fault(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> BackupError {
    let path = path.to_path_buf();
    move |source| BackupError::File { action, path, source }
}

impl From<DiskError> for BackupError {
    fn from(error: DiskError) -> BackupError {
        BackupError::File { action: error.action, path: error.path, source: error.source }
    }
}

/// A file of a backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Its name in the backup's folder.
    pub file: String,
    /// Where it was, for what the configuration names.
    pub from: Option<PathBuf>,
    /// Its length.
    pub bytes: u64,
    /// Its content.
    pub sha256: String,
    /// Only its owner may read it.
    pub secret: bool,
}

/// What a backup is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The form.
    pub version: u32,
    /// Whose it is.
    pub device: String,
    /// When it was made, in seconds since 1970.
    pub made_unix_s: i64,
    /// The program that made it.
    pub program: String,
    /// With all records, not only what a start must know.
    pub has_records: bool,
    /// What is in it.
    pub files: Vec<Kept>,
    /// What the configuration names and is not in it: secrets that stay, files that are not there.
    pub absent: Vec<PathBuf>,
}

/// What is wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted {
    /// All records of the journal too.
    pub records: bool,
    /// Keys, passwords and tokens too: whoever has the backup is the board then.
    pub secrets: bool,
}

/// Makes a backup in a new folder.
///
/// # Errors
/// Where the folder is there, the configuration cannot be read, or a file cannot be copied.
pub fn make(config: &Path, to: &Path, wanted: Wanted) -> Result<Manifest, BackupError> {
    if to.exists() {
        return Err(BackupError::Exists(to.to_path_buf()));
    }
    let (bytes, written) = read_config(config)?;
    let mut part = to.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    if part.exists() {
        fs::remove_dir_all(&part).map_err(fault("remove", &part))?;
    }
    for folder in [part.clone(), part.join(JOURNAL)] {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(fault("create the folder", &folder))?;
    }
    let mut manifest = Manifest {
        version: VERSION,
        device: text_at(&written, "/device/name").unwrap_or_default(),
        made_unix_s: jiff::Timestamp::now().as_second(),
        program: env!("CARGO_PKG_VERSION").to_owned(),
        has_records: wanted.records,
        files: Vec::new(),
        absent: Vec::new(),
    };
    manifest.put(&part, CONFIG.to_owned(), None, &bytes, false)?;
    for (path, secret) in named(&written) {
        let there = read_small(&path);
        match there {
            Ok(bytes) if wanted.secrets || !secret => {
                let file = format!("file-{}", manifest.files.len());
                manifest.put(&part, file, Some(path), &bytes, secret)?;
            }
            _ => manifest.absent.push(path),
        }
    }
    manifest.put_journal(&part, &journal_of(config, &written)?, wanted.records)?;
    let text = serde_json::to_vec_pretty(&manifest)
        .map_err(|error| BackupError::Backup { path: to.to_path_buf(), what: error.to_string() })?;
    disk::replace(&part.join(MANIFEST), &text)?;
    disk::sync_folder(&part.join(JOURNAL))?;
    disk::publish(&part, to)?;
    Ok(manifest)
}

impl Manifest {
    fn put(
        &mut self,
        folder: &Path,
        file: String,
        from: Option<PathBuf>,
        bytes: &[u8],
        secret: bool,
    ) -> Result<(), BackupError> {
        disk::replace_private(&folder.join(&file), bytes)?;
        let (length, sha256) = (bytes.len() as u64, sha256(bytes));
        self.files.push(Kept { file, from, bytes: length, sha256, secret });
        Ok(())
    }

    /// The audit database first: the chain may be ahead of it, as after a crash, and never behind.
    fn put_journal(
        &mut self,
        folder: &Path,
        journal: &Path,
        records: bool,
    ) -> Result<(), BackupError> {
        let mut names = vec![DATABASE.to_owned()];
        if records {
            names.extend(chain(journal)?);
        }
        names.retain(|name| journal.join(name).exists());
        // What `restore` would refuse is not made.
        let count = self.files.len() + names.len() + SMALL.len();
        if count > BACKUP_FILES_MAX {
            return Err(BackupError::Backup { path: folder.into(), what: too_many(count) });
        }
        for name in names {
            let (from, to) = (journal.join(&name), folder.join(JOURNAL).join(&name));
            copy_database(&from, &to)?;
            let read = pour(&to, BACKUP_JOURNAL_BYTES_MAX, io::sink());
            let (bytes, sha256) = read.map_err(fault("read", &to))?;
            let file = format!("{JOURNAL}/{name}");
            self.files.push(Kept { file, from: None, bytes, sha256, secret: false });
        }
        for name in SMALL {
            if let Ok(bytes) = read_small(&journal.join(name)) {
                self.put(folder, format!("{JOURNAL}/{name}"), None, &bytes, false)?;
            }
        }
        Ok(())
    }
}

/// Puts a backup in place: its journal first, the configuration last. Nothing is written before all
/// of it is verified, and no file with another content loses its place.
///
/// # Errors
/// Where it is not whole, there is a journal or a configuration already, or another file in the
/// place of one of its own, or the disk refuses.
pub fn restore(from: &Path, config: &Path) -> Result<Manifest, BackupError> {
    let wrong = |what: String| BackupError::Backup { path: from.to_path_buf(), what };
    let bytes = read_small(&from.join(MANIFEST))?;
    let manifest: Manifest =
        serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
    if manifest.version != VERSION {
        return Err(wrong(format!("version {}; this program reads {VERSION}", manifest.version)));
    }
    if manifest.files.len() > BACKUP_FILES_MAX {
        return Err(wrong(too_many(manifest.files.len())));
    }
    for kept in &manifest.files {
        let path = path_of(from, kept)?;
        let read = pour(&path, bytes_max(kept), io::sink());
        if read.map_err(fault("read", &path))?.1 != kept.sha256 {
            return Err(wrong(format!("{} is not what was saved", kept.file)));
        }
    }
    let (bytes, written) = read_config(&from.join(CONFIG))?;
    let journal = journal_of(&from.join(CONFIG), &written)?;
    for there in [config.to_path_buf(), journal.join(DATABASE), journal.join(SEQUENCES)] {
        if there.exists() {
            return Err(BackupError::Exists(there));
        }
    }
    let places = places(&manifest, &journal, &named(&written)).map_err(wrong)?;
    let (mut open, mut others) = (Vec::new(), Vec::new());
    let mut seen = BTreeSet::from([config]);
    for (kept, to) in &places {
        if !seen.insert(to) {
            return Err(wrong(format!("two files for {}", to.display())));
        }
        if !to.exists() {
            open.push((kept, to));
        } else if !is_what_is_kept(to, kept)? {
            others.push(to.clone());
        }
    }
    if !others.is_empty() {
        return Err(BackupError::Others(others));
    }
    disk::folder(&journal)?;
    for (kept, to) in open {
        if let Some(folder) = to.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            disk::folder(folder)?;
        }
        let path = path_of(from, kept)?;
        disk::replace_by(to, kept.secret, |file| {
            let (_, sha256) = pour(&path, bytes_max(kept), file)?;
            let changed = || io::Error::other(format!("{} has changed", path.display()));
            if sha256 == kept.sha256 { Ok(()) } else { Err(changed()) }
        })?;
    }
    if manifest.files.iter().any(|kept| kept.file.starts_with(JOURNAL)) {
        pass_over(&journal)?;
    }
    disk::replace(config, &bytes)?;
    Ok(manifest)
}

/// Where each file goes, the configuration excepted; what is wrong where it is nowhere.
fn places<'a>(
    manifest: &'a Manifest,
    journal: &Path,
    named: &[(PathBuf, bool)],
) -> Result<Vec<(&'a Kept, PathBuf)>, String> {
    let mut places = Vec::new();
    for kept in &manifest.files {
        let name = kept.file.strip_prefix(JOURNAL).and_then(|name| name.strip_prefix('/'));
        let to = match (&kept.from, name) {
            (None, Some(name)) => journal.join(name),
            (Some(path), None) if named.iter().any(|(it, _)| it == path) => path.clone(),
            (None, None) if kept.file == CONFIG => continue,
            _ => return Err(format!("{} is nothing that its configuration names", kept.file)),
        };
        places.push((kept, to));
    }
    Ok(places)
}

/// Whether a file that is there has the content of one that was saved.
fn is_what_is_kept(there: &Path, kept: &Kept) -> Result<bool, BackupError> {
    let length = fs::metadata(there).map_err(fault("read", there))?.len();
    if length != kept.bytes {
        return Ok(false);
    }
    let read = pour(there, bytes_max(kept), io::sink());
    Ok(read.map_err(fault("read", there))?.1 == kept.sha256)
}

fn too_many(count: usize) -> String {
    format!("{count} files; at most {BACKUP_FILES_MAX}")
}

/// Has the journal go on above what the old board may have used since: a destination of that name
/// has got so far, as far as a start can see. The start names the range.
fn pass_over(journal: &Path) -> Result<(), BackupError> {
    let path = journal.join(SEQUENCES);
    let text = fs::read_to_string(&path).unwrap_or_default();
    let used: u64 = text.trim().parse().unwrap_or(0);
    let next = used.saturating_add(RESTORE_SEQ_AHEAD);
    disk::replace(&path, format!("{next}\n").as_bytes())?;
    let path = journal.join(DATABASE);
    if !path.exists() {
        return Ok(());
    }
    let failed = |source| BackupError::Journal { path: path.clone(), source };
    let connection = Connection::open(&path).map_err(failed)?;
    connection
        .execute(
            "INSERT OR REPLACE INTO cursor (name, seq) VALUES ('restored', ?1)",
            [next.cast_signed()],
        )
        .map_err(failed)?;
    connection.close().map_err(|(_, source)| failed(source))?;
    File::open(&path).and_then(|file| file.sync_all()).map_err(fault("sync", &path))
}

/// Copies a database that somebody may be writing, as it is at one moment.
fn copy_database(from: &Path, to: &Path) -> Result<(), BackupError> {
    let failed = |source| BackupError::Journal { path: from.to_path_buf(), source };
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(from, flags).map_err(failed)?;
    connection.busy_timeout(Duration::from_millis(JOURNAL_BUSY_MS)).map_err(failed)?;
    let name = to.to_string_lossy().into_owned();
    connection.execute("VACUUM INTO ?1", [name]).map_err(failed)?;
    File::open(to).and_then(|file| file.sync_all()).map_err(fault("sync", to))
}

/// The files of the chain, oldest first.
fn chain(journal: &Path) -> Result<Vec<String>, BackupError> {
    let mut names = Vec::new();
    let entries = fs::read_dir(journal).map_err(fault("list", journal))?;
    for entry in entries {
        let name = entry.map_err(fault("list", journal))?.file_name();
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("blocks-") && name.ends_with(".sqlite") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn read_config(path: &Path) -> Result<(Vec<u8>, Json), BackupError> {
    let bytes = read_small(path)?;
    let wrong = |what: &str| BackupError::Config { path: path.to_path_buf(), what: what.into() };
    let text = std::str::from_utf8(&bytes).map_err(|_| wrong("no UTF-8"))?;
    // An error would show a line of it.
    let written = toml::from_str(text).map_err(|_| wrong("no TOML; see `outpost check`"))?;
    Ok((bytes, written))
}

fn text_at(written: &Json, pointer: &str) -> Option<String> {
    written.pointer(pointer)?.as_str().map(str::to_owned)
}

/// Where the configuration has its journal.
fn journal_of(config: &Path, written: &Json) -> Result<PathBuf, BackupError> {
    let path = text_at(written, "/journal/path");
    let default = || crate::config::load(config, crate::config::Strictness::Run).ok();
    let path = path.map(PathBuf::from).or_else(|| Some(default()?.0.journal.path));
    let what = "no [journal] path, and it is not right otherwise; see `outpost check`";
    path.ok_or_else(|| BackupError::Config { path: config.to_path_buf(), what: what.into() })
}

/// Small files that a configuration names, and whether they are secrets. Each once.
fn named(written: &Json) -> Vec<(PathBuf, bool)> {
    let mut all = Vec::new();
    look("", written, &mut all);
    all
}

fn look(key: &str, value: &Json, all: &mut Vec<(PathBuf, bool)>) {
    match value {
        Json::Object(table) => table.iter().for_each(|(key, value)| look(key, value, all)),
        Json::Array(list) => list.iter().for_each(|value| look(key, value, all)),
        Json::String(path) if key.ends_with("_file") || key == "root" => {
            // A certificate belongs to its key.
            let secret = is_secret_file(key) || key == "cert_file";
            let path = PathBuf::from(path);
            if all.iter().all(|(known, _)| *known != path) {
                all.push((path, secret));
            }
        }
        _ => {}
    }
}

fn read_small(path: &Path) -> Result<Vec<u8>, BackupError> {
    let mut bytes = Vec::new();
    pour(path, BACKUP_FILE_BYTES_MAX, &mut bytes).map_err(fault("read", path))?;
    Ok(bytes)
}

/// A file of a backup.
fn path_of(from: &Path, kept: &Kept) -> Result<PathBuf, BackupError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '/');
    if !kept.file.chars().all(plain) || kept.file.starts_with('/') || kept.file.contains("..") {
        let what = format!("{:?} is no name", kept.file);
        return Err(BackupError::Backup { path: from.to_path_buf(), what });
    }
    Ok(from.join(&kept.file))
}

fn bytes_max(kept: &Kept) -> u64 {
    let is_journal = kept.file.starts_with(JOURNAL);
    if is_journal { BACKUP_JOURNAL_BYTES_MAX } else { BACKUP_FILE_BYTES_MAX }
}

/// Brings a file's content to where it is wanted, a piece at a time; its length and SHA-256.
fn pour(from: &Path, bytes_max: u64, mut to: impl Write) -> io::Result<(u64, String)> {
    let mut file = File::open(from)?;
    let (mut length, mut digest, mut buffer) = (0_u64, Sha256::new(), vec![0; COPY_BYTES]);
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok((length, hex(&digest.finalize())));
        }
        length += read as u64;
        if length > bytes_max {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        digest.update(&buffer[..read]);
        to.write_all(&buffer[..read])?;
    }
}

#[cfg(test)]
mod tests;
