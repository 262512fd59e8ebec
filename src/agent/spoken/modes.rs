//! What the agent may do by itself, in plain words: watch, say what it would do, act. What must
//! never be here: orders to devices.

use super::leave::Leave;
use super::names::Named;
use super::words::{List, NOT, PLACES, Runs, has};
use super::{Meaning, Said, Spoken};
use crate::agent::event::Body;
use crate::config::Mode;
use crate::domain::ActuatorId;

/// What asks to be asked, or told, before anything is done.
const ADVISE: Runs = "\
    ask me before you do anything, ask me before doing anything, ask me before, ask me first, \
    check with me first, check with me before, consult me first, consult me, hint, hints, ask \
    first, let me approve, let me decide, what you'd do, what you would do, what you would \
    have done, advise, advising, advice, advisory, suggest, suggesting, suggestion, \
    suggestions, recommend, recommending, recommendations, tips, wait for my, propose, \
    proposing, proposals, say what you, tell me first, tell us first, recommendation, \
    proposal, your ideas, your opinion, your opinions, your thoughts, let me confirm, ask for \
    my, ask me for, ask for my okay, ask for approval, ask for my approval, ask for \
    permission, ask for my permission, ask permission, ask before, ask me each time, ask me \
    every time, check with me, my ok each time, my okay each time, run it by me, run \
    everything by me, get my ok, get my okay, get my approval, with my approval, with my ok, \
    with my okay, only with my permission, advisor, adviser, counsel, tell me what to do, tell \
    us what to do, advisory";
const OBSERVE: Runs = "\
    watched, observed, monitored, keep an eye, keep your eyes, just look, only look, just \
    looking, only looking, observe, observing, observation, observer, watch, watching, \
    monitor, monitoring, passive, passively, look on, sit back, stay passive, just listen, \
    only listen, look but not touch, look but don't touch, look don't touch, eyes only, \
    spectator, observer, looking on, only look at, just look at, on the sidelines, just see, \
    read only, look after nothing, only look, look only, onlooker";
const ACT: Runs = "\
    all yours, is yours, are yours, under your control, your responsibility, in your control, \
    autonomy, the reins, the conn, the helm, take the wheel, the controls, off the leash, on \
    auto, on automatic, on autopilot, take control, take over, take charge, in charge, in \
    control, full control, by yourself, by itself, by its self, on your own, of your own, on \
    its own, control yourself, handle yourself, act yourself, it yourself, everything \
    yourself, things yourself, for yourself, free hand, as you see fit, as you think best, as \
    you like, independently, independent, act on, start acting, act, acting, automatic, \
    automatically, automatics, auto, autopilot, autonomous, autonomously, at the wheel, you're \
    the boss, by you alone, the place alone, all alone, on its own again, your own decisions, \
    in your hands, up to you, do as you like, full authority, free rein, unattended, unaided, \
    resume control, back control, control back, have the wheel, full auto, full automatic, \
    self control, work alone, you have control, you've got control, you have the controls, \
    control to you, give you control, control alone, steer alone, run alone, operate alone, \
    manage alone, drive alone, handle alone, on your own authority, your own authority, be run \
    by you, be controlled by you, be operated by you, be managed by you";
/// What only says once more that nothing is done. Alone it would be a ban.
const IDLE: Runs = "\
    stop doing things on your own, stop doing things by yourself, stop doing things yourself, \
    stop doing things, stop doing anything, don't do a thing, do not do a thing, your hands in \
    your pockets, hands in your pockets, sit on your hands, on your hands, fold your arms, \
    your fingers off, fingers off, your hands to yourself, stop acting by yourself, stop \
    acting on your own, don't act by yourself, don't act on your own, not act by yourself, not \
    act on your own, nothing by yourself, nothing on your own, don't do anything by yourself, \
    don't do anything on your own, don't do anything yourself, don't switch anything yourself, \
    don't do it, do not do it, don't touch it, do not touch it, without doing anything, \
    without touching anything, without touching it, without acting, don't act, do not act, \
    don't interfere, do not interfere, not act, stop acting, no acting, no action, no actions, \
    hands off, leave them alone, leave it alone, instead of acting, no switching, no touching, \
    keep your hands off, keep hands off, nothing else, nothing more, no more acting, no \
    interfering, no intervening, no interference, no intervention, no orders, no commands, no \
    changes, not touch, not action, not actions, don't touch, do not touch";
/// What says that nothing is to be done at all.
const NOTHING: Runs = "\
    don't do anything, do not do anything, don't touch anything, do not touch anything, do \
    nothing, touch nothing, don't intervene, do not intervene";
/// What asks for advice, where nothing is to be done.
const TELL: Runs = "only tell me, just tell me, tell me only, only inform me, only report";
/// What is done "yourself" by an agent that acts.
const DEEDS: List = "\
    control handle manage run operate do drive decide look take steer regulate managing \
    running handling controlling adjust";
/// Where the one who speaks acts.
const SPEAKER: Runs = "\
    i take, i act, i control, i handle, i run, i will, i am, i have, i manage, i do, i'll, \
    i'm, i've, myself, we take, we act, we control, we handle, we run, we will, we are, we \
    have, we manage, we do, we'll, we're, we've, let me, let us";
const AROUND: Runs = "\
    from this moment on, from this moment, as of now, from today on, from today, starting now, \
    with immediate effect, effective immediately, as of today, from now on, from here on, from \
    now, for now, for the moment, for the time being, on your own, on its own, by yourself, by \
    itself, go on, go ahead, back on, back from, until further notice, as before, like before, \
    concerning, regarding, when it comes to, you've got, you have got, you got, each time, \
    every time, until i say otherwise, until i say so, until i tell you otherwise, as far as, \
    is concerned, i'm back, i am back, i trust you, we trust you, look after";
/// What is said around less than acting: it may speak of a person who does the rest.
const AROUND_LESS: Runs = "\
    in manual, by hand, keep an eye on, an eye on, eye on, eyes on, on things, on everything, \
    i do the rest myself, i do the rest, i'll do the rest, i'll do the deciding, i do the \
    deciding, leave the doing to us, leave the doing to me, leave the switching to us, leave \
    the deciding to me, leave the deciding to us, i'd rather decide myself, i'll decide \
    myself, i decide myself, i'll decide, i decide, i'll do it, i'll do it myself, i do it \
    myself, i want, on manual, stand by, step back, stand back, before you do it, before you \
    do anything, before doing anything, before you touch, before you switch, before you \
    change, before you move, before acting, before you act, everything before you do it";
/// What is said around acting: who gives it, and to whom.
const GRANTS: Runs = "\
    from me, from us, you have my blessing, you have my permission, you have our permission, \
    have my blessing, have my permission, return to, leave it in your hands, leave it to you, \
    leave everything to you, leave everything in your hands, let you, give you, giving you, \
    handing you";
/// What one says who does the rest himself. Whoever acts, it is not the agent.
const BY_HAND: Runs = "\
    i'll press the buttons, i will press the buttons, i press the buttons, i'll push the \
    buttons, i will push the buttons, i push the buttons, i'll flip the switches, i will flip \
    the switches, i flip the switches, i'll work the switches, i'll turn the knobs, i turn the \
    knobs, i'll pull the levers, i will pull the levers, i pull the levers, i'll do the \
    switching, i will do the switching, i do the switching, i'll do the switching myself, \
    leave the switching to me, leave the buttons to me, leave the rest to me, leave the doing \
    to me";
/// Words of advice, and what says that none is wanted of one who watches.
const ADVISING: List = "\
    advise advising advice suggest suggesting suggestion suggestions recommend recommending \
    recommendation recommendations propose proposing proposal proposals";
const NO_ADVICE: List = "don't dont not never no without nor";
/// Words between them: "don't touch or advise", "no more advice".
const BESIDE_ADVICE: List =
    "or touch act interfere intervene switch change do give make me any anything even also";
const FILL: List = "\
    does have mode yourself itself again back into your own you do things thing everything \
    anything something alone and allowed are you're be can control controlling handle handling \
    manage managing operate run running take place plant agent system let go change over make \
    full fully its stay keep then here that with care of whole show drive steer regulate \
    adjust resume is the please work working yes an at a in to for from by about status state \
    become being now got has must may shall should set setting put switch turn one right also \
    too free present any their fit sees trust job task role time will hear allow those these \
    them each it it's all just simply decide on";
/// Words that carry nothing where less is wanted than acting; of one who acts they would say on
/// what condition, or for whom.
const FILL_LESS: List = "\
    how happens happening staff team crew people humans human operators operator person manual \
    manually restrict limit confine only leave but give return tell say made stick know moving \
    would you'd touching changing using after me first before purely strictly exclusively \
    merely rest as like approval permission okay whatever advise observe us my more ideas \
    nothing without anymore until confirm i touch quiet remain remains prefer i'd task wish \
    could hand what giving";
/// What is given to the agent by one who says "I give you control".
const GIVEN: List = "give giving hand handing leave trust let allow permit grant am return";
/// With one of these right before them, words of a mode are not what is wanted.
const NAYS: List = "no not never without more any";
/// What "on" may stand before in words of acting.
const BY_ITSELF: List = "your its auto automatic autopilot manual";
/// What says that it is the agent who acts, whatever it acts on.
const ALONE: Runs = "yourself, on your own, by yourself, all yours";
/// What a question begins with; "do" only before one of those behind it.
const ASKS: List = "is are was were does did has why who what when";
const ASKED: List = "you i we they the";

impl Said {
    /// `advise only`, `just watch`, `ask me before you do anything`, for one device or all; or why
    /// it is none of them though it speaks of one.
    pub(super) fn mode(&mut self) -> Option<Result<Spoken, String>> {
        let before = self.done.clone();
        let mode = self.mode_or_not();
        if mode.is_none() {
            self.done = before;
        }
        mode
    }

    fn mode_or_not(&mut self) -> Option<Result<Spoken, String>> {
        let banned = self.raw(0) == "never" && has("with for at the my our", self.raw(1));
        if banned || has("should must shall might", self.raw(0)) {
            return None;
        }
        let asks = has(ASKS, self.word(0)) || has("do have", self.word(0));
        if asks && (has(ASKS, self.word(0)) || has(ASKED, self.word(1))) {
            return None;
        }
        // "…, I'll press the buttons": no sensor of a pressure.
        let by_hand = self.take_any_run(BY_HAND);
        let mut partly = Vec::new();
        let actuator = match self.named(self.names.actuators(), false) {
            Named::One(mention) => {
                // "Run the barn": its lights alone, or all of it? A person says.
                if !(mention.whole || self.by_head(&mention)) {
                    partly.extend(mention.at.iter().map(|at| self.words[*at].clone()));
                }
                self.mark(&mention);
                Some(ActuatorId(self.names.id(mention.index).1))
            }
            Named::None => match self.named(self.names.sensors(), false) {
                Named::None => None,
                _ if self.any_run(ALONE) && self.speaks_of_place() => None,
                _ => return None,
            },
            _ => return None,
        };
        let aside = self.done.clone();
        // "Fan on, but ask me first" is an order.
        let ordered = actuator.is_some() && self.orders_on();
        let asks_leave = match self.leave_first() {
            Ok(asks) => asks,
            Err(why) => return Some(Err(why)),
        };
        if asks_leave && ordered && !(self.any_run(ACT) || self.deeds()) {
            return None;
        }
        let mute = self.any_run(OBSERVE) && self.take_no_advice();
        let advises = self.take_mode(ADVISE) || asks_leave;
        // "Just watch, don't do anything": the ban is a part of it.
        let nothing = self.take_any_run(NOTHING);
        let advises = advises || (nothing && self.take_any_run(TELL));
        let (watches, idle) = (self.take_mode(OBSERVE), self.take_idle() || mute);
        // "Look, don't act".
        let watches = watches || (idle && !advises && self.take("look looking"));
        let deeds = self.deeds() && !(nothing || watches || advises || idle);
        let speaker = self.any_run(SPEAKER);
        let acts = self.take_mode(ACT) || deeds || self.takes_over();
        // "I take over" is the opposite.
        if acts && (by_hand || speaker && !asks_leave) {
            return None;
        }
        // One who is to ask first does not act.
        let acts = acts && !asks_leave;
        let mode = match (watches || (nothing && !advises), advises, acts) {
            (true, false, false) => Mode::Observe,
            (false, true, false) => Mode::Advise,
            (false, false, true) if !idle => Mode::Act,
            _ => return None,
        };
        let meant = self.meant(mode, actuator, &aside);
        Some(meant.map(|Spoken { meaning, mut unsure }| {
            unsure.extend(partly);
            Spoken { meaning, unsure }
        }))
    }

    /// The mode, unless what is said of it sets none; `aside` is what was only polite.
    fn meant(
        &mut self,
        mode: Mode,
        actuator: Option<ActuatorId>,
        aside: &[bool],
    ) -> Result<Spoken, String> {
        if let Some(words) = self.opinion(aside) {
            return Err(format!("`{words}`: that is no order: act, only advise or only watch"));
        }
        self.take_around(mode);
        let others = match mode {
            Mode::Act => self.gives_away().or_else(|| self.is_back()),
            _ => self.speaks_of_oneself(aside),
        };
        if let Some(words) = others {
            let clear = "say to me: take over, only advise or only watch";
            return Err(format!("`{words}`: who is to act? {clear}"));
        }
        self.take(FILL);
        if mode != Mode::Act {
            self.take(FILL_LESS);
        }
        self.take_manner();
        Ok(self.meaning(Meaning::Do(Box::new(Body::Mode { mode, actuator }))))
    }

    /// "Control the room yourself": no sensor of the room.
    fn speaks_of_place(&self) -> bool {
        let of_sensor = |at: usize| self.names.sensors().any(|index| self.is_of(at, index));
        self.free().all(|at| has(PLACES, &self.words[at]) || !of_sensor(at))
    }

    /// "We're back, in charge again": those who are back, where nothing says "you".
    fn is_back(&self) -> Option<String> {
        let you = self.words.iter().any(|word| has("you your yourself you're you've", word));
        let is = |at: usize| has("is are am we're i'm he's she's they're", self.raw(at));
        let here = (1..self.words.len()).find(|at| {
            self.raw(*at) == "here" || has("back coming", self.raw(*at)) && is(at - 1)
        })?;
        if you || !self.is_done(here) { None } else { self.run_of(here - 1, here) }
    }

    /// Whether leave is to be had first; then the words that say so are taken.
    fn leave_first(&mut self) -> Result<bool, String> {
        let Some((leave, said)) = self.leave() else { return Ok(false) };
        let acts = self.any_run(ACT) || self.deeds();
        match leave {
            Leave::Declined => {
                let words = self.words[said].join(" ");
                Err(format!("`{words}`: act by yourself, only advise or only watch?"))
            }
            Leave::Waived => {
                self.take_leave(said, false);
                Ok(false)
            }
            Leave::Wanted => {
                self.take_leave(said, true);
                Ok(true)
            }
            Leave::Perhaps => {
                if acts {
                    self.take_leave(said, true);
                }
                Ok(acts)
            }
        }
    }

    /// Whether "on" stands right behind a name.
    fn orders_on(&self) -> bool {
        let on = |at: usize| self.word(at) == "on" && !has(BY_ITSELF, self.word(at + 1));
        (1..self.words.len()).any(|at| on(at) && self.is_done(at - 1))
    }

    /// "Handle it yourself", in the words of [`DEEDS`].
    fn deeds(&self) -> bool {
        self.any_of("yourself itself").is_some() && self.any_of(DEEDS).is_some()
    }

    /// Takes what is said around a mode.
    fn take_around(&mut self, mode: Mode) {
        self.take_any_run(AROUND);
        // "Advise me once more" may be for once.
        if mode == Mode::Act || self.any_run("back") {
            self.take_again();
        }
        if mode != Mode::Act {
            self.take_any_run(AROUND_LESS);
            return;
        }
        // "I want you to take over", "I hand control back to you".
        for at in 0..self.words.len() {
            if !has("i we i'd we'd i'm we're i'll we'll", self.word(at)) {
                continue;
            }
            let verb = self.verb_of(at);
            if has(NOT, self.raw(verb)) {
                continue;
            }
            let to_you = |at: usize| has("you yourself your", self.raw(at));
            let you = |at: usize| has("you", self.raw(at));
            let right_behind = (verb + 1..verb + 4).any(you);
            let wishes = self.speaker_wishes(at, verb, false) && right_behind;
            let gives = has(GIVEN, self.raw(verb)) || self.raw(at).ends_with("'m");
            if wishes || (gives && (verb..verb + 6).any(to_you)) {
                self.done[at..=verb].fill(true);
            }
        }
        self.take_any_run(GRANTS);
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
            // "No more advice".
            // "Turn on the monitor".
            if at > 0
                && (has(NAYS, self.word(at - 1)) || has("the my our a an", self.raw(at - 1)))
                && has("watch monitor act", run)
                || at > 0 && has(NAYS, self.word(at - 1))
            {
                continue;
            }
            any = self.take_run(run);
            if at > 0 && has("on in into to", self.word(at - 1)) {
                self.done[at - 1] = true;
            }
        }
        any
    }

    /// "Don't touch or advise", "no suggestions": takes what wants no advice.
    fn take_no_advice(&mut self) -> bool {
        let mut any = false;
        for at in 0..self.words.len() {
            if let Some(not) = self.no_advice_from(at) {
                self.done[not..=at].fill(true);
                any = true;
            }
        }
        any
    }

    /// Where the "not" stands of a word of advice that is not wanted.
    pub(super) fn no_advice_from(&self, at: usize) -> Option<usize> {
        let here = |other: &usize| self.parts[*other] == self.parts[at];
        let beside = |other: &usize| here(other) && has(BESIDE_ADVICE, self.raw(*other));
        let beside = (0..at).rev().take_while(beside).count();
        let not = (at - beside).checked_sub(1).filter(here)?;
        (has(ADVISING, self.raw(at)) && has(NO_ADVICE, self.raw(not))).then_some(not)
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
