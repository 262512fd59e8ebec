//! The governor: from what the board's sensors say to how much effort the agent may spend. A pure
//! state machine: no clock, no I/O; [`super::watch`] feeds it.
//!
//! It takes away at once and gives back slowly: one step at a time, after a time in which
//! everything stayed clear of its limits by a margin. That time doubles with every relapse, so
//! that a board which is short of memory only while the mind runs does not start it every minute.

use std::time::Duration;

use super::profile::Limits;
use super::senses::Senses;
use crate::domain::Effort;
use crate::limits::{GOVERNOR_CALM_MS_MAX, GOVERNOR_CALM_MS_MIN, GOVERNOR_RELAPSE_MS};

/// A new effort.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What is allowed from now on.
    pub effort: Effort,
    /// Memory is what is short: a shorter context helps.
    pub memory: bool,
    /// Why, for people.
    pub reason: String,
}

/// The state.
#[derive(Clone, Debug)]
pub struct Governor {
    limits: Limits,
    effort: Effort,
    memory: bool,
    calm: Duration,
    calm_since: Option<Duration>,
    improved: Option<Duration>,
}

/// What one sense asks for: now, and at least as long as the margin is not reached.
struct Wish {
    wanted: Effort,
    held: Effort,
    memory: bool,
    reason: String,
}

impl Governor {
    /// A governor that allows everything.
    #[must_use]
    pub fn new(limits: Limits) -> Governor {
        Governor {
            limits,
            effort: Effort::Full,
            memory: false,
            calm: Duration::from_millis(GOVERNOR_CALM_MS_MIN),
            calm_since: None,
            improved: None,
        }
    }

    /// What is allowed now.
    #[must_use]
    pub fn effort(&self) -> Effort {
        self.effort
    }

    /// Looks at the senses; `at` is time since any fixed moment and never goes back.
    pub fn look(&mut self, senses: &Senses, at: Duration) -> Option<Change> {
        let wishes = self.wishes(senses);
        // The first of the strongest, so that a reason does not change with the order of files.
        let wanted = wishes.iter().map(|wish| wish.wanted).max().unwrap_or_default();
        let held = wishes.iter().map(|wish| wish.held).max().unwrap_or_default();
        if wanted > self.effort {
            self.relapse(at);
            let strongest = wishes.into_iter().find(|wish| wish.wanted == wanted);
            self.memory = strongest.as_ref().is_some_and(|wish| wish.memory);
            let reason = strongest.map(|wish| wish.reason).unwrap_or_default();
            return Some(self.change(wanted, reason));
        }
        if held >= self.effort {
            self.calm_since = None;
            return None;
        }
        let since = *self.calm_since.get_or_insert(at);
        if at.saturating_sub(since) < self.calm {
            return None;
        }
        self.calm_since = None;
        self.improved = Some(at);
        let reason = format!("clear of every limit for {} s", self.calm.as_secs());
        Some(match self.effort {
            Effort::ReflexOnly => self.change(Effort::Saving, reason),
            Effort::Saving | Effort::Full => self.change(Effort::Full, reason),
        })
    }

    fn change(&mut self, effort: Effort, reason: String) -> Change {
        self.effort = effort;
        self.memory &= effort != Effort::Full;
        Change { effort, memory: self.memory, reason }
    }

    /// Something is worse: soon after it was better, patience doubles; else it begins anew.
    fn relapse(&mut self, at: Duration) {
        self.calm_since = None;
        let soon = Duration::from_millis(GOVERNOR_RELAPSE_MS);
        let least = Duration::from_millis(GOVERNOR_CALM_MS_MIN);
        match self.improved.take() {
            Some(then) if at.saturating_sub(then) < soon => {
                self.calm = (self.calm * 2).min(Duration::from_millis(GOVERNOR_CALM_MS_MAX));
            }
            Some(_) => self.calm = least,
            // From saving on to reflex-only: the same episode.
            None => {}
        }
    }

    fn wishes(&self, senses: &Senses) -> Vec<Wish> {
        let l = &self.limits;
        let mut wishes = Vec::new();
        if let Some(c) = senses.celsius {
            let reason = format!("{c:.1} °C, limits {} and {} °C", l.saving_c, l.reflex_only_c);
            let above = |margin| match c + margin {
                hot if hot >= l.reflex_only_c => Effort::ReflexOnly,
                hot if hot >= l.saving_c => Effort::Saving,
                _ => Effort::Full,
            };
            wishes.push(Wish { wanted: above(0.0), held: above(l.clear_c), memory: false, reason });
        }
        if let Some(share) = senses.memory_available {
            let (saving, reflex_only) = (l.saving_available, l.reflex_only_available);
            let reason =
                format!("{share:.1} % of memory left, limits {saving} and {reflex_only} %");
            let below = |factor: f64| match share / factor {
                little if little <= reflex_only => Effort::ReflexOnly,
                little if little <= saving => Effort::Saving,
                _ => Effort::Full,
            };
            wishes.push(Wish { wanted: below(1.0), held: below(MARGIN), memory: true, reason });
        }
        if let Some((some, full)) = senses.memory_pressure {
            let reason = format!("programs wait for memory: some {some:.0} %, all {full:.0} %");
            let above = |factor: f64| match () {
                () if full * factor >= l.reflex_only_full => Effort::ReflexOnly,
                () if some * factor >= l.saving_some => Effort::Saving,
                () => Effort::Full,
            };
            wishes.push(Wish { wanted: above(1.0), held: above(MARGIN), memory: true, reason });
        }
        if let Some(what) = &senses.throttled {
            let reason = format!("the board slows itself down: {what}");
            let (wanted, held) = (Effort::Saving, Effort::Saving);
            wishes.push(Wish { wanted, held, memory: false, reason });
        }
        if let Some(load) = senses.load {
            let reason = format!("load {load:.1} for each core, limit {}", l.saving_load);
            wishes.push(saving(load, l.saving_load, load * MARGIN, reason));
        }
        if let Some(free) = senses.disk_free_bytes {
            let limit = l.saving_free_bytes as f64 / 1e6;
            let free = free as f64 / 1e6;
            let reason = format!("{free:.0} MB free for the journal, limit {limit:.0} MB");
            wishes.push(saving(-free, -limit, -free / MARGIN, reason));
        }
        wishes
    }
}

/// How far clear of a limit a share or a load must be before it counts as over.
const MARGIN: f64 = 1.5;

/// The wish of a sense that saves and no more, from `limit` upwards.
fn saving(value: f64, limit: f64, with_margin: f64, reason: String) -> Wish {
    let at = |value| if value >= limit { Effort::Saving } else { Effort::Full };
    Wish { wanted: at(value), held: at(with_margin), memory: false, reason }
}

#[cfg(test)]
mod tests;
