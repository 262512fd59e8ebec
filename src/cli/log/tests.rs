//! The lines that programs read, and the ones that people read.

use clap::Parser;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, Row};
use rusqlite::Connection;
use serde_json::Value as Json;
use tempfile::TempDir;

use super::export::csv_cell;
use super::*;
use crate::clock::{Now, Tick};
use crate::domain::{CommandState, Decider, FaultKind, Setting, StepState, Value};
use crate::journal::{Options, Stamp, Store, StoreBackend};
use crate::limits::PARQUET_GROUP_ROWS;

#[derive(Debug, Parser)]
struct Line {
    #[command(flatten)]
    log: LogArgs,
}

const START_MS: i64 = 1_787_000_000_000;

fn journal(entries: &[(u64, Entry)]) -> TempDir {
    let folder = TempDir::new().unwrap();
    let (mut store, _) = Store::open(folder.path(), Options::of_quota(1 << 26)).unwrap();
    let records: Vec<_> = entries
        .iter()
        .map(|(seq, entry)| {
            let unix_ms = START_MS + i64::try_from(*seq).unwrap() * 1000;
            let now = Now { tick: Tick(*seq), unix_ms, trust: ClockTrust::Synced };
            Record::new(Stamp { seq: *seq, boot: 0xb007, now }, entry)
        })
        .collect();
    store.commit(&records).unwrap();
    folder
}

fn reading(sensor: &str, number: f64) -> Entry {
    Entry::Reading { sensor: sensor.into(), value: Value::Number(number) }
}

fn some_of_all() -> TempDir {
    let command = |state| Entry::Command {
        kind: "set".into(),
        id: "a1".into(),
        state,
        reason: String::new(),
    };
    journal(&[
        (1, Entry::Boot { version: "0.1.0".into(), mode: "act".into() }),
        (2, reading("air", 21.5)),
        (3, command(CommandState::Accepted)),
        (4, reading("soil", 0.25)),
        (5, command(CommandState::Succeeded)),
        (
            6,
            Entry::Faults {
                source: "air".into(),
                kind: FaultKind::NotFinite,
                count: 3,
                found: "nan".into(),
            },
        ),
        (
            7,
            Entry::Step {
                actuator: "fan".into(),
                setting: Setting::On,
                state: StepState::Confirmed,
                by: Decider::Mind,
                cause: "goal climate".into(),
                off_after_ms: None,
            },
        ),
    ])
}

/// Runs `log` with a folder and arguments; gives the exit code and the output.
fn log(folder: &TempDir, args: &str, json: bool) -> (ExitCode, String) {
    let (code, bytes) = log_bytes(folder, args, json);
    (code, String::from_utf8(bytes).unwrap())
}

fn log_bytes(folder: &TempDir, args: &str, json: bool) -> (ExitCode, Vec<u8>) {
    let path = folder.path().to_str().unwrap();
    let words = ["log"].into_iter().chain(args.split_whitespace()).chain(["--path", path]);
    let line = Line::try_parse_from(words).unwrap();
    let mut out = Output { to: Vec::new(), json, is_terminal: false, shown: 0 };
    let code = out.run(line.log.command, &|_| bail!("--path says it")).unwrap();
    (code, out.to)
}

fn json_lines(folder: &TempDir, args: &str) -> Vec<Json> {
    let (_, text) = log(folder, args, true);
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn commands_are_lines_as_design_7_says() {
    let lines = json_lines(&some_of_all(), "query --kind command");
    assert_eq!(lines.len(), 3);
    for (line, (seq, state)) in lines.iter().zip([(3, "accepted"), (5, "succeeded")]) {
        assert_eq!(line["seq"], seq);
        assert_eq!(line["kind"], "command");
        assert_eq!(line["command"], "set/a1");
        assert_eq!(line["state"], state);
    }
    assert_eq!(lines[0]["at"], "2026-08-17T20:53:23.000Z");
    assert_eq!(lines[2], json!({"records": 2}), "the summary is last");
}

#[test]
fn filters_take_what_was_asked_for() {
    let folder = some_of_all();
    let seqs = |args: &str| -> Vec<u64> {
        let lines = json_lines(&folder, args);
        lines.iter().filter_map(|line| line["seq"].as_u64()).collect()
    };
    assert_eq!(seqs("query"), [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(seqs("query --sensor air"), [2, 6]);
    assert_eq!(seqs("query --sensor air --kind reading"), [2]);
    assert_eq!(seqs("query --limit 2"), [1, 2]);
    assert_eq!(seqs("query --limit 0"), [0; 0]);
    assert_eq!(
        seqs("query --since 2026-08-17T20:53:22Z --until 2026-08-17T20:53:24Z"),
        [2, 3],
        "the end is not included"
    );
    assert_eq!(seqs("tail -n 2"), [6, 7]);
}

#[test]
fn a_whole_journal_is_verified_with_a_summary_last() {
    let folder = some_of_all();
    let (code, text) = log(&folder, "verify", true);
    assert_eq!(code, ExitCode::SUCCESS);
    let summary: Json = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    for (key, value) in [("records", 7), ("first", 1), ("last", 7), ("gaps", 0)] {
        assert_eq!(summary[key], value, "{key}");
    }
    assert!(log(&folder, "verify", false).1.contains("whole"));
}

#[test]
fn gaps_that_no_record_explains_fail() {
    let dropped = |first, last| Entry::Dropped { first, last, reason: "quota".into() };
    let explained = journal(&[(1, reading("air", 1.0)), (9, dropped(2, 9))]);
    assert_eq!(log(&explained, "verify", true).0, ExitCode::SUCCESS);

    // What the unfiltered query shows is found by its kind, too.
    let found = json_lines(&explained, "query --kind dropped");
    assert_eq!((found.len(), &found[0]["seq"]), (2, &json!(9)), "{found:?}");
    assert_eq!(json_lines(&explained, "query --kind dropped --limit 1").len(), 2);
    assert_eq!(json_lines(&explained, "stats --kind dropped")[0]["records"], 1);
    let broken = journal(&[(1, reading("air", 1.0)), (5, dropped(3, 3)), (9, reading("air", 1.0))]);
    let (code, text) = log(&broken, "verify", true);
    assert_eq!(code, ExitCode::FAILURE);
    let summary: Json = serde_json::from_str(&text).unwrap();
    assert_eq!(summary["gaps"], 3);
    assert_eq!(summary["gap_ranges"], json!([[2, 2], [4, 4], [6, 8]]));
    assert!(log(&broken, "verify", false).1.contains("BROKEN: 3 gaps"));
}

#[test]
fn a_changed_payload_fails_and_is_named() {
    let folder = some_of_all();
    let blocks = folder.path().join(format!("blocks-{:020}.sqlite", 1));
    let blocks = Connection::open(blocks).unwrap();
    blocks.execute("UPDATE block SET bytes = zeroblob(length(bytes))", []).unwrap();
    let (code, text) = log(&folder, "verify", true);
    assert_eq!(code, ExitCode::FAILURE);
    let summary: Json = serde_json::from_str(&text).unwrap();
    assert_eq!(summary["damaged"], 1);
    assert_eq!(summary["damaged_records"][0]["seq"], 1);
    assert!(json_lines(&folder, "query --kind reading")[0]["error"].is_string());
    assert!(log(&folder, "query", false).1.contains("UNREADABLE"));
}

#[test]
fn the_hash_chain_is_verified_on_demand() {
    let folder = some_of_all();
    let (code, text) = log(&folder, "verify --audit", true);
    assert_eq!(code, ExitCode::SUCCESS);
    let summary: Json = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert_eq!(summary["audit"]["records"], 4);
    let head = summary["audit"]["head"].as_str().unwrap();
    assert_eq!(log(&folder, &format!("verify --audit --head {head}"), true).0, ExitCode::SUCCESS);
    let other = "ab".repeat(32);
    assert_eq!(log(&folder, &format!("verify --audit --head {other}"), true).0, ExitCode::FAILURE);
}

#[test]
fn an_export_has_a_line_for_each_record() {
    let folder = some_of_all();
    let (_, csv) = log(&folder, "export --format csv", false);
    let lines: Vec<_> = csv.lines().collect();
    assert_eq!(lines[0], "seq,at,boot,kind,name,value,state,text");
    assert_eq!(lines[2], "2,2026-08-17T20:53:22.000Z,000000000000b007,reading,air,21.5,,");
    assert!(lines[7].contains(",step,fan,on,confirmed,goal climate"), "{csv}");
    assert_eq!(lines.len(), 8);
    let (_, jsonl) = log(&folder, "export --kind reading", false);
    assert_eq!(jsonl.lines().count(), 2);
    assert_eq!(csv_cell("a \"b\", c"), "\"a \"\"b\"\", c\"");
}

/// A file as another program reads it: each row as JSON.
fn rows(bytes: Vec<u8>) -> (usize, Vec<Json>) {
    let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).unwrap();
    let rows = reader.get_row_iter(None).unwrap();
    let cell = |field: &Field| match field {
        Field::Null => Json::Null,
        Field::ULong(number) => json!(number),
        Field::Double(number) => json!(number),
        Field::TimestampMillis(unix_ms) => json!(unix_ms),
        Field::Str(text) => json!(text),
        other => panic!("no column of ours holds {other:?}"),
    };
    let object = |row: Row| -> Json {
        row.get_column_iter().map(|(name, field)| (name.clone(), cell(field))).collect()
    };
    (reader.num_row_groups(), rows.map(|row| object(row.unwrap())).collect())
}

#[test]
fn a_parquet_file_has_a_typed_row_for_each_record() {
    let folder = some_of_all();
    let (_, bytes) = log_bytes(&folder, "export --format parquet", false);
    let (_, rows) = rows(bytes);
    let seqs: Vec<_> = rows.iter().map(|row| row["seq"].as_u64().unwrap()).collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(rows[1]["kind"], "reading");
    assert_eq!(rows[1]["name"], "air");
    assert_eq!(rows[1]["time"], START_MS + 2000);
    assert_eq!(rows[1]["number"], 21.5);
    assert_eq!(rows[1]["clock"], "synced");
    assert_eq!(rows[1]["boot"], "000000000000b007");
    assert_eq!(rows[1]["record"], Json::Null, "a reading is whole without it");
    assert_eq!(rows[6]["number"], Json::Null);
    assert_eq!(
        (&rows[6]["name"], &rows[6]["value"], &rows[6]["state"]),
        (&json!("fan"), &json!("on"), &json!("confirmed"))
    );
    let line = &json_lines(&folder, "query")[6];
    let record: Json = serde_json::from_str(rows[6]["record"].as_str().unwrap()).unwrap();
    assert_eq!(&record, line, "everything of it");
}

#[test]
fn a_parquet_file_is_written_by_groups_and_bounded_like_any_export() {
    let many = PARQUET_GROUP_ROWS as u64 + 10;
    let entries: Vec<_> = (1..=many).map(|seq| (seq, reading("air", seq as f64))).collect();
    let folder = journal(&entries);
    let (groups, all) = rows(log_bytes(&folder, "export --format parquet", false).1);
    assert_eq!((groups, all.len() as u64), (2, many));
    assert!(all.iter().zip(1..).all(|(row, seq)| row["seq"] == seq && row["number"] == seq as f64));
    let (groups, few) = rows(log_bytes(&folder, "export --format parquet --limit 3", false).1);
    assert_eq!((groups, few.len()), (1, 3));
    let (groups, none) = rows(log_bytes(&folder, "export --format parquet --kind event", false).1);
    assert_eq!((groups, none.len()), (0, 0));
}

#[test]
fn stats_count_kinds_and_bytes() {
    let summary = json_lines(&some_of_all(), "stats").pop().unwrap();
    assert_eq!(summary["records"], 7);
    assert_eq!(summary["kinds"]["reading"], 2);
    assert_eq!(summary["files"], 1);
    assert!(summary["bytes"].as_u64().unwrap() > 4096);
}

#[test]
fn people_get_aligned_lines() {
    let (_, text) = log(&some_of_all(), "query", false);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 7);
    assert!(lines[1].ends_with("         2  reading   air                      21.5"), "{text}");
    assert!(
        lines[2].ends_with("         3  command   set/a1                   accepted"),
        "{text}"
    );
    let step = "         7  step      fan                      on confirmed by mind: goal climate";
    assert!(lines[6].ends_with(step), "{text}");
    assert_eq!(log(&some_of_all(), "query --kind hold", false).1, "no such records\n");
}

#[test]
fn a_folder_without_a_journal_is_said() {
    let folder = TempDir::new().unwrap();
    let error = Reader::open(folder.path()).unwrap_err().to_string();
    assert!(error.contains("there is no journal"), "{error}");
}

#[test]
fn times_are_read_in_three_forms() {
    assert_eq!(parse_time("2026-08-17T20:53:20Z").unwrap(), START_MS);
    assert_eq!(parse_time("2026-08-17T22:53:20+02:00").unwrap(), START_MS);
    assert!(parse_time("2026-08-17T20:53").is_ok());
    let before = Timestamp::now().as_millisecond() - 7_200_000;
    let two_hours_ago = parse_time("2h").unwrap();
    assert!((before..before + 60_000).contains(&two_hours_ago), "{two_hours_ago} {before}");
    let error = parse_time("yesterday").unwrap_err().to_string();
    assert!(error.contains("2h or 7d (ago)"), "{error}");
    let week = parse_time("7d").unwrap();
    assert!(two_hours_ago - week > 6 * 24 * 3_600_000, "{week}");
    assert!(parse_kind("readings").unwrap_err().to_string().contains("reading, faults"));
}

#[test]
fn a_decision_is_joined_with_what_the_sensors_said_after_it() {
    let decision = |id: &str, predicted: &[&str]| {
        let predicted = predicted.iter().map(|name| ((*name).to_owned(), 20.0)).collect();
        Entry::Decision(Box::new(Decision {
            id: id.into(),
            cause: "goal".into(),
            facts: Vec::new(),
            notes: Vec::new(),
            candidates: vec![crate::domain::Candidate {
                set: vec![("fan".into(), Setting::On)],
                text: "fan on".into(),
                predicted,
                cost: 0.0,
                utility: 1.0,
                probability: None,
            }],
            chosen: 0,
            by: Decider::Planner,
            guard: "passed".into(),
            model: None,
        }))
    };
    // The test's journal counts a millisecond a record.
    let quarter = 900_000;
    let folder = journal(&[
        (1, decision("a", &["air"])),
        (2, reading("air", 21.0)),
        (3, reading("soil", 0.5)),
        (4, decision("b", &[])),
        (1 + quarter, reading("air", 22.0)),
        (2 + quarter, reading("air", 23.0)),
        (3 + quarter, reading("soil", 0.75)),
        (4 + quarter, reading("air", 24.0)),
        (5 + quarter, decision("c", &["air"])),
    ]);
    let lines = json_lines(&folder, "query --kind decision");
    let outcomes: Vec<&Json> = lines.iter().map(|line| &line["outcome"]).collect();
    let (one, two) = (json!({"900": {"air": 21.0}}), json!({"900": {"air": 23.0, "soil": 0.75}}));
    // The last line is the summary, which has none.
    assert_eq!(outcomes, [&one, &two, &Json::Null, &Json::Null]);
    let limited = json_lines(&folder, "query --kind decision --limit 1");
    assert_eq!((&limited[0]["outcome"], &limited[1]), (&one, &json!({"records": 1})));
    let named = json_lines(&folder, "query --decision b");
    assert_eq!(named[0]["outcome"], two);
}
