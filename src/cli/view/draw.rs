//! Draws a snapshot: header, readings, devices, decisions, footer. Pure: cells only.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, BorderType, Paragraph};

use super::marks::{self, Place};
use super::{ActuatorView, DecisionView, GoalView, ReadingView, Snapshot};
use crate::domain::Decider;

/// Smallest window in which everything has its place, in cells.
const WIDTH_MIN: u16 = 64;
const HEIGHT_MIN: u16 = 18;
/// Rows above and below the panels: header; mind, commands, progress.
const HEADER_ROWS: u16 = 1;
const FOOTER_ROWS: u16 = 3;
/// Rows that decisions keep, borders included, whatever else wants them.
const DECISION_ROWS_MIN: u16 = 5;
/// From this many rows on, every decision takes two: the second says why; else only the newest.
const ROWS_FOR_WHY: usize = 12;
/// Cells of a name in a narrow and in a wide window, of a value with its unit, of a share.
const NAME_CELLS: usize = 15;
const NAME_CELLS_WIDE: usize = 19;
const VALUE_CELLS: usize = 9;
const SHARE_CELLS: usize = 6;
/// Cells of a gauge in a narrow and in a wide window, of a bound beside the wide one, and the
/// fewest that a history is worth.
const BOUND_CELLS: usize = 4;
const GAUGE_CELLS: usize = 11;
const GAUGE_CELLS_WIDE: usize = 13;
const HISTORY_CELLS_MIN: usize = 8;
/// From this many cells on, the readings say their bounds.
const READINGS_WIDE: usize = 72;
/// Cells of a device's name.
const DEVICE_CELLS: usize = 11;
/// Cells of the words at the left of the footer.
const LABEL_CELLS: usize = 10;
/// From this many columns on, details are shown that 80 have no room for.
const WIDE: u16 = 100;

const QUIET: Style = Style::new().fg(Color::DarkGray);
const GOOD: Style = Style::new().fg(Color::Green);
const BAD: Style = Style::new().fg(Color::Yellow).add_modifier(Modifier::BOLD);
const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);

/// Draws everything; in a window that is too small it says so.
pub fn draw(frame: &mut Frame, snapshot: &Snapshot) {
    let area = frame.area();
    if area.width < WIDTH_MIN || area.height < HEIGHT_MIN {
        let text = format!("This window is too small: {WIDTH_MIN} x {HEIGHT_MIN} at least.");
        frame.render_widget(Paragraph::new(text), area);
        return;
    }
    let panels = panel_rows(area.height, snapshot);
    let rows = [
        Constraint::Length(HEADER_ROWS),
        Constraint::Length(panels),
        Constraint::Min(DECISION_ROWS_MIN),
        Constraint::Length(FOOTER_ROWS),
    ];
    let [header, top, middle, footer] = area.layout(&Layout::vertical(rows));
    let columns = [Constraint::Min(50), Constraint::Percentage(37)];
    let [left, right] = top.layout(&Layout::horizontal(columns));
    let [devices, goals] =
        right.layout(&Layout::vertical([Constraint::Min(3), Constraint::Length(4)]));

    draw_header(frame, header, snapshot);
    draw_readings(frame, left, &snapshot.readings);
    draw_devices(frame, devices, &snapshot.actuators);
    draw_share(frame, goals, snapshot);
    draw_decisions(frame, middle, &snapshot.decisions);
    draw_footer(frame, footer, snapshot);
}

/// Rows of the upper panels: what they need, so far as decisions keep their own.
fn panel_rows(height: u16, snapshot: &Snapshot) -> u16 {
    let readings = snapshot.readings.len() + 3;
    let devices = snapshot.actuators.len() + 2 + 4;
    let needed = u16::try_from(readings.max(devices)).unwrap_or(u16::MAX);
    needed.clamp(6, height - HEADER_ROWS - FOOTER_ROWS - DECISION_ROWS_MIN)
}

fn panel(title: &str) -> Block<'static> {
    Block::bordered()
        .border_type(BorderType::Rounded)
        .border_style(QUIET)
        .title(Span::styled(format!(" {title} "), STRONG))
}

fn draw_header(frame: &mut Frame, area: Rect, snapshot: &Snapshot) {
    let speed = match snapshot.speed_reached {
        Some(reached) if area.width >= WIDE => {
            format!("{reached:.0} of {:.0} × real time ", snapshot.speed)
        }
        Some(reached) => format!("{reached:.0} × real time "),
        None => format!("{:.0} × real time ", snapshot.speed),
    };
    let time = Span::styled(format!("{}   ", snapshot.time), STRONG);
    let right = Line::from(vec![time, Span::styled(speed, QUIET)]);
    let name = Span::styled(" OUTPOST ", STRONG.add_modifier(Modifier::REVERSED));
    let room = usize::from(area.width).saturating_sub(name.width() + right.width() + 4);
    let page = snapshot.page.map_or(String::new(), |page| format!(" · page http://{page}/"));
    // Before the place: on a narrow terminal the end is cut off.
    let about = format!("  {}{page} · {}", snapshot.device, snapshot.place);
    let left = Line::from(vec![name, Span::raw(marks::cut(&about, room))]);
    frame.render_widget(left, area);
    let width = u16::try_from(right.width()).unwrap_or(u16::MAX).min(area.width);
    frame.render_widget(right, Rect { x: area.right() - width, width, ..area });
}

fn draw_readings(frame: &mut Frame, area: Rect, readings: &[ReadingView]) {
    let block = panel("Readings");
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let columns = Columns::of(usize::from(inner.width));

    let mut heads = marks::fit(" sensor", 1 + columns.name);
    heads += &format!("{:>VALUE_CELLS$}  ", "now");
    heads += &marks::fit("wanted", columns.gauge + 2);
    heads += &format!("{:>SHARE_CELLS$}  ", "kept");
    if columns.history > 0 {
        heads += "lately";
    }
    let mut lines = vec![Line::styled(heads, QUIET)];
    let rows = usize::from(inner.height).saturating_sub(1);
    for reading in shown(readings, rows) {
        lines.push(reading_line(reading, &columns));
    }
    push_rest(&mut lines, readings.len(), rows);
    frame.render_widget(Paragraph::new(lines), inner);
}

/// Cells of the columns of the readings.
struct Columns {
    name: usize,
    gauge: usize,
    history: usize,
}

impl Columns {
    /// What fits in `width` cells.
    fn of(width: usize) -> Columns {
        let wide = width >= READINGS_WIDE;
        let (name, gauge) = if wide {
            (NAME_CELLS_WIDE, GAUGE_CELLS_WIDE + 2 * (BOUND_CELLS + 1))
        } else {
            (NAME_CELLS, GAUGE_CELLS)
        };
        let used = 1 + name + VALUE_CELLS + 2 + gauge + 2 + SHARE_CELLS + 2;
        let left = width.saturating_sub(used + 1);
        Columns { name, gauge, history: if left < HISTORY_CELLS_MIN { 0 } else { left } }
    }
}

/// ` air temperature  23.4 °C  ···├──●──┤··· ✓  98.1 % ▃▄▅▆▅`
fn reading_line(reading: &ReadingView, columns: &Columns) -> Line<'static> {
    let name = marks::fit(&reading.name.replace('_', " "), columns.name);
    let text = marks::cut(reading.text.as_deref().unwrap_or("unknown"), VALUE_CELLS);
    let (sign, style) = judged(reading);
    let goal = reading.goal.as_ref();
    let (gauge, scale) = match goal {
        Some(GoalView { min, max, .. }) => {
            (gauge(reading.value, *min, *max, columns.gauge), Some(marks::scale(*min, *max)))
        }
        None => (" ".repeat(columns.gauge), None),
    };
    let share = goal.and_then(|goal| goal.share).map_or(String::new(), short_percent);
    Line::from(vec![
        Span::raw(format!(" {name}")),
        Span::styled(
            format!("{text:>VALUE_CELLS$}"),
            if goal.is_some() { style } else { Style::new() },
        ),
        Span::styled(format!("  {gauge} {sign}"), style),
        Span::raw(format!("{share:>SHARE_CELLS$}  ")),
        Span::styled(marks::history(&reading.history, scale, columns.history), QUIET),
    ])
}

/// A gauge; where there is room its bounds stand beside it: `  16 ··├──●──┤·· 27  `.
fn gauge(value: Option<f64>, min: Option<f64>, max: Option<f64>, cells: usize) -> String {
    if cells < GAUGE_CELLS_WIDE + 2 * (BOUND_CELLS + 1) {
        return marks::gauge(value, min, max, cells);
    }
    let bound = |bound: Option<f64>| {
        marks::cut(&bound.map_or(String::new(), |bound| bound.to_string()), BOUND_CELLS)
    };
    let (low, high) = (bound(min), bound(max));
    let gauge = marks::gauge(value, min, max, GAUGE_CELLS_WIDE);
    format!("{low:>BOUND_CELLS$} {gauge} {high:<BOUND_CELLS$}")
}

/// A share in at most six cells.
fn short_percent(share: f64) -> String {
    marks::percent(share).replace(' ', "")
}

/// The sign of a reading: within its band, below, above, unknown, or nothing wanted.
fn judged(reading: &ReadingView) -> (char, Style) {
    match (&reading.goal, reading.value) {
        (None, _) => (' ', QUIET),
        (Some(_), None) => ('?', BAD),
        (Some(goal), Some(value)) => match marks::place(value, goal.min, goal.max) {
            Place::Inside => ('✓', GOOD),
            Place::Below => ('▼', BAD),
            Place::Above => ('▲', BAD),
        },
    }
}

fn draw_devices(frame: &mut Frame, area: Rect, actuators: &[ActuatorView]) {
    let block = panel("Devices");
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let rows = usize::from(inner.height);
    let width = usize::from(inner.width);
    let mut lines: Vec<Line> =
        shown(actuators, rows).iter().map(|actuator| device_line(actuator, width)).collect();
    push_rest(&mut lines, actuators.len(), rows);
    frame.render_widget(Paragraph::new(lines), inner);
}

/// ` ● drip pump  on`, ` ◐ vent  50 → 75`, with what stands against it.
fn device_line(actuator: &ActuatorView, width: usize) -> Line<'static> {
    let (sign, style) = match actuator.level {
        _ if actuator.setting.is_none() => ('?', BAD),
        level if level >= 1.0 => ('●', GOOD),
        level if level > 0.0 => ('◐', GOOD),
        _ => ('○', QUIET),
    };
    let name = marks::fit(&actuator.name.replace('_', " "), DEVICE_CELLS);
    let mut words = actuator.setting.clone().unwrap_or_else(|| "unknown".into());
    if let Some(pending) = &actuator.pending {
        words += &format!(" → {pending}");
    }
    let mut against = String::new();
    if actuator.not_responding {
        against = " no answer".into();
    } else if let Some(held_for) = actuator.held_for {
        against = format!(" held {}m", held_for.as_secs().div_ceil(60));
    }
    let used = 3 + DEVICE_CELLS + words.chars().count();
    Line::from(vec![
        Span::styled(format!(" {sign} "), style),
        Span::raw(name),
        Span::styled(words, if actuator.level > 0.0 { STRONG } else { Style::new() }),
        Span::styled(marks::cut(&against, width.saturating_sub(used)), BAD),
    ])
}

/// How long all goals were kept, beside what would be without an agent.
fn draw_share(frame: &mut Frame, area: Rect, snapshot: &Snapshot) {
    let block = panel("All goals kept");
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let row = |label: &str, share: Option<f64>, style: Style| {
        let words = share.map_or_else(|| "…".into(), marks::percent);
        let bar_cells = usize::from(inner.width).saturating_sub(22);
        Line::from(vec![
            Span::raw(format!(" {label:<11}")),
            Span::styled(marks::bar(share.unwrap_or(0.0), bar_cells), style),
            Span::styled(format!("{words:>8}"), STRONG),
        ])
    };
    let lines = vec![
        row("with agent", snapshot.share, GOOD),
        row("left alone", snapshot.share_safe, QUIET),
    ];
    frame.render_widget(Paragraph::new(lines), inner);
}

fn draw_decisions(frame: &mut Frame, area: Rect, decisions: &[DecisionView]) {
    let block = panel("Decisions: when, who, what and why");
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let rows = usize::from(inner.height);
    let width = usize::from(inner.width);
    let says_why = rows >= ROWS_FOR_WHY;
    let mut lines = Vec::new();
    for (at, decision) in decisions.iter().enumerate() {
        if lines.len() >= rows {
            break;
        }
        lines.push(decision_line(decision, width, at == 0));
        if (says_why || at == 0) && !decision.why.is_empty() {
            let indent = " ".repeat(7);
            let why = marks::cut(&decision.why, width.saturating_sub(indent.len() + 1));
            lines.push(Line::styled(format!("{indent}{why}"), QUIET));
        }
    }
    if lines.is_empty() {
        lines.push(Line::styled(" None yet.", QUIET));
    }
    frame.render_widget(Paragraph::new(lines), inner);
}

/// ` 14:31 planner vent 50          goal climate: air temperature 26.3 above 25`
fn decision_line(decision: &DecisionView, width: usize, newest: bool) -> Line<'static> {
    let choice_cells = (width / 4).clamp(16, 36);
    let choice = marks::fit(&decision.choice.replace('_', " "), choice_cells);
    let cause_cells = width.saturating_sub(16 + choice_cells + 1);
    let cause = decision.cause.strip_prefix("goal ").unwrap_or(&decision.cause);
    let cause = marks::cut(&cause.replace('_', " "), cause_cells);
    Line::from(vec![
        Span::styled(format!(" {} ", marks::fit(&decision.at, 5)), QUIET),
        Span::styled(marks::fit(decision.by.word(), 8), voice(decision.by)),
        Span::styled(choice, if newest { STRONG } else { Style::new() }),
        Span::raw(format!(" {cause}")),
    ])
}

/// The colour of a voice; its word stands beside it.
fn voice(by: Decider) -> Style {
    Style::new().fg(match by {
        Decider::Rule => Color::Yellow,
        Decider::Planner => Color::Cyan,
        Decider::Mind | Decider::Cloud => Color::Magenta,
        Decider::Human | Decider::Command => Color::Blue,
    })
}

fn draw_footer(frame: &mut Frame, area: Rect, snapshot: &Snapshot) {
    let rows = Layout::vertical([Constraint::Length(1); FOOTER_ROWS as usize]);
    let [mind, commands, progress] = area.layout(&rows);
    frame.render_widget(mind_line(snapshot), mind);
    let counts = snapshot.commands;
    let text = format!(
        "{} sent · {} confirmed · {} refused · {} open",
        counts.sent, counts.confirmed, counts.refused, counts.open
    );
    frame.render_widget(Line::from(vec![label("commands"), Span::raw(text)]), commands);
    let width = usize::from(area.width);
    frame.render_widget(progress_line(snapshot, width), progress);
}

fn label(word: &str) -> Span<'static> {
    Span::styled(marks::fit(&format!(" {word}"), LABEL_CELLS), QUIET)
}

/// ` mind      ready · smollm2-… · 312 calls · 61 tokens, 48 ms`
fn mind_line(snapshot: &Snapshot) -> Line<'static> {
    let mind = &snapshot.mind;
    let state_style = match mind.state.as_str() {
        "ready" => GOOD,
        "missing" | "failed" => BAD,
        _ => Style::new(),
    };
    let mut text = String::new();
    if !mind.model.is_empty() {
        text += &format!(" · {}", mind.model);
    }
    if mind.calls > 0 {
        text += &format!(" · {} calls", mind.calls);
    }
    if let Some((tokens, ms)) = mind.last {
        text += &format!(" · {tokens} tokens, {ms:.0} ms");
    }
    Line::from(vec![label("mind"), Span::styled(mind.state.clone(), state_style), Span::raw(text)])
}

/// ` 14.5 of 24 h ██████░░░░                                      q ends`
fn progress_line(snapshot: &Snapshot, width: usize) -> Line<'static> {
    const KEYS: &str = "q ends ";
    let done = match snapshot.hours_total {
        Some(total) => format!("{:.1} of {total:.0} h ", snapshot.hours),
        None => format!("{:.1} h ", snapshot.hours),
    };
    let room = width.saturating_sub(LABEL_CELLS + done.chars().count() + KEYS.len() + 2);
    let bar = match snapshot.hours_total {
        Some(total) if total > 0.0 => marks::bar(snapshot.hours / total, room),
        _ => " ".repeat(room),
    };
    Line::from(vec![
        label("time"),
        Span::raw(done),
        Span::styled(bar, Style::new().fg(Color::Cyan)),
        Span::styled(format!("  {KEYS}"), QUIET),
    ])
}

/// The items that fit; the last row is left for "and n more" where there are too many.
fn shown<T>(items: &[T], rows: usize) -> &[T] {
    if items.len() <= rows { items } else { &items[..rows.saturating_sub(1)] }
}

/// Says how many did not fit.
fn push_rest(lines: &mut Vec<Line>, count: usize, rows: usize) {
    if count > rows {
        let rest = count - rows.saturating_sub(1);
        lines.push(Line::styled(format!(" and {rest} more"), QUIET));
    }
}
