//! Small drawings in text: a gauge with its band, a line of history, a bar; and cutting words.
//! Pure functions of numbers and a width in cells.

/// Eighths of a cell, for histories.
const HEIGHTS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// Where a value lies in relation to a band.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Place {
    Below,
    Inside,
    Above,
}

/// Where `value` lies; a missing bound never stops it.
pub(in crate::cli) fn place(value: f64, min: Option<f64>, max: Option<f64>) -> Place {
    if min.is_some_and(|min| value < min) {
        Place::Below
    } else if max.is_some_and(|max| value > max) {
        Place::Above
    } else {
        Place::Inside
    }
}

/// What a gauge and a history show of a banded value: the band and half of it on either side.
pub(in crate::cli) fn scale(min: Option<f64>, max: Option<f64>) -> (f64, f64) {
    match (min, max) {
        (Some(min), Some(max)) => {
            let margin = ((max - min) / 2.0).max(f64::EPSILON);
            (min - margin, max + margin)
        }
        // One bound: as much on either side of it as it is large.
        (Some(bound), None) | (None, Some(bound)) => {
            let margin = bound.abs().max(1.0);
            (bound - margin, bound + margin)
        }
        (None, None) => (0.0, 1.0),
    }
}

/// The cell of `value` on a scale that is `width` cells wide.
fn cell(value: f64, (low, high): (f64, f64), width: usize) -> usize {
    let share = ((value - low) / (high - low)).clamp(0.0, 1.0);
    // Saturates; NaN becomes the first cell.
    (share * width.saturating_sub(1) as f64).round() as usize
}

/// A gauge: `···├──●──┤···`, the band between its ends, `●` inside it and `◆` outside.
pub(in crate::cli) fn gauge(
    value: Option<f64>,
    min: Option<f64>,
    max: Option<f64>,
    width: usize,
) -> String {
    let scale = scale(min, max);
    let from = min.map_or(0, |min| cell(min, scale, width));
    let to = max.map_or(width.saturating_sub(1), |max| cell(max, scale, width));
    let mut cells: Vec<char> = (0..width)
        .map(|at| match at {
            at if min.is_some() && at == from => '├',
            at if max.is_some() && at == to => '┤',
            at if (from..=to).contains(&at) => '─',
            _ => '·',
        })
        .collect();
    if let Some(value) = value {
        let at = cell(value, scale, width);
        // Rounding must not put a value on the wrong side of a bound.
        let (at, sign) = match place(value, min, max) {
            Place::Below => (at.min(from.saturating_sub(1)), '◆'),
            Place::Above => (at.max(to + 1), '◆'),
            Place::Inside => (at.clamp((from + 1).min(to), to.saturating_sub(1).max(from)), '●'),
        };
        if let Some(cell) = cells.get_mut(at) {
            *cell = sign;
        }
    }
    cells.into_iter().collect()
}

/// A history of `width` cells, the newest at the right; values are averaged where there are more
/// than cells. Without a scale it spans its own least and greatest value.
pub(in crate::cli) fn history(values: &[f64], scale: Option<(f64, f64)>, width: usize) -> String {
    let values: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
    if values.is_empty() || width == 0 {
        return " ".repeat(width);
    }
    let (low, high) = scale.unwrap_or_else(|| {
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        (low, high.max(low + f64::EPSILON))
    });
    let cells = width.min(values.len());
    let mut text = " ".repeat(width - cells);
    for at in 0..cells {
        let part = &values[at * values.len() / cells..(at + 1) * values.len() / cells];
        let mean = part.iter().sum::<f64>() / part.len() as f64;
        text.push(HEIGHTS[cell(mean, (low, high), HEIGHTS.len())]);
    }
    text
}

/// A bar of `width` cells, filled to `share`: `█████░░░`.
pub(in crate::cli) fn bar(share: f64, width: usize) -> String {
    let full = (share.clamp(0.0, 1.0) * width as f64).round() as usize;
    let full = full.min(width);
    "█".repeat(full) + &"░".repeat(width - full)
}

/// `text` in exactly `width` cells: filled up with spaces, or cut with an ellipsis.
pub(in crate::cli) fn fit(text: &str, width: usize) -> String {
    let text = cut(text, width);
    let used = cells_of(&text);
    text + &" ".repeat(width.saturating_sub(used))
}

/// `text` in at most `width` cells, cut with an ellipsis.
pub(in crate::cli) fn cut(text: &str, width: usize) -> String {
    if cells_of(text) <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for letter in text.chars() {
        kept.push(letter);
        if cells_of(&kept) >= width {
            kept.pop();
            break;
        }
    }
    if width > 0 {
        kept.push('…');
    }
    kept
}

/// Cells that `text` takes on a terminal.
fn cells_of(text: &str) -> usize {
    ratatui::text::Span::raw(text).width()
}

/// A share in percent that never says 100 or 0 where it is not: `99.9 %`, `7.1 %`, `100 %`.
pub(in crate::cli) fn percent(share: f64) -> String {
    let percent = 100.0 * share;
    if share >= 1.0 { "100 %".into() } else { format!("{:.1} %", percent.clamp(0.0, 99.9)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gauge_shows_the_band_and_where_the_value_is() {
        assert_eq!(gauge(Some(21.5), Some(16.0), Some(27.0), 13), "···├──●──┤···");
        assert_eq!(gauge(Some(99.0), Some(16.0), Some(27.0), 13), "···├─────┤··◆");
        assert_eq!(gauge(Some(-99.0), Some(16.0), Some(27.0), 13), "◆··├─────┤···");
        assert_eq!(gauge(None, Some(16.0), Some(27.0), 13), "···├─────┤···");
        assert_eq!(gauge(Some(27.2), Some(16.0), Some(27.0), 13), "···├─────┤◆··");
        assert_eq!(gauge(Some(16.1), Some(16.0), Some(27.0), 13), "···├●────┤···");
        assert_eq!(gauge(Some(5.0), Some(10.0), None, 9), "··◆·├────");
        assert_eq!(gauge(Some(f64::NAN), None, None, 0), "");
    }

    #[test]
    fn a_history_fits_any_width() {
        let values: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(history(&values, None, 8), "▁▂▃▄▅▆▇█");
        assert_eq!(history(&[1.0, 2.0], None, 5), "   ▁█");
        assert_eq!(history(&[f64::NAN], None, 3), "   ");
        assert_eq!(history(&[5.0; 4], None, 4), "▁▁▁▁");
        assert_eq!(history(&values, None, 0), "");
    }

    #[test]
    fn words_are_cut_to_cells_not_to_bytes() {
        assert_eq!(fit("23.4 °C", 9), "23.4 °C  ");
        assert_eq!(fit("wärmer als draußen", 8), "wärmer …");
        assert_eq!(cut("温度が高い", 5), "温度…");
        assert_eq!(cut("abc", 0), "");
    }

    #[test]
    fn a_share_is_never_rounded_up_to_all() {
        assert_eq!(percent(0.99999), "99.9 %");
        assert_eq!(percent(1.0), "100 %");
        assert_eq!(bar(0.5, 8), "████░░░░");
        assert_eq!(bar(f64::NAN, 2), "░░");
    }
}
