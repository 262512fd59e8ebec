//! The power goes at every write, rename and sync of updates, on a simulated disk. Never is a board
//! without a program, never does it run a half of a release, never is a bad one confirmed.

#![allow(clippy::unwrap_used, reason = "a test ends where its ground is missing")]

mod board;
mod disk;

use std::collections::BTreeMap;

use board::{Board, Counts, Mistake};
use disk::Lie;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// Runs where nobody asks for more; `make update-cuts` asks for 10,000.
const RUNS: u64 = 2_000;

/// Boards by seed, each cut at every one of its operations in turn, with up to two more cuts in
/// what follows, until there have been so many runs.
fn runs(most: u64, mistake: Mistake) -> (Counts, BTreeMap<&'static str, u64>) {
    let mut counts = Counts::default();
    let mut operations: BTreeMap<&'static str, u64> = BTreeMap::new();
    let mut seed = 0;
    while counts.runs < most {
        seed += 1;
        let mut whole = Board::new(seed, mistake);
        let before = whole.disk().count();
        whole.run(&[]);
        let length = whole.disk().count() - before;
        counts.add(&whole.counts);
        for (kind, count) in whole.disk().operations() {
            *operations.entry(kind).or_default() += count;
        }
        let mut rng = StdRng::seed_from_u64(seed);
        for operation in 1..=length {
            let mut cuts = vec![operation];
            cuts.extend((0..rng.random_range(0..=2)).map(|_| rng.random_range(1..60_u64)));
            let mut board = Board::new(seed, mistake);
            board.run(&cuts);
            let faults = board.counts.faults();
            if mistake == Mistake::None && faults > 0 {
                panic!("seed {seed}, cuts {cuts:?}: {:?}", board.counts);
            }
            counts.add(&board.counts);
            if counts.runs >= most {
                break;
            }
        }
    }
    (counts, operations)
}

#[test]
fn no_power_cut_bricks_a_board_or_leaves_it_half_updated() {
    let most = std::env::var("OUTPOST_UPDATE_CUTS");
    let most = most.map_or(RUNS, |text| text.parse().expect("OUTPOST_UPDATE_CUTS: a number"));
    let (counts, operations) = runs(most, Mistake::None);
    println!("{counts:?}\noperations of the runs without a cut: {operations:?}");
    assert_eq!(counts.faults(), 0);
    assert!(counts.runs >= most && counts.cuts >= most);
    assert!(counts.confirmed > 0 && counts.undone > 0);
}

#[test]
fn the_checks_bite_where_the_disk_or_the_board_is_wrong() {
    let found = |mistake| runs(600, mistake).0;
    let no_file_sync = found(Mistake::Disk(Lie::NoFileSync));
    assert!(no_file_sync.bricked > 0, "{no_file_sync:?}");
    let no_part_sync = found(Mistake::Disk(Lie::NoPartSync));
    assert!(no_part_sync.half_updated > 0, "{no_part_sync:?}");
    let no_folder_sync = found(Mistake::Disk(Lie::NoFolderSync));
    assert!(no_folder_sync.faults() > 0, "{no_folder_sync:?}");
    let steps = found(Mistake::Disk(Lie::RenameInSteps));
    assert!(steps.faults() > 0, "{steps:?}");
    let anything = found(Mistake::ConfirmsAnything);
    assert!(anything.wrong_confirmed > 0, "{anything:?}");
    let never = found(Mistake::NeverCounts);
    assert!(never.bricked > 0, "{never:?}");
}
