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

#[test]
fn one_file_that_cannot_be_read_is_given_up_only_where_the_disk_takes_more() {
    let folder = tempfile::tempdir().unwrap();
    let records: Vec<_> = (1..=9000).map(reading).collect();
    store(folder.path(), QUOTA_BYTES, &records);
    let files = blocks(folder.path());
    // What no database can be opened by, whoever asks: a folder in its place.
    let aside = folder.path().join("aside");
    std::fs::rename(&files[0], &aside).unwrap();
    std::fs::create_dir(&files[0]).unwrap();
    let (mut book, mut notices, _commands) = book(folder.path(), "", 9000);
    assert!(chunk(&mut book, 0, 100).is_none(), "nothing behind it is taken for all there is");
    drop(notices.try_recv().unwrap());
    // It comes back: nothing was lost.
    std::fs::remove_dir(&files[0]).unwrap();
    std::fs::rename(&aside, &files[0]).unwrap();
    assert_eq!(chunk(&mut book, 0, 1).unwrap().records.len(), 1000);
    std::fs::rename(&files[0], &aside).unwrap();
    std::fs::create_dir(&files[0]).unwrap();
    assert!(chunk(&mut book, 0, 1).is_none());
    book.stored += 1;
    let looks = UPLINK_READ_FILE_FAULTS_MAX + UPLINK_READ_FAULTS_MAX;
    let chunk = chunk(&mut book, 0, looks).expect("the rest goes");
    let second = files[1].file_stem().unwrap().to_str().unwrap();
    let second: u64 = second.trim_start_matches("blocks-").parse().unwrap();
    assert_eq!(chunk.records[0].seq, second);
    let mut said = Vec::new();
    while let Ok(notice) = notices.try_recv() {
        said.push(notice.text);
    }
    assert!(said.last().unwrap().contains("are not sent to hq"), "{said:?}");
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
