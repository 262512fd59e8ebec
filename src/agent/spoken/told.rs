//! Sentences that tell of something and ask for nothing: what somebody does, did or will do, how a
//! device is or was, what would have been better. An order has no one who does it but the one who
//! is asked, and its verb stands as it is. What must never be here: what an order is made of.

use super::Said;
use super::names::{Mention, is_near};
use super::orders::MANNERS;
use super::words::{
    ABOVE, BELOW, FILLERS, MOVES, NOT, OFF, ON, PULSES, SETTING, STANDING, WISHED_OFF, WISHED_ON,
    has,
};

/// Words that may stand between who does something and what is done.
const BETWEEN: &str = "\
    just only also now still already please even both all always never again then today so";
/// Who tells of a deed by a verb that is no wish.
const SPEAKERS: &str = "i we i'd we'd i'll we'll";
/// Whose deed it is whatever verb comes, or what is told by the verb within the word.
const OTHERS: &str = "\
    he she they he's she's they're they've they'll he'll she'll he'd she'd they'd who's i'm \
    i've we're we've you've";
const ANYBODY: &str = "somebody someone everybody everyone";
/// Verbs by which one who speaks wishes something.
const WISHES: &str = "want need require request demand ask beg order insist urge wanna";
/// Those that wish only with a "would": "I like the fan at 50" is an opinion.
const WOULD_BE_NICE: &str = "like love appreciate prefer rather be welcome";
/// What stands before the verb of one who speaks.
const HELPING: &str = "\
    do don't not never would should will shall must can cannot can't won't wouldn't couldn't";
/// Verbs that wish a bound where a "not" stands before them.
const BOUND_TO: &str = "have accept tolerate allow see";
/// What may be asked for oneself: "can I have the fan on".
const FOR_ONESELF: &str = "have get ask see please want";
/// By which others wish, and who is no other.
const THEIR_WISHES: &str = "like love prefer rather appreciate want wish need have enjoy";
const NO_OTHERS: &str = "\
    i we you it that this there and me us please i'd we'd i'll we'll they he she who please to";
/// Who needs something by himself; "the area needs the heater on" says what is to be.
const THEY: &str = "\
    boss chief chef captain manager owner landlord wife husband mother father mum mom dad son \
    daughter sister brother colleague neighbour neighbor customer guest visitor crew team \
    staff everyone everybody somebody someone nobody";
/// Who may be called, and may be told of.
const PERSON: &str = "\
    coach boss captain skipper chief guys girls colleague colleagues friend lads folks them \
    somebody someone everybody everyone";
/// Past forms that are no "-ed", and what else only tells.
const IRREGULAR: &str = "\
    ran rang went came left kept got gave took brought held blew rose fell forgot made began \
    had was were drove stood sat felt found saw heard thought spun stuck threw woke";
/// Verbs whose past is as they stand: of "you", a complaint.
const SAME_IN_PAST: &str = "let set put shut cut hit";
/// What "you" have or would, and are not asked for.
const OF_YOU: &str = "have don't keep would wouldn't couldn't";
/// What is wished of a bound where it is said of "it", and what is only thought of it.
const IMPORTANT: &str = "important required necessary essential vital";
const GOOD: &str = "good better best nice fine wise enough okay ok great silly useless bad";
/// Verbs of one who is told of.
const TELLING: &str = "\
    is are was were isn't aren't wasn't weren't has had hasn't hadn't did didn't does doesn't \
    turns switches opens closes stops starts runs goes stays remains rings blows shuts works \
    stands reads shows keeps comes gets spins moves sounds burns seems turned";
/// What makes a verb of telling part of a wish: "see that the pump stops".
const LICENCES: &str = "\
    want wants need needs i'd we'd would should must shall ought sure certain ensure see if \
    get have let make be insist take mind watch careful keep leave";
/// What a sensor's value does.
const MOVING: &str = "rises falls drops climbs sinks exceeds dips creeps";
/// What is said of a goal that was not met or was.
const PAST_OF_BOUND: &str = "\
    was were wasn't weren't stayed went fell rose had hadn't did didn't does doesn't been kept \
    remained exceeded";
const MODALS: &str = "should could would might must may ought shouldn't couldn't mustn't";
const MODALS_HAVE: &str = "\
    should've could've would've must've might've shouldn't've shoulda coulda woulda";
/// Past participles that are no "-ed".
const DONE: &str = "\
    been run rung gone left set put shut let cut done given taken begun blown risen fallen \
    kept held got had stayed";

impl Said {
    /// The words by which it only tells of a device, or of a sensor that has a goal.
    pub(super) fn told(&self, of: &Mention, goal: bool) -> Option<String> {
        let mut free = self.free().filter(|at| !of.at.contains(at));
        let subject = free.find_map(|at| self.told_by(at, of, goal));
        let subject = subject.or_else(|| self.told_of(of, goal)).or_else(|| self.told_late());
        let subject = subject.or_else(|| self.told_wish(of, goal));
        let subject = subject.or_else(|| self.told_of_person());
        let subject = subject.or_else(|| self.told_of_other(of));
        let subject = subject.or_else(|| if goal { None } else { self.told_by_name(of) });
        subject.or_else(|| if goal { self.told_keeping() } else { self.told_first(of) })
    }

    /// "Our coach set it to 60", "let the guys turn it off": whom somebody else is to ask, or told.
    pub(super) fn told_of_person(&self) -> Option<String> {
        let all = 0..self.words.len();
        let person = |at: &usize| {
            let led = *at > 0 && has("the my our a", self.raw(*at - 1));
            let let_him = has("let get have", self.raw(0)) && *at < 4;
            let verb = self.raw(at + 1);
            let same = self.parts.get(at + 1) == Some(&self.parts[*at]);
            let acts = [SETTING, ON, OFF].iter().any(|list| has(list, verb))
                || has("have should will must can needs to", verb);
            let acts = acts && !has("on off please", verb);
            !self.is_done(*at) && has(PERSON, self.raw(*at)) && same && acts && (led || let_him)
        };
        let at = all.clone().find(person)?;
        self.run_of(at.saturating_sub(1), at + 1)
    }

    /// "Keeping the tank above 60": whoever does it.
    fn told_keeping(&self) -> Option<String> {
        let doing = has("keeping holding maintaining letting kept held", self.word(0));
        if doing { self.run_of(0, 1) } else { None }
    }

    /// "Somebody stirred the mash": the verb of a device's own name, in a form that tells.
    fn told_by_name(&self, of: &Mention) -> Option<String> {
        let form = |at: &usize| {
            let word = self.raw(*at);
            let third = word.ends_with('s') && !word.ends_with("ss");
            // A slip of "lights" tells nothing.
            let third = third && !self.names.of(of.index).iter().any(|own| is_near(word, own));
            let tells = third || word.ends_with("ed") || (word.ends_with("ing") && *at == 0);
            tells && !self.is_of(*at, of.index) && !self.licensed(*at)
        };
        let at = of.at.iter().copied().find(form);
        at.and_then(|at| self.run_of(at.saturating_sub(1), at))
    }

    /// A word as it was said, whether or not it is accounted for.
    pub(super) fn raw(&self, at: usize) -> &str {
        self.words.get(at).map_or("", String::as_str)
    }

    pub(super) fn is_done(&self, at: usize) -> bool {
        self.done.get(at).is_some_and(|done| *done)
    }

    /// Where the verb of who stands here would be.
    pub(super) fn verb_of(&self, at: usize) -> usize {
        let between = |word: &str| has(BETWEEN, word) || has(MANNERS, word);
        let skipped = |at: &usize| between(self.raw(*at)) && !self.is_done(*at);
        at + 1 + (at + 1..self.words.len()).take_while(skipped).count()
    }

    pub(super) fn run_of(&self, begin: usize, end: usize) -> Option<String> {
        let end = (end + 1).min(self.words.len());
        Some(self.words[begin..end].join(" "))
    }

    /// "Thanks for closing it", "make me close it": what was done already, or by somebody else.
    fn told_of_other(&self, of: &Mention) -> Option<String> {
        let first = of.at.iter().copied().min().unwrap_or(0);
        let all = 0..self.words.len();
        let other = |at: &usize| {
            let (word, then, third) = (self.raw(*at), self.raw(*at + 1), self.raw(*at + 2));
            let thanks = (word == "thanks" && then == "to")
                || has("thanks thank you ta cheers thx sorry congratulations", word)
                    && has("for about on", then)
                    && third.ends_with("ing");
            let verb = has(ON, third) || has(OFF, third) || has(SETTING, third);
            let lets = has("let make help watch see hear", word)
                && has("me him her it", then)
                && verb
                && !has("have go be get on off", third)
                && *at + 2 < first;
            thanks || lets
        };
        all.clone().find(other).and_then(|at| self.run_of(at, at + 2))
    }

    /// Somebody who does something: "I open the vent", "you left it on", "she closes it".
    fn told_by(&self, at: usize, of: &Mention, goal: bool) -> Option<String> {
        let verb = self.verb_of(at);
        if self.is_all_it_has(at) {
            return None;
        }
        // "I pump": the name is the verb.
        let named = of.at.contains(&verb);
        let then = self.raw(verb);
        let modal = at > 0 && has("can could may might", self.word(at - 1));
        let tells = match self.raw(at) {
            word if has(SPEAKERS, word) => named || !self.speaker_wishes(at, verb, goal),
            word if has(OTHERS, word) => true,
            word if has(ANYBODY, word) => {
                let asked = at > 0 && has("have let get want need make", self.word(at - 1));
                !modal && !asked && self.is_of_telling(verb)
            }
            "you" if !self.is_done(verb) => {
                let has_to = self.raw(verb + 1) == "to";
                let complains = has(SAME_IN_PAST, then) && self.any_of("please").is_none();
                let told = self.is_of_telling(verb) || has(OF_YOU, then);
                told && !has_to || complains
            }
            // "As fast as it goes".
            "it" if at > 0 && self.raw(at - 1) == "as" => false,
            // "It is important to keep it", but "it's good to keep it".
            "it" if goal && has(IMPORTANT, self.raw(verb + 1)) => false,
            "it" | "that" | "this" => self.is_of_telling(verb) && !self.licensed(at),
            "it's" => (!goal || has(GOOD, then)) && !self.licensed(at),
            // "All of us open it".
            "us" => at > 0 && self.raw(at - 1) == "of",
            // "The boss wants it": somebody else.
            "wants" => true,
            _ => false,
        };
        if tells { self.run_of(at, verb) } else { None }
    }

    /// "The boss would like it on", "everyone needs it on": somebody else's wish is a report.
    fn told_wish(&self, of: &Mention, goal: bool) -> Option<String> {
        let between = |at: &usize| has(BETWEEN, self.raw(*at)) || has(MANNERS, self.raw(*at));
        let wish = |at: &usize| {
            let verb = at + 1 + (at + 1..self.words.len()).take_while(between).count();
            let who = (0..*at).rev().find(|at| !between(at));
            let who = who.filter(|who| self.parts[*who] == self.parts[*at] && !of.at.contains(who));
            let word = self.raw(*at);
            let short = word.ends_with("'d") && !has("i'd we'd you'd it'd that'd", word);
            let would = has("would will might may could", word) && who.is_some();
            let likes = has(THEIR_WISHES, self.raw(verb))
                || self.raw(verb) == "be" && has("happy glad grateful pleased", self.raw(verb + 1));
            let needs = word == "needs" && !goal && who.is_some_and(|who| has(THEY, self.raw(who)));
            let another = who.is_none_or(|who| !has(NO_OTHERS, self.raw(who)));
            another && (needs || (short || would) && likes)
        };
        (1..self.words.len()).find(wish).or_else(|| wish(&0).then_some(0)).and_then(|at| {
            let begin = at.saturating_sub(1);
            self.run_of(begin, at)
        })
    }

    /// "Give it all it has": how much, and nothing that is told.
    fn is_all_it_has(&self, at: usize) -> bool {
        let all = at > 0 && has("all everything", self.raw(at - 1));
        let has_it = has("it's you've", self.raw(at)) && self.raw(at + 1) == "got"
            || self.raw(at) == "it" && self.raw(at + 1) == "has";
        all && has_it && (0..at).any(|at| has("give with run put", self.raw(at)))
    }

    /// "I need the fan on", "can we have it on": the one who speaks wants something done.
    pub(super) fn speaker_wishes(&self, at: usize, verb: usize, goal: bool) -> bool {
        let asks = at > 0 && has("can could may might", self.word(at - 1));
        if asks && has(FOR_ONESELF, self.raw(verb)) {
            return true;
        }
        // A phrase that is only polite, but "I have to close it" tells what one does oneself.
        if self.is_done(verb) {
            return goal || !has("have had has try", self.raw(verb));
        }
        // "We would all like".
        let helps = |at: &usize| {
            let between = *at > verb && has("all both also still now really very", self.raw(*at));
            between || has(HELPING, self.raw(*at))
        };
        let helping = (verb..self.words.len()).take_while(helps).count();
        let (helped, verb) = (verb..verb + helping, verb + helping);
        let helps = |list: &str| helped.clone().any(|at| has(list, self.raw(at)));
        let would = self.raw(at).ends_with("'d") || helps("would should");
        let (not, must) = (helps(NOT), helps("must should shall"));
        let then = self.raw(verb);
        // "We must keep it", "I won't have it below 5".
        let bound = goal && (must || (not && has(BOUND_TO, then)));
        has(WISHES, then)
            || (then == "wish" && self.raw(verb + 1) == "to")
            || (has(WOULD_BE_NICE, then) && (would || (goal && not)))
            || bound
    }

    /// Whether a verb says what somebody or something does or did.
    fn is_of_telling(&self, at: usize) -> bool {
        !self.is_done(at) && (has(TELLING, self.raw(at)) || is_past(self.raw(at)))
    }

    /// Whether something before it wishes that it were so.
    pub(super) fn licensed(&self, at: usize) -> bool {
        (0..at).any(|at| has(LICENCES, self.raw(at)))
    }

    /// "The pump is on", "the pump's on", "the fan ran at 80", "closed the valve".
    fn told_of(&self, of: &Mention, goal: bool) -> Option<String> {
        let (first, last) = (*of.at.iter().min()?, *of.at.iter().max()?);
        let verb = self.verb_of(last);
        let then = self.raw(verb);
        if goal {
            let past = |at: &usize| has(PAST_OF_BOUND, self.word(*at)) && !self.licensed(*at);
            // "Has to be kept", "is to be kept": "kept" alone may be wished.
            let past = |at: &usize| past(at) && !(self.raw(*at) == "kept" && self.wishes_kept(*at));
            let found = self.free().find(past).or_else(|| self.goal_told(last, verb));
            return found.and_then(|at| self.run_of(at.min(last), at));
        }
        let wished = self.raw(verb + 1) == "to" || has("too", self.raw(verb + 1));
        let state = has(ON, then) || has(OFF, then);
        if self.is_of_telling(verb) && !state && !wished && !self.licensed(last) {
            return self.run_of(last, verb);
        }
        // "The pump would be on", "the heater shut off again".
        let would = has("would might", then);
        let went = has(SAME_IN_PAST, then) && has("off out itself", self.raw(verb + 1));
        // "The heater may be on": it is not known; "may be switched on" lets it.
        let perhaps = has("may might can could", then)
            && self.raw(verb + 1) == "be"
            && !(then == "could" && self.raw(verb + 3) == "for")
            && (has("on off open running", self.raw(verb + 2))
                || has("closed shut", self.raw(verb + 2)) && !has("now again", self.raw(verb + 3)));
        // "The heater could go off": it is feared.
        let now = usize::from(self.raw(verb + 1) == "now");
        let feared = then == "could"
            && has("go come", self.raw(verb + 1 + now))
            && has("on off", self.raw(verb + 2 + now));
        if ((perhaps || feared) && !self.is_done(verb)) || self.run_at("on fire").is_some() {
            return self.run_of(last, verb + 2);
        }
        let hit =
            then == "hit" || (then == "lit" && has("up the a an my our us it", self.raw(verb + 1)));
        if (would || went || hit) && !self.is_done(verb) && !self.licensed(last) {
            return self.run_of(last, verb + usize::from(went));
        }
        let state = has("on off open closed at running going", then);
        if self.raw(last).ends_with("'s") && state && !self.licensed(last) {
            return self.run_of(last, verb);
        }
        let past = |at: &usize| {
            let before = if *at > 0 { self.raw(*at - 1) } else { "" };
            let noun = has("the my our a be get you", before);
            is_past(self.word(*at)) && !noun && !self.licensed(*at)
        };
        (0..first).find(past).and_then(|at| self.run_of(at, at))
    }

    /// "The tank stays above 20", "the tank's above 20", "the tank will be above 20": how it is or
    /// will be, unless it is said to be so from now on.
    fn goal_told(&self, last: usize, verb: usize) -> Option<usize> {
        let (then, next) = (self.raw(verb), self.raw(self.verb_of(verb)));
        let stands = self.any_run(STANDING) || self.any_of("please").is_some();
        if stands || self.licensed(last) || self.is_done(verb) {
            return None;
        }
        let is = has("is are", then)
            && (has("kept above below over under at", next) || next.ends_with("ing"));
        let goes = has("goes stays remains keeps comes gets runs hit hits reads shows", then)
            || has(MOVING, then);
        let will = has("will would won't might", then);
        if is || goes || will {
            return Some(verb);
        }
        let short = self.raw(last).ends_with("'s") && (has(ABOVE, then) || has(BELOW, then));
        short.then_some(verb)
    }

    /// "The tank kept below 8, please": without one who kept it.
    fn wishes_kept(&self, at: usize) -> bool {
        let before = if at > 0 { self.raw(at - 1) } else { "" };
        !has("i you we he she they was were been has", before)
    }

    /// "Should have been off": it is too late for that.
    pub(super) fn told_late(&self) -> Option<String> {
        let late = |at: &usize| {
            let skip = |at: &usize| has("not to never only already all just", self.raw(*at));
            let over = |at: usize| at + (at..self.words.len()).take_while(skip).count();
            let have = over(at + 1);
            let done = self.raw(over(have + 1));
            let regular = done.ends_with("ed") && !has("speed feed need seed", done);
            let has_done = has(DONE, done) || regular || is_past(done);
            has(MODALS, self.raw(*at)) && has("have 've had", self.raw(have)) && has_done
        };
        let all = 0..self.words.len();
        let word = |at: &usize| has(MODALS_HAVE, self.raw(*at));
        let at = all.clone().find(late).or_else(|| all.clone().find(word))?;
        self.run_of(at, at + 2)
    }

    /// A sentence that has lost its "I am": "closing the valve", "going to open it"; or its "I":
    /// "would open it"; or has a noun for a verb: "my turn to open it".
    fn told_first(&self, of: &Mention) -> Option<String> {
        let plain = |at: &usize| has("please ok okay now so then and well just yes", self.raw(*at));
        let first = (0..self.words.len()).find(|at| !plain(at))?;
        let (word, then) = (self.raw(first), self.raw(first + 1));
        if self.is_done(first) || of.at.contains(&first) {
            return None;
        }
        let verb = |list: &&str| has(list, word);
        let known = [ON, OFF, FILLERS, SETTING].iter().any(verb);
        let doing = word.ends_with("ing") && known && !has("bring ring swing", word);
        let asked = has("you i we somebody someone it they the my our please just kindly", then);
        let asked = asked || self.is_done(first + 1) || of.at.contains(&(first + 1));
        let would = has("would will could can", word) && !asked && !has("be this that", then);
        let glad = has("good nice great lovely happy", word) && then == "to";
        let whose = |at: &usize| {
            has("my your his her our their whose", self.raw(*at)) && self.raw(*at + 1) == "turn"
        };
        let whose = (0..self.words.len()).find(whose);
        if let Some(at) = whose {
            return self.run_of(at, at + 1);
        }
        if doing || would || glad { self.run_of(first, first + 1) } else { None }
    }
}

/// Whether it is a past form of a verb of orders.
pub(super) fn is_past(word: &str) -> bool {
    if has(IRREGULAR, word) {
        return true;
    }
    let Some(stem) = word.strip_suffix("ed") else { return false };
    let lists = [ON, OFF, SETTING, MOVES, PULSES, WISHED_ON, WISHED_OFF];
    let known = |verb: &str| lists.iter().any(|list| has(list, verb));
    let mut last = stem.chars().rev();
    let doubled = last.next().is_some_and(|one| last.next() == Some(one));
    known(stem)
        || known(&format!("{stem}e"))
        || (doubled && known(stem.get(..stem.len() - 1).unwrap_or_default()))
}
