//! The nearest of some names to a mistyped one. No I/O; used for names and for keys.

/// The candidate with the fewest edits from `found`, if there are few enough to be a slip of the
/// pen: one for each three characters, at least one. The first of equals wins.
pub(crate) fn nearest<'a>(
    found: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // A longer text is no slip of the pen, and the distance costs its length squared.
    let length = found.chars().count();
    if length > 64 {
        return None;
    }
    let allowed = (length / 3).max(1);
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        if candidate.len().abs_diff(found.len()) > allowed * 4 {
            continue;
        }
        let edits = distance(&found.to_lowercase(), &candidate.to_lowercase());
        if edits <= allowed && best.is_none_or(|(least, _)| edits < least) {
            best = Some((edits, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours from `left` to `right`.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let replaced = last[j] + usize::from(a != b);
            let mut least = replaced.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_of_the_pen_finds_its_name_and_a_foreign_word_does_not() {
        let names = ["tank_level", "air_temperature", "fan"];
        assert_eq!(nearest("tank_levle", names), Some("tank_level"));
        assert_eq!(nearest("air_temprature", names), Some("air_temperature"));
        assert_eq!(nearest("Fan", names), Some("fan"));
        assert_eq!(nearest("heater", names), None);
        assert_eq!(nearest("", names), None);
    }
}
