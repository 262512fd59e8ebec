//! Records as objects in a folder: each once, under a name that a repeat overwrites.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use outpost::domain::Severity;
use rusqlite::Connection;
use serde_json::Value as Json;

use crate::common::eventually;
use crate::site::{Board, SOON};

const AT_ONCE: &str = "delay = \"0s\"";

fn board(folder: &Path, keys: &str) -> Board {
    Board::start_at(&format!("file://{}", folder.display()), keys)
}

/// The objects of a part by name, each as its lines.
fn objects(folder: &Path, part: &str) -> BTreeMap<String, Vec<Json>> {
    let Ok(entries) = std::fs::read_dir(folder.join("board").join(part)) else {
        return BTreeMap::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    let whole = paths.filter(|path| path.extension().is_some_and(|it| it == "zst"));
    whole.map(|path| (name(&path), lines(&path))).collect()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_str().unwrap().to_owned()
}

fn lines(path: &PathBuf) -> Vec<Json> {
    let bytes = std::fs::read(path).unwrap();
    let text = zstd::stream::decode_all(&bytes[..]).unwrap();
    let text = String::from_utf8(text).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Sequences of all records, in the order of the objects' names. Looks that each object has what
/// its name and its head say.
fn sequences(objects: &BTreeMap<String, Vec<Json>>) -> Vec<u64> {
    let mut all = Vec::new();
    for (name, lines) in objects {
        let (head, records) = lines.split_first().unwrap();
        assert_eq!((&head["kind"], &head["device"]), (&"batch".into(), &"board".into()));
        let (after, last) = (head["after"].as_u64().unwrap(), head["last"].as_u64().unwrap());
        let boot = head["boot"].as_str().unwrap();
        assert_eq!(name, &format!("{:020}-{last:020}-{boot}.jsonl.zst", after + 1));
        for record in records {
            assert_eq!(record["device"], "board");
            assert!(record["at"].is_string() && record["kind"].is_string(), "{record}");
            let seq = record["seq"].as_u64().unwrap();
            assert!((after + 1..=last).contains(&seq));
            all.push(seq);
        }
    }
    all
}

fn wait_for(folder: &Path, last: u64) -> BTreeMap<String, Vec<Json>> {
    eventually("the objects", SOON, || {
        let objects = objects(folder, "records");
        let there = sequences(&objects);
        (there.last() == Some(&last)).then_some(objects)
    })
}

#[test]
fn a_folder_has_every_record_once_in_objects_that_are_named_by_their_range() {
    let folder = tempfile::tempdir().unwrap();
    let mut board = board(folder.path(), &format!("{AT_ONCE}\nbatch = 100"));
    board.readings(950);
    board.wait_stored();
    wait_for(folder.path(), 950);
    board.restart();
    let last = board.event("the door is open", Severity::Info);
    let all = wait_for(folder.path(), last);
    assert_eq!(sequences(&all), (1..=last).collect::<Vec<_>>());
    assert!(all.len() >= 10, "at most 100 records each: {:?}", all.keys());
    board.stop();
    assert_eq!(board.cursor(), last, "a stop writes the cursor down");
}

#[test]
fn what_was_put_before_a_plug_was_pulled_overwrites_itself() {
    let folder = tempfile::tempdir().unwrap();
    let mut board = board(folder.path(), AT_ONCE);
    board.readings(40);
    board.wait_stored();
    let before = wait_for(folder.path(), 40);
    board.stop();
    // The plug is pulled after the object is there and before the cursor is written down.
    let (last, lost) = before.last_key_value().unwrap();
    let journal = Connection::open(board.folder.path().join("journal.sqlite")).unwrap();
    assert_eq!(journal.execute("UPDATE cursor SET seq = 0 WHERE name = 'hq'", []).unwrap(), 1);
    drop(journal);
    std::fs::remove_file(folder.path().join("board/records").join(last)).unwrap();
    board.restart();
    board.readings(25);
    let after = wait_for(folder.path(), 65);
    assert_eq!(sequences(&after), (1..=65).collect::<Vec<_>>(), "{:?}", after.keys());
    assert_eq!(after.get(last), Some(lost), "the same range under the same name");
}

#[test]
fn a_folder_that_is_not_there_is_said_once_and_never_made() {
    let parent = tempfile::tempdir().unwrap();
    let disk = parent.path().join("usb");
    let mut board = board(&disk, AT_ONCE);
    board.readings(10);
    board.wait_stored();
    let news = board.news.as_mut().unwrap();
    let notice = eventually("a word about it", SOON, || news.notices.try_recv().ok());
    assert_eq!(notice.severity, Severity::Warning);
    assert!(notice.text.contains("hq") && notice.text.contains("usb"), "{}", notice.text);
    assert!(!disk.exists(), "a disk that is not mounted is no empty folder");
    std::fs::create_dir(&disk).unwrap();
    wait_for(&disk, 10);
    let more = board.news.as_mut().unwrap().notices.try_recv();
    assert!(more.is_err(), "said once: {more:?}");
}

#[test]
fn an_alarm_overtakes_what_the_budget_keeps_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let mut board = board(folder.path(), &format!("{AT_ONCE}\nbatch = 100\nbudget = \"10KB\""));
    board.noise(400);
    board.wait_stored();
    let seq = board.event("it burns", Severity::Alarm);
    let alarms = eventually("the copy of the alarm", SOON, || {
        Some(objects(folder.path(), "alarms")).filter(|alarms| !alarms.is_empty())
    });
    assert_eq!(sequences(&alarms), [seq]);
    let there = sequences(&objects(folder.path(), "records"));
    assert!(there.len() < 400, "10 KB do not hold 80 KB of noise: {}", there.len());
    assert_eq!(there, (1..=there.len() as u64).collect::<Vec<_>>());
}
