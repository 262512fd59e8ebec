//! What a destination makes of a journal that cannot be read, and of what is gone.

#![expect(clippy::disallowed_methods, reason = "files of a test need not outlive a power cut")]

use std::path::{Path, PathBuf};

use super::super::tests_site::{alarm, book, event, reading, store};
use super::*;
use crate::limits::UPLINK_LOOK_RECORDS_MAX;

const QUOTA_BYTES: u64 = 4_200_000;

/// The next chunk, as often as the book wants another look; none after so many.
fn chunk(book: &mut Book, after: u64, looks: u32) -> Option<Chunk> {
    (0..looks).find_map(|_| {
        let chunk = book.source.read(after, 1000, |_| true);
        book.without_fault(chunk, Instant::now())
    })
}

/// Every sequence that goes, where each look finds something.
fn all(book: &mut Book, last: u64) -> Vec<u64> {
    let (mut after, mut seqs) = (0, Vec::new());
    while after < last {
        let chunk = chunk(book, after, 1).expect("nothing is missing");
        seqs.extend(chunk.records.iter().map(|record| record.seq));
        after = chunk.last.unwrap().seq;
    }
    seqs
}

/// Files of the chain, the oldest first.
fn blocks(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let ours = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("blocks-") && name.ends_with(".sqlite")
    };
    let mut files: Vec<_> = entries.filter(ours).collect();
    files.sort();
    files
}

#[test]
fn a_journal_that_is_away_is_waited_for_and_nothing_is_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal");
    let records: Vec<_> = (1..=9000).map(reading).collect();
    store(&path, QUOTA_BYTES, &records);
    assert!(blocks(&path).len() >= 2, "{:?}", blocks(&path));
    let (mut book, mut notices, _commands) = book(&path, "", 9000);
    let away = folder.path().join("away");
    std::fs::rename(&path, &away).unwrap();
    assert!(chunk(&mut book, 0, 50).is_none(), "a disk that is away is no empty one");
    // Its folder is there again, and nothing in it yet.
    std::fs::create_dir(&path).unwrap();
    assert!(chunk(&mut book, 0, 50).is_none());
    std::fs::remove_dir(&path).unwrap();
    let said = notices.try_recv().unwrap();
    assert!(said.text.contains("hq waits"), "{}", said.text);
    assert!(notices.try_recv().is_err(), "said once");
    std::fs::rename(&away, &path).unwrap();
    assert_eq!(all(&mut book, 9000), (1..=9000).collect::<Vec<_>>());
}

/// The texts of what a person was told.
fn said(notices: &mut tokio::sync::mpsc::Receiver<Notice>) -> Vec<String> {
    std::iter::from_fn(|| notices.try_recv().ok()).map(|notice| notice.text).collect()
}

#[test]
fn a_file_that_cannot_be_opened_is_waited_for_though_the_disk_takes_more() {
    let folder = tempfile::tempdir().unwrap();
    let records: Vec<_> = (1..=9000).map(reading).collect();
    store(folder.path(), QUOTA_BYTES, &records);
    let files = blocks(folder.path());
    // What nobody can open as a file, root neither: a socket in its place.
    let aside = folder.path().join("aside");
    std::fs::rename(&files[0], &aside).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(&files[0]).unwrap();
    let (mut book, mut notices, _commands) = book(folder.path(), "", 9000);
    for _ in 0..200 {
        assert!(chunk(&mut book, 0, 1).is_none(), "nothing behind it is taken for all there is");
        book.stored += 1;
    }
    let said = said(&mut notices);
    assert!(said.len() == 1 && said[0].contains("hq waits"), "{said:?}");
    // It comes back: nothing was lost.
    drop(socket);
    std::fs::rename(&aside, &files[0]).unwrap();
    assert_eq!(all(&mut book, 9000), (1..=9000).collect::<Vec<_>>());
}

#[test]
fn files_whose_bytes_do_not_come_are_given_up_one_and_all_where_the_disk_takes_more() {
    let folder = tempfile::tempdir().unwrap();
    let records: Vec<_> = (1..=25_000).map(reading).collect();
    store(folder.path(), 4 * QUOTA_BYTES, &records);
    let files = blocks(folder.path());
    let (mut book, mut notices, _commands) = book(folder.path(), "", 25_000);
    for file in &files[..2] {
        // What can be opened and gives no bytes, as a dead sector: a folder in its place.
        std::fs::remove_file(file).unwrap();
        std::fs::create_dir(file).unwrap();
    }
    assert!(chunk(&mut book, 0, 100).is_none(), "nothing behind it is taken for all there is");
    book.stored += 1;
    assert!(chunk(&mut book, 0, UPLINK_READ_FILE_FAULTS_MAX).is_none(), "one at a time");
    book.stored += 1;
    let chunk = chunk(&mut book, 0, 1 + UPLINK_READ_FAULTS_MAX).expect("the rest goes");
    let third = files[2].file_stem().unwrap().to_str().unwrap();
    let third: u64 = third.trim_start_matches("blocks-").parse().unwrap();
    assert_eq!(chunk.records[0].seq, third);
    let said = said(&mut notices);
    assert!(said.last().unwrap().contains("are not sent to hq"), "{said:?}");
}

/// Spoils a page in the midst of a database's rows; gives the file as it was.
fn spoil(path: &Path) -> Vec<u8> {
    let whole = std::fs::read(path).unwrap();
    let leaves: Vec<_> = (1..whole.len() / 4096).filter(|page| whole[page * 4096] == 13).collect();
    assert!(leaves.len() > 6, "{leaves:?}");
    let at = leaves[leaves.len() / 2] * 4096;
    let mut spoilt = whole.clone();
    spoilt[at..at + 4096].fill(0xff);
    std::fs::write(path, spoilt).unwrap();
    whole
}

#[test]
fn damage_with_nothing_behind_it_is_waited_for_and_said_once() {
    let folder = tempfile::tempdir().unwrap();
    let records: Vec<_> = (1..=25_000).map(reading).collect();
    store(folder.path(), 64_000_000, &records);
    let files = blocks(folder.path());
    assert_eq!(files.len(), 1, "{files:?}");
    let (mut book, mut notices, _commands) = book(folder.path(), "", 25_000);
    let whole = spoil(&files[0]);
    let (mut after, mut seqs) = (0, Vec::new());
    while let Some(chunk) = chunk(&mut book, after, 100) {
        after = chunk.last.expect("where it goes on").seq;
        seqs.extend(chunk.records.iter().map(|record| record.seq));
    }
    assert!(after > 1000 && after < 24_000, "{after}");
    let said = said(&mut notices);
    let waits = said.iter().filter(|text| text.contains("hq waits")).count();
    assert!(waits == 1 && said.len() <= 2, "{said:?}");
    // Nothing was passed over.
    std::fs::write(&files[0], whole).unwrap();
    while after < 25_000 {
        let chunk = chunk(&mut book, after, 1).expect("nothing is missing");
        seqs.extend(chunk.records.iter().map(|record| record.seq));
        after = chunk.last.unwrap().seq;
    }
    assert_eq!(seqs, (1..=25_000).collect::<Vec<_>>());
}

#[test]
fn a_damaged_audit_database_holds_up_nothing_that_the_chain_has() {
    let folder = tempfile::tempdir().unwrap();
    let mixed = |seq: u64| if seq.is_multiple_of(5) { event(seq) } else { reading(seq) };
    let records: Vec<_> = (1..=9000).map(mixed).collect();
    store(folder.path(), QUOTA_BYTES, &records);
    let whole = spoil(&folder.path().join("journal.sqlite"));
    let (mut book, mut notices, _commands) = book(folder.path(), "", 9000);
    assert_eq!(all(&mut book, 9000), (1..=9000).collect::<Vec<_>>());
    assert_eq!(said(&mut notices), [""; 0]);
    // What only the audit database had is a gap, and told.
    std::fs::remove_file(&blocks(folder.path())[0]).unwrap();
    assert!(chunk(&mut book, 0, UPLINK_READ_FAULTS_MAX).is_some());
    let said = said(&mut notices);
    assert!(said.len() == 1 && said[0].contains("journal.sqlite"), "{said:?}");
    std::fs::write(folder.path().join("journal.sqlite"), whole).unwrap();
    assert_eq!(chunk(&mut book, 0, UPLINK_READ_FAULTS_MAX).unwrap().records[0].seq, 5);
}

#[test]
fn what_the_quota_gave_up_is_explained_by_the_name_at_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let mixed = |seq: u64| if seq.is_multiple_of(100) { event(seq) } else { reading(seq) };
    let records: Vec<_> = (1..=80_000).map(mixed).collect();
    store(folder.path(), QUOTA_BYTES, &records);
    let (mut book, mut notices, _commands) = book(folder.path(), "", 80_000);
    let seqs = all(&mut book, 80_000);
    assert!(seqs.len() < 70_000, "the quota gave nothing up: {}", seqs.len());
    let events: Vec<_> = seqs.iter().filter(|seq| seq.is_multiple_of(100)).collect();
    assert_eq!(events.len(), 800, "what matters is there");
    let said = notices.try_recv();
    assert!(said.is_err(), "no alarm: {said:?}");
}

#[test]
fn a_look_for_what_is_rare_has_an_end_and_the_cursor_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let last = u64::from(UPLINK_LOOK_RECORDS_MAX) + 3000;
    let mut records: Vec<_> = (1..last).map(reading).collect();
    records.push(alarm(last));
    store(folder.path(), 64_000_000, &records);
    let (mut book, ..) = book(folder.path(), "priority = \"alarms\"", last);
    let wanted = book.wanted.clone();
    let chunk = book.source.read(0, 1000, |record| wanted.takes(record));
    let looked_to = chunk.last.unwrap().seq;
    assert!(chunk.fault.is_none() && chunk.full && chunk.records.is_empty());
    assert_eq!(looked_to, u64::from(UPLINK_LOOK_RECORDS_MAX));
    let chunk = book.source.read(looked_to, 1000, |record| wanted.takes(record));
    assert_eq!(chunk.records.len(), 1);
    assert_eq!(chunk.last.unwrap().seq, last);
    // An alarm that overtakes is found from the end.
    let found = book.source.alarms(0);
    assert_eq!(found.iter().map(|record| record.seq).collect::<Vec<_>>(), [last]);
    assert!(book.source.alarms(last).is_empty());
}
