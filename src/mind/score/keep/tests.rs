//! The files alone; `tests/mind` has them with the model.
#![expect(clippy::disallowed_methods, reason = "files of a test need not outlive a power cut")]

use super::*;

const IDENTITY: Identity = Identity([7; 32]);

fn files(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path()).collect()
}

#[test]
fn a_prefix_comes_back_after_a_restart_for_every_prompt_that_begins_like_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = PrefixStore::open(folder.path(), IDENTITY);
    store.put(&[1, 2, 3, 4], b"state of four");
    store.put(&[1, 9], b"state of two");
    assert!(store.has(&[1, 2, 3, 4]) && !store.has(&[1, 2]));
    let mut store = PrefixStore::open(folder.path(), IDENTITY);
    let kept = store.best(&[1, 2, 3, 5], 3).expect("kept");
    assert_eq!(
        (kept.tokens.as_slice(), kept.state.as_slice()),
        (&[1, 2, 3, 4][..], &b"state of four"[..])
    );
    assert!(store.best(&[1, 2, 3, 5], 4).is_none());
    assert!(store.best(&[8], 0).is_none());
}

#[test]
fn a_file_with_any_byte_wrong_or_missing_is_removed_and_never_given_out() {
    let folder = tempfile::tempdir().expect("a folder");
    let state = vec![5; 64];
    PrefixStore::open(folder.path(), IDENTITY).put(&[1, 2, 3], &state);
    let path = files(folder.path()).remove(0);
    let good = fs::read(&path).expect("readable");
    for place in 0..good.len() {
        let mut bad = good.clone();
        bad[place] ^= 0x10;
        fs::write(&path, &bad).expect("written");
        let mut store = PrefixStore::open(folder.path(), IDENTITY);
        assert!(store.best(&[1, 2, 3], 3).is_none(), "byte {place}");
    }
    for length in 0..good.len() {
        fs::write(&path, &good[..length]).expect("written");
        let mut store = PrefixStore::open(folder.path(), IDENTITY);
        assert!(store.best(&[1, 2, 3], 1).is_none(), "{length} bytes");
        assert!(!path.exists(), "{length} bytes stay");
        store.put(&[1, 2, 3], &state);
        assert!(store.best(&[1, 2, 3], 3).is_some(), "not written again");
    }
}

#[test]
fn a_file_of_another_model_is_not_used_and_goes_only_when_room_is_needed() {
    let folder = tempfile::tempdir().expect("a folder");
    PrefixStore::open(folder.path(), Identity([8; 32])).put(&[1, 2, 3], &[1; 600]);
    let mut store = PrefixStore::with_bound(folder.path(), IDENTITY, 1000);
    assert!(store.best(&[1, 2, 3], 1).is_none());
    assert_eq!(files(folder.path()).len(), 1);
    store.put(&[4, 5, 6], &[1; 600]);
    assert_eq!(files(folder.path()).len(), 1);
    assert!(store.has(&[4, 5, 6]));
}

#[test]
fn the_bound_holds_and_what_was_used_last_stays() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut store = PrefixStore::with_bound(folder.path(), IDENTITY, 1000);
    for token in 0..5 {
        store.put(&[token, 1], &[0; 300]);
        assert!(store.best(&[0, 1], 2).is_some(), "the first is used each time");
    }
    let bytes: u64 = files(folder.path()).iter().map(|f| f.metadata().expect("one").len()).sum();
    assert!(bytes <= 1000 && store.has(&[4, 1]) && store.has(&[0, 1]) && !store.has(&[1, 1]));
    store.put(&[9, 9], &[0; 2000]);
    assert!(!store.has(&[9, 9]), "larger than the bound");
}

#[test]
fn a_folder_that_cannot_be_written_is_no_fault() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, b"").expect("written");
    let mut store = PrefixStore::open(&file.join("below"), IDENTITY);
    store.put(&[1, 2, 3], b"state");
    assert!(store.best(&[1, 2, 3], 1).is_none());
    assert!(store.has(&[1, 2, 3]), "so that nobody copies a state for nothing");
}
