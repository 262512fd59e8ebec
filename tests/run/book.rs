//! Commands of the documents, run as they stand: those that need no network, in a folder with a
//! place that has lived a while. That every one of them is taken at all, `src/cli/book.rs` tests.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::agent::{Agent, SOON, Site};
use crate::common::{Broker, eventually};
use crate::mind;
use crate::place::Place;

/// What needs neither a network nor a system that is set up, by its first words.
const OFFLINE: [&str; 13] = [
    "version",
    "check --config outpost.toml",
    "board",
    "completions",
    "man",
    "init --output",
    "log tail --config outpost.toml",
    "log query --config outpost.toml",
    "log export --dataset --config outpost.toml",
    "log effects --config outpost.toml",
    "replay --config outpost.toml",
    "fleet keys",
    "support --config outpost.toml",
];

/// Command lines of the blocks for a shell, without remarks.
fn commands(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut is_shell = false;
    for line in text.lines() {
        if let Some(language) = line.strip_prefix("```") {
            is_shell = !is_shell && ["sh", "console"].contains(&language.trim());
        } else if is_shell {
            let line = line.trim_start_matches("$ ").replace("target/release/", "");
            if let Some(rest) = line.strip_prefix("outpost ") {
                found.push(rest.split(" # ").next().unwrap().trim().to_owned());
            }
        }
    }
    found
}

#[test]
fn commands_of_the_documents_that_need_no_network_do_what_they_say() {
    let broker = Broker::start();
    let place = Place::open(&broker, 5.0);
    let site = Site::new(&broker, "cold-book", "");
    let agent = Agent::start(&site);
    mind::acts(&place);
    eventually("a decision", SOON, || site.records("decision").first().cloned());
    assert!(agent.stop().success());

    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let entries = fs::read_dir(docs).unwrap();
    let mut pages: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    pages.retain(|path| path.extension().is_some_and(|ending| ending == "md"));
    pages.push(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"));
    pages.sort();
    let mut count = 0;
    for page in pages {
        for line in commands(&fs::read_to_string(&page).unwrap()) {
            if !OFFLINE.iter().any(|known| line.starts_with(known)) || line.contains('…') {
                continue;
            }
            count += 1;
            // Keys of the page before are there; a configuration that is there is kept.
            drop(fs::remove_dir_all(site.folder().join("keys")));
            let empty = tempfile::tempdir().unwrap();
            let folder = if line.starts_with("init") { empty.path() } else { site.folder() };
            let output = Command::new("sh")
                .args(["-c", &format!("'{}' {line}", env!("CARGO_BIN_EXE_outpost"))])
                .current_dir(folder)
                .env("OUTPOST_BOARD_ROOT", site.folder())
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{}: outpost {line}: {said}", page.display());
        }
    }
    assert!(count >= 8, "only {count} commands were run");
}
