//! Goals that are no longer wanted: by their name, or by the sensor that they are about. What must
//! never be here: goals that are wanted, orders to devices.

use super::goals::ASKED;
use super::names::{Named, is_word, parts};
use super::words::{AROUND_FORGETTING, FORGETTING, KEPT, LETTING_GO, Runs, has};
use super::{Meaning, Said, Spoken, spoken};
use crate::agent::event::Body;
use crate::config::{Config, Goal};

/// What ends the keeping of something.
const NO_KEEPING: Runs = "\
    stop keeping, stop holding, stop maintaining, quit keeping, cease keeping, need not keep, \
    need not hold, need not maintain, don't need to keep, don't need to hold, no need to keep, \
    no need to hold, needn't keep, needn't hold, don't have to keep, don't have to hold";

impl Said {
    /// `forget the goal climate`, `I no longer need the goal climate`.
    pub(super) fn removal(
        &mut self,
        config: &Config,
        mark: bool,
    ) -> Option<Result<Spoken, String>> {
        let before = self.done.clone();
        // "You don't need to drop the goal" keeps it; "we don't need it, drop it" does not.
        let goal = self.any_of("goal goals target objective").is_some();
        let named = self.goal_named(config, goal);
        let own = named.as_ref().map_or(&[][..], |(_, at)| at.as_slice());
        if self.in_one_part(FORGETTING, KEPT, own) || self.asks_of_goal(mark) {
            return None;
        }
        if self.tells_of_forgetting() || (!goal && own.len() == 1 && self.is_of_things()) {
            return None;
        }
        let kept = self.keeps_no_more();
        let forgets = self.take(FORGETTING);
        let lets_go = self.take_any_run(LETTING_GO);
        let goal_alone = goal
            && (self.take("stop end quit cease")
                | self.take_any_run(
                    "leave off, take off, call off, switch off, turn off, leave out",
                ));
        // "Stop keeping the humidity": the goal of that sensor.
        let ends = kept && named.is_none() && !goal;
        let named = if ends { self.goal_of_sensor() } else { named };
        let none = named.is_none() && !goal;
        if !(forgets || lets_go || goal_alone || ends) || none || self.has_number() {
            self.done = before;
            return None;
        }
        let Some((name, at)) = named else { return Some(Err("which goal? say its name".into())) };
        for at in at {
            self.done[at] = true;
        }
        self.take(AROUND_FORGETTING);
        if ends {
            self.take("stop keep keeping hold holding maintain maintaining quit cease");
        }
        Some(Ok(self.meaning(Meaning::Do(Box::new(Body::RemoveGoal { name })))))
    }

    /// "Should we forget it?", "was the goal dropped": a question, unless it is one to be polite.
    fn asks_of_goal(&self, mark: bool) -> bool {
        let (first, second) = (self.raw(0), self.raw(1));
        let polite =
            has("could can would will please", first) && (first == "please" || second == "you");
        let asks = has("is are was were has have had do does did should shall must may", first)
            || has("can could", first) && has("i we", second);
        asks && !has("please", second) || (mark && !polite && !self.ends_with_tag())
    }

    /// "You have forgotten the goal", "I will drop it": what somebody did, does or is to do.
    fn tells_of_forgetting(&self) -> bool {
        let tells = |at: usize| {
            let before = at.checked_sub(1).map_or("", |at| self.raw(at));
            let helped = has("have has had was were been being already", before);
            let here = (0..at).rev().take_while(|other| self.parts[*other] == self.parts[at]);
            let near: Vec<&str> = here.take(4).map(|at| self.raw(at)).collect();
            let wishes = ["want", "need", "would", "like", "i'd", "we'd", "wish", "can", "may"];
            let asked = near.iter().any(|word| wishes.contains(word))
                || has("could can would will", self.raw(0));
            let speaker = has("i we you they he she", before)
                || near.iter().any(|word| has("i we i'll we'll", word))
                    && near.iter().any(|word| has("will could had was about to i'll we'll", word));
            helped || (speaker && !asked)
        };
        self.free().any(|at| has(FORGETTING, &self.words[at]) && tells(at))
    }

    /// "Clear the stands", "the singers can go": said of what a goal is only called by.
    fn is_of_things(&self) -> bool {
        let things = "can go, may go, is finished, is over, don't bother, done with";
        self.any_of("clear drop lift wipe bin remove skip strike").is_some() || self.any_run(things)
    }

    /// "Stop keeping", "you don't have to keep": that something is kept no more.
    fn keeps_no_more(&self) -> bool {
        let said = self.words.join(" ");
        let ends = NO_KEEPING.split(", ").any(|run| said.contains(run));
        ends && self
            .words
            .iter()
            .any(|word| has("keep keeping hold holding maintain maintaining", word))
    }

    /// The goal of the only sensor that is named.
    fn goal_of_sensor(&self) -> Option<(String, Vec<usize>)> {
        match self.named(self.names.sensors(), false) {
            Named::One(of) => {
                let name = self.names.of(of.index).join(" ");
                Some((format!("{ASKED}{name}"), of.at))
            }
            _ => None,
        }
    }

    /// Whether words of both lists stand in one part between commas, those of the goal's own name
    /// aside.
    fn in_one_part(&self, one: &str, other: &str, own: &[usize]) -> bool {
        let of = |list: &str, part: usize| {
            let mut here = self.free().filter(|at| self.parts[*at] == part && !own.contains(at));
            here.any(|at| has(list, &self.words[at]))
        };
        self.parts.iter().any(|part| of(one, *part) && of(other, *part))
    }

    /// The goal that is named: by all words of its name or, where `goal` is said, by some.
    fn goal_named(&self, config: &Config, goal: bool) -> Option<(String, Vec<usize>)> {
        let own = config.goals.iter().map(|one| (one.name.clone(), parts(&one.name)));
        let asked = config
            .sensors
            .iter()
            .map(|one| (format!("{ASKED}{}", spoken(&one.name)), parts(&one.name)));
        let mut best: Option<(usize, bool, String, Vec<usize>)> = None;
        let mut doubtful = false;
        for (name, words) in own.chain(asked.filter(|_| goal)) {
            let said = |at: &usize| words.iter().any(|own| is_word(&self.words[*at], own));
            let at: Vec<usize> = self.free().filter(said).collect();
            let has = |own: &String| at.iter().any(|at| is_word(&self.words[*at], own));
            let whole = words.iter().all(has);
            if at.is_empty() || !(whole || goal) {
                continue;
            }
            let rank = (at.len(), whole);
            let most = best.as_ref().map(|(count, whole, ..)| (*count, *whole));
            doubtful = most == Some(rank) || (doubtful && most > Some(rank));
            if most.is_none_or(|most| rank > most) {
                best = Some((rank.0, rank.1, name, at));
            }
        }
        best.filter(|_| !doubtful).map(|(_, _, name, at)| (name, at))
    }
}

/// The goal that is meant by a name: where nothing was asked of a sensor, the only one about it.
pub(in crate::agent) fn goal_meant<'a>(
    name: &'a str,
    goals: impl Iterator<Item = &'a Goal> + Clone,
    config: &Config,
) -> &'a str {
    let Some(sensor) = name.strip_prefix(ASKED) else { return name };
    if goals.clone().any(|goal| goal.name == name) {
        return name;
    }
    let about = |goal: &&Goal| {
        let id = goal.aim.sensor();
        id.is_some_and(|id| spoken(&config.sensors[usize::from(id.0)].name) == sensor)
    };
    let mut about = goals.filter(about);
    match (about.next(), about.next()) {
        (Some(only), None) => &only.name,
        _ => name,
    }
}
