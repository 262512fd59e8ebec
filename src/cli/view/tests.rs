//! What the view shows, cell by cell, on a terminal that is not there.

use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;

fn reading(name: &str, text: &str, value: f64, band: Option<(f64, f64)>) -> ReadingView {
    let wave = |at: u32| value + 3.0 * (f64::from(at) / 20.0).sin();
    ReadingView {
        name: name.into(),
        text: Some(text.into()),
        value: Some(value),
        history: (0..144).map(wave).collect(),
        goal: band.map(|(min, max)| GoalView {
            min: Some(min),
            max: Some(max),
            share: Some(0.981),
        }),
    }
}

fn device(name: &str, setting: &str, level: f64) -> ActuatorView {
    ActuatorView {
        name: name.into(),
        setting: Some(setting.into()),
        level,
        ..ActuatorView::default()
    }
}

fn decision(at: &str, by: Decider, choice: &str, cause: &str, why: &str) -> DecisionView {
    let text = |text: &str| text.to_owned();
    DecisionView { at: at.into(), by, choice: text(choice), cause: text(cause), why: text(why) }
}

/// An afternoon in the greenhouse.
pub(crate) fn afternoon() -> Snapshot {
    let mut vent = device("vent", "50", 0.5);
    vent.pending = Some("75".into());
    let mut fan = device("fan", "off", 0.0);
    fan.held_for = Some(Duration::from_secs(700));
    let mut heater = device("heater", "off", 0.0);
    heater.not_responding = true;
    Snapshot {
        page: None,
        device: "greenhouse-1".into(),
        place: "simulated greenhouse, seed 1".into(),
        time: "day 1, 14:32".into(),
        speed: 600.0,
        speed_reached: Some(512.3),
        hours: 8.53,
        hours_total: Some(24.0),
        readings: vec![
            reading("air_temperature", "27.4 °C", 27.4, Some((16.0, 27.0))),
            reading("humidity", "63 %", 63.0, Some((50.0, 85.0))),
            reading("soil_moisture", "52 %", 52.0, Some((40.0, 70.0))),
            reading("light", "640 W/m²", 640.0, None),
            reading("outside_temperature", "19.6 °C", 19.6, None),
            reading("wind", "4.1 m/s", 4.1, None),
            ReadingView { name: "rain".into(), text: Some("no".into()), ..ReadingView::default() },
            reading("tank_level", "88 %", 88.0, None),
        ],
        actuators: vec![
            fan,
            vent,
            heater,
            device("fogger", "off", 0.0),
            device("drip_pump", "on", 1.0),
            device("hose_valve", "off", 0.0),
        ],
        share: Some(0.982),
        share_safe: Some(0.074),
        decisions: vec![
            decision(
                "14:32",
                Decider::Planner,
                "vent 75",
                "goal climate: air_temperature 27.4 above 27",
                "best of 8 by utility 0.91; the mind agreed with p 0.83",
            ),
            decision(
                "14:02",
                Decider::Mind,
                "drip_pump on",
                "goal soil: soil_moisture 44.8 falling to 40",
                "planner's hose_valve 0.71 against drip_pump 0.69; the mind said p 0.77",
            ),
            decision("13:40", Decider::Rule, "vent 0", "rule storm is coming: wind 12.4", ""),
            decision("13:02", Decider::Planner, "nothing", "goal climate: 26.1, high", "p 0.4"),
        ],
        mind: MindView {
            state: "ready".into(),
            model: "smollm2-135m-instruct-q4_0".into(),
            calls: 312,
            last: Some((61, 48.2)),
        },
        commands: CommandCounts { sent: 41, confirmed: 40, refused: 0, open: 1 },
    }
}

/// The rows of a terminal of this size.
fn rows(snapshot: &Snapshot, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, snapshot)).unwrap();
    let buffer = terminal.backend().buffer();
    let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..height).map(row).collect()
}

/// The row that contains `words`.
fn row_with(rows: &[String], words: &str) -> String {
    let found = rows.iter().find(|row| row.contains(words));
    found.unwrap_or_else(|| panic!("no row says {words:?}:\n{}", rows.join("\n"))).clone()
}

#[test]
fn everything_that_matters_is_there_at_80_by_24_and_at_120_by_40() {
    for (width, height) in [(80, 24), (100, 32), (120, 40)] {
        let rows = rows(&afternoon(), width, height);
        println!("{}\n", rows.join("\n"));
        for words in [
            "OUTPOST",
            "greenhouse-1",
            "day 1, 14:32",
            "512 ",
            "air temperat",
            "27.4 °C",
            "98.1%",
            "19.6 °C",
            "50 → 75",
            "held 12m",
            "no answer",
            "drip pump",
            "98.2 %",
            "left alone",
            "7.4 %",
            "planner",
            "mind",
            "rule",
            "drip pump on",
            "27.4 above 27",
            "312 calls",
            "61 tokens, 48 ms",
            "41 sent",
            "40 confirmed",
            "8.5 of 24 h",
            "q ends",
        ] {
            row_with(&rows, words);
        }
    }
}

#[test]
fn a_wide_window_says_the_bounds() {
    let rows = rows(&afternoon(), 120, 40);
    assert!(row_with(&rows, "air temperature").contains("16 ···├"));
}

#[test]
fn a_reading_outside_its_band_has_a_sign_and_not_only_a_colour() {
    let rows = rows(&afternoon(), 80, 24);
    let air = row_with(&rows, "air temperat");
    assert!(air.contains('▲') && air.contains('◆') && !air.contains('✓'), "{air}");
    let soil = row_with(&rows, "soil moisture");
    assert!(soil.contains('✓') && soil.contains('●'), "{soil}");
}

#[test]
fn reasons_are_shown_where_there_is_room() {
    let why = "the mind agreed with p 0.83";
    let older = "the mind said p 0.77";
    row_with(&rows(&afternoon(), 80, 24), why);
    assert!(!rows(&afternoon(), 80, 24).join("\n").contains(older));
    row_with(&rows(&afternoon(), 120, 40), older);
}

#[test]
fn what_is_unknown_says_so() {
    let mut snapshot = afternoon();
    snapshot.readings[0].text = None;
    snapshot.readings[0].value = None;
    snapshot.actuators[0] = ActuatorView { name: "fan".into(), ..ActuatorView::default() };
    snapshot.mind = MindView { state: "missing".into(), ..MindView::default() };
    let rows = rows(&snapshot, 80, 24);
    assert!(row_with(&rows, "air temperat").contains("unknown"));
    assert!(row_with(&rows, "? fan").contains("unknown"));
    row_with(&rows, "missing");
}

#[test]
fn an_empty_snapshot_and_any_size_draw_without_panic() {
    for snapshot in [Snapshot::default(), afternoon()] {
        for width in [1, 20, 64, 65, 80, 200] {
            for height in [1, 5, 18, 19, 24, 80] {
                assert_eq!(rows(&snapshot, width, height).len(), usize::from(height));
            }
        }
    }
    let small = rows(&afternoon(), 50, 10).join("\n");
    assert!(small.contains("too small"), "{small}");
}

#[test]
fn more_sensors_than_rows_are_counted() {
    let mut snapshot = afternoon();
    let many = (0..100).map(|at| reading(&format!("sensor_{at}"), "1", 1.0, None));
    snapshot.readings.extend(many);
    row_with(&rows(&snapshot, 80, 24), "more");
}

#[test]
fn hostile_text_cannot_move_the_cursor() {
    let mut snapshot = afternoon();
    snapshot.decisions[0].cause = "\x1b[2J\n\rgone".into();
    let rows = rows(&snapshot, 80, 24);
    assert!(rows.iter().all(|row| !row.contains('\x1b') && !row.contains('\n')));
    row_with(&rows, "OUTPOST");
}

#[test]
fn q_escape_and_ctrl_c_end_it_and_nothing_else_does() {
    use crossterm::event::KeyEvent;
    let key = |code, modifiers| ends(&Event::Key(KeyEvent::new(code, modifiers)));
    assert!(key(KeyCode::Char('q'), KeyModifiers::NONE));
    assert!(key(KeyCode::Esc, KeyModifiers::NONE));
    assert!(key(KeyCode::Char('c'), KeyModifiers::CONTROL));
    assert!(!key(KeyCode::Char('c'), KeyModifiers::NONE));
    assert!(!ends(&Event::Resize(80, 24)));
}
