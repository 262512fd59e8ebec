//! The journal on a card with a page that cannot be read any more: no start is without a journal,
//! and what the rest of the card has is not lost.

#![expect(clippy::unwrap_used, reason = "the panic of a test is its report")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use noting_disk::Notes;
use outpost::clock::{ClockTrust, Now, Tick};
use outpost::domain::{CommandState, Entry, Value};
use outpost::journal::{Filter, Options, Reader, Record, Stamp, Store, StoreBackend};
use tempfile::TempDir;

const OPTIONS: Options = Options::of_quota(4 * 1024 * 1024);
const RECORDS: u64 = 1500;

fn record(seq: u64) -> Record {
    let (kind, id, reason) = ("set".into(), seq.to_string(), String::new());
    let entry = match seq % 10 {
        0 => Entry::Command { kind, id, state: CommandState::Succeeded, reason },
        _ => {
            let noise = (0..8).map(|part| format!("{:016x}", (seq * 8 + part).wrapping_mul(ODD)));
            Entry::Reading { sensor: "air".into(), value: Value::Text(noise.collect()) }
        }
    };
    let unix_ms = 1_787_000_000_000 + i64::try_from(seq * 500).unwrap();
    let now = Now { tick: Tick(seq * 500), unix_ms, trust: ClockTrust::Synced };
    Record::new(Stamp { seq, boot: 7, now }, &entry)
}

const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

fn filled(folder: &Path) {
    let (mut store, _) = Store::open(folder, OPTIONS).unwrap();
    for first in (1..=RECORDS).step_by(50) {
        store.commit(&(first..first + 50).map(record).collect::<Vec<_>>()).unwrap();
    }
    store.close().unwrap();
}

fn newest(folder: &Path) -> PathBuf {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let is_block = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("blocks-") && name.ends_with(".sqlite")
    };
    files.filter(is_block).max().unwrap()
}

fn pages(path: &Path) -> u64 {
    std::fs::metadata(path).unwrap().len() / 4096
}

fn here(folder: &Path) -> BTreeSet<u64> {
    let mut here = BTreeSet::new();
    let read = Reader::open(folder).unwrap().each(0, &Filter::default(), |record| {
        here.insert(record.seq);
        true
    });
    read.unwrap();
    here
}

/// Writes a record as the writer does, which tries again; true where damage was found on the way,
/// none where it is never written.
fn written(store: &mut Store, seq: u64) -> Option<bool> {
    let (mut failure, mut was_found) = (None, false);
    for _ in 0..12 {
        let recovered = failure.as_ref().map_or(Ok(None), |it| store.recover(it, seq));
        let done = recovered.and_then(|found| {
            was_found |= found.is_some();
            store.commit(&[record(seq)])
        });
        match done {
            Ok(()) => return Some(was_found),
            Err(error) => failure = Some(error),
        }
    }
    None
}

#[test]
fn a_page_that_cannot_be_read_ends_no_journal() {
    let notes = Notes::register();
    let pattern = TempDir::new().unwrap();
    filled(pattern.path());
    let chain = newest(pattern.path());
    // All are kept: the disk knows a file by its inode.
    let mut folders = Vec::new();
    let audit = pattern.path().join("journal.sqlite");
    for (file, pages) in [(&audit, pages(&audit)), (&chain, pages(&chain))] {
        let name = file.file_name().unwrap();
        let mut found_pages = 0;
        // The first pages, where the trees are, some in the midst, and the end.
        let looked_at =
            (0..6).chain((6..pages.saturating_sub(2)).step_by(7)).chain(pages - 2..pages);
        for page in looked_at {
            let what = format!("page {page} of {}", name.display());
            let folder = TempDir::new().unwrap();
            filled(folder.path());
            notes.kill_page(&folder.path().join(name), page);
            let opened = Store::open(folder.path(), OPTIONS);
            let (mut store, restored) = opened.unwrap_or_else(|error| panic!("{what}: {error:?}"));
            assert!(restored.next_seq > RECORDS, "{what}: {restored:?}");
            let next = restored.next_seq;
            let found = written(&mut store, next).unwrap_or_else(|| panic!("{what}: for ever"));
            let was_found = found || restored.damage.is_some();
            drop(store);
            folders.push(folder);
            if was_found {
                found_pages += 1;
                let here = here(folders.last().unwrap().path());
                let lost = (1..=RECORDS).filter(|seq| !here.contains(seq)).count();
                assert!(lost == 0 && here.contains(&next), "{what}: {lost} lost");
            }
        }
        assert!(found_pages > 0, "no dead page of {} was ever met", name.display());
    }
}
