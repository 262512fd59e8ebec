//! The laptop is stolen, with the keys that lie on it: they are replaced with those of the drawer,
//! and what the thief signs is worth nothing from then on.

use std::fs;

use outpost::fleet::publish::Days;
use outpost::fleet::rekey::{ONLINE, rekey};
use outpost::fleet::rollout::{advance, pick};

use crate::Board;
use crate::rollout::rolling;

#[test]
fn stolen_keys_are_worth_nothing_once_they_were_replaced() {
    let (fleet, board) = rolling();
    let (keys, repository) = (fleet.path("keys"), fleet.path("repository"));
    let document = board.rollouts(&repository).unwrap();
    // What the thief signs: the same to begin with, in versions that run ahead of ours, which one
    // board sees; then all boards at once.
    let ahead = fleet.copy("ahead");
    let same = serde_json::to_vec(&document).unwrap();
    (0..5).for_each(|_| fleet.forge(&ahead, "rollout.json", &same));
    let mut hastened = document.clone();
    hastened.rollouts[0].step = 2;
    let attack = fleet.copy("attack");
    let text = serde_json::to_vec(&hastened).unwrap();
    (0..20).for_each(|_| fleet.forge(&attack, "rollout.json", &text));
    let (fooled, fresh) = (Board::new(&fleet), Board::new(&fleet));
    fooled.rollouts(&ahead).unwrap();

    fleet.block(rekey(&keys, &repository, &ONLINE, Days::default())).unwrap();
    // A board that is new knows only the first root, as does the one that was away.
    for board in [&board, &fooled, &fresh] {
        assert_eq!(board.rollouts(&repository).unwrap(), document);
        board.follows_not(&fleet, &attack);
        board.take(&repository, "1").unwrap();
        assert!(board.take(&attack, "1").is_err());
    }
    // We go on with what is in the folder now.
    fleet.roll(|document| advance(pick(document, None).unwrap(), 2));
    assert_eq!(board.rollouts(&repository).unwrap().rollouts[0].step, 2);
    fleet.publish("2");
    board.take(&repository, "2").unwrap();
    assert!(keys.read_dir().unwrap().all(|it| !it.unwrap().path().ends_with("new")));
}

#[test]
fn the_key_of_rollouts_alone_is_replaced_without_the_root() {
    let (fleet, board) = rolling();
    let (keys, repository) = (fleet.path("keys"), fleet.path("repository"));
    let old = fs::read(keys.join("rollout.key")).unwrap();
    for root in ["root-1", "root-2", "root-3"] {
        fs::remove_file(keys.join(format!("{root}.key"))).unwrap();
    }
    let root = fs::read(keys.join("root.json")).unwrap();
    fleet.block(rekey(&keys, &repository, &["rollout"], Days::default())).unwrap();
    assert_eq!(fs::read(keys.join("root.json")).unwrap(), root);
    assert_ne!(fs::read(keys.join("rollout.key")).unwrap(), old);
    board.rollouts(&repository).unwrap();
    // The old key no longer signs, though the two others are still good.
    let new = fs::read(keys.join("rollout.key")).unwrap();
    fs::write(keys.join("rollout.key"), old).unwrap();
    let edit = |document: &mut _| {
        advance(pick(document, None)?, 2);
        Ok(true)
    };
    let signed = outpost::fleet::rollout::change(&keys, &repository, Days::default(), edit);
    assert!(fleet.block(signed).is_err());
    fs::write(keys.join("rollout.key"), new).unwrap();
    fleet.roll(|document| advance(pick(document, None).unwrap(), 2));
    board.rollouts(&repository).unwrap();
    // The others need the root, and say so; nothing has changed.
    let before = fleet.copy("before");
    let error = fleet.block(rekey(&keys, &repository, &ONLINE, Days::default())).unwrap_err();
    assert!(error.to_string().contains("2 of the root keys"), "{error}");
    let file = |folder: &std::path::Path| fs::read(folder.join("metadata/timestamp.json")).unwrap();
    assert_eq!(file(&before), file(&repository));
}
