//! What the agent may do by itself, in plain words: watch, say what it would do, act. What must
//! never be here: orders to devices.

use super::names::Named;
use super::words::{List, Runs, has};
use super::{Meaning, Said, Spoken};
use crate::agent::event::Body;
use crate::config::Mode;
use crate::domain::ActuatorId;

/// What asks to be asked, or told, before anything is done.
const ADVISE: Runs = "\
    ask me before you do anything, ask me before doing anything, ask me before, ask me first, \
    check with me first, check with me before, consult me first, consult me, hint, hints, ask \
    first, let me approve, let me decide, what you'd do, what you would do, what you would have \
    done, advise, advising, advice, advisory, suggest, suggesting, suggestion, suggestions, \
    recommend, recommending, recommendations, tips, wait for my, propose, proposing, proposals, \
    say what you, tell me first, tell us first, recommendation, proposal, your ideas, your \
    opinion, your opinions, your thoughts, let me confirm, ask for my, ask me for, ask for my \
    okay, ask for approval, ask for my approval, ask for permission, ask for my permission, ask \
    permission, ask before, ask me each time, ask me every time, check with me, my ok each \
    time, my okay each time, run it by me, run everything by me, get my ok, get my okay, get my \
    approval, with my approval, with my ok, with my okay, only with my permission, advisor, \
    adviser, counsel, tell me what to do, tell us what to do, i approve, i confirm, advisory";
const OBSERVE: Runs = "\
    watched, observed, monitored, keep an eye, keep your eyes, just look, only look, just \
    looking, only looking, observe, observing, observation, observer, watch, watching, monitor, \
    monitoring, passive, passively, look on, sit back, stay passive, just listen, only listen, \
    look but not touch, look but don't touch, look don't touch, eyes only, spectator, observer, \
    looking on, look at, looking at, only looking, on the sidelines, just see, read only, look \
    after nothing, only look, look only, onlooker";
const ACT: Runs = "\
    all yours, is yours, are yours, under your control, your responsibility, in your control, \
    autonomy, the reins, the conn, the helm, take the wheel, the controls, off the leash, on \
    auto, on automatic, on autopilot, take control, take over, take charge, in charge, in \
    control, full control, by yourself, by itself, by its self, on your own, of your own, on \
    its own, control yourself, handle yourself, act yourself, it yourself, everything yourself, \
    things yourself, for yourself, free hand, as you see fit, as you think best, as you like, \
    independently, independent, act on, start acting, act, acting, automatic, automatically, \
    automatics, auto, autopilot, autonomous, autonomously, at the wheel, you're the boss, by \
    you alone, the place alone, all alone, on its own again, your own decisions, in your hands, \
    up to you, do as you like, full authority, free rein, unattended, unaided, resume control, \
    back control, control back, have the wheel, full auto, full automatic, self control, work \
    alone";
/// What only says once more that nothing is done. Alone it would be a ban.
const IDLE: Runs = "\
    your hands in your pockets, hands in your pockets, sit on your hands, on your hands, fold \
    your arms, your fingers off, fingers off, your hands to yourself, stop acting by yourself, \
    stop acting on your own, don't act by yourself, don't act on your own, not act by yourself, \
    not act on your own, nothing by yourself, nothing on your own, don't do anything by \
    yourself, don't do anything on your own, don't do anything yourself, don't switch anything \
    yourself, don't do it, do not do it, don't touch it, do not touch it, without doing \
    anything, without touching anything, without touching it, without acting, don't act, do not \
    act, don't interfere, do not interfere, not act, stop acting, no acting, no action, no \
    actions, hands off, leave them alone, leave it alone, instead of acting, no switching, no \
    touching, keep your hands off, keep hands off, nothing else, nothing more, no more acting, \
    no interfering, no intervening, no interference, no intervention, no orders, no commands, \
    no changes, not touch, not action, not actions, don't touch, do not touch";
/// What says that nothing is to be done at all.
const NOTHING: Runs = "\
    don't do anything, do not do anything, don't touch anything, do not touch anything, do \
    nothing, touch nothing, don't intervene, do not intervene";
/// What asks for advice, where nothing is to be done.
const TELL: Runs = "only tell me, just tell me, tell me only, only inform me, only report";
/// What is done "yourself" by an agent that acts.
const DEEDS: List = "\
    control handle manage run operate do drive decide look take steer regulate managing running \
    handling controlling adjust";
/// Where the one who speaks acts.
const SPEAKER: Runs = "\
    i take, i act, i control, i handle, i run, i will, i am, i have, i manage, i do, i'll, i'm, \
    i've, myself, we take, we act, we control, we handle, we run, we will, we are, we have, we \
    manage, we do, we'll, we're, we've, let me, let us";
const AROUND: Runs = "\
    no more, in manual, by hand, from this moment on, from this moment, as of now, from today \
    on, from today, starting now, with immediate effect, effective immediately, as of today, \
    from now on, from here on, from now, for now, for the moment, for the time being, on your \
    own, on its own, by yourself, by itself, go on, go ahead, back on, back from, keep an eye \
    on, an eye on, eye on, eyes on, on things, on everything, until further notice, as before, \
    like before, i do the rest myself, i do the rest, i'll do the rest, i'll decide, i decide, \
    i'll do it, i'll do it myself, i do it myself, i want, concerning, regarding, when it comes \
    to, on manual, you've got, you have got, you got, stand by, step back, stand back, before \
    you do it, before you do anything, before doing anything, before you touch, before you \
    switch, before you change, before you move, before acting, before you act, each time, every \
    time, everything before you do it, until i say otherwise, until i say so, until i tell you \
    otherwise, as far as, is concerned, i'm back, i am back, i trust you, we trust you";
const FILL: List = "\
    how does happens happening hear staff team crew people humans operators operator person \
    human manual manually enough restrict limit confine take have mode only just yourself \
    itself again back may your own into what you do doing things thing everything anything \
    something alone leave them it and but allowed are you're be can control controlling handle \
    handling manage managing operate run running look take place plant agent system let give \
    about simply merely go return change over tell say make made full fully its stay stick keep \
    then here that know with care of whole show decide would you'd touching changing using \
    moving drive steer regulate adjust after resume is me first before purely strictly \
    exclusively those these rest the as like please work working yes approval permission okay \
    whatever should advise observe us yours my blessing merely from on for about by to in more \
    ideas at an a nothing without setting allow status state become being anymore now got has \
    have must may shall set put switch turn turned back one right also too free hand until \
    present any their fit sees trust confirm i touch each touching job quiet is remain remains \
    prefer i'd task role was were will time wish would could";

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
        let advises = self.take_mode(ADVISE);
        // "Just watch, don't do anything": the ban is a part of it.
        let nothing = self.take_any_run(NOTHING);
        let advises = advises || (nothing && self.take_any_run(TELL));
        let (watches, idle) = (self.take_mode(OBSERVE), self.take_idle());
        // "Look, don't act".
        let watches = watches || (idle && !advises && self.take("look looking"));
        let deeds = || self.any_of("yourself itself").and(self.any_of(DEEDS)).is_some();
        let deeds = !(nothing || watches || advises || idle) && deeds();
        let speaker = self.any_run(SPEAKER);
        let acts = self.take_mode(ACT) || deeds || self.takes_over();
        // "I take over" is the opposite.
        if acts && speaker {
            return None;
        }
        let mode = match (watches || (nothing && !advises), advises, acts) {
            (true, false, false) => Mode::Observe,
            (false, true, false) => Mode::Advise,
            (false, false, true) if !idle => Mode::Act,
            _ => return None,
        };
        self.take_any_run(AROUND);
        self.take(FILL);
        self.take_manner();
        Some(self.meaning(Meaning::Do(Box::new(Body::Mode { mode, actuator }))))
    }

    /// "Take the pump over", the device accounted for.
    fn takes_over(&mut self) -> bool {
        let take =
            self.run_at("take").filter(|at| self.words[at + 1..].iter().any(|w| w == "over"));
        let over = take.and_then(|_| self.run_at("over"));
        let (Some(take), Some(over)) = (take, over) else { return false };
        let device = (take + 1..over).any(|at| self.done[at]);
        if device {
            (self.done[take], self.done[over]) = (true, true);
        }
        device
    }

    /// Whether words of a mode are said; marks them with the "on" or "to" before them.
    fn take_mode(&mut self, runs: &str) -> bool {
        let mut any = false;
        for run in runs.split(", ") {
            let Some(at) = self.run_at(run) else { continue };
            any = self.take_run(run);
            if at > 0 && has("on in into to", self.word(at - 1)) {
                self.done[at - 1] = true;
            }
        }
        any
    }

    /// Whether it says once more that nothing is done: "don't switch them". Alone it is a ban.
    fn take_idle(&mut self) -> bool {
        let mut any = self.take_any_run(IDLE);
        for at in 0..self.words.len() {
            let not = match (self.word(at), self.word(at + 1)) {
                ("don't" | "dont" | "never" | "without", _) => 1,
                ("do", "not") => 2,
                _ => continue,
            };
            if has("it them anything those these", self.word(at + not + 1)) {
                self.done[at..=at + not + 1].fill(true);
                any = true;
            }
        }
        any
    }
}
