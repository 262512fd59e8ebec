//! Questions about what was done at some time: which move is meant, what is said where there was
//! none, and that a restart changes nothing of it (`ask`).

use std::sync::Arc;

use super::tests::*;
use super::tests_asked::ended;
use super::*;
use crate::clock::ClockTrust;
use crate::config::{ActuatorKind, Config};
use crate::domain::*;
use crate::limits::MOVES_KEPT_MAX;

const DAY_MS: i64 = 24 * 3_600_000;
/// A Friday, 15 January 2027, at local midnight.
const FRIDAY_MS: i64 = 1_799_971_200_000;

/// Milliseconds since 1970 of a time, such as `15:10`, on a day before that Friday.
fn at(days_ago: i64, time: &str) -> i64 {
    let (hours, minutes) = time.split_once(':').expect("a time");
    let minutes = hours.parse::<i64>().expect("hours") * 60 + minutes.parse::<i64>().expect("min");
    FRIDAY_MS - days_ago * DAY_MS + minutes * 60_000
}

fn moved(seq: u64, on: bool, unix_ms: Option<i64>) -> Moved {
    let setting = if on { Setting::On } else { Setting::Off };
    let cause = format!("cause {seq}");
    Moved {
        seq,
        actuator: "fan".into(),
        setting,
        by: Decider::Rule,
        cause,
        unix_ms,
        unproven: false,
    }
}

/// The fan's moves of two days; ids say which is which.
fn moves() -> Vec<Moved> {
    let all = [
        (10, true, at(1, "03:00")),
        (11, false, at(1, "04:00")),
        (12, true, at(1, "15:05")),
        (13, false, at(1, "16:00")),
        (14, true, at(1, "22:45")),
        (15, false, at(1, "23:30")),
        (16, true, at(0, "03:02")),
        (17, false, at(0, "03:20")),
        (18, true, at(0, "07:00")),
        (19, false, at(0, "07:30")),
        (20, true, at(0, "12:40")),
        (21, false, at(0, "12:55")),
    ];
    all.map(|(seq, on, unix_ms)| moved(seq, on, Some(unix_ms))).to_vec()
}

/// A start with such moves before it, at a time of that Friday.
fn started(config: Config, moves: Vec<Moved>, time: &str) -> Bench {
    let resumed = Resumed { next_seq: 100, moves, ..Resumed::default() };
    let mut bench = Bench::resumed(config, resumed);
    bench.now.unix_ms = at(0, time);
    bench
}

/// The answer to a question.
fn answer(bench: &mut Bench, text: &str) -> String {
    let payload = serde_json::json!({ "text": text }).to_string();
    let inbox = Inbox::new(Arc::new(room()));
    let id = format!("q{}", bench.effects.len());
    let event = inbox.command("ask", &id, payload.as_bytes(), false).expect("a good id");
    let (state, answer) = ended(&bench.on(event), &id);
    assert_eq!(state, CommandState::Succeeded, "{text}: {answer}");
    answer
}

#[test]
fn a_time_picks_the_move_that_is_nearest_and_went_that_way() {
    for (text, now, seq) in [
        // Without the half of the day the last of 3:00 and 15:00 that has been.
        ("why did you start the fan at three?", "14:00", 16),
        ("why did you start the fan at three?", "02:00", 12),
        ("why did you stop the fan at three?", "14:00", 17),
        ("why did you switch the fan off at half past three?", "14:00", 17),
        ("why did you start the fan at 3 pm", "14:00", 12),
        ("why did you start the fan at 3 p.m.?", "14:00", 12),
        ("why did you start the fan at 3pm yesterday", "14:00", 12),
        ("why did you start the fan at 3 am", "14:00", 16),
        ("why did you start the fan at 15:10", "14:00", 12),
        ("why did the fan start at ten past three in the afternoon", "14:00", 12),
        ("why did you start the fan at three yesterday afternoon", "14:00", 12),
        ("why did you start the fan yesterday at three in the morning", "14:00", 10),
        ("why did you start the fan this morning?", "14:00", 18),
        ("why did you start the fan last night?", "14:00", 16),
        ("why did you start the fan at quarter to eleven last night?", "14:00", 14),
        ("why was the fan started at 23:00", "14:00", 14),
        ("why did you turn on the fan around noon", "14:00", 0),
        ("why did you turn on the fan an hour ago?", "13:50", 20),
        ("why did you turn off the fan an hour ago?", "13:50", 21),
        ("why did you start the fan half an hour ago?", "13:10", 20),
        ("why did you start the fan eleven hours ago?", "14:00", 16),
        ("why did you start the fan yesterday?", "14:00", 14),
        ("why did you start the fan on Thursday?", "14:00", 14),
        ("why did you stop the fan a day ago?", "14:00", 15),
        ("why did you start the fan today?", "14:00", 20),
        ("why was the fan on at 3:50 yesterday?", "14:00", 10),
        ("why was the fan not running at five?", "14:00", 17),
        ("why was the fan on at 23:00?", "14:00", 14),
        // No time: the last that went that way.
        ("why did you start the fan?", "14:00", 20),
        ("why did you stop the fan?", "14:00", 21),
        ("why is the fan on", "14:00", 21),
    ] {
        let mut bench = started(room(), moves(), now);
        let answer = answer(&mut bench, text);
        let wanted = format!("(record {seq})");
        let none = seq == 0 && answer.contains("there was no such move within 30 min of");
        assert!(none || answer.contains(&wanted), "{text} at {now}: {answer}");
        assert!(seq == 0 || !answer.contains("no such move"), "{text} at {now}: {answer}");
    }
}

#[test]
fn where_there_was_no_move_it_says_so_and_names_the_nearest() {
    let mut bench = started(room(), moves(), "14:00");
    assert_eq!(
        answer(&mut bench, "why did you start the fan at ten?"),
        "fan has not said what it is; there was no such move within 30 min of \
         2027-01-15T10:00:00+00:00; the nearest: set to on at 2027-01-15T12:40:00+00:00 by rule: \
         cause 20 (record 20)"
    );
    let text = answer(&mut bench, "why did you start the fan this afternoon?");
    assert!(text.contains("at 2027-01-15T12:40:00+00:00"), "{text}");
    let text = answer(&mut bench, "why did you stop the fan on Monday?");
    let span = "no such move from 2027-01-11T00:00:00+00:00 to 2027-01-12T00:00:00+00:00";
    assert!(text.contains(span) && text.contains("(record 11)"), "{text}");
    assert!(text.ends_with("(older ones: `outpost log query --kind step`)"), "{text}");
    let text = answer(&mut bench, "why did you start the heater at three?");
    assert!(text.contains("no move of it is remembered (older ones: "), "{text}");
    let text = answer(&mut bench, "why did you start the fan this morning?");
    assert!(!text.contains("the last of"), "{text}");
    let text = answer(&mut bench, "why did you stop the fan yesterday?");
    assert!(text.ends_with("(record 15), the last of 3 then"), "{text}");
}

#[test]
fn a_time_that_cannot_be_read_is_said_to_be_none() {
    for text in [
        "why did you start the fan 2300000000000 hours ago?",
        "why did you start the fan 999999999999999999999999999999 seconds ago?",
        "why did you start the fan 100000 hours ago?",
        "why did you start the fan -3 hours ago?",
        "why did you start the fan minus three hours ago?",
        "why did you start the fan 0 hours ago?",
        "why did you start the fan 5000 days ago?",
        "why did you start the fan 3000 weeks ago?",
        "why did you start the fan -2 days ago?",
        "why did you start the fan ٣ hours ago?",
        "why did you start the fan 3½ hours ago?",
        "why did you start the fan 三 days ago?",
        "why did you start the fan two months ago?",
        "why did you start the fan last week?",
        "why did you start the fan this week?",
        "why did you start the fan a few hours ago?",
        "why did you start the fan an hour or two ago?",
        "why did you start the fan two or three hours ago?",
        "why did you start the fan between two and four?",
        "why did you start the fan from two to four?",
        "why did you start the fan since three?",
        "why did you start the fan since 3 pm?",
        "why did you start the fan before noon?",
        "why did you start the fan at 1500?",
        "why did you start the fan on Monday last week?",
        "why did you start the fan two weeks ago on Monday?",
        "why did you start the fan after lunch?",
        "why did you start the fan in the last hour?",
        "why did you start the fan on the 3rd of January?",
        "why did you start the fan at three or four?",
        "why did you start the fan the night before?",
        "why did you start the fan since Monday?",
        "why did you start the fan an hour ago yesterday?",
    ] {
        for trust in [ClockTrust::Synced, ClockTrust::Unset] {
            let mut bench = started(room(), moves(), "14:00");
            bench.now.trust = trust;
            let answer = answer(&mut bench, text);
            assert!(answer.contains("the time that is said is not understood"), "{text}: {answer}");
            assert!(!answer.contains("record"), "{text}: {answer}");
        }
    }
    // As far back as may be asked about.
    let mut bench = started(room(), moves(), "14:00");
    let text = answer(&mut bench, "why did you start the fan 95000 hours ago?");
    assert!(text.contains("no such move") && text.contains("older ones"), "{text}");
}

#[test]
fn a_level_goes_up_and_down_and_its_number_is_no_hour() {
    let mut config = room();
    config.actuators[0].kind = ActuatorKind::Level { min: 0.0, max: 100.0, step: 1.0 };
    let level = |seq, level, time| {
        let setting = Setting::Level(level);
        Moved { setting, ..moved(seq, true, Some(at(0, time))) }
    };
    let moves = vec![level(1, 20.0, "09:00"), level(2, 80.0, "10:00"), level(3, 20.0, "11:00")];
    for (text, seq) in [
        ("why did you open the fan at ten?", 2),
        ("why did you close the fan at eleven?", 3),
        ("why did you lower the fan this morning?", 3),
        ("why did you raise the fan this morning?", 2),
        ("why is the fan at 20?", 3),
        ("why is the fan at 9?", 3),
    ] {
        let mut bench = started(config.clone(), moves.clone(), "14:00");
        let answer = answer(&mut bench, text);
        assert!(answer.contains(&format!("(record {seq})")), "{text}: {answer}");
    }
}

#[test]
fn the_oldest_is_dropped_and_what_no_clock_told_fits_no_time() {
    let most = MOVES_KEPT_MAX as u64;
    let many = (0..2 * most).map(|seq| {
        let minute_ms = i64::try_from(seq).expect("few") * 60_000;
        moved(seq, seq % 2 == 0, Some(at(1, "00:00") + minute_ms))
    });
    let mut bench = started(room(), many.collect(), "14:00");
    assert_eq!(bench.agent.moves[0].len(), MOVES_KEPT_MAX);
    let text = answer(&mut bench, "why did you start the fan at 0:20 yesterday?");
    assert!(text.contains("no such move within 30 min") && text.contains("older ones"), "{text}");
    let text = answer(&mut bench, "why did you start the fan at 1 am yesterday?");
    assert!(text.contains(&format!("(record {})", most)), "{text}");

    let mut bench = started(room(), vec![moved(1, true, None)], "14:00");
    let text = answer(&mut bench, "why did you start the fan this morning?");
    assert!(text.contains("no such move") && text.contains("none is remembered"), "{text}");
    let text = answer(&mut bench, "why did you start the fan?");
    assert!(text.contains("at a time that no clock told by rule: cause 1 (record 1)"), "{text}");
    bench.now.trust = ClockTrust::Unset;
    let text = answer(&mut bench, "why did you start the fan this morning?");
    assert!(text.contains("no clock is trusted here; last set to on"), "{text}");
}

#[test]
fn moves_of_this_start_are_found_too_also_those_before_the_clock_was_set() {
    let mut bench = started(room(), moves(), "14:00").up();
    let stranger = Moved { actuator: "gone".into(), ..moved(9, true, Some(at(0, "13:00"))) };
    bench.agent.resume_moves(vec![stranger]);
    bench.now.trust = ClockTrust::Unset;
    bench.now.unix_ms = 0;
    bench.on(set("early", 0, true));
    bench.pass(600);
    (bench.now.trust, bench.now.unix_ms) = (ClockTrust::Synced, at(0, "14:10"));
    bench.on(set("late", 0, false));
    bench.pass(3600);
    let text = answer(&mut bench, "why did you start the fan at two?");
    assert!(
        text.contains("set to on at 2027-01-15T14:00:00+00:00 by command: set/early"),
        "{text}"
    );
    let text = answer(&mut bench, "why did you stop the fan an hour ago?");
    assert!(
        text.contains("set to off at 2027-01-15T14:10:00+00:00 by command: set/late"),
        "{text}"
    );
}

#[test]
fn a_value_is_no_hour_and_what_is_asked_of_a_day_is_tried_at_both_halves() {
    let mut all = moves();
    all.insert(0, moved(3, true, Some(at(7, "12:00"))));
    for (text, seq) in [
        ("why did the fan start at 15 degrees?", 20),
        ("why did you start the fan at 24 °C?", 20),
        ("why did you start the fan at about 15 degrees?", 20),
        ("why did you start the fan at 3 % at three?", 16),
        ("why did you stop the fan after two hours?", 21),
        ("why did you start the fan last Friday?", 3),
        ("why did you stop the fan at four yesterday?", 13),
        ("why did you start the fan yesterday at 3?", 12),
        ("why did you start the fan at eleven yesterday?", 14),
        ("why did you stop the fan at 11:30 pm yesterday?", 15),
        ("why was the fan on at 22:50 yesterday?", 14),
        // On 22:45, off 23:30, on 3:02: it was off at 23:45 and at 2:50.
        ("why was the fan on at 23:45 yesterday?", 15),
        ("why was the fan on at 2:50?", 15),
    ] {
        let mut bench = started(room(), all.clone(), "14:00");
        let answer = answer(&mut bench, text);
        assert!(answer.contains(&format!("(record {seq})")), "{text}: {answer}");
        assert_eq!(answer.contains("was off at"), seq == 15 && text.contains("was"), "{answer}");
    }
    let early = vec![moved(1, true, Some(at(1, "03:00"))), moved(2, false, Some(at(1, "09:00")))];
    let mut bench = started(room(), early, "14:00");
    let text = answer(&mut bench, "why did you start the fan at three yesterday?");
    assert!(text.contains("set to on") && text.contains("(record 1)"), "{text}");
    let text = answer(&mut bench, "why did you start the fan at five yesterday?");
    assert!(text.contains("T17:00:00+00:00 or 2027-01-14T05:00:00+00:00;"), "{text}");
}

#[test]
fn of_the_oldest_level_no_direction_is_known_and_an_unconfirmed_move_says_so() {
    let mut config = room();
    config.actuators[0].kind = ActuatorKind::Level { min: 0.0, max: 100.0, step: 1.0 };
    let level = |seq, level, time| {
        let setting = Setting::Level(level);
        Moved { setting, unproven: seq == 3, ..moved(seq, true, Some(at(0, time))) }
    };
    let moves = vec![level(1, 30.0, "09:00"), level(2, 80.0, "10:00"), level(3, 20.0, "11:00")];
    let mut bench = started(config, moves, "14:00");
    for text in [
        "why did you open the fan from 10 to 20 percent?",
        "why did you raise the fan by 20 percent?",
        "why did you raise the fan by 20?",
    ] {
        assert!(answer(&mut bench, text).contains("(record 2)"), "{text}");
    }
    let text = answer(&mut bench, "why did you raise the fan at nine?");
    assert!(text.contains("no such move"), "{text}");
    let text = answer(&mut bench, "why is the fan open at 20 %?");
    assert!(text.ends_with("(record 3), which the device did not confirm"), "{text}");
    let off = Moved { unproven: true, ..moved(2, false, Some(at(0, "10:00"))) };
    let mut bench = started(room(), vec![moved(1, true, Some(at(0, "09:00"))), off], "14:00");
    let text = answer(&mut bench, "why was the fan on at eleven?");
    assert!(text.contains("may have been off at 2027-01-15T11:00:00+00:00"), "{text}");
}
