//! Draws what `outpost top` knows: readings, devices, goals, the story, and who does not answer.
//! Pure: cells only. Whatever a colour says a sign or a word says too.

use std::time::Instant;

use jiff::Timestamp;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Paragraph};

use super::keys::{Panel, Screen};
use super::seen::{Actuator, Band, Decision, Goal, Seen, Sensor, State, number, words};
use super::{opened, seen};
use crate::cli::view::marks::{self, Place};

/// Smallest window in which everything has its place, in cells.
const WIDTH_MIN: u16 = 64;
const HEIGHT_MIN: u16 = 18;
/// Rows above and below the panels: name, board; what was said, keys.
const HEADER_ROWS: u16 = 2;
const FOOTER_ROWS: u16 = 2;
/// Rows that the story keeps, borders included.
const STORY_ROWS_MIN: u16 = 6;
/// Rows that the goals keep, borders included.
const GOAL_ROWS_MIN: u16 = 4;
/// Most rows of what waits for a person.
const WAITING_ROWS_MAX: usize = 3;
/// Cells of names, values, gauges and trends.
const NAME_CELLS: usize = 15;
const VALUE_CELLS: usize = 9;
const GAUGE_CELLS: usize = 10;
const DEVICE_CELLS: usize = 10;
const GOAL_CELLS: usize = 12;
const VOICE_CELLS: usize = 8;
/// Columns of the readings with their borders: all of that, and their share of a wide window.
const READINGS_COLUMNS: u16 = 48;
const READINGS_PERCENT: u16 = 58;
/// From this many cells on, names and gauges have more room.
const WIDE: usize = 64;
const WIDE_RIGHT: usize = 40;
const MORE_CELLS: usize = 6;
/// A trend below this, a share of the value an hour, is none.
const STEADY: f64 = 0.001;

/// Styles, with or without colours.
#[derive(Clone, Copy)]
pub struct Ink {
    colours: bool,
}

impl Ink {
    pub fn new(colours: bool) -> Ink {
        Ink { colours }
    }

    fn coloured(self, colour: Color) -> Style {
        if self.colours { Style::new().fg(colour) } else { Style::new() }
    }

    pub fn quiet(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    pub fn good(self) -> Style {
        self.coloured(Color::Green)
    }

    pub fn bad(self) -> Style {
        self.coloured(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    pub fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    pub fn marked(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    pub fn voice(self, by: &str) -> Style {
        self.coloured(match by {
            "rule" => Color::Yellow,
            "planner" => Color::Cyan,
            "mind" | "cloud" => Color::Magenta,
            _ => Color::Blue,
        })
    }
}

/// Draws everything; in a window that is too small it says so.
pub fn draw(frame: &mut Frame, seen: &Seen, screen: &Screen, now: Instant) {
    let area = frame.area();
    if area.width < WIDTH_MIN || area.height < HEIGHT_MIN {
        let text = format!("This window is too small: {WIDTH_MIN} x {HEIGHT_MIN} at least.");
        frame.render_widget(Paragraph::new(text), area);
        return;
    }
    let ink = Ink::new(screen.colours);
    let rows = [
        Constraint::Length(HEADER_ROWS),
        Constraint::Min(STORY_ROWS_MIN),
        Constraint::Length(FOOTER_ROWS),
    ];
    let [header, middle, footer] = area.layout(&Layout::vertical(rows));
    draw_header(frame, header, seen, screen, ink);
    match &screen.open {
        Some(id) => opened::draw(frame, middle, seen, id, screen, ink),
        None => draw_now(frame, middle, seen, screen, ink),
    }
    draw_footer(frame, footer, seen, screen, ink, now);
}

fn draw_now(frame: &mut Frame, area: Rect, seen: &Seen, screen: &Screen, ink: Ink) {
    let empty = State::default();
    let state = seen.state.as_ref().unwrap_or(&empty);
    let waiting = waiting_lines(state, usize::from(area.width), ink);
    let waiting_rows = u16::try_from(waiting.len()).unwrap_or(0);
    let room = area.height - STORY_ROWS_MIN - waiting_rows;
    let goals = state.goals.len() + 2;
    let needed = (state.sensors.len() + 2).max(state.actuators.len() + 2 + goals);
    let panels = u16::try_from(needed).unwrap_or(u16::MAX).clamp(8, room.max(8));
    let rows = [
        Constraint::Length(panels),
        Constraint::Length(waiting_rows),
        Constraint::Min(STORY_ROWS_MIN),
    ];
    let [top, middle, story] = area.layout(&Layout::vertical(rows));
    let left = (top.width * READINGS_PERCENT / 100).max(READINGS_COLUMNS.min(top.width / 2 + 8));
    let columns = [Constraint::Length(left), Constraint::Min(0)];
    let [left, right] = top.layout(&Layout::horizontal(columns));
    // Goals are few; where both are many they share.
    let goal_rows = u16::try_from(goals).unwrap_or(u16::MAX);
    let goal_rows = goal_rows.clamp(GOAL_ROWS_MIN, (right.height / 2).max(GOAL_ROWS_MIN));
    let split = [Constraint::Min(4), Constraint::Length(goal_rows)];
    let [devices, goals] = right.layout(&Layout::vertical(split));

    let mut sensors: Vec<&Sensor> = state.sensors.iter().collect();
    sensors.sort_by_key(|sensor| sensor.band.is_none());
    sensors.retain(|sensor| screen.takes(&sensor.name));
    let width = usize::from(left.width) - 2;
    let lines = sensors.iter().map(|sensor| reading_line(sensor, width, ink)).collect();
    list(frame, left, screen, Panel::Readings, lines, ink);
    let width = usize::from(right.width) - 2;
    let taken = state.actuators.iter().filter(|one| screen.takes(&one.name));
    let lines = taken.map(|one| device_line(one, width, ink)).collect();
    list(frame, devices, screen, Panel::Devices, lines, ink);
    let taken = state.goals.iter().filter(|one| screen.takes(&one.name));
    let lines = taken.map(|goal| goal_line(goal, width, ink)).collect();
    list(frame, goals, screen, Panel::Goals, lines, ink);
    frame.render_widget(Paragraph::new(waiting), middle);
    let width = usize::from(story.width) - 2;
    let taken = screen.story(seen);
    let lines = taken.iter().map(|one| decision_line(one, screen, width, ink)).collect();
    list(frame, story, screen, Panel::Story, lines, ink);
}

/// A panel with the lines that fit around the marked one, and how many there are beyond.
fn list(
    frame: &mut Frame,
    area: Rect,
    screen: &Screen,
    panel: Panel,
    mut lines: Vec<Line<'static>>,
    ink: Ink,
) {
    let is_here = screen.panel == panel;
    let rows = usize::from(area.height).saturating_sub(2);
    let marked = if is_here { screen.row.min(lines.len().saturating_sub(1)) } else { 0 };
    let first = (marked + 1).saturating_sub(rows);
    let title = match panel {
        Panel::Story => "Story: when, who, what and why",
        Panel::Readings => "Readings",
        Panel::Devices => "Devices",
        Panel::Goals => "Goals",
    };
    let sign = if is_here { "▸ " } else { "" };
    let rest = lines.len().saturating_sub(first + rows);
    let below = if rest > 0 { format!(" {rest} more ↓ ") } else { String::new() };
    let style = if is_here { ink.strong() } else { ink.quiet() };
    let block = Block::bordered()
        .border_type(if is_here { BorderType::Plain } else { BorderType::Rounded })
        .border_style(style)
        .title(Span::styled(format!(" {sign}{title} "), ink.strong()))
        .title_bottom(Line::styled(below, ink.quiet()).right_aligned());
    if lines.is_empty() {
        let nothing = if screen.filter.is_empty() { "none yet" } else { "none with this filter" };
        lines.push(Line::styled(format!(" {nothing}"), ink.quiet()));
    } else if is_here {
        let line = std::mem::take(&mut lines[marked]);
        lines[marked] = line.patch_style(ink.marked());
    }
    let lines: Vec<_> = lines.into_iter().skip(first).take(rows).collect();
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn draw_header(frame: &mut Frame, area: Rect, seen: &Seen, screen: &Screen, ink: Ink) {
    let [first, second] = area.layout(&Layout::vertical([Constraint::Length(1); 2]));
    let name = Span::styled(" OUTPOST ", ink.marked().add_modifier(Modifier::BOLD));
    let Some(state) = &seen.state else {
        let words = Span::raw("  waiting for the agent's first word");
        frame.render_widget(Line::from(vec![name, words]), first);
        return;
    };
    let time = Line::styled(format!("{} ", moment(&state.at, screen, "%H:%M:%S")), ink.strong());
    let room = usize::from(area.width).saturating_sub(name.width() + time.width() + 1);
    let mut about = format!("  {} · mode {} · clock {}", state.device, state.mode, state.clock);
    if !state.bus {
        about += " · NO BUS";
    }
    frame.render_widget(Line::from(vec![name, Span::raw(marks::cut(&about, room))]), first);
    frame.render_widget(time.right_aligned(), first);
    let board = marks::cut(&board_words(seen, state), usize::from(area.width));
    frame.render_widget(Line::styled(board, ink.quiet()), second);
}

/// Board and mind in one line; what is longest comes last.
fn board_words(seen: &Seen, state: &State) -> String {
    let senses = &seen.board;
    let mut words = format!(" effort {}", state.effort);
    if let Some(celsius) = senses.celsius {
        words += &format!(" · {celsius:.0} °C");
    }
    if let Some(throttled) = &senses.throttled {
        words += &format!(" · {throttled}");
    }
    if let Some(load) = senses.load {
        words += &format!(" · load {load:.1}");
    }
    if let Some(available) = senses.memory_available {
        words += &format!(" · memory {available:.0} % free");
    }
    if let Some(free) = senses.disk_free_bytes {
        words += &format!(" · disk {:.1} GB free", free as f64 / 1e9);
    }
    words += &format!(" · mind {}", state.mind.word);
    if !state.mind.text.is_empty() {
        words += &format!(" ({})", state.mind.text);
    }
    words
}

/// ` air temperature  23.4 °C ···├──●──┤··· ✓ ↗1.2/h`
fn reading_line(sensor: &Sensor, width: usize, ink: Ink) -> Line<'static> {
    let more = if width >= WIDE { MORE_CELLS } else { 0 };
    let name = marks::fit(&words(&sensor.name), NAME_CELLS + more);
    let text = sensor.text();
    let value = marks::cut(text.as_deref().unwrap_or("unknown"), VALUE_CELLS);
    let known = sensor.value.as_f64();
    let (gauge, sign, style) = match sensor.band {
        None => (" ".repeat(GAUGE_CELLS + more), ' ', Style::new()),
        Some(Band { min, max }) => {
            let (sign, style) = match known.map(|value| marks::place(value, min, max)) {
                None => ('?', ink.bad()),
                Some(Place::Inside) => ('✓', ink.good()),
                Some(Place::Below) => ('▼', ink.bad()),
                Some(Place::Above) => ('▲', ink.bad()),
            };
            (marks::gauge(known, min, max, GAUGE_CELLS + more), sign, style)
        }
    };
    let value_style = if text.is_none() { ink.bad() } else { style };
    Line::from(vec![
        Span::raw(format!(" {name}")),
        Span::styled(format!("{value:>VALUE_CELLS$}"), value_style),
        Span::styled(format!(" {gauge} {sign}"), style),
        Span::styled(format!(" {}", trend(sensor, known)), ink.quiet()),
    ])
}

/// Where it goes, in its unit an hour.
fn trend(sensor: &Sensor, known: Option<f64>) -> String {
    let (Some(slope), Some(value)) = (sensor.per_hour, known) else { return String::new() };
    let least = value.abs().max(1.0) * STEADY;
    match slope {
        slope if slope > least => format!("↗{}/h", number(slope)),
        slope if slope < -least => format!("↘{}/h", number(-slope)),
        _ => "→".into(),
    }
}

/// ` ● drip pump  on          rule`, ` ◐ vent  50 → 75`, with what stands against it.
fn device_line(actuator: &Actuator, width: usize, ink: Ink) -> Line<'static> {
    let level = actuator.level.unwrap_or(0.0);
    let (sign, style) = match level {
        _ if actuator.setting.is_none() => ('?', ink.bad()),
        level if level >= 1.0 => ('●', ink.good()),
        level if level > 0.0 => ('◐', ink.good()),
        _ => ('○', ink.quiet()),
    };
    let mut setting = actuator.setting.clone().unwrap_or_else(|| "unknown".into());
    if let Some(pending) = &actuator.pending {
        setting += &format!(" → {pending}");
    }
    let (tail, tail_style) = if actuator.silent {
        ("no answer".to_owned(), ink.bad())
    } else if let Some(held_s) = actuator.held_s {
        (format!("held {} min", held_s.div_ceil(60)), ink.bad())
    } else {
        let by = actuator.by.clone().unwrap_or_default();
        let style = ink.voice(&by);
        (by, style)
    };
    let more = if width >= WIDE_RIGHT { MORE_CELLS } else { 0 };
    let room = width.saturating_sub(3 + DEVICE_CELLS + more + 1);
    let settings = room.saturating_sub(tail.chars().count() + 1).max(setting.chars().count());
    let setting = marks::fit(&setting, settings.min(room));
    let tail = marks::cut(&tail, room.saturating_sub(settings + 1));
    Line::from(vec![
        Span::styled(format!(" {sign} "), style),
        Span::raw(marks::fit(&words(&actuator.name), DEVICE_CELLS + more) + " "),
        Span::styled(setting, if level > 0.0 { ink.strong() } else { Style::new() }),
        Span::styled(format!(" {tail}"), tail_style),
    ])
}

/// ` ✓ keep cold    kept 98.1 %`, ` ▲ climate     off 1.4 → 0.2`.
fn goal_line(goal: &Goal, width: usize, ink: Ink) -> Line<'static> {
    let share =
        goal.share[1].map_or(String::new(), |share| format!("kept {}", marks::percent(share)));
    let then = |gap: f64| if gap > 0.0 { number(gap) } else { "kept".into() };
    let (sign, style, text) = match (goal.satisfied, goal.gap, goal.forecast_gap) {
        (Some(true), _, Some(later)) if later > 0.0 => {
            ('✓', ink.bad(), format!("then off {}", number(later)))
        }
        (Some(true), ..) => ('✓', ink.good(), share),
        (Some(false), Some(gap), Some(later)) => {
            ('✗', ink.bad(), format!("off {} → {}", number(gap), then(later)))
        }
        (Some(false), gap, _) => {
            ('✗', ink.bad(), gap.map_or("off".into(), |gap| format!("off {}", number(gap))))
        }
        (None, ..) => ('–', ink.quiet(), "not now".into()),
    };
    let more = if width >= WIDE_RIGHT { MORE_CELLS } else { 0 };
    let name = marks::fit(&goal.name, GOAL_CELLS + more);
    let room = width.saturating_sub(3 + GOAL_CELLS + more + 1);
    Line::from(vec![
        Span::styled(format!(" {sign} "), style),
        Span::raw(format!("{name} ")),
        Span::styled(marks::cut(&text, room), style),
    ])
}

/// What waits for a person, and how to say yes.
fn waiting_lines(state: &State, width: usize, ink: Ink) -> Vec<Line<'static>> {
    let all = &state.approvals;
    let shown = if all.len() > WAITING_ROWS_MAX { WAITING_ROWS_MAX - 1 } else { all.len() };
    let mut lines: Vec<_> = all[..shown]
        .iter()
        .map(|one| {
            let text = format!(
                " ! {} {} waits {} min more: outpost cmd approve approval={}",
                words(&one.actuator),
                one.value,
                one.left_s.div_ceil(60),
                one.id
            );
            Line::styled(marks::cut(&text, width), ink.bad())
        })
        .collect();
    if all.len() > shown {
        let text = format!(" ! {} more wait for a person", all.len() - shown);
        lines.push(Line::styled(text, ink.bad()));
    }
    lines
}

/// ` 14:31 planner vent 50          goal climate: air temperature 26.3 above 25`
fn decision_line(decision: &Decision, screen: &Screen, width: usize, ink: Ink) -> Line<'static> {
    let choice_cells = (width / 4).clamp(16, 36);
    let choice = marks::fit(&decision.choice(), choice_cells);
    let passed = decision.guard == "passed";
    let cause = words(decision.cause.strip_prefix("goal ").unwrap_or(&decision.cause));
    let used = 7 + VOICE_CELLS + choice_cells + 1;
    let guard = marks::cut(&decision.guard, (width.saturating_sub(used) / 2).saturating_sub(3));
    let guard = if passed { String::new() } else { format!("[{guard}] ") };
    let used = used + guard.chars().count();
    let at = moment(&decision.at, screen, "%H:%M");
    Line::from(vec![
        Span::styled(format!(" {} ", marks::fit(&at, 5)), ink.quiet()),
        Span::styled(marks::fit(&decision.by, VOICE_CELLS), ink.voice(&decision.by)),
        Span::styled(format!("{choice} "), ink.strong()),
        Span::styled(guard, ink.bad()),
        Span::raw(marks::cut(&cause, width.saturating_sub(used))),
    ])
}

fn draw_footer(
    frame: &mut Frame,
    area: Rect,
    seen: &Seen,
    screen: &Screen,
    ink: Ink,
    now: Instant,
) {
    let [first, second] = area.layout(&Layout::vertical([Constraint::Length(1); 2]));
    let width = usize::from(area.width);
    let line = if let Some(reason) = &seen.lost {
        let text = format!(" NO LINE: {reason}; looking for it");
        Line::styled(marks::cut(&text, width), ink.bad().add_modifier(Modifier::REVERSED))
    } else if let Some(since) = seen.silent_for(now) {
        let text =
            format!(" NO WORD from the agent for {} s; what is shown is old", since.as_secs());
        Line::styled(marks::cut(&text, width), ink.bad().add_modifier(Modifier::REVERSED))
    } else {
        seen.said.front().map_or_else(Line::default, |said| said_line(said, screen, width, ink))
    };
    frame.render_widget(line, first);
    let keys = if screen.is_typing {
        format!(" filter: {}▏  Enter keeps it, Esc clears it", screen.filter)
    } else if screen.open.is_some() {
        " Esc back · ←→ newer, older · ↑↓ scroll · q quit".into()
    } else if screen.filter.is_empty() {
        " Tab panel · ↑↓ row · Enter open · / filter · q quit".into()
    } else {
        format!(
            " filter: {} · Esc clears it · Tab panel · ↑↓ row · Enter open · q quit",
            screen.filter
        )
    };
    frame.render_widget(Line::styled(marks::cut(&keys, width), ink.quiet()), second);
}

/// ` 14:31 alarm broker: the bus is gone`
fn said_line(said: &seen::Said, screen: &Screen, width: usize, ink: Ink) -> Line<'static> {
    let seen::Said { kind, text, severity, at } = said;
    let text = format!(" {} {severity} {kind}: {text}", moment(at, screen, "%H:%M"));
    let style = if severity == "info" { Style::new() } else { ink.bad() };
    Line::styled(marks::cut(&text, width), style)
}

/// A moment in the reader's time; what is none stays as it is.
pub fn moment(at: &str, screen: &Screen, form: &str) -> String {
    let Ok(moment) = at.parse::<Timestamp>() else { return marks::cut(at, 8) };
    moment.to_zoned_datetime(screen.zone.clone()).strftime(form).to_string()
}
