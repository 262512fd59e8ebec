//! What the agent may do by itself, in plain words: only watch, say what it would do, act. What must
//! never be here: orders to devices.

use super::names::Named;
use super::{Meaning, Said, Spoken};
use crate::agent::event::Body;
use crate::config::Mode;
use crate::domain::ActuatorId;

type Phrases = &'static [&'static [&'static str]];

/// What asks to be asked, or told, before anything is done.
const ADVISE: Phrases = &[
    &["ask", "me", "before", "you", "do", "anything"],
    &["ask", "me", "before", "doing", "anything"],
    &["ask", "me", "before"],
    &["ask", "me", "first"],
    &["check", "with", "me", "first"],
    &["check", "with", "me", "before"],
    &["consult", "me", "first"],
    &["consult", "me"],
    &["hint"],
    &["hints"],
    &["ask", "first"],
    &["let", "me", "approve"],
    &["let", "me", "decide"],
    &["what", "you'd", "do"],
    &["what", "you", "would", "do"],
    &["what", "you", "would", "have", "done"],
    &["advise"],
    &["advising"],
    &["advice"],
    &["advisory"],
    &["suggest"],
    &["suggesting"],
    &["suggestion"],
    &["suggestions"],
    &["recommend"],
    &["recommending"],
    &["recommendations"],
    &["propose"],
    &["proposing"],
    &["proposals"],
];
const OBSERVE: Phrases = &[
    &["keep", "an", "eye"],
    &["keep", "your", "eyes"],
    &["just", "look"],
    &["only", "look"],
    &["just", "looking"],
    &["only", "looking"],
    &["observe"],
    &["observing"],
    &["observation"],
    &["observer"],
    &["watch"],
    &["watching"],
    &["monitor"],
    &["monitoring"],
    &["passive"],
    &["passively"],
    &["look", "on"],
    &["sit", "back"],
];
const ACT: Phrases = &[
    &["on", "auto"],
    &["on", "automatic"],
    &["on", "autopilot"],
    &["take", "control"],
    &["take", "over"],
    &["take", "charge"],
    &["in", "charge"],
    &["in", "control"],
    &["full", "control"],
    &["by", "yourself"],
    &["by", "itself"],
    &["by", "its", "self"],
    &["on", "your", "own"],
    &["of", "your", "own"],
    &["on", "its", "own"],
    &["control", "yourself"],
    &["handle", "yourself"],
    &["act", "yourself"],
    &["it", "yourself"],
    &["everything", "yourself"],
    &["things", "yourself"],
    &["for", "yourself"],
    &["free", "hand"],
    &["act", "on"],
    &["start", "acting"],
    &["act"],
    &["acting"],
    &["automatic"],
    &["automatically"],
    &["automatics"],
    &["auto"],
    &["autopilot"],
    &["autonomous"],
    &["autonomously"],
];
/// What only says once more that nothing is done. Alone it would be a ban.
const IDLE: Phrases = &[
    &["don't", "do", "it"],
    &["do", "not", "do", "it"],
    &["don't", "touch", "it"],
    &["do", "not", "touch", "it"],
    &["without", "doing", "anything"],
    &["without", "touching", "anything"],
    &["without", "touching", "it"],
    &["without", "acting"],
    &["don't", "act"],
    &["do", "not", "act"],
    &["don't", "interfere"],
    &["do", "not", "interfere"],
    &["not", "act"],
    &["stop", "acting"],
    &["no", "acting"],
    &["no", "action"],
    &["no", "actions"],
    &["hands", "off"],
    &["leave", "them", "alone"],
    &["leave", "it", "alone"],
    &["instead", "of", "acting"],
];
/// What says that nothing is to be done at all.
const NOTHING: Phrases = &[
    &["don't", "do", "anything"],
    &["do", "not", "do", "anything"],
    &["don't", "touch", "anything"],
    &["do", "not", "touch", "anything"],
    &["do", "nothing"],
    &["touch", "nothing"],
    &["don't", "intervene"],
    &["do", "not", "intervene"],
];
/// What is done "yourself" by an agent that acts.
const DEEDS: &[&str] = &[
    "control",
    "handle",
    "manage",
    "run",
    "operate",
    "do",
    "drive",
    "decide",
    "look",
    "take",
    "steer",
    "regulate",
    "managing",
    "running",
    "handling",
    "controlling",
    "adjust",
];
const AROUND: Phrases = &[
    &["from", "now", "on"],
    &["from", "here", "on"],
    &["from", "now"],
    &["for", "now"],
    &["for", "the", "moment"],
    &["for", "the", "time", "being"],
    &["on", "your", "own"],
    &["on", "its", "own"],
    &["by", "yourself"],
    &["by", "itself"],
    &["as", "you", "see", "fit"],
    &["as", "you", "think", "best"],
    &["go", "on"],
    &["go", "ahead"],
    &["back", "on"],
    &["back", "from"],
    &["keep", "an", "eye", "on"],
    &["an", "eye", "on"],
    &["eye", "on"],
    &["eyes", "on"],
    &["on", "things"],
    &["on", "everything"],
];
const FILL: &[&str] = &[
    "mode",
    "only",
    "just",
    "yourself",
    "itself",
    "again",
    "back",
    "may",
    "your",
    "own",
    "into",
    "what",
    "you",
    "do",
    "doing",
    "things",
    "thing",
    "everything",
    "anything",
    "something",
    "alone",
    "leave",
    "them",
    "it",
    "and",
    "but",
    "allowed",
    "are",
    "you're",
    "be",
    "can",
    "control",
    "controlling",
    "handle",
    "handling",
    "manage",
    "managing",
    "operate",
    "run",
    "running",
    "look",
    "take",
    "place",
    "plant",
    "agent",
    "system",
    "let",
    "give",
    "about",
    "simply",
    "merely",
    "go",
    "return",
    "change",
    "over",
    "tell",
    "say",
    "make",
    "made",
    "full",
    "fully",
    "its",
    "stay",
    "stick",
    "keep",
    "then",
    "here",
    "that",
    "know",
    "with",
    "when",
    "care",
    "of",
    "us",
    "whole",
    "show",
    "decide",
    "would",
    "you'd",
    "touching",
    "changing",
    "using",
    "moving",
    "operate",
    "drive",
    "steer",
    "regulate",
    "adjust",
    "after",
    "resume",
    "is",
    "me",
    "first",
    "before",
    "myself",
];

impl Said {
    /// `advise only`, `just watch`, `ask me before you do anything`, for one device or all.
    pub(super) fn mode(&mut self) -> Option<Spoken> {
        let before = self.done.clone();
        let mode = self.mode_or_not();
        if mode.is_none() {
            self.done = before;
        }
        mode
    }

    fn mode_or_not(&mut self) -> Option<Spoken> {
        let actuator = match self.named(self.names.actuators(), false) {
            Named::One(mention) => {
                self.mark(&mention);
                Some(ActuatorId(self.names.id(mention.index).1))
            }
            Named::None => match self.named(self.names.sensors(), false) {
                Named::None => None,
                _ => return None,
            },
            _ => return None,
        };
        let any = |said: &mut Self, phrases: Phrases| {
            let found: Vec<bool> = phrases.iter().map(|phrase| said.take_run(phrase)).collect();
            found.contains(&true)
        };
        let advises = any(self, ADVISE);
        // "Just watch, don't do anything": the ban is a part of it.
        let nothing = any(self, NOTHING);
        let (watches, idle) = (any(self, OBSERVE), any(self, IDLE));
        let deeds = || self.any_of(&["yourself", "itself"]).and(self.any_of(DEEDS)).is_some();
        let deeds = !(nothing || watches || advises || idle) && deeds();
        let acts = any(self, ACT) || deeds;
        let mode = match (watches || (nothing && !advises), advises, acts) {
            (true, false, false) => Mode::Observe,
            (false, true, false) => Mode::Advise,
            (false, false, true) if !idle => Mode::Act,
            _ => return None,
        };
        any(self, AROUND);
        self.take(FILL);
        Some(self.meaning(Meaning::Do(Box::new(Body::Mode { mode, actuator }))))
    }
}
