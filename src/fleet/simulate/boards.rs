//! The boards of a simulation: each has the slots' own state machine, decides by the same document
//! as a real board, and tells the same report. Their files, programs and disks are left out. Pure:
//! the caller brings the time and what is signed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use outpost_launcher::manifest::Name;
use outpost_launcher::state::{Baseline, End, Outcome, State, Taken, Trial};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value as Json;

use crate::update::report;
use crate::update::rollout::{Board, Document};

/// What the boards are like.
#[derive(Clone, Copy, Debug)]
pub struct Fate {
    /// How many there are.
    pub devices: usize,
    /// Boards that undo the release, of ten thousand.
    pub fails_of_10000: u16,
    /// Boards that are not there all the time, of ten thousand.
    pub away_of_10000: u16,
    /// Time between two looks, in milliseconds; a quarter more or less.
    pub every_ms: u64,
    /// How long a trial lasts, in milliseconds; on one board of twenty five times that.
    pub trial_ms: u64,
    /// Seed of all chances.
    pub seed: u64,
}

/// What is signed just now, and what it costs to see it.
#[derive(Clone, Debug, Default)]
pub struct Offered {
    /// Greater with each signature.
    pub version: u64,
    /// The rollouts.
    pub document: Document,
    /// Bytes of a look that finds nothing new.
    pub look_bytes: u64,
    /// Bytes that come on top where there is something new.
    pub news_bytes: u64,
}

struct Sim {
    who: Board,
    state: State,
    followed: u64,
    seen: u64,
    fails: bool,
    is_away: bool,
    trial_ms: u64,
    /// It is on trial, and this is how the loop comes back to it.
    is_on_trial: bool,
}

/// All of them.
pub struct Boards {
    all: Vec<Sim>,
    due: BinaryHeap<Reverse<(u64, usize)>>,
    random: StdRng,
    every_ms: u64,
    /// Looks at the repository.
    pub looks: u64,
    /// Bytes of metadata that these brought.
    pub metadata_bytes: u64,
}

fn taken(release: &Name) -> Taken {
    let slot = outpost_launcher::state::Slot::A;
    Taken { release: release.clone(), slot, manifest: String::new() }
}

impl Boards {
    /// Boards that all have confirmed a first release.
    #[must_use]
    pub fn new(fate: Fate, first: &Name) -> Boards {
        let mut random = StdRng::seed_from_u64(fate.seed);
        let mut due = BinaryHeap::new();
        let mut all = Vec::with_capacity(fate.devices);
        for number in 0..fate.devices {
            let mut chance = |of: u16| random.random_range(0..10_000) < u32::from(of);
            let (fails, is_away) = (chance(fate.fails_of_10000), chance(fate.away_of_10000));
            let slow = if chance(500) { 5 } else { 1 };
            let who = Board { name: format!("board-{number:05}"), ..Board::default() };
            let (release, end) = (first.clone(), End::Confirmed);
            let state = State {
                confirmed: Some(taken(first)),
                last: Some(Outcome { release, end, reason: String::new() }),
                ..State::default()
            };
            all.push(Sim {
                who,
                state,
                followed: 0,
                seen: 0,
                fails,
                is_away,
                trial_ms: fate.trial_ms * slow,
                is_on_trial: false,
            });
            due.push(Reverse((random.random_range(0..fate.every_ms.max(1)), number)));
        }
        Boards { all, due, random, every_ms: fate.every_ms, looks: 0, metadata_bytes: 0 }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What a board tells just now, with its name.
    #[must_use]
    pub fn report(&self, number: usize) -> Option<(&str, Json)> {
        let sim = self.all.get(number)?;
        let running = sim.state.trial.as_ref().map(|trial| &trial.taken.release);
        let running = running.or(sim.state.confirmed.as_ref().map(|taken| &taken.release));
        let filled = sim.state.intent.is_some();
        let report = report(&Ok(sim.state.clone()), filled, None, running, &sim.who.labels);
        Some((&sim.who.name, report))
    }

    /// Does what is due; the boards whose report has changed.
    pub fn step(&mut self, now_ms: u64, offered: &Offered) -> Vec<usize> {
        let mut changed = Vec::new();
        while let Some(Reverse((at, number))) = self.due.peek().copied()
            && at <= now_ms
        {
            self.due.pop();
            let (low, high) = (self.every_ms * 3 / 4, self.every_ms * 5 / 4);
            let mut next_ms = self.random.random_range(low..high.max(low + 1));
            let Some(sim) = self.all.get_mut(number) else { continue };
            if sim.is_away {
                continue;
            }
            if sim.is_on_trial {
                sim.end_trial();
                changed.push(number);
            } else {
                self.looks += 1;
                self.metadata_bytes += offered.look_bytes;
                if sim.seen != offered.version {
                    sim.seen = offered.version;
                    self.metadata_bytes += offered.news_bytes;
                    if sim.look(&offered.document) {
                        changed.push(number);
                        next_ms = sim.trial_ms;
                    }
                }
            }
            self.due.push(Reverse((now_ms + next_ms.max(1), number)));
        }
        changed
    }

    /// Boards that took a release, whatever became of it.
    pub fn touched<'a>(&'a self, release: &'a Name) -> impl Iterator<Item = &'a Board> {
        let took = move |sim: &&Sim| {
            let State { confirmed, trial, undone, .. } = &sim.state;
            confirmed.as_ref().is_some_and(|taken| taken.release == *release)
                || trial.as_ref().is_some_and(|trial| trial.taken.release == *release)
                || undone.iter().any(|undone| undone.release == *release)
        };
        self.all.iter().filter(took).map(|sim| &sim.who)
    }

    /// All boards, by who they are.
    pub fn who(&self) -> impl Iterator<Item = &Board> {
        self.all.iter().map(|sim| &sim.who)
    }
}

impl Sim {
    /// Takes what is offered; whether that is anything.
    fn look(&mut self, document: &Document) -> bool {
        let Some(offer) = document.offer(&self.who, self.followed) else { return false };
        self.followed = offer.number;
        let has = self.state.confirmed.as_ref().is_some_and(|it| it.release == offer.release);
        if has || self.state.undone_reason(&offer.release).is_some() {
            return false;
        }
        self.is_on_trial = true;
        self.state.previous = None;
        self.state.trial = Some(Trial {
            taken: taken(&offer.release),
            baseline: Baseline::default(),
            starts: 1,
            starts_in_boot: 1,
            boot: String::new(),
            ran: true,
        });
        true
    }

    fn end_trial(&mut self) {
        self.is_on_trial = false;
        if self.fails {
            self.state.undo("the bus is not connected");
        } else {
            self.state.confirm();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::update::rollout::{Labels, Rollout, Standing, Step};

    #[test]
    fn boards_take_what_they_are_in_for_and_tell_how_it_ends() {
        let fate = Fate {
            devices: 400,
            fails_of_10000: 1_000,
            away_of_10000: 1_000,
            every_ms: 100,
            trial_ms: 50,
            seed: 1,
        };
        let (first, second) = ("1".parse().unwrap(), "2".parse().unwrap());
        let mut boards = Boards::new(fate, &first);
        let rollout = Rollout {
            number: 1,
            release: second,
            labels: Labels::new(),
            steps: vec![Step { of_10000: 5_000, wait_s: 1 }],
            step: 0,
            since_unix_ms: 0,
            standing: Standing::Running,
            reason: String::new(),
            stop_of_10000: 200,
            enough_of_10000: 5_000,
        };
        let document = Document { rollouts: vec![rollout.clone()] };
        let offered = Offered { version: 1, document, look_bytes: 1_000, news_bytes: 5_000 };
        let mut told = 0;
        for now_ms in 0..1_000 {
            told += boards.step(now_ms, &offered).len();
        }
        let touched: Vec<_> = boards.touched(&rollout.release).collect();
        assert!(touched.iter().all(|board| rollout.has(board)));
        assert!((150..200).contains(&touched.len()), "{}", touched.len());
        assert_eq!(told, 2 * touched.len(), "each tells of its trial and of its end");
        let states = (0..boards.len()).filter_map(|n| boards.report(n));
        let undone = states.filter(|(_, told)| told["state"] == "undone").count();
        assert!((5..40).contains(&undone), "{undone}");
        assert!(boards.metadata_bytes >= boards.looks * 1_000);
    }
}
