//! Whether a release on trial is as well as what ran before it: "as good as before", not "good". A
//! board whose network was down before an update is not worse for its being down after it.
//!
//! What must never be here: I/O, or a clock.

use std::time::Duration;

use outpost_launcher::state::Baseline;

use crate::agent::MindWord;
use crate::clock::Tick;

/// How the board is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// The bus is connected.
    pub bus: bool,
    /// The language model.
    pub mind: MindWord,
}

impl Facts {
    /// As it is written down for the next update, with the time that a start takes.
    #[must_use]
    pub fn baseline(self, start_ms: u32) -> Baseline {
        Baseline { bus: self.bus, mind: self.mind == MindWord::Ready, start_ms }
    }
}

/// What is to be done with a trial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is not over.
    Wait,
    /// It has been well for as long as it must.
    Confirm,
    /// It was not, and there is no more time.
    Undo(String),
}

/// The look at one trial.
#[derive(Clone, Debug)]
pub struct Health {
    baseline: Baseline,
    trial: Duration,
    deadline: Tick,
    within: Duration,
    well_since: Option<Tick>,
}

impl Health {
    /// A trial that begins now. `trial`: how long it must be well without a break; `within`: how
    /// long it has for that.
    #[must_use]
    pub fn new(now: Tick, baseline: Baseline, trial: Duration, within: Duration) -> Health {
        Health { baseline, trial, deadline: now.after(within), within, well_since: None }
    }

    /// Looks at the facts.
    pub fn look(&mut self, now: Tick, facts: Facts) -> Verdict {
        let worse = self.worse(facts);
        if worse.is_none() {
            let since = *self.well_since.get_or_insert(now);
            if now.since(since) >= self.trial {
                return Verdict::Confirm;
            }
        } else {
            self.well_since = None;
        }
        if now < self.deadline {
            return Verdict::Wait;
        }
        let minutes = self.within.as_secs_f64() / 60.0;
        let why = worse.unwrap_or_else(|| "it was not well for long enough".into());
        Verdict::Undo(format!("not as well as before within {minutes:.1} minutes: {why}"))
    }

    /// What was well before and is not now.
    fn worse(&self, facts: Facts) -> Option<String> {
        let bus = (self.baseline.bus && !facts.bus).then(|| "the bus is not connected".to_owned());
        // Off: the configuration has none, or the governor spares a hot board. Neither is a fault.
        let answers = matches!(facts.mind, MindWord::Ready | MindWord::Off);
        let mind = (self.baseline.mind && !answers)
            .then(|| format!("the mind is {}, it was ready", facts.mind.word()));
        bus.or(mind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: Baseline = Baseline { bus: true, mind: true, start_ms: 20 };
    const READY: Facts = Facts { bus: true, mind: MindWord::Ready };

    fn second(seconds: u64) -> Tick {
        Tick(seconds * 1000)
    }

    fn health(baseline: Baseline) -> Health {
        let (trial, within) = (Duration::from_secs(120), Duration::from_secs(900));
        Health::new(second(0), baseline, trial, within)
    }

    #[test]
    fn what_is_well_for_the_whole_trial_is_confirmed() {
        let mut health = health(WELL);
        assert_eq!(health.look(second(10), READY), Verdict::Wait);
        assert_eq!(health.look(second(129), READY), Verdict::Wait);
        assert_eq!(health.look(second(130), READY), Verdict::Confirm);
    }

    #[test]
    fn a_break_begins_the_trial_anew() {
        let mut health = health(WELL);
        let down = Facts { bus: false, ..READY };
        assert_eq!(health.look(second(1), READY), Verdict::Wait);
        assert_eq!(health.look(second(100), down), Verdict::Wait);
        assert_eq!(health.look(second(130), READY), Verdict::Wait);
        assert_eq!(health.look(second(249), READY), Verdict::Wait);
        assert_eq!(health.look(second(250), READY), Verdict::Confirm);
    }

    #[test]
    fn only_what_was_well_before_is_asked_for() {
        let dark = Facts { bus: false, mind: MindWord::Missing };
        let mut health = health(Baseline::default());
        assert_eq!(health.look(second(0), dark), Verdict::Wait);
        assert_eq!(health.look(second(120), dark), Verdict::Confirm);
    }

    #[test]
    fn the_reason_names_what_is_worse() {
        let reason = |facts| match health(WELL).look(second(900), facts) {
            Verdict::Undo(reason) => reason,
            other => panic!("{other:?}"),
        };
        let bus = reason(Facts { bus: false, ..READY });
        assert!(bus.ends_with("within 15.0 minutes: the bus is not connected"), "{bus}");
        let mind = reason(Facts { mind: MindWord::Failed, ..READY });
        assert!(mind.ends_with("the mind is failed, it was ready"), "{mind}");
        assert!(reason(READY).ends_with("it was not well for long enough"));
    }

    #[test]
    fn a_mind_that_is_spared_is_no_fault() {
        let mut health = health(WELL);
        let spared = Facts { mind: MindWord::Off, ..READY };
        assert_eq!(health.look(second(0), spared), Verdict::Wait);
        assert_eq!(health.look(second(120), spared), Verdict::Confirm);
    }
}
