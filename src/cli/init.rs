//! `outpost init`: writes a configuration to begin with, with a comment at each key, for the board
//! that this is. `outpost check` accepts it as it is; nothing is sent before a person changes it.
//! On a terminal it asks first; with `--yes`, `--json` or elsewhere it does not.

mod interview;

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::Args;
use serde_json::json;

use crate::board::{self, Profile, Root};
use crate::config::{self, DEFAULT_PATH, Strictness};
use crate::disk;
use crate::link::Endpoint;
use interview::Interview;

const TEMPLATE: &str = include_str!("init.toml");

/// Writes a configuration to begin with.
#[derive(Args, Clone, Debug)]
pub struct InitArgs {
    /// The file to write; `-` prints it
    #[arg(long, value_name = "FILE", default_value = DEFAULT_PATH)]
    output: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
    /// Name of this device: a-z, 0-9 and - [default: the host's name]
    #[arg(long)]
    name: Option<String>,
    /// Ask nothing
    #[arg(long)]
    yes: bool,
}

/// Writes the file and says where.
///
/// # Errors
/// A file that is there already without `--force`, a name that is none, or a folder that cannot be
/// written.
pub fn run(args: &InitArgs, json: bool) -> anyhow::Result<ExitCode> {
    let root = Root::of_environment();
    let recognised = board::recognise(&root);
    let name = match &args.name {
        Some(name) => name.clone(),
        None => device_name(&root.text("proc/sys/kernel/hostname").unwrap_or_default()),
    };
    let path = args.output.display();
    let is_printed = args.output == Path::new("-");
    if !is_printed && args.output.symlink_metadata().is_ok() && !args.force {
        bail!("{path} is there already; --force replaces it, --output names another file");
    }
    let mut text = configuration(&root, recognised.profile, &name, &args.output);
    let asks = !args.yes && !json && io::stdin().is_terminal() && io::stderr().is_terminal();
    if asks {
        let board = &recognised.profile.title;
        eprintln!("This is {board} ({}).", recognised.by);
        let (mut input, mut out) = (io::stdin().lock(), io::stderr());
        let interview = Interview::new(&mut input, &mut out, text);
        let search = |bus: &config::Bus| super::discover::search(Endpoint::of(bus));
        text = interview.hold(&name, &zone(&root), &search)?;
    }
    // The same check that the operator is told to run: what is written is in order.
    config::from_text(&text, "the new configuration", &[], Strictness::Check)?;
    if is_printed {
        print!("{text}");
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(folder) = args.output.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        disk::folder(folder)?;
    }
    disk::replace(&args.output, text.as_bytes()).with_context(|| format!("write {path}"))?;
    if json {
        let board = &recognised.profile.name;
        println!("{}", json!({"written": args.output, "board": board, "name": name}));
    } else {
        println!("{path} is written for {} ({})", recognised.profile.title, recognised.by);
        let first = if asks { "" } else { "put in your sensors and devices, then  " };
        println!("next: {first}outpost check --config {path}");
    }
    Ok(ExitCode::SUCCESS)
}

/// A host's name as the name of a device; `outpost` where nothing of it can be used.
fn device_name(host: &str) -> String {
    let host = host.split('.').next().unwrap_or_default().to_ascii_lowercase();
    let plain = |c: char| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' };
    let name: String = host.chars().take(63).map(plain).collect();
    match name.trim_matches('-') {
        "" | "localhost" => "outpost".into(),
        name => name.into(),
    }
}

/// The time zone of this system, where it is one that we know.
fn zone(root: &Root) -> String {
    let zone = root.text("etc/timezone").unwrap_or_default();
    let known = jiff::tz::TimeZone::get(zone.trim()).is_ok();
    if known { zone.trim().to_owned() } else { "UTC".into() }
}

fn configuration(root: &Root, profile: &Profile, name: &str, path: &Path) -> String {
    let threads = |key: &str, count: Option<u16>| {
        count.map_or(String::new(), |count| format!("# {key} = {count}\n"))
    };
    // A person who runs it by hand may not write to the service's folder.
    let journal = match path == Path::new(DEFAULT_PATH) {
        true => PathBuf::from("/var/lib/outpost"),
        false => std::env::current_dir().unwrap_or_default().join("outpost-journal"),
    };
    let journal = match journal.to_str() {
        Some(path) if !path.contains(['"', '\\', '\n']) => path.to_owned(),
        _ => "/var/lib/outpost".into(),
    };
    TEMPLATE
        .replace("@TITLE@", &profile.title)
        .replace("@BOARD@", &profile.name)
        .replace("@NAME@", name)
        .replace("@MODEL@", &profile.mind.model)
        .replace("@CONTEXT@", &profile.mind.context_tokens.to_string())
        .replace(
            "@THREADS@\n",
            &format!(
                "{}{}\n",
                threads("threads_decode", profile.mind.threads_decode),
                threads("threads_prefill", profile.mind.threads_prefill)
            ),
        )
        .replace("@SERIAL@", &serial(root, profile))
        .replace("@JOURNAL@", &journal)
        .replace("@PATH@", &path.display().to_string().replace('\n', " "))
}

/// The section of a serial line, with the devices that are there.
fn serial(root: &Root, profile: &Profile) -> String {
    let ports = board::serial_ports(root, profile);
    let here = if ports.is_empty() { "none is plugged in".into() } else { ports.join(", ") };
    let device = ports.last().map_or("/dev/serial/by-id/usb-...", String::as_str);
    format!(
        "# A microcontroller on a serial line, see docs/serial.md. Here now: {here}\n\
         # [serial.field]\n# device = \"{device}\"\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hosts_name_becomes_a_devices_name() {
        for (host, name) in [
            ("raspberrypi", "raspberrypi"),
            ("Greenhouse_1.local", "greenhouse-1"),
            ("-", "outpost"),
            ("", "outpost"),
            ("localhost", "outpost"),
            ("grün", "gr-n"),
        ] {
            assert_eq!(device_name(host), name);
        }
    }

    #[test]
    fn every_board_gets_a_configuration_without_a_fault_or_a_gap() {
        for profile in board::Profiles::embedded().all() {
            let root = Root::at("/nowhere");
            let text = configuration(&root, profile, "a", Path::new(DEFAULT_PATH));
            assert!(!text.contains('@'), "{text}");
            let read = config::from_text_on(&text, "f", &[], Strictness::Check, profile);
            let (config, warnings) = read.unwrap_or_else(|faults| panic!("{faults}"));
            assert_eq!(warnings, []);
            assert_eq!(config.mode, config::Mode::Observe);
        }
    }

    #[test]
    fn what_stands_behind_a_comment_sign_is_sound_too() {
        let profile = board::Profiles::embedded().find("rpi5").expect("rpi5");
        let root = Root::at("/nowhere");
        let text = configuration(&root, profile, "a", Path::new(DEFAULT_PATH));
        let keys = text.lines().map(|line| {
            let bare = line.strip_prefix("# ").unwrap_or(line);
            let key = bare.starts_with('[') || bare.split(' ').nth(1) == Some("=");
            if key { bare } else { "" }
        });
        let all = keys.collect::<Vec<_>>().join("\n");
        let read = config::from_text_on(&all, "f", &[], Strictness::Check, profile);
        let (config, _) = read.unwrap_or_else(|faults| panic!("{faults}\n{all}"));
        assert_eq!((config.sensors.len(), config.actuators.len()), (1, 1));
        assert_eq!(config.mind.and_then(|mind| mind.threads_prefill), Some(4));
    }
}
