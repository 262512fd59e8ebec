//! What `outpost top` shows, cell by cell, on a terminal that is not there, and what keys do.

use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyModifiers};
use jiff::tz::TimeZone;
use ratatui::backend::TestBackend;
use serde_json::{Value as Json, json};

use super::draw;
use super::keys::{Panel, Screen};
use super::seen::{Heard, Seen, number};
use crate::board::Senses;

fn sensor(name: &str, unit: &str, value: Json, band: Json, slope: Json) -> Json {
    json!({"name": name, "unit": unit, "value": value, "band": band, "per_hour": slope})
}

/// An afternoon in a greenhouse.
fn state() -> Json {
    let band = |min: Option<f64>, max: Option<f64>| json!({"goal": "g", "min": min, "max": max});
    let sensors = [
        sensor("light", "W/m²", json!(640.0), Json::Null, json!(0.0)),
        sensor("air_temperature", "°C", json!(27.4), band(Some(16.0), Some(27.0)), json!(1.25)),
        sensor("soil_moisture", "%", json!(52.0), band(Some(40.0), None), json!(-0.8)),
        sensor("humidity", "%", Json::Null, band(Some(50.0), Some(85.0)), Json::Null),
        sensor("rain", "", json!(false), Json::Null, Json::Null),
    ];
    let actuators = json!([
        {"name": "vent", "setting": "50", "level": 0.5, "pending": "75", "by": "planner"},
        {"name": "fan", "setting": "off", "level": 0.0, "held_s": 700, "by": "command"},
        {"name": "heater", "setting": "off", "level": 0.0, "silent": true},
        {"name": "drip_pump", "setting": "on", "level": 1.0, "by": "mind"},
        {"name": "main_valve", "setting": null, "level": null},
    ]);
    let goals = json!([
        {"name": "climate", "satisfied": false, "gap": 0.4, "forecast_gap": 0.0,
            "share": [1.0, 0.981, null]},
        {"name": "soil", "satisfied": true, "gap": 0.0, "forecast_gap": 0.0,
            "share": [1.0, 0.9999, null]},
        {"name": "full by morning", "satisfied": null, "share": [null, null, null]},
    ]);
    let approvals = json!([{"id": "a-1f", "actuator": "main_valve", "value": "on", "left_s": 470}]);
    json!({"state": {
        "device": "greenhouse-1", "version": "0.1.0", "at": "2026-06-01T14:32:05Z",
        "clock": "synced", "mode": "act", "effort": "full", "bus": true,
        "mind": {"word": "ready", "text": "smollm2-135m"},
        "sensors": sensors, "actuators": actuators, "goals": goals, "approvals": approvals,
    }})
}

fn decision(seq: u64, at: &str, by: &str, set: Json, cause: &str, guard: &str) -> Json {
    json!({"decision": {"id": format!("d-{seq}"), "at": at, "seq": seq, "cause": cause, "by": by,
        "guard": guard, "chosen": 1, "facts": ["air temperature 27.4 °C, high, rising"],
        "notes": ["At night prefer the vent to the fan, it is quiet."],
        "candidates": [
            {"set": {}, "predicted": {"air_temperature": 28.1}, "cost": 0.0, "utility": 0.2,
                "p": 0.17},
            {"set": set, "predicted": {"air_temperature": 25.44}, "cost": 0.02, "utility": 0.91,
                "p": 0.83},
        ],
        "model": {"id": "smollm2-135m", "adapter": "none", "prompt_tokens": 61, "ms": 48.2}}})
}

fn seen() -> Seen {
    let mut seen = Seen::default();
    let now = Instant::now();
    seen.hear(Heard::Found, now);
    seen.hear(Heard::Line(state()), now);
    let past = [
        decision(
            9,
            "2026-06-01T14:32:00Z",
            "planner",
            json!({"vent": 75}),
            "goal climate: air_temperature 27.4 above 27",
            "passed",
        ),
        decision(
            7,
            "2026-06-01T14:02:00Z",
            "mind",
            json!({"drip_pump": "on"}),
            "goal soil: soil_moisture 44.8 falling to 40",
            "passed",
        ),
        decision(
            4,
            "2026-06-01T13:40:00Z",
            "rule",
            json!({"heater": "on"}),
            "rule frost: outside 0.4",
            "forbidden: dry pump",
        ),
        json!({"event": {"kind": "sensor", "text": "humidity is stuck at 63", "severity": "warning",
            "at": "2026-06-01T14:20:00Z"}}),
    ];
    seen.hear(Heard::Past(past.to_vec()), now);
    let board = Senses {
        celsius: Some(52.0),
        memory_available: Some(61.0),
        load: Some(0.31),
        disk_free_bytes: Some(11_400_000_000),
        ..Senses::default()
    };
    seen.hear(Heard::Board(board), now);
    seen
}

fn screen() -> Screen {
    Screen::new(false, TimeZone::UTC)
}

fn rows(seen: &Seen, screen: &Screen, width: u16, height: u16) -> Vec<String> {
    let mut terminal = ratatui::Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw::draw(frame, seen, screen, Instant::now())).unwrap();
    let buffer = terminal.backend().buffer();
    let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..height).map(|y| row(y).trim_end().to_owned()).collect()
}

fn press(screen: &mut Screen, seen: &Seen, code: KeyCode) -> bool {
    screen.press(&Event::Key(KeyEvent::new(code, KeyModifiers::NONE)), seen)
}

fn typed(screen: &mut Screen, seen: &Seen, text: &str) {
    for c in text.chars() {
        assert!(!press(screen, seen, KeyCode::Char(c)));
    }
}

fn assert_rows(found: &[String], wanted: &str) {
    let wanted: Vec<_> = wanted.lines().skip(1).map(str::trim_end).collect();
    assert_eq!(found, wanted, "found:\n{}", found.join("\n"));
}

const NOW: &str = "
 OUTPOST   greenhouse-1 · mode act · clock synced                      14:32:05
 effort full · 52 °C · load 0.3 · memory 61 % free · disk 11.4 GB free · mind r…
╭ Readings ────────────────────────────────────╮╭ Devices ─────────────────────╮
│ air temperature  27.4 °C ··├────┤◆· ▲ ↗1.25/h││ ◐ vent       50 → 75  planner│
│ soil moisture       52 % ·····├●─── ✓ ↘0.8/h ││ ○ fan        off  held 12 min│
│ humidity         unknown ··├────┤·· ?        ││ ○ heater     off    no answer│
│ light           640 W/m²              →      ││ ● drip pump  on          mind│
│ rain                  no                     ││ ? main valve unknown         │
│                                              │╰──────────────────────────────╯
│                                              │╭ Goals ───────────────────────╮
│                                              ││ ✗ climate      off 0.4 → kept│
│                                              ││ ✓ soil         kept 99.9 %   │
│                                              ││ – full by mor… not now       │
╰──────────────────────────────────────────────╯╰──────────────────────────────╯
 ! main valve on waits 8 min more: outpost cmd approve approval=a-1f
┌ ▸ Story: when, who, what and why ────────────────────────────────────────────┐
│ 14:32 planner vent 75             climate: air temperature 27.4 above 27     │
│ 14:02 mind    drip pump on        soil: soil moisture 44.8 falling to 40     │
│ 13:40 rule    heater on           [forbidden: dry pu…] rule frost: outside 0…│
│                                                                              │
│                                                                              │
└──────────────────────────────────────────────────────────────────────────────┘
 14:20 warning sensor: humidity is stuck at 63
 Tab panel · ↑↓ row · Enter open · / filter · q quit
";

#[test]
fn now_and_the_story_at_80_by_24() {
    assert_rows(&rows(&seen(), &screen(), 80, 24), NOW);
}

const OPENED: &str = "
 OUTPOST   greenhouse-1 · mode act · clock synced                      14:32:05
 effort full · 52 °C · load 0.3 · memory 61 % free · disk 11.4 GB free · mind r…
┌ Decision d-9 ────────────────────────────────────────────────────────────────┐
│ when    2026-06-01 14:32:00                                                  │
│ why     goal climate: air temperature 27.4 above 27                          │
│ chosen  vent 75, by planner                                                  │
│ then    air temperature 25.4                                                 │
│ guard   passed                                                               │
│ mind    smollm2-135m, adapter none, 61 tokens, 48.2 ms                       │
│                                                                              │
│   what      expected then                             cost/h utility    mind │
│   nothing   air temperature 28.1                           0     0.2    17 % │
│ ✓ vent 75   air temperature 25.4                        0.02    0.91    83 % │
│                                                                              │
│ facts   air temperature 27.4 °C, high, rising                                │
│                                                                              │
│ notes   At night prefer the vent to the fan, it is quiet.                    │
│                                                                              │
│ outpost replay d-9                                                           │
│                                                                              │
│                                                                              │
└──────────────────────────────────────────────────────────────────────────────┘
 14:20 warning sensor: humidity is stuck at 63
 Esc back · ←→ newer, older · ↑↓ scroll · q quit
";

#[test]
fn a_decision_opens_with_candidates_predictions_the_mind_and_the_guard() {
    let mut screen = screen();
    press(&mut screen, &seen(), KeyCode::Enter);
    assert_rows(&rows(&seen(), &screen, 80, 24), OPENED);
    // The older one, whose guard refused; and back.
    press(&mut screen, &seen(), KeyCode::Right);
    press(&mut screen, &seen(), KeyCode::Right);
    let text = rows(&seen(), &screen, 80, 24).join("\n");
    assert!(text.contains("guard   forbidden: dry pump"), "{text}");
    press(&mut screen, &seen(), KeyCode::Esc);
    assert!(screen.open.is_none() && screen.row == 2);
}

#[test]
fn a_wide_window_has_room_for_all_words() {
    let text = rows(&seen(), &screen(), 120, 40).join("\n");
    for words in [
        "disk 11.4 GB free",
        "full by morning",
        "off 0.4 → kept",
        "held 12 min",
        "no answer",
        "[forbidden: dry pump] rule frost: outside 0.4",
    ] {
        assert!(text.contains(words), "{words}:\n{text}");
    }
}

#[test]
fn keys_move_filter_open_and_end() {
    let (seen, mut screen) = (seen(), screen());
    press(&mut screen, &seen, KeyCode::Tab);
    assert_eq!(screen.panel, Panel::Readings);
    for _ in 0..9 {
        press(&mut screen, &seen, KeyCode::Down);
    }
    assert_eq!(screen.row, 4, "the last of five");
    press(&mut screen, &seen, KeyCode::Home);
    // What was decided about the reading that is marked.
    press(&mut screen, &seen, KeyCode::Enter);
    assert_eq!((screen.panel, screen.filter.as_str()), (Panel::Story, "air_temperature"));
    assert_eq!(screen.story(&seen).len(), 1);
    press(&mut screen, &seen, KeyCode::Esc);
    assert_eq!(screen.story(&seen).len(), 3);

    press(&mut screen, &seen, KeyCode::Char('/'));
    typed(&mut screen, &seen, "Drip pumpq");
    press(&mut screen, &seen, KeyCode::Backspace);
    assert!(rows(&seen, &screen, 80, 24)[23].starts_with(" filter: Drip pump▏"));
    press(&mut screen, &seen, KeyCode::Enter);
    let text = rows(&seen, &screen, 80, 24).join("\n");
    assert!(text.contains("drip pump  on") && !text.contains("heater"), "{text}");
    assert!(press(&mut screen, &seen, KeyCode::Char('q')));
    let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert!(screen.press(&Event::Key(ctrl_c), &seen));
    assert!(!screen.press(&Event::Resize(80, 24), &seen));
}

#[test]
fn a_lost_line_and_a_silent_agent_are_said_and_forgotten_when_it_is_back() {
    let mut seen = seen();
    let last = |seen: &Seen| rows(seen, &screen(), 80, 24)[22].clone();
    assert_eq!(last(&seen), " 14:20 warning sensor: humidity is stuck at 63");
    seen.hear(Heard::Lost("no agent runs on J".into()), Instant::now());
    assert_eq!(last(&seen), " NO LINE: no agent runs on J; looking for it");
    // What was known stays to be read.
    assert!(rows(&seen, &screen(), 80, 24)[3].contains("27.4 °C"));
    seen.hear(Heard::Found, Instant::now());
    assert!(!last(&seen).contains("NO LINE"));
    let Some(long_ago) = Instant::now().checked_sub(Duration::from_secs(20)) else { return };
    seen.hear(Heard::Line(json!({"event": {"at": "x"}})), long_ago);
    assert!(last(&seen).starts_with(" NO WORD from the agent for 20 s"), "{}", last(&seen));
}

#[test]
fn what_journal_and_window_both_tell_is_there_once_and_in_order() {
    let mut seen = seen();
    let now = Instant::now();
    for seq in [9, 11, 10, 4] {
        let line = decision(seq, "2026-06-01T15:00:00Z", "planner", json!({}), "c", "passed");
        seen.hear(Heard::Line(line), now);
    }
    let order: Vec<_> = seen.decisions.iter().map(|one| one.seq).collect();
    assert_eq!(order, [11, 10, 9, 7, 4]);
    for seq in 100..500 {
        seen.hear(Heard::Line(decision(seq, "", "mind", json!({}), "c", "passed")), now);
    }
    assert_eq!((seen.decisions.len(), seen.decisions[0].seq), (200, 499));
}

#[test]
fn hostile_names_and_texts_are_text() {
    let evil = "\u{1b}[2J\u{202e}<b>\r\n\u{7}x".to_owned() + &"A".repeat(10_000);
    let mut line = state();
    for (list, key) in [("sensors", "name"), ("sensors", "unit"), ("goals", "name")] {
        line["state"][list][0][key] = json!(evil);
    }
    for key in ["device", "mode", "clock", "effort", "at"] {
        line["state"][key] = json!(evil);
    }
    line["state"]["sensors"][1]["value"] = json!(evil);
    line["state"]["actuators"][0]["setting"] = json!(evil);
    let mut seen = seen();
    seen.hear(Heard::Line(line), Instant::now());
    let what = json!({ evil.clone(): evil });
    seen.hear(Heard::Line(decision(99, &evil, &evil, what, &evil, &evil)), Instant::now());
    seen.hear(Heard::Line(json!({"event": {"kind": evil, "text": evil}})), Instant::now());
    let mut screen = screen();
    for _ in 0..2 {
        for (width, height) in [(64, 18), (80, 24), (200, 60)] {
            let text = rows(&seen, &screen, width, height).concat();
            assert!(text.chars().all(crate::discover::is_harmless), "{text:?}");
            assert!(text.contains("OUTPOST") && text.contains("[2J<b>"), "{text}");
        }
        press(&mut screen, &seen, KeyCode::Enter);
    }
}

#[test]
fn what_is_no_state_or_of_a_newer_agent_is_borne() {
    let mut seen = Seen::default();
    for line in [json!(1), json!({"state": 5}), json!({"state": {}}), json!({"dance": {}})] {
        seen.hear(Heard::Line(line), Instant::now());
    }
    seen.hear(Heard::Line(json!({"state": {"device": "d", "new": [1]}})), Instant::now());
    assert_eq!(seen.state.as_ref().unwrap().device, "d");
    // A candidate that is not there.
    seen.hear(Heard::Line(json!({"decision": {"id": "d", "chosen": 7}})), Instant::now());
    for (width, height) in [(1, 1), (20, 5), (64, 18), (65, 19), (80, 24), (300, 100)] {
        for open in [None, Some("d".to_owned()), Some("gone".to_owned())] {
            let mut screen = screen();
            screen.open = open;
            assert_eq!(rows(&seen, &screen, width, height).len(), usize::from(height));
            assert_eq!(rows(&Seen::default(), &screen, width, height).len(), usize::from(height));
        }
    }
    assert!(rows(&seen, &screen(), 50, 10).concat().contains("too small"));
}

#[test]
fn more_than_fits_is_counted_and_reached() {
    let mut line = state();
    let many = (0..300).map(|at| json!({"name": format!("s{at}"), "value": at}));
    line["state"]["sensors"] = many.collect();
    let mut seen = seen();
    seen.hear(Heard::Line(line), Instant::now());
    let mut screen = screen();
    assert!(rows(&seen, &screen, 80, 24).concat().contains(" more ↓"));
    press(&mut screen, &seen, KeyCode::Tab);
    press(&mut screen, &seen, KeyCode::End);
    assert!(rows(&seen, &screen, 80, 24).concat().contains("s299"));
}

#[test]
fn without_colours_no_cell_has_one() {
    let coloured = |screen: &Screen| {
        let mut terminal = ratatui::Terminal::new(TestBackend::new(80, 24)).unwrap();
        let seen = seen();
        terminal.draw(|frame| draw::draw(frame, &seen, screen, Instant::now())).unwrap();
        let cells = terminal.backend().buffer().content.iter();
        cells.filter(|cell| cell.fg != ratatui::style::Color::Reset).count()
    };
    assert_eq!(coloured(&screen()), 0);
    assert!(coloured(&Screen::new(true, TimeZone::UTC)) > 20);
}

#[test]
fn numbers_have_the_digits_that_matter() {
    let all = [(0.0, "0"), (-0.001, "0"), (0.05, "0.05"), (27.44, "27.4"), (640.2, "640")];
    all.into_iter().for_each(|(value, text)| assert_eq!(number(value), text));
    assert_eq!(number(1000.0), "1000");
}
