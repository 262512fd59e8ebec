//! From text to the typed tree: the bounds first, then the parser of the `cel` crate on a thread
//! with a stack of its own, then the walk of `convert`. Text may be hostile (it also comes over the
//! bus): nothing here may overflow a stack or let a panic out.

use cel::parser::Parser;

use super::convert::{Converted, Wanted, convert};
use super::{ExprError, Names};
use crate::limits::{EXPRESSION_BYTES_MAX, EXPRESSION_DEPTH_MAX, EXPRESSION_STACK_BYTES};

/// The parser's own count of nesting stands a little above ours, so that ours, which words its
/// refusal for a person, is the one that is met.
const PARSER_DEPTH: u16 = EXPRESSION_DEPTH_MAX as u16 + 8;

/// Parses and converts.
pub(super) fn compile(source: &str, names: &Names, wanted: Wanted) -> Result<Converted, ExprError> {
    if source.len() > EXPRESSION_BYTES_MAX {
        let found = source.len();
        return Err(at(
            source,
            0,
            format!("the expression has {found} bytes; at most {EXPRESSION_BYTES_MAX} are allowed"),
        ));
    }
    if source.trim().is_empty() {
        return Err(at(source, 0, "the expression is empty; write a condition".into()));
    }
    check_nesting(source)?;
    // The generated parser needs megabytes of stack in a debug build, more than a tokio worker or a
    // test has; and a panic inside it ends that thread alone.
    let outcome = std::thread::scope(|scope| {
        std::thread::Builder::new()
            .name("expression".into())
            .stack_size(EXPRESSION_STACK_BYTES)
            .spawn_scoped(scope, || parse_here(source, names, wanted))
            .map(|handle| handle.join())
    });
    match outcome {
        Ok(Ok(result)) => result,
        Ok(Err(_panic)) => Err(at(source, 0, "the parser failed on it; write it simpler".into())),
        Err(error) => Err(at(source, 0, format!("no thread to parse it could start: {error}"))),
    }
}

fn parse_here(source: &str, names: &Names, wanted: Wanted) -> Result<Converted, ExprError> {
    let parser = Parser::new().max_recursion_depth(PARSER_DEPTH).error_recovery_limit(0);
    match parser.parse_with_source_info(source) {
        Ok((expression, info)) => convert(source, &expression, &info, names, wanted),
        Err(errors) if errors.errors.iter().any(|e| e.msg.contains("Recursion limit")) => {
            Err(at(source, 0, too_deep()))
        }
        Err(errors) => {
            // The first one; those that follow are mostly its echoes.
            let (line, column, said) = errors.errors.first().map_or((1, 1, ""), |first| {
                (place(first.pos.0), place(first.pos.1), first.msg.as_str())
            });
            let message = syntax_message(source, line, column, said);
            Err(ExprError { line, column, message, follows_from_other: false, waits_for: None })
        }
    }
}

/// A line or column of the parser, which may be 0 or -1 where it knows none.
fn place(number: isize) -> usize {
    usize::try_from(number).unwrap_or(1).max(1)
}

/// Refuses nesting beyond `EXPRESSION_DEPTH_MAX`, of brackets and of `? :`, before the parser
/// recurses into it. Brackets inside texts do not count.
fn check_nesting(source: &str) -> Result<(), ExprError> {
    let mut open = 0_usize;
    let mut choices = 0_usize;
    let mut quote: Option<char> = None;
    let mut escaped = false;
    for (offset, letter) in source.char_indices() {
        if let Some(end) = quote {
            match letter {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                _ if letter == end => quote = None,
                _ => {}
            }
            continue;
        }
        match letter {
            '\'' | '"' => quote = Some(letter),
            '(' | '[' | '{' => open += 1,
            ')' | ']' | '}' => open = open.saturating_sub(1),
            '?' => choices += 1,
            _ => {}
        }
        if open + choices > EXPRESSION_DEPTH_MAX {
            return Err(at(source, offset, too_deep()));
        }
    }
    Ok(())
}

pub(super) fn too_deep() -> String {
    format!("nested deeper than {EXPRESSION_DEPTH_MAX} levels; write it flatter")
}

/// An error at a byte offset of the source.
pub(super) fn at(source: &str, offset: usize, message: String) -> ExprError {
    let before = source.get(..offset).unwrap_or(source);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before.get(start..).map_or(0, |text| text.chars().count()) + 1;
    ExprError { line, column, message, follows_from_other: false, waits_for: None }
}

/// Words for a syntax error: the slip behind it where it is a common one, else what stands there.
fn syntax_message(source: &str, line: usize, column: usize, said: &str) -> String {
    let text = source.lines().nth(line - 1).unwrap_or("");
    let rest: String = text.chars().skip(column - 1).collect();
    let word: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    let before: String = text.chars().take(column - 1).collect();
    let previous =
        before.trim_end().rsplit(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("");
    if said.contains("invalid") && said.contains("literal") {
        return format!("`{word}` is not a number that fits; write it with a point, such as 1.0e6");
    }
    let slips = [
        ("and", "`and` is written `&&`"),
        ("or", "`or` is written `||`"),
        ("not", "`not` is written `!`"),
        ("is", "`is` is written `==`"),
        ("if", "there is no `if`; write `condition ? this : that`"),
    ];
    for (slip, words) in slips {
        if word.eq_ignore_ascii_case(slip) || previous.eq_ignore_ascii_case(slip) {
            return words.into();
        }
    }
    if rest.starts_with('=') {
        return "one `=` does not compare; write `==`".into();
    }
    if rest.starts_with('&') || rest.starts_with('|') {
        return "write `&&` for and, `||` for or".into();
    }
    if rest.starts_with('\'') || rest.starts_with('"') {
        return "a text begins here that cannot be read: its closing quote is missing, or it has a \
                wrong \\ in it"
            .into();
    }
    if said.contains("reserved") {
        return format!("`{word}` is a word that CEL keeps for itself");
    }
    if rest.trim().is_empty() {
        return "the expression ends too early; a value or a closing bracket is missing".into();
    }
    if previous.starts_with(|c: char| c.is_ascii_digit()) && !word.is_empty() {
        return format!(
            "`{word}` after a number: numbers have no unit here, write the number alone"
        );
    }
    let shown: String = if word.is_empty() { rest.chars().take(1).collect() } else { word };
    format!("`{shown}` cannot stand here; an operator such as `&&` or `>` may be missing")
}
