//! Prefixes that were read once, kept on disk: after a restart, or when the notes change back, the
//! first decision does not read them again.
//!
//! A file a prefix, its name a hash of what it belongs to and of its tokens. Bytes, little-endian:
//! `"OUTPOSTP" | version: u32 | identity: [u8; 32] | tokens: u32 | token: i32 each |
//! state_bytes: u64 | crc32: u32 | state`. The checksum covers all other fields. The identity is
//! a hash of model, adapter, layout and build: a file of another one is left alone until room is
//! needed. A file that is cut off or damaged is removed, and written again when its prefix was
//! read; the library never sees bytes whose checksum is wrong.
//!
//! All files together have a bound; the one that was used longest ago goes first. A disk that is
//! full or may not be written is said once and costs nothing but the reading.
//!
//! What must never be here: the library, prompts as text.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest, Sha256};

use super::Token;
use super::read::alike;
use crate::{disk, limits};

const MAGIC: &[u8; 8] = b"OUTPOSTP";
const VERSION: u32 = 1;
const ENDING: &str = "prefix";
/// Bytes before the tokens, and between them and the state.
const HEAD_BYTES: usize = 8 + 4 + 32 + 4;
const MIDDLE_BYTES: usize = 8 + 4;

/// What a kept prefix belongs to: of anything else it is worthless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Identity([u8; 32]);

impl Identity {
    /// Of the checksum of the model's file, the adapter's name and the layout's. The build of this
    /// program and of the library, and the kernels in use, come in by themselves.
    #[must_use]
    pub fn new(model: &str, adapter: &str, layout: &str) -> Self {
        let kernels = crate::mind::ggml::kernels();
        let build = crate::mind::ggml::build();
        let mut digest = Sha256::new();
        for part in [model, adapter, layout, &build, &kernels, env!("CARGO_PKG_VERSION")] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
        Self(digest.finalize().into())
    }
}

/// A prefix as it comes back.
pub struct KeptPrefix {
    /// Its tokens.
    pub tokens: Vec<Token>,
    /// What the library made of them.
    pub state: Vec<u8>,
}

struct Entry {
    path: PathBuf,
    /// Empty for a file of another identity.
    tokens: Vec<Token>,
    bytes: u64,
    used: SystemTime,
}

/// The folder of kept prefixes.
pub struct PrefixStore {
    folder: PathBuf,
    identity: Identity,
    entries: Vec<Entry>,
    bytes_max: u64,
    /// Set when writing failed: it is said once, and tried at the next start.
    broken: bool,
}

impl PrefixStore {
    /// Opens a folder, which is made if it is not there. Whatever is in it, this does not fail: a
    /// store that cannot be read is empty.
    #[must_use]
    pub fn open(folder: &Path, identity: Identity) -> Self {
        Self::with_bound(folder, identity, limits::MIND_PREFIX_BYTES_MAX)
    }

    fn with_bound(folder: &Path, identity: Identity, bytes_max: u64) -> Self {
        let mut store = Self {
            folder: folder.to_owned(),
            identity,
            entries: Vec::new(),
            bytes_max,
            broken: false,
        };
        if let Err(error) = fs::create_dir_all(folder) {
            store.give_up(&error.to_string());
            return store;
        }
        let Ok(files) = fs::read_dir(folder) else { return store };
        for file in files.flatten().take(limits::MIND_PREFIX_FILES_MAX * 2) {
            let path = file.path();
            if path.extension().is_none_or(|ending| ending != ENDING) {
                continue;
            }
            match store.entry_of(&path) {
                Some(entry) => store.entries.push(entry),
                None => remove(&path),
            }
        }
        store.make_room(0);
        store
    }

    /// Reads the head of a file; `None` where it is not whole.
    fn entry_of(&self, path: &Path) -> Option<Entry> {
        let mut file = File::open(path).ok()?;
        let facts = file.metadata().ok()?;
        let used = facts.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let mut head = [0; HEAD_BYTES];
        file.read_exact(&mut head).ok()?;
        let head = Head::read(&head)?;
        let mut tokens = Vec::new();
        if head.identity == self.identity.0 {
            let mut bytes = vec![0; head.tokens * 4];
            file.read_exact(&mut bytes).ok()?;
            tokens = tokens_of(&bytes);
        }
        Some(Entry { path: path.to_owned(), tokens, bytes: facts.len(), used })
    }

    /// Whether this prefix is kept.
    #[must_use]
    pub fn has(&self, prefix: &[Token]) -> bool {
        self.broken || self.entries.iter().any(|entry| entry.tokens == prefix)
    }

    /// The prefix that has most in common with a prompt, `least` tokens at least.
    pub fn best(&mut self, prompt: &[Token], least: usize) -> Option<KeptPrefix> {
        loop {
            let common = |entry: &Entry| alike(&entry.tokens, prompt);
            let best = (0..self.entries.len()).max_by_key(|n| common(&self.entries[*n]))?;
            if common(&self.entries[best]) < least.max(1) {
                return None;
            }
            let entry = &mut self.entries[best];
            if let Some(kept) = whole(&entry.path, self.identity) {
                entry.used = SystemTime::now();
                // For the order after a restart; without it the file is only thought older.
                let touched = File::open(&entry.path).and_then(|f| f.set_modified(entry.used));
                touched.unwrap_or_else(|error| tracing::debug!(%error, "a time is not kept"));
                return Some(kept);
            }
            tracing::warn!(path = %entry.path.display(), "a damaged prefix file is removed");
            remove(&entry.path);
            self.entries.swap_remove(best);
        }
    }

    /// Keeps a prefix.
    pub fn put(&mut self, tokens: &[Token], state: &[u8]) {
        let bytes = encode(self.identity, tokens, state);
        let size = bytes.len() as u64;
        if self.broken || size > self.bytes_max {
            return;
        }
        self.make_room(size);
        let mut digest = Sha256::new();
        digest.update(&bytes[..HEAD_BYTES + tokens.len() * 4]);
        let name: String = digest.finalize()[..16].iter().map(|b| format!("{b:02x}")).collect();
        let path = self.folder.join(format!("{name}.{ENDING}"));
        if let Err(error) = disk::replace(&path, &bytes) {
            self.give_up(&format!("{error}: {}", error.source));
            return;
        }
        let tokens = tokens.to_vec();
        self.entries.push(Entry { path, tokens, bytes: size, used: SystemTime::now() });
    }

    /// Removes what was used longest ago until `bytes` more fit.
    fn make_room(&mut self, bytes: u64) {
        self.entries.sort_by_key(|entry| entry.used);
        let mut total = self.entries.iter().map(|entry| entry.bytes).sum::<u64>() + bytes;
        while !self.entries.is_empty()
            && (total > self.bytes_max || self.entries.len() >= limits::MIND_PREFIX_FILES_MAX)
        {
            let oldest = self.entries.remove(0);
            remove(&oldest.path);
            total -= oldest.bytes;
        }
    }

    fn give_up(&mut self, reason: &str) {
        let folder = self.folder.display();
        tracing::warn!(%folder, reason, "prefixes are not kept over a restart");
        self.broken = true;
    }
}

struct Head {
    identity: [u8; 32],
    tokens: usize,
}

impl Head {
    fn read(bytes: &[u8; HEAD_BYTES]) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<8>()?;
        let (version, rest) = rest.split_first_chunk::<4>()?;
        let (identity, rest) = rest.split_first_chunk::<32>()?;
        let tokens = u32::from_le_bytes(*rest.first_chunk::<4>()?);
        let right = magic == MAGIC
            && u32::from_le_bytes(*version) == VERSION
            && tokens <= limits::MIND_CONTEXT_TOKENS_MAX;
        right.then_some(Self { identity: *identity, tokens: tokens as usize })
    }
}

fn tokens_of(bytes: &[u8]) -> Vec<Token> {
    bytes.as_chunks::<4>().0.iter().map(|bytes| Token::from_le_bytes(*bytes)).collect()
}

fn encode(identity: Identity, tokens: &[Token], state: &[u8]) -> Vec<u8> {
    let length = HEAD_BYTES + tokens.len() * 4 + MIDDLE_BYTES + state.len();
    let mut bytes = Vec::with_capacity(length);
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend(identity.0);
    bytes.extend((tokens.len() as u32).to_le_bytes());
    bytes.extend(tokens.iter().flat_map(|token| token.to_le_bytes()));
    bytes.extend((state.len() as u64).to_le_bytes());
    let mut sum = crc32fast::Hasher::new();
    sum.update(&bytes);
    sum.update(state);
    bytes.extend(sum.finalize().to_le_bytes());
    bytes.extend(state);
    bytes
}

/// The whole of a file, if every byte of it is right.
fn whole(path: &Path, identity: Identity) -> Option<KeptPrefix> {
    let facts = fs::metadata(path).ok()?;
    if facts.len() > limits::MIND_PREFIX_BYTES_MAX {
        return None;
    }
    let bytes = fs::read(path).ok()?;
    let head = Head::read(bytes.first_chunk::<HEAD_BYTES>()?)?;
    if head.identity != identity.0 {
        return None;
    }
    let end = HEAD_BYTES + head.tokens * 4;
    let tokens = tokens_of(bytes.get(HEAD_BYTES..end)?);
    let (length, rest) = bytes.get(end..)?.split_first_chunk::<8>()?;
    let (crc, state) = rest.split_first_chunk::<4>()?;
    if u64::from_le_bytes(*length) != state.len() as u64 {
        return None;
    }
    let mut sum = crc32fast::Hasher::new();
    sum.update(&bytes[..end + 8]);
    sum.update(state);
    (sum.finalize() == u32::from_le_bytes(*crc))
        .then(|| KeptPrefix { tokens, state: state.to_vec() })
}

/// Best effort: a file that stays is looked at again at the next start.
fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::debug!(%error, path = %path.display(), "a prefix file stays");
    }
}

#[cfg(test)]
mod tests;
