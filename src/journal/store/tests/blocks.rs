//! What the chain of blocks and the audit database do for each other, and boards of the first
//! format.

use super::*;

/// A folder of the first format, as version 1 of the tables had it.
fn first_format(folder: &TempDir) {
    let connection = Connection::open(folder.path().join(DATABASE)).unwrap();
    connection
        .execute_batch(
            "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL;
             CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
             CREATE TABLE record (
                 seq INTEGER PRIMARY KEY, boot INTEGER NOT NULL, mono_ms INTEGER NOT NULL,
                 unix_ms INTEGER NOT NULL, trust INTEGER NOT NULL, kind INTEGER NOT NULL,
                 payload BLOB NOT NULL) STRICT;
             CREATE TABLE command (
                 kind TEXT NOT NULL, id TEXT NOT NULL, state INTEGER NOT NULL,
                 reason TEXT NOT NULL, unix_ms INTEGER NOT NULL, trust INTEGER NOT NULL,
                 first_unix_ms INTEGER NOT NULL, seq INTEGER NOT NULL,
                 PRIMARY KEY (kind, id)) STRICT, WITHOUT ROWID;
             CREATE TABLE latest (
                 role INTEGER NOT NULL, actuator TEXT NOT NULL, seq INTEGER NOT NULL,
                 boot INTEGER NOT NULL, mono_ms INTEGER NOT NULL, unix_ms INTEGER NOT NULL,
                 trust INTEGER NOT NULL, kind INTEGER NOT NULL, payload BLOB NOT NULL,
                 PRIMARY KEY (role, actuator)) STRICT, WITHOUT ROWID;
             PRAGMA application_id = 0x4f555450; PRAGMA user_version = 1;",
        )
        .unwrap();
    for seq in 1..=500 {
        let made = if seq % 7 == 0 {
            let made = command(seq, &format!("c{seq}"), CommandState::Succeeded);
            let known = StoredCommand {
                kind: "set".into(),
                id: format!("c{seq}"),
                state: CommandState::Succeeded,
                reason: String::new(),
                unix_ms: 0,
            };
            restore::put_command(&connection, &made, &known).unwrap();
            made
        } else {
            reading(seq)
        };
        let row = rusqlite::params![
            stored(made.seq),
            stored(made.boot),
            stored(made.mono_ms),
            made.unix_ms,
            2,
            made.kind.code(),
            made.payload
        ];
        connection.execute("INSERT INTO record VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)", row).unwrap();
    }
}

#[test]
fn a_board_of_the_first_format_keeps_every_record_and_command() {
    let folder = TempDir::new().unwrap();
    first_format(&folder);
    let (mut store, restored) = open(&folder);
    assert_eq!((restored.next_seq, restored.damage), (501, None));
    assert_eq!(restored.commands.len(), 71);
    store.commit(&[reading(501), command(502, "new", CommandState::Accepted)]).unwrap();
    store.close().unwrap();
    assert_eq!(seqs(folder.path()), (1..=502).collect::<Vec<_>>());
    let reader = Reader::open(folder.path()).unwrap();
    assert!(reader.verify().unwrap().is_whole());
    assert!(reader.verify_audit(None).unwrap().broken.is_none());
    drop(store);
    assert_eq!(open(&folder).1.next_seq, 503);
}

#[test]
fn what_the_chain_lets_go_of_stays_where_it_matters() {
    let folder = TempDir::new().unwrap();
    let options = Options::of_quota(JOURNAL_QUOTA_BYTES_MIN);
    let (mut store, _) = Store::open(folder.path(), options).unwrap();
    for from in 0..200 {
        let mut batch: Vec<_> = (from * 1000 + 1..=from * 1000 + 1000).map(noisy).collect();
        batch[999] = command(from * 1000 + 1000, &from.to_string(), CommandState::Succeeded);
        store.commit(&batch).unwrap();
        while store.upkeep().unwrap() {}
    }
    let reader = Reader::open(folder.path()).unwrap();
    let wanted = Filter { kind: Some(Kind::Command), ..Filter::default() };
    let mut commands = Vec::new();
    let each = reader.each(0, &wanted, |record| {
        commands.push(record.seq);
        true
    });
    each.unwrap();
    assert_eq!(commands, (1..=200).map(|n| n * 1000).collect::<Vec<_>>());
    let back = |before, count| reader.back(Kind::Command, before, count).unwrap();
    assert_eq!(back(u64::MAX, 1), 200_000);
    assert_eq!((back(200_000, 3), back(1001, 1), back(1000, 1)), (197_000, 1000, 0));
    assert_eq!((back(u64::MAX, 200), back(u64::MAX, 201)), (1000, 0));
    assert!(chain::list(folder.path()).unwrap()[0] > 1000, "the oldest files are gone");
    let report = reader.verify().unwrap();
    assert!(report.is_whole() && report.altered == 0, "{report:?}");
}

#[test]
fn an_altered_audit_record_is_found_twice() {
    let folder = TempDir::new().unwrap();
    filled(&folder, true);
    let reader = Reader::open(folder.path()).unwrap();
    let proof = reader.verify_audit(None).unwrap();
    assert_eq!((proof.records, proof.broken), (300, None));
    let head = reader.audit_head().unwrap();
    assert_eq!(proof.head, head);
    assert!(reader.verify_audit(Some(head.hash)).unwrap().has_wanted);
    assert!(!reader.verify_audit(Some([1; 32])).unwrap().has_wanted);
    drop(reader);
    let other = command(8, "other", CommandState::Succeeded).payload;
    let connection = Connection::open(folder.path().join(DATABASE)).unwrap();
    connection.execute("UPDATE record SET payload = ?1 WHERE seq = 8", [other]).unwrap();
    let reader = Reader::open(folder.path()).unwrap();
    let broken = reader.verify_audit(None).unwrap().broken.unwrap();
    assert_eq!(broken.0, 8);
    let report = reader.verify().unwrap();
    assert_eq!((report.altered, report.is_whole()), (1, false), "{report:?}");
}

#[test]
fn the_audit_database_is_rebuilt_from_the_chain() {
    let folder = TempDir::new().unwrap();
    filled(&folder, true);
    fs::remove_file(folder.path().join(DATABASE)).unwrap();
    let (store, restored) = open(&folder);
    assert_eq!(restored.commands.len(), 150);
    assert_eq!(restored.pulses_on, ["sprayer"]);
    drop(store);
    let reader = Reader::open(folder.path()).unwrap();
    assert_eq!(reader.verify_audit(None).unwrap().records, 300);
    assert!(reader.verify().unwrap().is_whole());
}

#[test]
fn whole_blocks_of_a_damaged_file_are_saved() {
    let folder = TempDir::new().unwrap();
    filled(&folder, true);
    let path = chain::path_of(folder.path(), 1);
    let mut bytes = fs::read(&path).unwrap();
    // The root of the table: the leaves below it are whole.
    bytes[4096..4200].fill(0xaa);
    fs::write(&path, bytes).unwrap();
    let (mut store, restored) = open(&folder);
    let found = restored.damage.unwrap();
    assert!(found.contains("records saved"), "{found}");
    let next = restored.next_seq;
    assert!(next > 1_000_000);
    store.commit(&[reading(next)]).unwrap();
    let report = Reader::open(folder.path()).unwrap().verify().unwrap();
    assert!(report.is_whole(), "{report:?}");
    assert!(report.records > 300, "commands and steps at least: {report:?}");
}

#[test]
fn a_damaged_file_that_cannot_be_rebuilt_stays_and_the_next_begins() {
    let folder = TempDir::new().unwrap();
    let (mut store, _) = open(&folder);
    for first in (1..=900).step_by(100) {
        store.commit(&(first..first + 100).map(noisy).collect::<Vec<_>>()).unwrap();
    }
    store.close().unwrap();
    drop(store);
    let path = chain::path_of(folder.path(), 1);
    let mut bytes = fs::read(&path).unwrap();
    // In the last block: its checksum is wrong.
    let end = bytes.len() - 2000;
    bytes[end..end + 100].fill(0xaa);
    fs::write(&path, bytes).unwrap();
    // No room for a second one: nothing can be made under its name.
    let rescued = path.with_extension("sqlite.rescued");
    fs::create_dir(&rescued).unwrap();
    fs::write(rescued.join("full"), "").unwrap();
    let (mut store, restored) = open(&folder);
    let found = restored.damage.unwrap();
    assert!(found.contains("what can be read of it stays"), "{found}");
    assert_eq!(restored.refused, None);
    assert!(path.exists(), "all that is whole is in it");
    let next = restored.next_seq;
    store.commit(&[reading(next), reading(next + 1)]).unwrap();
    let here = seqs(folder.path());
    let kept = here.iter().filter(|seq| **seq <= 900).count();
    assert!((800..900).contains(&kept), "{kept} of 900");
    assert_eq!(here[here.len() - 2..], [next, next + 1]);
    let report = Reader::open(folder.path()).unwrap().verify().unwrap();
    assert_eq!(report.gaps, 0, "{report:?}");
    store.close().unwrap();
    drop(store);
    let (_, restored) = open(&folder);
    assert_eq!((restored.damage, restored.next_seq), (None, next + 2), "it is found once");
}

#[test]
fn a_damage_that_cannot_be_named_moves_nothing() {
    let folder = TempDir::new().unwrap();
    filled(&folder, true);
    let path = chain::path_of(folder.path(), 1);
    let (mut store, restored) = open(&folder);
    let error = JournalError::Foreign { path: path.clone(), what: "a test".into() };
    let audit = store.audit().unwrap();
    audit.pragma_update(None, "query_only", true).unwrap();
    assert!(store.rescue(&error, restored.next_seq).is_err());
    assert!(path.exists() && damage::newest_aside(&path).is_none(), "it is where it was");
    let audit = store.audit().unwrap();
    audit.pragma_update(None, "query_only", false).unwrap();
    let found = store.rescue(&error, restored.next_seq).unwrap();
    assert!(found.contains("records saved"), "{found}");
    let report = Reader::open(folder.path()).unwrap().verify().unwrap();
    assert!(report.is_whole(), "{report:?}");
}

#[test]
fn wall_times_of_a_boot_are_repaired_when_its_clock_is_trusted() {
    let folder = TempDir::new().unwrap();
    let (mut store, _) = open(&folder);
    let at = |seq, mono_ms, unix_ms, trust| {
        let mut made = reading(seq);
        (made.boot, made.mono_ms, made.unix_ms, made.trust) = (9, mono_ms, unix_ms, trust);
        made
    };
    store.commit(&[at(1, 1000, 1000, ClockTrust::Unset)]).unwrap();
    store.commit(&[at(2, 2000, 2000, ClockTrust::Unset)]).unwrap();
    store.commit(&[at(3, 5000, DAY_MS, ClockTrust::Synced)]).unwrap();
    drop(store);
    let last = Reader::open(folder.path()).unwrap().last(9).unwrap();
    let times: Vec<_> = last.iter().map(|it| (it.unix_ms, it.believed_ms)).collect();
    assert_eq!(times, [(DAY_MS - 4000, Some(1000)), (DAY_MS - 3000, Some(2000)), (DAY_MS, None)]);
}

/// Seen as a `log query` that failed: it came between the making of a file and of its tables.
#[test]
fn a_file_that_the_writer_is_just_making_has_nothing_to_read_and_is_no_error() {
    let folder = TempDir::new().unwrap();
    // The very first look at a board: both files are there, neither has a table.
    fs::write(folder.path().join(DATABASE), "").unwrap();
    fs::write(chain::path_of(folder.path(), 1), "").unwrap();
    assert_eq!(seqs(folder.path()), [] as [u64; 0]);
    let reader = Reader::open(folder.path()).unwrap();
    assert_eq!(reader.last(9).unwrap(), []);
    assert!(reader.verify().unwrap().is_whole());
    // The next file of a chain.
    let (mut store, _) = open(&folder);
    store.commit(&[reading(1), reading(2)]).unwrap();
    let next = chain::path_of(folder.path(), 3);
    Connection::open(&next).unwrap().pragma_update(None, "journal_mode", "WAL").unwrap();
    assert_eq!(seqs(folder.path()), [1, 2]);
    let reader = Reader::open(folder.path()).unwrap();
    assert_eq!(reader.last(1).unwrap().iter().map(|it| it.seq).collect::<Vec<_>>(), [2]);
    let report = reader.verify().unwrap();
    assert!(report.is_whole() && report.records == 2, "{report:?}");
}
