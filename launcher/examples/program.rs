//! A program for the launcher's tests: behaves as the file `behaviour` beside it says, and writes
//! down that it ran. On trial it confirms itself, or does not.

#![allow(clippy::unwrap_used, reason = "a test's program: it may end where it likes")]

use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use outpost_launcher::deadline;
use outpost_launcher::disk::RealDisk;
use outpost_launcher::manifest::Name;
use outpost_launcher::slots::Slots;

/// How long a program on trial looks at itself before it confirms.
const TRIAL: Duration = Duration::from_millis(60);

fn main() -> ExitCode {
    let folder = std::env::current_exe().unwrap().parent().unwrap().to_path_buf();
    let behaviour = std::fs::read_to_string(folder.join("behaviour")).unwrap_or_default();
    let root = std::env::var_os("OUTPOST_SLOTS").unwrap();
    let release = std::env::var("OUTPOST_RELEASE").unwrap_or_else(|_| "installed".into());
    let on_trial = std::env::var_os("OUTPOST_TRIAL").is_some();
    // One write of a short line at the end of a file is whole.
    let mut ran = std::fs::OpenOptions::new().append(true).open("ran").unwrap();
    ran.write_all(format!("{release} {} {on_trial}\n", behaviour.trim()).as_bytes()).unwrap();
    if on_trial {
        let what = behaviour.trim().split_once(' ').map_or("", |(_, what)| what);
        match what {
            "dies" => return ExitCode::FAILURE,
            "hangs" => loop {
                std::thread::sleep(Duration::from_secs(60));
            },
            _ => {}
        }
        let (slots, release) = (Slots::new(root, RealDisk), release.parse::<Name>().unwrap());
        slots.runs(&release).unwrap();
        deadline::cancel();
        std::thread::sleep(TRIAL);
        if what == "crashes" {
            return ExitCode::FAILURE;
        }
        slots.confirm(&release).unwrap();
    }
    // Serves until its owner's next look.
    std::thread::sleep(TRIAL);
    ExitCode::SUCCESS
}
