//! The store on a real folder: what comes back, what damage costs, what the quota keeps.

#![expect(clippy::disallowed_methods, reason = "files of a test need not outlive a power cut")]

mod blocks;

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::clock::{Now, Tick};
use crate::domain::{CommandState, Decider, Entry, Setting, Severity, StepState, Value};
use crate::journal::{DATABASE, Filter, Kind, Reader, Stamp};
use crate::limits::{COMMAND_ID_KEPT_MS, COMMAND_IDS_MAX};

const OPTIONS: Options = Options::of_quota(64_000_000);
/// A day in August 2026, in milliseconds.
const DAY_MS: i64 = 1_787_000_000_000;

fn record(seq: u64, entry: &Entry) -> Record {
    let unix_ms = DAY_MS + i64::try_from(seq).unwrap();
    let now = Now { tick: Tick(seq * 10), unix_ms, trust: ClockTrust::Synced };
    Record::new(Stamp { seq, boot: u64::MAX - 5, now }, entry)
}

fn reading(seq: u64) -> Record {
    record(seq, &Entry::Reading { sensor: "air".into(), value: Value::Number(21.5) })
}

/// Text that no compressor makes shorter than half.
fn noise(seq: u64) -> String {
    let mut state = seq.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut text = String::new();
    for _ in 0..4 {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        text.push_str(&format!("{state:016x}"));
    }
    text
}

fn noisy(seq: u64) -> Record {
    record(seq, &Entry::Reading { sensor: "air".into(), value: Value::Text(noise(seq)) })
}

/// Bytes of all files of the journal.
fn size(folder: &TempDir) -> u64 {
    let files = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap());
    let ours = files.filter(|entry| {
        let name = entry.file_name().into_string().unwrap();
        name.contains(".sqlite") && !name.ends_with("-shm")
    });
    ours.map(|entry| entry.metadata().unwrap().len()).sum()
}

fn command(seq: u64, id: &str, state: CommandState) -> Record {
    let (kind, id, reason) = ("set".into(), id.into(), String::new());
    record(seq, &Entry::Command { kind, id, state, reason })
}

fn step(seq: u64, setting: Setting, state: StepState) -> Record {
    let off_after_ms = (setting == Setting::On).then_some(5000);
    let (actuator, cause) = ("sprayer".into(), "goal humid".into());
    let by = Decider::Planner;
    record(seq, &Entry::Step { actuator, setting, state, by, cause, off_after_ms })
}

fn open(folder: &TempDir) -> (Store, Restored) {
    Store::open(folder.path(), OPTIONS).unwrap()
}

fn seqs(folder: &Path) -> Vec<u64> {
    let mut seqs = Vec::new();
    let reader = Reader::open(folder).unwrap();
    reader
        .each(0, &crate::journal::Filter::default(), |record| {
            seqs.push(record.seq);
            true
        })
        .unwrap();
    seqs
}

#[test]
fn records_come_back_as_they_went_in() {
    let folder = TempDir::new().unwrap();
    let (mut store, restored) = open(&folder);
    assert_eq!(restored.next_seq, 1);
    assert!(restored.clean_stop && restored.damage.is_none());
    let batch = vec![reading(1), command(2, "a", CommandState::Accepted), reading(3)];
    store.commit(&batch).unwrap();
    drop(store);

    let (_store, restored) = open(&folder);
    assert_eq!(restored.next_seq, 4);
    assert!(!restored.clean_stop, "it was not closed");
    assert_eq!(restored.floor_unix_ms, DAY_MS + 3);
    let mut back = Vec::new();
    let reader = Reader::open(folder.path()).unwrap();
    reader
        .each(0, &crate::journal::Filter::default(), |record| {
            back.push(record);
            true
        })
        .unwrap();
    assert_eq!(back, batch);
    assert!(reader.verify().unwrap().is_whole());
}

#[test]
fn what_is_stored_is_never_overwritten() {
    let folder = TempDir::new().unwrap();
    let (mut store, _) = open(&folder);
    store.commit(&[reading(1)]).unwrap();
    store.commit(&[reading(1), reading(2)]).unwrap();
    store.commit(&[command(2, "late", CommandState::Accepted)]).unwrap();
    let last = Reader::open(folder.path()).unwrap().last(9).unwrap();
    assert_eq!(last, [reading(1), reading(2)]);
}

#[test]
fn a_second_agent_is_told_which_folder_is_in_use() {
    let folder = TempDir::new().unwrap();
    let (_store, _) = open(&folder);
    let error = Store::open(folder.path(), OPTIONS).unwrap_err();
    assert!(matches!(error, JournalError::InUse { .. }), "{error:?}");
    let text = error.chain();
    assert!(text.contains(&folder.path().display().to_string()), "{text}");
    assert!(text.contains(&std::process::id().to_string()), "{text}");
}

#[test]
fn a_clean_stop_is_known_and_the_file_is_alone() {
    let folder = TempDir::new().unwrap();
    let (mut store, _) = open(&folder);
    store.commit(&[reading(1)]).unwrap();
    store.close().unwrap();
    drop(store);
    assert!(!folder.path().join("journal.sqlite-wal").exists());
    // A reader without rights to the folder's log files reads it too.
    assert_eq!(seqs(folder.path()), [1]);
    let (store, restored) = open(&folder);
    assert!(restored.clean_stop);
    drop(store);
    assert!(!open(&folder).1.clean_stop, "the second start followed no close");
}

#[test]
fn states_of_commands_survive_and_only_go_forward() {
    let folder = TempDir::new().unwrap();
    let (mut store, _) = open(&folder);
    store.commit(&[command(1, "a", CommandState::Accepted)]).unwrap();
    store.commit(&[command(3, "a", CommandState::Succeeded)]).unwrap();
    store.commit(&[command(2, "a", CommandState::Executing)]).unwrap();
    store.commit(&[command(4, "b", CommandState::Accepted)]).unwrap();
    drop(store);
    let commands = open(&folder).1.commands;
    let states: Vec<_> = commands.iter().map(|known| (&known.id[..], known.state)).collect();
    assert_eq!(states, [("a", CommandState::Succeeded), ("b", CommandState::Accepted)]);
    assert_eq!(commands[0].unix_ms, DAY_MS + 3);
}

#[test]
fn ids_are_kept_for_90_days_of_a_trusted_clock_and_open_ones_for_ever() {
    let folder = TempDir::new().unwrap();
    let (mut store, _) = open(&folder);
    let aged = |seq, id: &str, state, trust, unix_ms| {
        let mut record = command(seq, id, state);
        (record.trust, record.unix_ms) = (trust, unix_ms);
        record
    };
    let old_ms = DAY_MS - COMMAND_ID_KEPT_MS - 1000;
    store
        .commit(&[
            aged(1, "old", CommandState::Succeeded, ClockTrust::Synced, old_ms),
            aged(2, "open", CommandState::Executing, ClockTrust::Synced, old_ms),
            aged(3, "no clock", CommandState::Failed, ClockTrust::Unset, 5000),
            aged(4, "young", CommandState::Failed, ClockTrust::Synced, old_ms + 2000),
            reading(5),
        ])
        .unwrap();
    drop(store);
    let ids: Vec<_> = open(&folder).1.commands.into_iter().map(|known| known.id).collect();
    assert_eq!(ids, ["open", "no clock", "young"]);
}

#[test]
fn ids_are_bounded_and_the_oldest_ended_one_goes() {
    let folder = TempDir::new().unwrap();
    let (mut store, _) = open(&folder);
    let count = u64::try_from(COMMAND_IDS_MAX).unwrap() + 10;
    let mut batch = vec![command(1, "open", CommandState::Accepted)];
    batch.extend((2..=count).map(|seq| command(seq, &seq.to_string(), CommandState::Succeeded)));
    store.commit(&batch).unwrap();
    store.upkeep().unwrap();
    drop(store);
    let commands = open(&folder).1.commands;
    assert_eq!(commands.len(), COMMAND_IDS_MAX);
    assert_eq!(commands[0].id, "open");
    assert_eq!(commands[1].id, "12", "the ten oldest ended ones are forgotten");
}

#[test]
fn last_states_survive() {
    let folder = TempDir::new().unwrap();
    let (mut store, _) = open(&folder);
    let mode = |mode: &str| Entry::Mode { actuator: String::new(), mode: mode.into() };
    let hold = |actuator: &str, for_ms| Entry::Hold { actuator: actuator.into(), for_ms };
    store
        .commit(&[
            record(1, &mode("act")),
            record(2, &mode("advise")),
            record(3, &hold("fan", 60_000)),
            record(4, &hold("vent", 60_000)),
            record(5, &hold("fan", 0)),
            step(6, Setting::On, StepState::Sent),
            step(7, Setting::Off, StepState::Refused),
        ])
        .unwrap();
    drop(store);
    let restored = open(&folder).1;
    assert_eq!(restored.modes, [(String::new(), "advise".to_owned())]);
    let [hold] = &restored.holds[..] else { panic!("{:?}", restored.holds) };
    assert_eq!((&*hold.actuator, hold.for_ms, hold.unix_ms), ("vent", 60_000, DAY_MS + 4));
    assert_eq!(restored.pulses_on, ["sprayer"]);
    let [last] = &restored.last_steps[..] else { panic!("{:?}", restored.last_steps) };
    assert_eq!((last.setting.clone(), last.state), (Setting::On, StepState::Sent));
    assert_eq!((last.off_after_ms, last.unix_ms), (Some(5000), DAY_MS + 6));
}

#[test]
fn a_pulse_is_on_until_its_off_is_confirmed() {
    let cases = [
        (vec![(Setting::On, StepState::Intended)], true),
        (vec![(Setting::On, StepState::Confirmed), (Setting::Off, StepState::Intended)], true),
        (vec![(Setting::On, StepState::Confirmed), (Setting::Off, StepState::Unconfirmed)], true),
        (vec![(Setting::On, StepState::Sent), (Setting::Off, StepState::Confirmed)], false),
        (vec![(Setting::On, StepState::Refused)], false),
    ];
    for (steps, is_on) in cases {
        let folder = TempDir::new().unwrap();
        let (mut store, _) = open(&folder);
        for (seq, (setting, state)) in (1..).zip(steps.clone()) {
            store.commit(&[step(seq, setting, state)]).unwrap();
        }
        drop(store);
        assert_eq!(!open(&folder).1.pulses_on.is_empty(), is_on, "{steps:?}");
    }
}

/// A journal with some of everything, closed or not.
fn filled(folder: &TempDir, close: bool) {
    let (mut store, restored) = open(folder);
    let next = restored.next_seq;
    let made = |seq| match seq % 4 {
        0 => command(seq, &format!("c{seq}"), CommandState::Succeeded),
        1 => step(seq, Setting::On, StepState::Sent),
        _ => reading(seq),
    };
    for from in (next..next + 600).step_by(60) {
        store.commit(&(from..from + 60).map(made).collect::<Vec<_>>()).unwrap();
    }
    if close {
        store.close().unwrap();
    }
}

#[test]
fn a_foreign_file_is_set_aside_and_the_sequence_goes_on() {
    let folder = TempDir::new().unwrap();
    filled(&folder, true);
    let path = folder.path().join(DATABASE);
    for (turn, foreign) in [&b"not a database"[..], &[0_u8; 8192][..], &b""[..]].iter().enumerate()
    {
        fs::write(&path, foreign).unwrap();
        let (mut store, restored) = open(&folder);
        assert!(restored.damage.is_some(), "{turn}");
        assert!(!restored.clean_stop);
        assert!(restored.next_seq > 1_000_000, "{turn}: {}", restored.next_seq);
        store.commit(&[reading(restored.next_seq)]).unwrap();
        let report = Reader::open(folder.path()).unwrap().verify().unwrap();
        assert!(report.is_whole(), "{turn}: {report:?}");
    }
}

#[test]
fn another_program_s_database_is_left_as_it_was() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(DATABASE);
    let other = Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE kept (x); INSERT INTO kept VALUES (5);").unwrap();
    drop(other);
    let bytes = fs::read(&path).unwrap();
    let (_store, restored) = open(&folder);
    assert!(restored.damage.unwrap().contains("another program"));
    assert_eq!(fs::read(folder.path().join("journal.sqlite.damaged-1")).unwrap(), bytes);
}

#[test]
fn a_missing_database_is_a_loss_and_not_a_new_device() {
    let folder = TempDir::new().unwrap();
    filled(&folder, true);
    fs::remove_file(folder.path().join(DATABASE)).unwrap();
    let (_store, restored) = open(&folder);
    assert!(restored.damage.unwrap().contains("missing"));
    assert!(restored.next_seq > 601);
}

#[test]
fn a_crash_between_setting_aside_and_beginning_anew_forgets_no_command() {
    let folder = TempDir::new().unwrap();
    filled(&folder, true);
    let path = folder.path().join(DATABASE);
    fs::rename(&path, folder.path().join("journal.sqlite.damaged-1")).unwrap();
    // The tables of the new one are there, what was saved is not.
    let sizes = schema::audit_sizes(OPTIONS.quota_bytes);
    drop(schema::open(&path, &schema::AUDIT, sizes).unwrap());
    let (_store, restored) = open(&folder);
    assert_eq!(restored.commands.len(), 150);
    assert!(restored.next_seq > 601 && restored.damage.is_some());
    assert!(Reader::open(folder.path()).unwrap().verify().unwrap().is_whole());
}

#[test]
fn a_start_without_records_is_no_loss() {
    let folder = TempDir::new().unwrap();
    for _ in 0..3 {
        let (_store, restored) = open(&folder);
        assert_eq!((restored.next_seq, restored.damage), (1, None));
    }
}

#[test]
fn a_disk_that_takes_nothing_stops_no_start() {
    let folder = TempDir::new().unwrap();
    filled(&folder, true);
    // As on a full disk: SQLite cannot make the index of its log.
    let obstacle = folder.path().join("journal.sqlite-shm");
    fs::create_dir(&obstacle).unwrap();
    let (mut store, restored) = open(&folder);
    assert!(restored.refused.is_some() && restored.damage.is_none(), "{restored:?}");
    assert_eq!((restored.next_seq, restored.commands.len()), (601, 150));
    assert_eq!(restored.pulses_on, ["sprayer"]);
    let error = store.commit(&[reading(601)]).unwrap_err();
    assert!(!error.is_damage(), "{error:?}");
    fs::remove_dir(&obstacle).unwrap();
    store.recover(&error, 601).unwrap();
    store.commit(&[reading(601)]).unwrap();
    drop(store);
    let restored = open(&folder).1;
    assert_eq!((restored.next_seq, restored.clean_stop), (602, false));
}

#[test]
fn a_size_that_the_file_cannot_have_is_damage_and_no_full_disk() {
    let folder = TempDir::new().unwrap();
    filled(&folder, true);
    let path = folder.path().join(DATABASE);
    let mut bytes = fs::read(&path).unwrap();
    bytes[29] ^= 0x80;
    fs::write(&path, bytes).unwrap();
    let restored = open(&folder).1;
    assert!(restored.damage.is_some() && restored.refused.is_none(), "{restored:?}");
}

#[test]
fn two_damaged_files_are_kept_and_no_more() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(DATABASE);
    for _ in 0..5 {
        fs::write(&path, b"no").unwrap();
        open(&folder);
    }
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.contains("damaged"))
        .collect();
    names.sort();
    assert_eq!(names, ["journal.sqlite.damaged-4", "journal.sqlite.damaged-5"]);
}

#[test]
fn commands_and_last_states_are_saved_from_a_file_whose_records_are_torn() {
    let folder = TempDir::new().unwrap();
    filled(&folder, true);
    let path = folder.path().join(DATABASE);
    let connection = Connection::open(&path).unwrap();
    let root: u32 = connection
        .query_row("SELECT rootpage FROM sqlite_schema WHERE name = 'record'", [], |row| row.get(0))
        .unwrap();
    drop(connection);
    let root = usize::try_from(root).unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[(root - 1) * 4096..root * 4096].fill(0xaa);
    fs::write(&path, bytes).unwrap();
    let (_store, restored) = open(&folder);
    assert!(restored.damage.unwrap().contains("150 device commands"));
    assert_eq!(restored.commands.len(), 150);
    assert_eq!(restored.pulses_on, ["sprayer"]);
    assert_eq!(restored.last_steps.len(), 1);
    assert!(restored.floor_unix_ms > 0);
}

#[test]
fn the_quota_gives_up_readings_first_and_names_them() {
    let folder = TempDir::new().unwrap();
    let options = Options::of_quota(JOURNAL_QUOTA_BYTES_MIN);
    let (mut store, _) = Store::open(folder.path(), options).unwrap();
    let mut seq = 0;
    for _ in 0..200 {
        let batch: Vec<_> = (0..1000)
            .map(|_| {
                seq += 1;
                if seq % 50 == 0 { step(seq, Setting::Off, StepState::Sent) } else { noisy(seq) }
            })
            .collect();
        store.commit(&batch).unwrap();
        while store.upkeep().unwrap() {}
    }
    let size = size(&folder);
    assert!(size <= JOURNAL_QUOTA_BYTES_MIN, "{size}");
    let reader = Reader::open(folder.path()).unwrap();
    let report = reader.verify().unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert_eq!(report.last, Some(200_000));
    let mut kinds = std::collections::BTreeMap::new();
    reader
        .each(0, &crate::journal::Filter::default(), |record| {
            *kinds.entry(record.kind).or_insert(0) += 1;
            true
        })
        .unwrap();
    assert_eq!(kinds[&Kind::Step], 4000, "no step goes while there are readings");
    assert_eq!(kinds[&Kind::Dropped], 1);
    assert!(kinds[&Kind::Reading] > 10_000);
}

#[test]
fn without_readings_the_quota_gives_up_the_oldest_and_keeps_command_ids() {
    let folder = TempDir::new().unwrap();
    let options = Options::of_quota(JOURNAL_QUOTA_BYTES_MIN);
    let (mut store, _) = Store::open(folder.path(), options).unwrap();
    store.commit(&[command(1, "first", CommandState::Succeeded), reading(2)]).unwrap();
    let mut seq = 2;
    for _ in 0..100 {
        let mut batch = Vec::new();
        for _ in 0..1000 {
            seq += 1;
            let (kind, severity) = ("test".into(), Severity::Info);
            batch.push(record(seq, &Entry::Event { kind, text: noise(seq), severity }));
        }
        store.commit(&batch).unwrap();
        while store.upkeep().unwrap() {}
    }
    let report = Reader::open(folder.path()).unwrap().verify().unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert!(report.records > 10_000 && report.first > Some(2), "{report:?}");
    drop(store);
    assert_eq!(open(&folder).1.commands[0].id, "first");
}

#[test]
fn a_smaller_quota_gives_space_back_to_the_file_system() {
    let folder = TempDir::new().unwrap();
    let (mut store, _) = open(&folder);
    for from in 0..200 {
        let batch: Vec<_> = (from * 1000 + 1..=from * 1000 + 1000).map(noisy).collect();
        store.commit(&batch).unwrap();
    }
    store.close().unwrap();
    drop(store);
    assert!(size(&folder) > JOURNAL_QUOTA_BYTES_MIN * 3 / 2, "{}", size(&folder));
    let options = Options::of_quota(JOURNAL_QUOTA_BYTES_MIN);
    let (mut store, restored) = Store::open(folder.path(), options).unwrap();
    store.commit(&[reading(restored.next_seq)]).unwrap();
    while store.upkeep().unwrap() {}
    store.close().unwrap();
    assert!(size(&folder) <= JOURNAL_QUOTA_BYTES_MIN, "{}", size(&folder));
    assert!(Reader::open(folder.path()).unwrap().verify().unwrap().is_whole());
}

/// One way of harming a file.
#[derive(Clone, Debug)]
enum Harm {
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    ZeroPage(prop::sample::Index),
    Noise(prop::sample::Index, u8),
}

fn any_harm() -> impl Strategy<Value = Harm> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        4 => (at(), 1..=255_u8).prop_map(|(at, bits)| Harm::Flip(at, bits)),
        1 => at().prop_map(Harm::Cut),
        1 => at().prop_map(Harm::ZeroPage),
        1 => (at(), any::<u8>()).prop_map(|(at, byte)| Harm::Noise(at, byte)),
    ]
}

fn harm(bytes: &mut Vec<u8>, harm: &Harm) {
    if bytes.is_empty() {
        return;
    }
    match harm {
        Harm::Flip(at, bits) => {
            let at = at.index(bytes.len());
            bytes[at] ^= bits;
        }
        Harm::Cut(at) => bytes.truncate(at.index(bytes.len())),
        Harm::ZeroPage(at) => {
            let page = at.index(bytes.len().div_ceil(4096));
            let end = bytes.len().min(page * 4096 + 4096);
            bytes[page * 4096..end].fill(0);
        }
        Harm::Noise(at, byte) => {
            let from = at.index(bytes.len());
            let end = bytes.len().min(from + 64);
            for (place, target) in bytes[from..end].iter_mut().enumerate() {
                *target = byte.wrapping_mul(31).wrapping_add(place as u8);
            }
        }
    }
}

/// Which file is harmed.
#[derive(Clone, Copy, Debug)]
enum Which {
    Audit,
    AuditLog,
    Blocks,
    BlocksLog,
}

/// Whatever the harm: the journal opens, takes records (setting the file aside where it must) and
/// never uses a sequence again.
fn survives(harmed: &Harm, which: Which) {
    let folder = TempDir::new().unwrap();
    let in_log = matches!(which, Which::AuditLog | Which::BlocksLog);
    filled(&folder, !in_log);
    let blocks = chain::path_of(folder.path(), 1);
    let name = match which {
        Which::Audit => DATABASE.to_owned(),
        Which::AuditLog => format!("{DATABASE}-wal"),
        Which::Blocks => blocks.file_name().unwrap().to_str().unwrap().to_owned(),
        Which::BlocksLog => format!("{}-wal", blocks.file_name().unwrap().to_str().unwrap()),
    };
    if !in_log {
        return after(&folder, &folder.path().join(name), harmed, 601);
    }
    // The last connection empties the log when it goes; a killed process leaves it.
    let (mut store, _) = open(&folder);
    store.commit(&(601..700).map(reading).collect::<Vec<_>>()).unwrap();
    let copy = TempDir::new().unwrap();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    after(&copy, &copy.path().join(name), harmed, 601);
}

fn after(folder: &TempDir, path: &Path, harmed: &Harm, least_next: u64) {
    let mut bytes = fs::read(path).unwrap();
    harm(&mut bytes, harmed);
    fs::write(path, bytes).unwrap();
    let (mut store, restored) = open(folder);
    let next = restored.next_seq;
    assert!(restored.damage.is_some() || next >= least_next, "{harmed:?}: {restored:?}");
    if let Err(error) = store.commit(&[reading(next)]) {
        assert!(error.is_damage(), "{harmed:?}: {error:?}");
        store.recover(&error, next).unwrap();
        store.commit(&[reading(next)]).unwrap();
    }
    let upkept = store.upkeep();
    assert!(upkept.is_ok() || upkept.unwrap_err().is_damage());
}

/// Random damages in a run of the test; `make damage` sets more.
fn damages() -> u32 {
    let wanted = std::env::var("OUTPOST_DAMAGES").ok();
    wanted.and_then(|wanted| wanted.parse().ok()).unwrap_or(60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: damages(), ..ProptestConfig::default() })]

    #[test]
    fn any_harm_to_any_file_leaves_a_journal_that_works(
        harmed in any_harm(),
        which in prop::sample::select(
            &[Which::Audit, Which::AuditLog, Which::Blocks, Which::BlocksLog][..]),
    ) {
        survives(&harmed, which);
    }
}
