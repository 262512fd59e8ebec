//! A board that is saved and comes back on another one.

use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;
use crate::journal::{self, Options};

struct Board {
    folder: TempDir,
}

impl Board {
    fn new() -> Board {
        let board = Board { folder: tempfile::tempdir().unwrap() };
        let at = |name: &str| board.at(name).display().to_string();
        let config = format!(
            "[device]\nname = \"g-1\"\n[bus]\nurl = \"mqtts://hub\"\nca_file = {:?}\n\
             cert_file = {:?}\nkey_file = {:?}\n[journal]\npath = {:?}\n",
            at("ca.pem"),
            at("board.pem"),
            at("board.key"),
            at("journal"),
        );
        disk::replace(&board.at("outpost.toml"), config.as_bytes()).unwrap();
        for name in ["ca.pem", "board.pem", "board.key"] {
            disk::replace(&board.at(name), name.as_bytes()).unwrap();
        }
        fs::create_dir(board.at("journal")).unwrap();
        board
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn save(&self, to: &str, wanted: Wanted) -> Result<Manifest, BackupError> {
        make(&self.at("outpost.toml"), &self.at(to), wanted)
    }

    /// As a new card: nothing but the backup is there.
    fn lose(&self) {
        fs::remove_dir_all(self.at("journal")).unwrap();
        for name in ["outpost.toml", "ca.pem", "board.pem", "board.key"] {
            fs::remove_file(self.at(name)).unwrap();
        }
    }

    fn bring(&self, from: &str) -> Result<Manifest, BackupError> {
        restore(&self.at(from), &self.at("outpost.toml"))
    }
}

#[test]
fn secrets_stay_unless_they_are_asked_for_and_the_rest_comes_back() {
    let board = Board::new();
    let plain = board.save("plain", Wanted::default()).unwrap();
    assert_eq!(plain.absent, [board.at("board.pem"), board.at("board.key")]);
    let whole = board.save("whole", Wanted { secrets: true, ..Wanted::default() }).unwrap();
    assert!(whole.absent.is_empty());
    let kept = |folder: &str| {
        let names = fs::read_dir(board.at(folder)).unwrap().map(|it| it.unwrap().path());
        let texts = names.filter(|path| path.is_file()).map(|it| fs::read_to_string(it).unwrap());
        texts.filter(|text| text == "board.key").count()
    };
    assert_eq!((kept("plain"), kept("whole")), (0, 1));
    assert!(matches!(board.save("plain", Wanted::default()), Err(BackupError::Exists(_))));
    assert!(matches!(board.bring("plain"), Err(BackupError::Exists(_))));
    board.lose();
    board.bring("plain").unwrap();
    assert!(board.at("ca.pem").exists() && !board.at("board.key").exists());
    fs::remove_file(board.at("ca.pem")).unwrap();
    fs::remove_file(board.at("outpost.toml")).unwrap();
    fs::remove_dir_all(board.at("journal")).unwrap();
    board.bring("whole").unwrap();
    let mode = fs::metadata(board.at("board.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mode = fs::metadata(board.at("whole")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn a_backup_that_was_changed_puts_nothing_in_place() {
    let board = Board::new();
    board.save("saved", Wanted::default()).unwrap();
    board.lose();
    let manifest = board.at("saved").join(MANIFEST);
    let good = fs::read_to_string(&manifest).unwrap();
    for (from, to) in [
        ("file-1", "../file"),
        ("\"version\": 1", "\"version\": 2"),
        (board.at("ca.pem").to_str().unwrap(), "/etc/passwd"),
    ] {
        assert!(good.contains(from), "{from}");
        disk::replace(&manifest, good.replace(from, to).as_bytes()).unwrap();
        let error = board.bring("saved").unwrap_err();
        assert!(matches!(error, BackupError::Backup { .. }), "{from}: {error}");
        assert!(!board.at("outpost.toml").exists());
    }
    disk::replace(&manifest, good.as_bytes()).unwrap();
    disk::replace(&board.at("saved").join("file-1"), b"other").unwrap();
    let error = board.bring("saved").unwrap_err().to_string();
    assert!(error.contains("file-1 is not what was saved"), "{error}");
    assert!(!board.at("ca.pem").exists() && !board.at("outpost.toml").exists());
}

#[test]
fn a_restored_journal_uses_no_sequence_twice() {
    let board = Board::new();
    let options = Options { quota_bytes: 64 << 20, keep: journal::Keep::default() };
    let open = || journal::open(&board.at("journal"), options, Box::new(|_| {})).unwrap();
    let (running, _) = open();
    // While it runs, as each night.
    board.save("saved", Wanted { records: true, ..Wanted::default() }).unwrap();
    drop(running);
    let used = fs::read_to_string(board.at("saved/journal").join(SEQUENCES)).unwrap_or_default();
    let used: u64 = used.trim().parse().unwrap_or(0);
    board.lose();
    board.bring("saved").unwrap();
    let (_, restored) = open();
    assert!(restored.next_seq > used + RESTORE_SEQ_AHEAD, "{}", restored.next_seq);
}

#[test]
fn another_file_in_the_place_of_one_is_named_and_nothing_is_put_in_place() {
    let board = Board::new();
    let options = Options { quota_bytes: 64 << 20, keep: journal::Keep::default() };
    drop(journal::open(&board.at("journal"), options, Box::new(|_| {})).unwrap());
    board.save("saved", Wanted { secrets: true, records: true }).unwrap();
    board.lose();
    // The new board has made a key of its own, and was given the authority of the old one.
    disk::replace_private(&board.at("board.key"), b"another").unwrap();
    disk::replace(&board.at("ca.pem"), b"ca.pem").unwrap();
    let error = board.bring("saved").unwrap_err();
    let BackupError::Others(others) = &error else { panic!("{error}") };
    assert_eq!(*others, [board.at("board.key")]);
    assert_eq!(fs::read(board.at("board.key")).unwrap(), b"another");
    for name in ["journal", "outpost.toml", "board.pem"] {
        assert!(!board.at(name).exists(), "{name}");
    }
    fs::remove_file(board.at("board.key")).unwrap();
    board.bring("saved").unwrap();
    assert_eq!(fs::read(board.at("board.key")).unwrap(), b"board.key");
    let left = fs::read_dir(board.folder.path()).unwrap().map(|it| it.unwrap().file_name());
    assert_eq!(left.filter(|name| name.to_string_lossy().starts_with('.')).count(), 0);
}

#[test]
fn two_files_for_one_place_are_refused() {
    let board = Board::new();
    board.save("saved", Wanted { secrets: true, ..Wanted::default() }).unwrap();
    board.lose();
    let manifest = board.at("saved").join(MANIFEST);
    let text = fs::read_to_string(&manifest).unwrap();
    disk::replace(&manifest, text.replace("board.pem", "board.key").as_bytes()).unwrap();
    let error = board.bring("saved").unwrap_err().to_string();
    assert!(error.contains("two files for") && error.contains("board.key"), "{error}");
    assert!(!board.at("board.key").exists());
}

#[test]
fn what_could_not_be_restored_is_not_made() {
    let board = Board::new();
    for number in 0..BACKUP_FILES_MAX {
        disk::create(&board.at("journal").join(format!("blocks-{number}.sqlite"))).unwrap();
    }
    let error = board.save("saved", Wanted { records: true, ..Wanted::default() }).unwrap_err();
    assert!(error.to_string().contains("at most 4096"), "{error}");
    assert!(!board.at("saved").exists());
    // A file is not held as a whole, and its bound holds to the byte.
    let (long, most) = (board.at("long"), 3 * COPY_BYTES as u64);
    disk::create(&long).unwrap().set_len(most).unwrap();
    let (length, sum) = pour(&long, most, io::sink()).unwrap();
    assert_eq!((length, sum), (most, sha256(&vec![0; 3 * COPY_BYTES])));
    let refused = pour(&long, most - 1, io::sink()).unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::FileTooLarge);
}
