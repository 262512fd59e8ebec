//! What is signed, refused and revoked.

use std::path::Path;

use super::*;
use crate::identity::{Facts, Papers};

const NOW_UNIX_S: i64 = 1_800_000_000;

fn request(folder: &Path, file: &str, device: &str) -> String {
    let (cert, key) = (folder.join(format!("{file}.pem")), folder.join(format!("{file}.key")));
    Papers { section: "bus".into(), cert, key }.request(device, false).unwrap()
}

fn said<T: std::fmt::Debug>(result: Result<T, FleetError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn only_the_board_that_was_named_is_signed_and_two_of_a_name_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca");
    make(&ca, "us", NOW_UNIX_S).unwrap();
    assert!(matches!(make(&ca, "us", NOW_UNIX_S), Err(FleetError::Exists(_))));
    let mut authority = Authority::open(&ca, NOW_UNIX_S).unwrap();
    assert!(said(Authority::open(&ca, NOW_UNIX_S).map(drop)).contains("another process"));
    let [one, two] = ["one", "two"].map(|file| request(folder.path(), file, "board-1"));
    let text = said(authority.enroll("board-2", &one, 10, false));
    assert_eq!(text, "the request: it is for \"board-1\", not for \"board-2\"");
    assert!(said(authority.enroll("board-1", "none", 10, false)).starts_with("the request: "));
    let first = authority.enroll("board-1", &one, 10, false).unwrap();
    // A renewal is for the same key.
    authority.enroll("board-1", &one, 10, false).unwrap();
    let text = said(authority.enroll("board-1", &two, 10, false));
    let serial = Facts::of_pem(first.as_bytes()).unwrap().serial;
    assert!(text.contains(&serial) && text.contains("--replace"), "{text}");
    authority.enroll("board-1", &two, 10, true).unwrap();
    let revoked = authority.issued().iter().map(|one| one.revoked_unix_s.is_some());
    assert_eq!(revoked.collect::<Vec<_>>(), [true, true, false]);
}

#[test]
fn nobody_is_called_as_a_file_of_the_authority() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca");
    make(&ca, "us", NOW_UNIX_S).unwrap();
    let mut authority = Authority::open(&ca, NOW_UNIX_S).unwrap();
    // A broker may be called as it likes: its files are `server.*`.
    authority.server(&["ca".into()], 10).unwrap();
    let all = || {
        let files = fs::read_dir(&ca).unwrap().map(|it| it.unwrap().path());
        let mut files: Vec<_> = files.map(|it| (fs::read(&it).unwrap(), it)).collect();
        files.sort();
        files
    };
    let before = all();
    for name in RESERVED {
        let text = said(authority.person(&name.parse().unwrap(), 10));
        assert!(text.starts_with(&format!("--person {name}: ")), "{text}");
        assert!(text.ends_with("ca, revoked, server"), "{text}");
    }
    assert_eq!(all(), before);
    authority.person(&"operator".parse().unwrap(), 10).unwrap();
}

#[test]
fn what_was_signed_is_known_at_the_next_start_and_is_revoked_once() {
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca");
    make(&ca, "us", NOW_UNIX_S).unwrap();
    let list = || fs::read(ca.join(REVOKED_FILE)).unwrap();
    let empty = list();
    let asked = request(folder.path(), "one", "board-1");
    let open = || Authority::open(&ca, NOW_UNIX_S).unwrap();
    open().enroll("board-1", &asked, 10, false).unwrap();
    open().server(&["broker".into(), "127.0.0.1".into()], 10).unwrap();
    assert_eq!(open().issued().len(), 2);
    assert_eq!(open().revoke("board-1").unwrap().len(), 1);
    assert!(list().len() > empty.len());
    assert!(said(open().revoke("board-1")).contains("nothing that is good"));
    // After that the board may come back under its name.
    open().enroll("board-1", &asked, 10, false).unwrap();
}
