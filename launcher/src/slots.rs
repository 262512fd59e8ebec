//! The state machine over two slots. Each change of the state is written beside the state file,
//! synced, renamed over it, and the folder is synced; a slot is filled, read back and synced before
//! the state names it. So a power cut finds the board before a step or after it, never within.
//!
//! What must never be here: a decision about what is genuine or healthy. Callers decide.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::disk::Disk;
use crate::limits;
use crate::manifest::{self, Manifest, ManifestError, Name, Part};
use crate::state::{Baseline, Slot, State, Taken, Trial};

/// The state file's name.
const STATE: &str = "state.json";
/// What it is written as before it has its name.
const STATE_NEW: &str = "state.json.new";
/// Room kept for the state on a disk that is full.
const RESERVE: &str = "reserve";

/// Why a step was not taken. The state is what it was before.
#[derive(Debug, Error)]
pub enum SlotError {
    /// The file system refused.
    #[error("cannot {action} {}", path.display())]
    Disk {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// The state file is no state.
    #[error("{} is damaged", path.display())]
    State {
        /// The file.
        path: PathBuf,
        /// Where.
        source: serde_json::Error,
    },
    /// The release's manifest is wrong.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A file is not what the manifest says.
    #[error("{name}: {found}; release.json says {wanted}")]
    Differs {
        /// The file's name in the release.
        name: String,
        /// What it is.
        found: String,
        /// What it should be.
        wanted: String,
    },
    /// This board has undone that release before.
    #[error("release {release} was undone on this board: {reason}")]
    Refused {
        /// Its id.
        release: Name,
        /// Why it was undone.
        reason: String,
    },
    /// The release is for other processors.
    #[error("release {release} is for {wanted}; this board is {found}")]
    OtherBoard {
        /// Its id.
        release: Name,
        /// What it is built for.
        wanted: String,
        /// What this is.
        found: String,
    },
    /// The id of what runs, with other files.
    #[error("release {0} is confirmed here with other files; a changed release needs a new id")]
    SameId(Name),
    /// There is not room enough.
    #[error("{free} bytes are free; the release and the way back need {needed}")]
    NoRoom {
        /// What is free.
        free: u64,
        /// What is needed.
        needed: u64,
    },
}

fn fault(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SlotError {
    let path = path.to_path_buf();
    move |source| SlotError::Disk { action, path, source }
}

/// How a release is to be taken.
#[derive(Clone, Debug)]
pub struct Wish {
    /// How well the board is now.
    pub baseline: Baseline,
    /// Take it although this board has undone it before.
    pub again: bool,
    /// This board's processor, as `uname -m` calls it.
    pub architecture: String,
}

/// What became of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Staged {
    /// It lies in its slot; the next start tries it.
    Ready,
    /// It is on trial already.
    OnTrial,
    /// It is confirmed already.
    Confirmed,
}

/// A program that can be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its file.
    pub program: PathBuf,
    /// The release it belongs to; `None`: the program that was installed.
    pub release: Option<Name>,
    /// On trial: seconds until the kernel ends it, unless its rules run by then.
    pub trial_s: Option<u32>,
}

/// What a start has found.
#[derive(Debug, Default)]
pub struct Start {
    /// What to start, the first that can be.
    pub candidates: Vec<Candidate>,
    /// What was wrong on the way, for the log.
    pub notices: Vec<String>,
}

/// The folder with the state and the two slots.
#[derive(Debug)]
pub struct Slots<D> {
    root: PathBuf,
    disk: D,
}

impl<D: Disk> Slots<D> {
    /// The slots in a folder; nothing is read or made yet.
    pub fn new(root: impl Into<PathBuf>, disk: D) -> Self {
        Self { root: root.into(), disk }
    }

    /// The folder of a slot.
    #[must_use]
    pub fn folder(&self, slot: Slot) -> PathBuf {
        self.root.join(slot.folder())
    }

    /// What the board knows of its releases; nothing, where there is no state yet.
    ///
    /// # Errors
    /// Where the file cannot be read, or is damaged.
    pub fn state(&self) -> Result<State, SlotError> {
        let path = self.root.join(STATE);
        match self.disk.read(&path, limits::STATE_BYTES_MAX) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map_err(|source| SlotError::State { path, source })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(State::default()),
            Err(error) => Err(fault("read", &path)(error)),
        }
    }

    /// Replaces the state, whole or not at all.
    ///
    /// # Errors
    /// The step that failed; the state is then the old one.
    pub fn write(&self, state: &State) -> Result<(), SlotError> {
        let path = self.root.join(STATE);
        let bytes = serde_json::to_vec_pretty(state)
            .map_err(|source| SlotError::State { path: path.clone(), source })?;
        match self.write_bytes(&path, &bytes) {
            Err(SlotError::Disk { source, .. }) if source.kind() == io::ErrorKind::StorageFull => {
                // The room that was kept for this becomes the state; were it given back first,
                // whoever fills the disk would have it. The next release makes it again.
                let reserve = self.root.join(RESERVE);
                self.disk.write_over(&reserve, &bytes).map_err(fault("write", &reserve))?;
                self.put(&reserve, &path)
            }
            other => other,
        }
    }

    fn write_bytes(&self, path: &Path, bytes: &[u8]) -> Result<(), SlotError> {
        let new = self.root.join(STATE_NEW);
        self.disk.create(&new).map_err(fault("create", &new))?;
        self.disk.append(&new, bytes).map_err(fault("write", &new))?;
        self.put(&new, path)
    }

    /// Gives a file that is written its name, in one step.
    fn put(&self, new: &Path, path: &Path) -> Result<(), SlotError> {
        self.disk.sync_file(new).map_err(fault("sync", new))?;
        self.disk.rename(new, path).map_err(fault("rename", new))?;
        self.disk.sync_folder(&self.root).map_err(fault("sync the folder", &self.root))
    }

    /// Puts a release into the free slot and has the next start try it. Idempotent by its id: a
    /// release that is there already is left alone, one that was interrupted is begun again, and a
    /// newer one takes the place of one that is on trial.
    ///
    /// `open` gives the files of the release by their names.
    ///
    /// # Errors
    /// Where the release is wrong, refused or too large for what is free, or the disk refuses.
    /// What is confirmed is untouched by all of them.
    pub fn stage(
        &self,
        manifest: &[u8],
        open: &mut dyn FnMut(&Name) -> io::Result<Box<dyn Read>>,
        wish: &Wish,
    ) -> Result<Staged, SlotError> {
        let release = Manifest::parse(manifest)?;
        self.disk.folder(&self.root).map_err(fault("create the folder", &self.root))?;
        let mut state = self.state()?;
        let digest = manifest::sha256(manifest);
        if let Some(there) = standing(&state, &release, &digest, wish)? {
            return Ok(there);
        }
        let slot = state.free_slot();
        let taken = Taken { release: release.release.clone(), slot, manifest: digest };
        // From here on nothing but what is confirmed may be started: the slot is overwritten.
        state.trial = None;
        state.previous = None;
        state.intent = Some(taken.clone());
        self.write(&state)?;
        let filled = self.fill(slot, &release, manifest, open);
        if let Err(error) = filled.and_then(|()| self.verify(&taken).map(drop)) {
            state.drop_intent(&chain(&error));
            // What failed first is what to report. The slot is in no state's use either way.
            drop(self.write(&state));
            return Err(error);
        }
        state.intent = None;
        state.trial = Some(Trial {
            taken,
            baseline: wish.baseline,
            starts: 0,
            starts_in_boot: 0,
            boot: String::new(),
            ran: false,
        });
        self.write(&state)?;
        Ok(Staged::Ready)
    }

    /// Writes the files of a release into a slot, the manifest last, and syncs them.
    fn fill(
        &self,
        slot: Slot,
        release: &Manifest,
        manifest: &[u8],
        open: &mut dyn FnMut(&Name) -> io::Result<Box<dyn Read>>,
    ) -> Result<(), SlotError> {
        let folder = self.folder(slot);
        self.disk.folder(&folder).map_err(fault("create the folder", &folder))?;
        for name in self.disk.list(&folder).map_err(fault("list", &folder))? {
            let path = folder.join(name);
            self.disk.remove(&path).map_err(fault("remove", &path))?;
        }
        self.reserve()?;
        let free = self.disk.free_bytes(&self.root).map_err(fault("measure", &self.root))?;
        let needed = release.bytes().saturating_add(limits::FREE_BYTES_MIN);
        if free < needed {
            return Err(SlotError::NoRoom { free, needed });
        }
        for part in &release.files {
            let path = folder.join(part.name.as_str());
            let mut source =
                open(&part.name).map_err(fault("open", Path::new(part.name.as_str())))?;
            self.copy(part, source.as_mut(), &path)?;
            if part.name == release.program {
                self.disk.executable(&path).map_err(fault("make executable", &path))?;
            }
            self.disk.sync_file(&path).map_err(fault("sync", &path))?;
        }
        let path = folder.join(manifest::FILE);
        self.disk.create(&path).map_err(fault("create", &path))?;
        self.disk.append(&path, manifest).map_err(fault("write", &path))?;
        self.disk.sync_file(&path).map_err(fault("sync", &path))?;
        self.disk.sync_folder(&folder).map_err(fault("sync the folder", &folder))?;
        self.disk.sync_folder(&self.root).map_err(fault("sync the folder", &self.root))
    }

    /// Copies one file and refuses one that is longer, shorter or other than promised.
    fn copy(&self, part: &Part, source: &mut dyn Read, to: &Path) -> Result<(), SlotError> {
        self.disk.create(to).map_err(fault("create", to))?;
        let (mut length, mut digest) = (0_u64, Sha256::new());
        let mut buffer = vec![0; limits::COPY_BYTES];
        loop {
            let read = match source.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(fault("read", Path::new(part.name.as_str()))(error)),
            };
            length += read as u64;
            if length > part.length {
                return Err(differs(part, format!("more than {} bytes", part.length)));
            }
            digest.update(&buffer[..read]);
            self.disk.append(to, &buffer[..read]).map_err(fault("write", to))?;
        }
        matches(part, length, &digest.finalize())
    }

    /// Room for the state, for the day when the disk is full.
    fn reserve(&self) -> Result<(), SlotError> {
        let path = self.root.join(RESERVE);
        self.disk.create(&path).map_err(fault("create", &path))?;
        let bytes = vec![0xa5; limits::RESERVE_BYTES];
        self.disk.append(&path, &bytes).map_err(fault("write", &path))?;
        // Before that a file system may not have given it its blocks.
        self.disk.sync_file(&path).map_err(fault("sync", &path))
    }

    /// Reads a whole release back and compares it with its manifest and the state.
    ///
    /// # Errors
    /// The first file that is not what it should be.
    pub fn verify(&self, taken: &Taken) -> Result<Manifest, SlotError> {
        let release = self.manifest(taken)?;
        for part in &release.files {
            self.verify_part(taken.slot, part)?;
        }
        Ok(release)
    }

    /// The manifest in a slot, where it is the one that the state means.
    fn manifest(&self, taken: &Taken) -> Result<Manifest, SlotError> {
        let path = self.folder(taken.slot).join(manifest::FILE);
        let bytes =
            self.disk.read(&path, limits::MANIFEST_BYTES_MAX).map_err(fault("read", &path))?;
        let found = manifest::sha256(&bytes);
        if found != taken.manifest {
            let (name, wanted) = (manifest::FILE.to_owned(), taken.manifest.clone());
            return Err(SlotError::Differs { name, found, wanted });
        }
        Ok(Manifest::parse(&bytes)?)
    }

    fn verify_part(&self, slot: Slot, part: &Part) -> Result<(), SlotError> {
        let path = self.folder(slot).join(part.name.as_str());
        let mut file = self.disk.open(&path).map_err(fault("open", &path))?;
        let (mut length, mut digest) = (0_u64, Sha256::new());
        let mut buffer = vec![0; limits::COPY_BYTES];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => {
                    length += read as u64;
                    digest.update(&buffer[..read]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(fault("read", &path)(error)),
            }
        }
        matches(part, length, &digest.finalize())
    }

    /// What to start now. Counts the start of a trial, and ends a trial that was started too often
    /// or is damaged. `boot` is the kernel's id of this boot, `installed` the program that was
    /// there before any update. `may_count`: nobody else changes the slots now; else what is
    /// confirmed is started, and the trial waits.
    ///
    /// Nothing makes it fail: whatever is wrong is a notice, and what is left can be started.
    pub fn start(&self, boot: &str, installed: Option<&Path>, may_count: bool) -> Start {
        let mut start = Start::default();
        let state = self.state().unwrap_or_else(|error| {
            start.notices.push(chain(&error));
            self.found(&mut start.notices)
        });
        let state = if may_count {
            self.count(state, boot, &mut start.notices)
        } else {
            start.notices.push("another process changes the slots: no trial now".into());
            State { trial: None, ..state }
        };
        if let Some(trial) = &state.trial
            && let Some(program) = self.program(&trial.taken, false, &mut start.notices)
        {
            let (release, trial_s) =
                (Some(trial.taken.release.clone()), Some(trial.baseline.start_s()));
            start.candidates.push(Candidate { program, release, trial_s });
        }
        for taken in state.confirmed.iter().chain(&state.previous) {
            if let Some(program) = self.program(taken, true, &mut start.notices) {
                let release = Some(taken.release.clone());
                start.candidates.push(Candidate { program, release, trial_s: None });
            }
        }
        let installed = installed.map(Path::to_path_buf);
        start.candidates.extend(installed.map(|program| Candidate {
            program,
            release: None,
            trial_s: None,
        }));
        start
    }

    /// The trial's start is written down before it happens: a start that is not counted could
    /// repeat for ever. The state that this start goes by.
    fn count(&self, mut state: State, boot: &str, notices: &mut Vec<String>) -> State {
        let Some(trial) = state.trial.clone() else { return state };
        let in_boot = if trial.boot == boot { trial.starts_in_boot } else { 0 };
        let failed = if in_boot > 0 && !trial.ran {
            // Whatever it was, it would only keep the rules waiting once more.
            let seconds = trial.baseline.start_s();
            Some(format!("ended before its rules ran, or they did not run within {seconds} s"))
        } else if in_boot >= limits::TRIAL_STARTS_PER_BOOT_MAX {
            Some(format!("ended {in_boot} times before it was confirmed"))
        } else if trial.starts >= limits::TRIAL_STARTS_MAX {
            Some(format!("was not confirmed in {} starts of the board", trial.starts))
        } else {
            self.verify(&trial.taken).err().map(|error| chain(&error))
        };
        if let Some(reason) = failed {
            notices.push(format!("release {} is undone: {reason}", trial.taken.release));
            state.undo(&reason);
        } else if let Some(trial) = &mut state.trial {
            trial.starts += 1;
            trial.starts_in_boot = in_boot + 1;
            boot.clone_into(&mut trial.boot);
            trial.ran = false;
        }
        if let Err(error) = self.write(&state) {
            notices.push(chain(&error));
            // It stays on trial in the file, and is tried when the disk takes the count again.
            state.trial = None;
        }
        state
    }

    /// A state out of what lies in the slots, where its file is damaged: whole releases count as
    /// confirmed, since something must run.
    fn found(&self, notices: &mut Vec<String>) -> State {
        let mut whole = [Slot::A, Slot::B].into_iter().filter_map(|slot| {
            let path = self.folder(slot).join(manifest::FILE);
            let bytes = self.disk.read(&path, limits::MANIFEST_BYTES_MAX).ok()?;
            let release = Manifest::parse(&bytes).ok()?.release;
            let taken = Taken { release, slot, manifest: manifest::sha256(&bytes) };
            self.verify(&taken).is_ok().then_some(taken)
        });
        let (confirmed, previous) = (whole.next(), whole.next());
        let found = confirmed.as_ref().map_or("none", |taken| taken.release.as_str());
        notices.push(format!("the state is damaged; by what lies in the slots: {found}"));
        State { confirmed, previous, ..State::default() }
    }

    /// The program of a release, where it is whole; `check` reads it, else the caller has.
    fn program(&self, taken: &Taken, check: bool, notices: &mut Vec<String>) -> Option<PathBuf> {
        let program = self.manifest(taken).and_then(|release| {
            let is_program = |part: &&Part| part.name == release.program;
            for part in release.files.iter().filter(is_program).filter(|_| check) {
                self.verify_part(taken.slot, part)?;
            }
            Ok(self.folder(taken.slot).join(release.program.as_str()))
        });
        match program {
            Ok(path) => Some(path),
            Err(error) => {
                notices.push(format!("release {}: {}", taken.release, chain(&error)));
                None
            }
        }
    }

    /// The rules of the release on trial run: from here on an end of it may be chance. Nothing
    /// happens without a trial of that release.
    ///
    /// # Errors
    /// Where the state cannot be read or written: its next end is then the last one.
    pub fn runs(&self, release: &Name) -> Result<(), SlotError> {
        self.change(|state| {
            let trial = state.trial.as_mut().filter(|trial| trial.taken.release == *release);
            if let Some(trial) = trial {
                trial.ran = true;
            }
        })
    }

    /// The release on trial has proved itself. Nothing happens without a trial of that release.
    ///
    /// # Errors
    /// Where the state cannot be read or written: it is still on trial then.
    pub fn confirm(&self, release: &Name) -> Result<(), SlotError> {
        self.change(|state| {
            if state.trial.as_ref().is_some_and(|trial| trial.taken.release == *release) {
                state.confirm();
            }
        })
    }

    /// The release on trial has failed. Nothing happens without a trial of that release.
    ///
    /// # Errors
    /// Where the state cannot be read or written: it is still on trial then, and its starts are
    /// counted.
    pub fn undo(&self, release: &Name, reason: &str) -> Result<(), SlotError> {
        self.change(|state| {
            if state.trial.as_ref().is_some_and(|trial| trial.taken.release == *release) {
                state.undo(reason);
            }
        })
    }

    fn change(&self, change: impl FnOnce(&mut State)) -> Result<(), SlotError> {
        let before = self.state()?;
        let mut after = before.clone();
        change(&mut after);
        if after == before { Ok(()) } else { self.write(&after) }
    }
}

/// What a release is here already, if it is; an error where it must not be taken.
fn standing(
    state: &State,
    release: &Manifest,
    digest: &str,
    wish: &Wish,
) -> Result<Option<Staged>, SlotError> {
    let id = &release.release;
    if !release.is_for(&wish.architecture) {
        let (wanted, found) = (release.architectures.join(", "), wish.architecture.clone());
        return Err(SlotError::OtherBoard { release: id.clone(), wanted, found });
    }
    if let Some(confirmed) = state.confirmed.as_ref().filter(|taken| taken.release == *id) {
        let same = confirmed.manifest == digest;
        return if same { Ok(Some(Staged::Confirmed)) } else { Err(SlotError::SameId(id.clone())) };
    }
    let on_trial = |trial: &Trial| trial.taken.release == *id && trial.taken.manifest == digest;
    if state.trial.as_ref().is_some_and(on_trial) {
        return Ok(Some(Staged::OnTrial));
    }
    match state.undone_reason(id) {
        Some(reason) if !wish.again => {
            Err(SlotError::Refused { release: id.clone(), reason: reason.to_owned() })
        }
        _ => Ok(None),
    }
}

fn matches(part: &Part, length: u64, digest: &[u8]) -> Result<(), SlotError> {
    if length != part.length {
        return Err(differs(part, format!("{length} bytes")));
    }
    let found = manifest::hex(digest);
    if found == part.sha256 { Ok(()) } else { Err(differs(part, format!("SHA-256 {found}"))) }
}

fn differs(part: &Part, found: String) -> SlotError {
    let wanted = format!("{} bytes, SHA-256 {}", part.length, part.sha256);
    SlotError::Differs { name: part.name.to_string(), found, wanted }
}

/// An error with its causes in one line.
#[must_use]
pub fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
