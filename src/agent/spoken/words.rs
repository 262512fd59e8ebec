//! The words that plain sentences are read by: lists, numbers and lengths of time. What must never
//! be here: names of the configuration, what becomes of a sentence.

/// Words that a question begins with.
pub(super) const ASKING: &[&str] = &[
    "why", "why's", "what", "what's", "where", "how", "is", "are", "has", "when", "which", "who",
    "did", "does", "tell", "show", "explain", "reason", "status", "state", "was", "do", "were",
];
/// Words that ask for a value, wherever they stand.
pub(super) const READING: &[&str] = &["reading", "readings", "read", "value", "level", "status"];
/// What a question may have beside names, so that it is still about them.
pub(super) const ABOUT: &[&str] = &[
    "warm",
    "hot",
    "cold",
    "high",
    "low",
    "full",
    "much",
    "many",
    "humid",
    "wet",
    "bright",
    "dark",
    "noisy",
    "loud",
    "moment",
    "currently",
    "current",
    "today",
    "here",
    "on",
    "off",
    "open",
    "closed",
    "running",
    "start",
    "started",
    "stop",
    "stopped",
    "did",
    "does",
    "has",
    "was",
    "were",
    "been",
    "give",
    "tell",
    "show",
    "read",
    "out",
    "reading",
    "value",
    "status",
    "state",
    "explain",
    "reason",
    "being",
    "what",
    "what's",
    "how",
    "why",
    "why's",
    "where",
    "which",
];
/// Adjectives, and the noun that a sensor which they ask for has in its name.
pub(super) const QUALITIES: &[(&str, &str)] = &[
    ("warm", "temperature"),
    ("hot", "temperature"),
    ("cold", "temperature"),
    ("humid", "humidity"),
    ("damp", "humidity"),
    ("wet", "moisture"),
    ("dry", "moisture"),
    ("bright", "brightness"),
    ("dark", "brightness"),
    ("noisy", "noise"),
    ("loud", "noise"),
    ("full", "level"),
    ("windy", "wind"),
];
pub(super) const ON: &[&str] = &[
    "on", "start", "run", "running", "open", "enable", "begin", "activate", "pulse", "going",
    "sound",
];
pub(super) const OFF: &[&str] = &[
    "off",
    "stop",
    "close",
    "closed",
    "shut",
    "kill",
    "cut",
    "disable",
    "end",
    "deactivate",
    "halt",
];
pub(super) const BANS: &[&str] =
    &["not", "don't", "dont", "never", "no", "without", "avoid", "forbid", "prefer"];
pub(super) const CONDITIONS: &[&str] = &[
    "if", "when", "whenever", "unless", "except", "while", "before", "after", "tomorrow", "every",
    "always", "until", "later", "tonight", "daily", "during", "once", "will",
];
/// Words that forget a goal, beside the word "goal".
pub(super) const FORGETTING: &[&str] = &[
    "forget", "remove", "drop", "delete", "rid", "pursuing", "longer", "scrap", "cancel", "discard",
];
/// Words of a wish for a goal.
pub(super) const KEEPING: &[&str] = &[
    "keep", "hold", "maintain", "ensure", "limit", "stay", "stays", "sure", "must", "shall",
    "should", "between", "goes", "exceed", "let", "may",
];
/// Words of a bound from below; said with a "not" before it, one from above.
pub(super) const ABOVE: &[&str] =
    &["above", "over", "more", "higher", "greater", "least", "rise", "rises", "exceed", "minimum"];
/// Words of a bound from above; said with a "not" before it, one from below.
pub(super) const BELOW: &[&str] = &[
    "below", "under", "beneath", "less", "lower", "most", "fall", "falls", "drop", "drops",
    "limit", "maximum",
];
/// Words that carry nothing in a wish for a goal, beside those that never do.
pub(super) const AROUND_A_GOAL: &[&str] = &[
    "stay", "stays", "sure", "must", "shall", "goes", "has", "let", "than", "see", "that", "or",
    "not", "don't", "never", "no", "ensure", "limit", "from", "and", "between", "always", "remain",
    "remains", "may", "kept",
];
/// Words that carry nothing here.
pub(super) const FILLERS: &[&str] = &[
    "the",
    "a",
    "an",
    "please",
    "to",
    "in",
    "of",
    "my",
    "our",
    "now",
    "could",
    "you",
    "can",
    "would",
    "set",
    "setting",
    "turn",
    "turning",
    "switch",
    "switching",
    "put",
    "putting",
    "make",
    "it",
    "at",
    "for",
    "just",
    "right",
    "away",
    "let",
    "be",
    "get",
    "go",
    "ahead",
    "i",
    "i'd",
    "like",
    "mind",
    "we",
    "want",
    "need",
    "is",
    "are",
    "will",
    "should",
    "have",
    "this",
    "with",
    "up",
    "down",
    "power",
    "bring",
    "dim",
    "completely",
    "entirely",
    "all",
    "way",
    "there",
    "us",
    "me",
    "do",
    "kindly",
    "immediately",
    "level",
    "degrees",
];

/// A number in digits, or a small one in words.
pub(super) fn number(word: &str) -> Option<f64> {
    const UNITS: [&str; 13] = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
        "eleven", "twelve",
    ];
    const OTHERS: [(&str, f64); 7] = [
        ("fifteen", 15.0),
        ("twenty", 20.0),
        ("thirty", 30.0),
        ("forty", 40.0),
        ("forty-five", 45.0),
        ("fifty", 50.0),
        ("sixty", 60.0),
    ];
    let small = UNITS.iter().position(|unit| *unit == word).map(|unit| unit as f64);
    let other = || OTHERS.iter().find(|(name, _)| *name == word).map(|(_, number)| *number);
    let digits = || word.parse::<f64>().ok().filter(|number| number.is_finite());
    digits().or(small).or_else(other)
}

/// Seconds of a unit of time.
pub(super) fn unit_s(word: &str) -> Option<f64> {
    match word {
        "s" | "sec" | "secs" | "second" | "seconds" => Some(1.0),
        "min" | "mins" | "minute" | "minutes" => Some(60.0),
        "h" | "hour" | "hours" => Some(3600.0),
        _ => None,
    }
}

/// How many of a unit: `20`, `half an`, `a quarter of an`, `the next half`.
pub(super) fn count(words: &[&str]) -> Option<f64> {
    match words {
        ["the", "next", rest @ ..] => count(if rest.is_empty() { &["a"] } else { rest }),
        ["a" | "an" | "one"] => Some(1.0),
        ["half"] | ["half", "a" | "an"] => Some(0.5),
        ["quarter", "of", "an" | "a"] | ["a", "quarter", "of", "an" | "a"] => Some(0.25),
        [one] => number(one),
        _ => None,
    }
}
