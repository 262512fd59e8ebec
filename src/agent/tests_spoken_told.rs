//! Sentences that speak of a device, a goal or a mode and order nothing, and orders that look like
//! them, about one place. Each must be read as its file says: what no one ordered never acts.

use std::fs;
use std::path::{Path, PathBuf};

use super::spoken::hear;
use super::tests_spoken::{FOLDER as PLACES, place, read};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/told");

/// The sentences of a file that are read otherwise than it says, and how many it has. A line
/// `[name]` is another place than the one of this folder.
fn misread(file: &str) -> (Vec<String>, usize) {
    let mut config = place(Path::new(FOLDER), "glasshouse");
    let text = fs::read_to_string(PathBuf::from(FOLDER).join(file)).expect("sentences");
    let (mut misread, mut all) = (Vec::new(), 0);
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            config = place(Path::new(PLACES), name);
        }
        let Some((said, wanted)) = line.split_once(" => ") else { continue };
        all += 1;
        let found = read(said, &config);
        if found != wanted {
            misread.push(format!("{said}: {found} in the place of {wanted}"));
        }
    }
    (misread, all)
}

fn reads(file: &str, least: usize) {
    let (misread, all) = misread(file);
    assert!(misread.is_empty(), "{}", misread.join("\n"));
    assert!(all >= least, "{all}");
}

#[test]
fn a_goal_that_is_not_wanted_is_not_kept() {
    reads("goals.txt", 200);
}

#[test]
fn a_report_and_a_complaint_order_nothing() {
    reads("reports.txt", 250);
    reads("complaints.txt", 150);
}

#[test]
fn what_a_reader_found_to_act_is_an_order_no_more() {
    reads("nearly.txt", 40);
}

#[test]
fn a_wish_is_an_order_all_the_same() {
    reads("wishes.txt", 70);
}

#[test]
fn a_word_of_manner_that_says_more_than_how_is_never_left_out() {
    reads("manner.txt", 150);
}

#[test]
fn other_places_are_read_the_same_way() {
    reads("elsewhere.txt", 200);
}

#[test]
fn what_asks_to_wait_is_no_length() {
    reads("moments.txt", 150);
}

#[test]
fn the_agent_acts_only_where_it_is_the_one_to_act() {
    reads("control.txt", 200);
}

#[test]
fn leave_that_is_to_be_had_first_makes_an_adviser() {
    reads("leave.txt", 150);
}

#[test]
fn an_opinion_sets_no_mode() {
    reads("opinions.txt", 150);
}

#[test]
fn what_is_said_around_an_order_changes_nothing() {
    reads("around.txt", 230);
}

#[test]
fn ordinary_orders_are_read_and_wishes_of_others_are_not() {
    reads("ordinary.txt", 250);
}

#[test]
fn what_is_not_understood_is_named() {
    let config = place(Path::new(FOLDER), "glasshouse");
    for (said, word) in [
        ("I open the vent", "`i open`"),
        ("the fan ran at 80 again", "`fan ran`"),
        ("you should have turned the heater off", "`should have turned`"),
        ("no need to keep the tank below 8", "`no need`"),
        ("fan on, just a second", "`just a second`"),
        ("give me back control", "`me`"),
        ("let the crew take over", "`crew`"),
        ("you were acting on your own", "`you were`"),
        ("close the valve slightly", "`slightly`"),
    ] {
        let why = hear(said, &config).expect_err(said);
        assert!(why.contains(word), "{said}: {why}");
    }
    let left = hear("close the valve zebra quartz", &config).expect("an order");
    assert_eq!(left.unsure, ["zebra", "quartz"]);
}
