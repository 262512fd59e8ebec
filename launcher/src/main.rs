//! `outpost-launcher`: starts the release that the slots name, and what was installed where they
//! name none that can be started. It becomes that program; nothing of it stays.
//!
//! What must never be here: options that a release could depend on. It is not updated with them.

use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::ExitCode;

use outpost_launcher::deadline;
use outpost_launcher::disk::RealDisk;
use outpost_launcher::lock::Lock;
use outpost_launcher::manifest::Name;
use outpost_launcher::slots::{Candidate, Slots};

const USE: &str = "\
use: outpost-launcher --slots FOLDER [--installed PROGRAM] [-- ARGUMENT…]

Starts the program of the release in FOLDER with the arguments: one on trial, else the one that is
confirmed, else PROGRAM. A trial that ends three times, or once before its rules run, is undone.
";

struct Arguments {
    slots: PathBuf,
    installed: Option<PathBuf>,
    program: Vec<OsString>,
}

fn arguments(mut given: impl Iterator<Item = OsString>) -> Result<Arguments, String> {
    let (mut slots, mut installed) = (None, None);
    while let Some(argument) = given.next() {
        let place = match argument.to_str() {
            Some("--slots") => &mut slots,
            Some("--installed") => &mut installed,
            Some("--") => break,
            _ => return Err(format!("unknown argument {}", argument.display())),
        };
        let value = given.next().ok_or_else(|| format!("{} needs a path", argument.display()))?;
        *place = Some(PathBuf::from(value));
    }
    let slots = slots.ok_or("--slots is missing")?;
    Ok(Arguments { slots, installed, program: given.collect() })
}

fn main() -> ExitCode {
    let arguments = match arguments(std::env::args_os().skip(1)) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprint!("outpost-launcher: {error}\n{USE}");
            return ExitCode::from(2);
        }
    };
    let slots = Slots::new(&arguments.slots, RealDisk);
    // Without an id every start counts as one of the same boot: the trial ends the sooner.
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let lock = Lock::take(&arguments.slots).unwrap_or_else(|error| {
        eprintln!("outpost-launcher: {}: {error}", arguments.slots.display());
        None
    });
    // The program that we become does not have the lock: it is closed by `execve`.
    let start = slots.start(boot.trim(), arguments.installed.as_deref(), lock.is_some());
    for notice in start.notices {
        eprintln!("outpost-launcher: {notice}");
    }
    for candidate in start.candidates {
        // Returns only where the program could not be started.
        let error = become_program(&candidate, &arguments);
        let reason = format!("{} cannot be started: {error}", candidate.program.display());
        eprintln!("outpost-launcher: {reason}");
        if let (Some(_), Some(release)) = (candidate.trial_s, &candidate.release) {
            deadline::cancel();
            give_up(&slots, release, &reason);
        }
    }
    eprintln!("outpost-launcher: nothing that can be started in {}", arguments.slots.display());
    ExitCode::FAILURE
}

/// Becomes the program of a candidate. Not by `Command`: the C library's `execvp` has a shell read
/// what the kernel refuses, and a program for another processor would end like one that crashes.
fn become_program(candidate: &Candidate, arguments: &Arguments) -> std::io::Error {
    let ours = ["OUTPOST_SLOTS", "OUTPOST_RELEASE", "OUTPOST_TRIAL"];
    let mut variables: Vec<(OsString, OsString)> =
        std::env::vars_os().filter(|(name, _)| ours.iter().all(|our| name != our)).collect();
    variables.push((ours[0].into(), arguments.slots.clone().into_os_string()));
    if let Some(release) = &candidate.release {
        variables.push((ours[1].into(), release.as_str().into()));
    }
    if let Some(seconds) = candidate.trial_s {
        variables.push((ours[2].into(), seconds.to_string().into()));
    }
    let program = candidate.program.as_os_str();
    let words = std::iter::once(program).chain(arguments.program.iter().map(OsString::as_os_str));
    let words: Result<Vec<_>, _> = words.map(|word| CString::new(word.as_bytes())).collect();
    let joined = variables
        .iter()
        .map(|(name, value)| CString::new([name.as_bytes(), b"=", value.as_bytes()].concat()));
    let joined: Result<Vec<_>, _> = joined.collect();
    match (words, joined) {
        (Ok(words), Ok(variables)) => {
            if let Some(seconds) = candidate.trial_s {
                deadline::set(seconds);
            }
            match nix::unistd::execve(&words[0], &words, &variables) {
                Ok(never) => match never {},
                Err(error) => error.into(),
            }
        }
        (Err(error), _) | (_, Err(error)) => error.into(),
    }
}

fn give_up(slots: &Slots<RealDisk>, release: &Name, reason: &str) {
    if let Err(error) = slots.undo(release, reason) {
        // Its starts are counted, so it ends all the same.
        eprintln!("outpost-launcher: {}", outpost_launcher::slots::chain(&error));
    }
}
