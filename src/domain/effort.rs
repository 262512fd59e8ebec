//! How much of the board the agent may take just now. Three words, nothing else.

/// What the governor allows. Rules and interlocks never depend on it, nor does the planner, whose
/// arithmetic costs a board nothing; only the language model does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effort {
    /// Everything.
    #[default]
    Full,
    /// The mind takes half of its threads, and half of its context where memory is short.
    Saving,
    /// The mind's process is ended.
    ReflexOnly,
}

impl Effort {
    /// The word of the status topic.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Effort::Full => "full",
            Effort::Saving => "saving",
            Effort::ReflexOnly => "reflex-only",
        }
    }
}
