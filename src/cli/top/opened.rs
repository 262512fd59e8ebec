//! Draws one decision: its cause, what could have been done and what was expected of it, who
//! chose, what the guard said. Pure: cells only.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Paragraph};

use super::draw::{Ink, moment};
use super::keys::Screen;
use super::seen::{Candidate, Decision, Seen, number};
use crate::cli::view::marks;

/// Cells of cost, utility and the mind's word.
const FIGURE_CELLS: usize = 8;

/// Draws the decision of this id into `area`.
pub fn draw(frame: &mut Frame, area: Rect, seen: &Seen, id: &str, screen: &Screen, ink: Ink) {
    let block = Block::bordered()
        .border_style(ink.strong())
        .title(Span::styled(format!(" Decision {id} "), ink.strong()));
    let width = usize::from(area.width).saturating_sub(2);
    let decision = seen.decisions.iter().find(|decision| decision.id == id);
    let lines = match decision {
        Some(decision) => lines(decision, screen, width, ink),
        None => vec![Line::raw(" no longer kept here: outpost log query --kind decision")],
    };
    let rows = usize::from(area.height).saturating_sub(2);
    let most = lines.len().saturating_sub(rows);
    let first = usize::from(screen.scrolled).min(most);
    let rest = most - first;
    let below = if rest > 0 { format!(" {rest} more ↓ ") } else { String::new() };
    let block = block.title_bottom(Line::styled(below, ink.quiet()).right_aligned());
    let lines: Vec<_> = lines.into_iter().skip(first).take(rows).collect();
    frame.render_widget(Paragraph::new(lines).block(block), area);
}

fn lines(decision: &Decision, screen: &Screen, width: usize, ink: Ink) -> Vec<Line<'static>> {
    let at = moment(&decision.at, screen, "%Y-%m-%d %H:%M:%S");
    let mut lines = Vec::new();
    let mut say = |label: &str, text: &str| {
        for (number, part) in wrapped(text, width.saturating_sub(10)).into_iter().enumerate() {
            let label = if number == 0 { label } else { "" };
            let label = Span::styled(marks::fit(&format!(" {label}"), 9), ink.quiet());
            lines.push(Line::from(vec![label, Span::raw(part)]));
        }
    };
    say("when", &at);
    say("why", &decision.cause.replace('_', " "));
    say("chosen", &format!("{}, by {}", decision.choice(), decision.by));
    let expected = decision.candidates.get(decision.chosen).map(Candidate::expected);
    if let Some(expected) = expected.filter(|expected| !expected.is_empty()) {
        say("then", &expected);
    }
    say("guard", &decision.guard);
    if let Some(model) = &decision.model {
        let read = if model.remembered {
            "remembered".to_owned()
        } else {
            format!("{} tokens", model.prompt_tokens)
        };
        let ms = number(model.ms);
        say("mind", &format!("{}, adapter {}, {read}, {ms} ms", model.id, model.adapter));
    } else {
        say("mind", "was not asked");
    }
    lines.push(Line::default());
    let room = width.saturating_sub(3 * FIGURE_CELLS + 4);
    let longest = decision.candidates.iter().map(|one| Span::raw(one.words()).width()).max();
    let what_cells = (longest.unwrap_or(0) + 2).clamp(10, (room / 2).max(10));
    let expected_cells = room.saturating_sub(what_cells);
    let head = format!(
        "   {}{}{:>FIGURE_CELLS$}{:>FIGURE_CELLS$}{:>FIGURE_CELLS$}",
        marks::fit("what", what_cells),
        marks::fit("expected then", expected_cells),
        "cost/h",
        "utility",
        "mind"
    );
    lines.push(Line::styled(head, ink.quiet()));
    for (number, candidate) in decision.candidates.iter().enumerate() {
        let is_chosen = number == decision.chosen;
        lines.push(candidate_line(candidate, is_chosen, what_cells, expected_cells, ink));
    }
    for (label, texts) in [("facts", &decision.facts), ("notes", &decision.notes)] {
        if !texts.is_empty() {
            lines.push(Line::default());
        }
        for (at, text) in texts.iter().enumerate() {
            for (row, part) in wrapped(text, width.saturating_sub(10)).into_iter().enumerate() {
                let label = if at == 0 && row == 0 { label } else { "" };
                let label = Span::styled(marks::fit(&format!(" {label}"), 9), ink.quiet());
                lines.push(Line::from(vec![label, Span::raw(part)]));
            }
        }
    }
    lines.push(Line::default());
    let again = format!(" outpost replay {}", decision.id);
    lines.push(Line::styled(marks::cut(&again, width), ink.quiet()));
    lines
}

/// ` ✓ vent 75     air temperature 25.4     0.02    0.91    83 %`
fn candidate_line(
    candidate: &Candidate,
    is_chosen: bool,
    what_cells: usize,
    expected_cells: usize,
    ink: Ink,
) -> Line<'static> {
    let figure = |value: Option<f64>| value.map_or_else(|| "–".into(), number);
    let mind = candidate.p.map_or_else(|| "–".into(), |p| format!("{:.0} %", 100.0 * p));
    let text = format!(
        " {} {}{}{:>FIGURE_CELLS$}{:>FIGURE_CELLS$}{:>FIGURE_CELLS$}",
        if is_chosen { '✓' } else { ' ' },
        marks::fit(&candidate.words(), what_cells.saturating_sub(1)) + " ",
        marks::fit(&candidate.expected(), expected_cells.saturating_sub(1)) + " ",
        figure(candidate.cost),
        figure(candidate.utility),
        mind
    );
    Line::styled(text, if is_chosen { ink.strong() } else { ink.quiet() })
}

/// A text in rows of at most `width` cells, broken between words; a longer word is cut.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut rows = vec![String::new()];
    for word in text.split_whitespace() {
        let word = marks::cut(word, width);
        let row = rows.last_mut().filter(|row| {
            let used = Span::raw(row.as_str()).width();
            row.is_empty() || used + 1 + Span::raw(word.as_str()).width() <= width
        });
        match row {
            Some(row) if row.is_empty() => *row = word,
            Some(row) => *row += &format!(" {word}"),
            None => rows.push(word),
        }
    }
    rows
}
