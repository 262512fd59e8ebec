//! Keys, requests and certificates in a folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use tempfile::TempDir;

use super::*;
use crate::fleet::authority::{self, Authority};

const NOW_UNIX_S: i64 = 1_800_000_000;

struct House {
    folder: TempDir,
    papers: Papers,
}

impl House {
    fn new() -> House {
        let folder = tempfile::tempdir().unwrap();
        authority::make(&folder.path().join("ca"), "us", NOW_UNIX_S).unwrap();
        let (cert, key) = (folder.path().join("b/board.pem"), folder.path().join("b/board.key"));
        let papers = Papers { section: "bus".into(), cert, key };
        House { folder, papers }
    }

    fn enroll(&self, device: &str, request: &str) -> Vec<u8> {
        let authority = Authority::open(&self.folder.path().join("ca"), NOW_UNIX_S);
        authority.unwrap().enroll(device, request, 10, true).unwrap().into_bytes()
    }

    fn take(&self, pem: &[u8]) -> Result<Facts, IdentityError> {
        self.papers.take("board-1", pem, NOW_UNIX_S)
    }
}

#[test]
fn a_key_is_made_once_and_for_its_owner_alone() {
    let house = House::new();
    let papers = &house.papers;
    let request = papers.request("board-1", false).unwrap();
    let key = fs::read_to_string(&papers.key).unwrap();
    let mode = fs::metadata(&papers.key).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert!(key.lines().skip(1).all(|line| line.starts_with('-') || !request.contains(line)));
    papers.request("board-1", false).unwrap();
    assert_eq!(fs::read_to_string(&papers.key).unwrap(), key);
    assert_eq!(papers.facts().unwrap(), None);

    let facts = house.take(&house.enroll("board-1", &request)).unwrap();
    assert_eq!((facts.name.as_str(), facts.issuer.as_str()), ("board-1", "CN=us"));
    assert_eq!(facts.ends_unix_s, NOW_UNIX_S + 10 * 86_400);
    assert_eq!(papers.facts().unwrap(), Some(facts));
}

#[test]
fn a_certificate_of_another_board_key_or_time_is_refused_and_leaves_nothing() {
    let house = House::new();
    let papers = &house.papers;
    let own = papers.request("board-1", false).unwrap();
    let other = papers.request("board-2", false).unwrap();
    let elsewhere = Papers { key: house.folder.path().join("c/board.key"), ..papers.clone() };
    let stranger = elsewhere.request("board-1", false).unwrap();
    let refused = |pem: &[u8]| house.take(pem).unwrap_err().to_string();
    let text = refused(&house.enroll("board-2", &other));
    assert_eq!(text, "the certificate is for \"board-2\", this board is \"board-1\"");
    let text = refused(&house.enroll("board-1", &stranger));
    assert!(text.contains("for another key than"), "{text}");
    let good = house.enroll("board-1", &own);
    let late = papers.take("board-1", &good, NOW_UNIX_S + 11 * 86_400);
    assert!(matches!(late, Err(IdentityError::Over(_))), "{late:?}");
    assert!(refused(b"none").starts_with("the certificate cannot be read"));
    assert_eq!(papers.facts().unwrap(), None);
    // In 1970 nothing has begun.
    papers.take("board-1", &good, 0).unwrap();
}

#[test]
fn another_key_comes_with_its_certificate_also_when_the_power_goes_between() {
    let house = House::new();
    let papers = &house.papers;
    let request = papers.request("board-1", false).unwrap();
    let first = house.take(&house.enroll("board-1", &request)).unwrap();
    let request = papers.request("board-1", true).unwrap();
    assert_eq!(papers.facts().unwrap(), Some(first.clone()), "until the new one is there");
    let pem = house.enroll("board-1", &request);
    // As the power may leave it: verified, and nothing moved; then the key moved.
    disk::replace(&beside(&papers.cert), &pem).unwrap();
    disk::publish(&beside(&papers.key), &papers.key).unwrap();
    let second = papers.facts().unwrap().unwrap();
    assert_ne!(second.public_key, first.public_key);
    assert!(is_for(&second, &read_key(&papers.key).unwrap()));
    let names: Vec<_> = fs::read_dir(papers.cert.parent().unwrap()).unwrap().collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn what_is_longer_than_may_be_is_refused_and_never_cut() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("board.pem");
    for (more, good) in [(0, true), (1, false)] {
        disk::create(&path).unwrap().set_len(CERTIFICATE_BYTES_MAX + more).unwrap();
        assert_eq!(read(&path).is_ok(), good, "{more}");
    }
    let error = read(&path).unwrap_err();
    let said = crate::causes::chain(&error);
    assert!(said.contains("board.pem") && said.contains("more than 65536 bytes"), "{said}");
}
