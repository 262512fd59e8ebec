//! Home Assistant's templates, as far as they only pick a value and calculate with it once: a JSON
//! pointer, a factor, an addend. A template that decides something is not understood and said so;
//! nothing here runs one.

/// What a value template picks.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Picked {
    /// JSON pointer; none: the payload itself.
    pub(super) field: Option<String>,
    pub(super) scale: f64,
    pub(super) offset: f64,
}

impl Picked {
    pub(super) fn whole() -> Picked {
        Picked { field: None, scale: 1.0, offset: 0.0 }
    }
}

/// Reads a value template.
///
/// # Errors
/// Where it does more than pick a value, in words.
pub(super) fn value(template: &str) -> Result<Picked, String> {
    let not = || "its template does more than pick a value".to_owned();
    let inner = template.trim().strip_prefix("{{").and_then(|it| it.strip_suffix("}}"));
    let inner = inner.ok_or_else(not)?;
    if inner.contains("{{") || inner.contains("{%") {
        return Err(not());
    }
    let inner = inner.trim().trim_matches('-').trim();
    let (inner, mut picked) = match whole_group(inner) {
        Some((group, filters)) if filters_only(filters) => (group, Picked::whole()),
        _ => (inner, Picked::whole()),
    };
    let (base, mut rest) = source(inner).ok_or_else(not)?;
    picked.field = base;
    loop {
        rest = rest.trim_start();
        let Some(sign) = rest.chars().next() else { return Ok(picked) };
        let after = rest[sign.len_utf8()..].trim_start();
        match sign {
            '|' => rest = filter(after).ok_or_else(not)?,
            '*' | '/' | '+' | '-' => {
                let (number, left) = number(after).ok_or_else(not)?;
                match sign {
                    '*' => {
                        (picked.scale, picked.offset) =
                            (picked.scale * number, picked.offset * number)
                    }
                    '/' if number != 0.0 => {
                        (picked.scale, picked.offset) =
                            (picked.scale / number, picked.offset / number);
                    }
                    '+' => picked.offset += number,
                    '-' => picked.offset -= number,
                    _ => return Err(not()),
                }
                rest = left;
            }
            _ => return Err(not()),
        }
    }
}

/// Reads a command template: text with one `{{ value }}` (of a cover `{{ position }}`) becomes
/// text with `{value}`.
///
/// # Errors
/// Where it does more than that, in words.
pub(super) fn command(template: &str) -> Result<Option<String>, String> {
    let not = || "its command template does more than send a value".to_owned();
    let mut out = String::new();
    let mut rest = template;
    let mut values = 0;
    while let Some((before, inside)) = rest.split_once("{{") {
        let (inner, after) = inside.split_once("}}").ok_or_else(not)?;
        let mut parts = inner.split('|').map(str::trim);
        let plain = matches!(parts.next(), Some("value" | "position"))
            && parts.all(|it| matches!(it, "int" | "float" | "string" | "round" | "round(0)"));
        if !plain {
            return Err(not());
        }
        values += 1;
        out.push_str(before);
        out.push_str("{value}");
        rest = after;
    }
    out.push_str(rest);
    let own = out.replace("{value}", "");
    if values != 1 || own.contains("{%") {
        return Err(not());
    }
    Ok((out.trim() != "{value}").then_some(out))
}

/// A text that begins with a group in brackets, and what follows it.
fn whole_group(text: &str) -> Option<(&str, &str)> {
    let inside = text.strip_prefix('(')?;
    let mut depth = 1;
    for (at, c) in inside.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some((&inside[..at], inside[at + 1..].trim_start()));
        }
    }
    None
}

fn filters_only(mut rest: &str) -> bool {
    loop {
        rest = rest.trim_start();
        let Some(after) = rest.strip_prefix('|') else { return rest.is_empty() };
        match filter(after.trim_start()) {
            Some(left) => rest = left,
            None => return false,
        }
    }
}

/// `value`, `value_json.a['b'][0]` or one of them in brackets with filters: its pointer, and what
/// follows.
fn source(text: &str) -> Option<(Option<String>, &str)> {
    let text = text.trim_start();
    if let Some((group, rest)) = whole_group(text) {
        let (field, left) = source(group)?;
        return filters_only(left).then_some((field, rest));
    }
    if let Some(rest) = text.strip_prefix("value_json") {
        let (pointer, rest) = path(rest)?;
        return Some((Some(pointer), rest));
    }
    let rest = text.strip_prefix("value")?;
    let ends = !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '.' || c == '[');
    ends.then_some((None, rest))
}

fn path(mut rest: &str) -> Option<(String, &str)> {
    let mut pointer = String::new();
    let mut push = |step: &str| {
        pointer.push('/');
        pointer.push_str(&step.replace('~', "~0").replace('/', "~1"));
    };
    loop {
        if let Some(after) = rest.strip_prefix('.') {
            let end = after.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(after.len());
            if end == 0 {
                return None;
            }
            push(&after[..end]);
            rest = &after[end..];
        } else if let Some(after) = rest.strip_prefix('[') {
            let (step, left) = after.split_once(']')?;
            let step = step.trim();
            let quoted = ['\'', '"'].iter().find_map(|q| step.strip_prefix(*q)?.strip_suffix(*q));
            match quoted {
                Some(step) if !step.is_empty() => push(step),
                None if step.parse::<u32>().is_ok() => push(step),
                _ => return None,
            }
            rest = left;
        } else {
            return (!pointer.is_empty()).then_some((pointer, rest));
        }
    }
}

/// A filter that keeps the value: `float`, `round(1)`, `default(0)`, …; what follows it.
fn filter(text: &str) -> Option<&str> {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let keeps = ["float", "int", "round", "default", "is_defined", "string", "trim"];
    if !keeps.contains(&&text[..end]) {
        return None;
    }
    let rest = text[end..].trim_start();
    match whole_group(rest) {
        Some((_, left)) => Some(left),
        None => Some(rest),
    }
}

fn number(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picking_and_calculating_once_is_understood() {
        let picked = |template: &str| {
            let it = value(template).unwrap();
            (it.field.unwrap_or_default(), it.scale, it.offset)
        };
        assert_eq!(picked("{{ value }}"), (String::new(), 1.0, 0.0));
        assert_eq!(picked("{{ value | float }}"), (String::new(), 1.0, 0.0));
        assert_eq!(picked("{{value_json.temperature}}"), ("/temperature".into(), 1.0, 0.0));
        assert_eq!(picked("{{ value_json['ENERGY'].Power }}"), ("/ENERGY/Power".into(), 1.0, 0.0));
        assert_eq!(picked("{{ value_json[\"a/b\"][0] }}"), ("/a~1b/0".into(), 1.0, 0.0));
        assert_eq!(picked("{{ value_json.v | default(0) | round(1) }}"), ("/v".into(), 1.0, 0.0));
        assert_eq!(picked("{{ value_json.mv / 1000 }}"), ("/mv".into(), 0.001, 0.0));
        assert_eq!(picked("{{ (value_json.k | float) - 273.15 }}"), ("/k".into(), 1.0, -273.15));
        assert_eq!(
            picked("{{ (value_json.w | float * 10) | round(2) }}"),
            ("/w".into(), 10.0, 0.0)
        );
    }

    #[test]
    fn what_decides_is_refused() {
        for bad in [
            "{% if value_json.a %}1{% endif %}",
            "{{ 'ON' if value_json.a else 'OFF' }}",
            "{{ value_json.a if value_json.a is defined }}",
            "{{ value_json }}",
            "{{ value_json.a + value_json.b }}",
            "{{ states('x') }}",
            "{{ value.split(',')[0] }}",
            "{{ value_json.a / 0 }}",
            "{{ value_json.a | timestamp_custom('%H') }}",
            "{{ valuex }}",
            "value",
            "{{",
            "",
        ] {
            assert!(value(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn command_templates_wrap_one_value() {
        assert_eq!(command("{{ value }}"), Ok(None));
        assert_eq!(command("{\"x\": {{ value | int }}}"), Ok(Some("{\"x\": {value}}".into())));
        for bad in [
            "",
            "ON",
            "{{ value }}{{ value }}",
            "{{ value * 2 }}",
            "{{ value",
            "{% if 1 %}{{ value }}",
        ] {
            assert!(command(bad).is_err(), "{bad}");
        }
    }
}
