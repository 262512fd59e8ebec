//! What the mind may take of the board: its usual share, half of it, or nothing. Numbers only.

use super::MindConfig;
use crate::domain::Effort;
use crate::limits::MIND_CONTEXT_TOKENS_MIN;

/// Threads and context of the mind's process, and whether there may be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Threads for a single token.
    pub threads_decode: u16,
    /// Threads for many tokens.
    pub threads_prefill: u16,
    /// Tokens of context.
    pub context_tokens: u32,
    /// No process at all.
    pub paused: bool,
}

impl Share {
    /// As configured.
    #[must_use]
    pub fn of(config: &MindConfig) -> Share {
        Share {
            threads_decode: config.threads_decode,
            threads_prefill: config.threads_prefill,
            context_tokens: config.context_tokens,
            paused: false,
        }
    }

    /// What is left of it under an effort; `memory`: the context is shortened too. Half a context
    /// is half a cache; prompts that do not fit are refused, and the planner decides.
    #[must_use]
    pub fn under(self, effort: Effort, memory: bool) -> Share {
        let half = |threads: u16| (threads / 2).max(1);
        match effort {
            Effort::Full => self,
            Effort::Saving => Share {
                threads_decode: half(self.threads_decode),
                threads_prefill: half(self.threads_prefill),
                context_tokens: match memory {
                    true => (self.context_tokens / 2).max(MIND_CONTEXT_TOKENS_MIN),
                    false => self.context_tokens,
                },
                paused: false,
            },
            Effort::ReflexOnly => Share { paused: true, ..self },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saving_halves_threads_and_only_short_memory_the_context() {
        let full =
            Share { threads_decode: 1, threads_prefill: 4, context_tokens: 2048, paused: false };
        assert_eq!(full.under(Effort::Full, true), full);
        let hot = full.under(Effort::Saving, false);
        assert_eq!((hot.threads_decode, hot.threads_prefill, hot.context_tokens), (1, 2, 2048));
        assert_eq!(full.under(Effort::Saving, true).context_tokens, 1024);
        assert!(full.under(Effort::ReflexOnly, false).paused);
    }
}
