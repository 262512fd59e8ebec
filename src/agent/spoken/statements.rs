//! Sentences that somebody says beside an order, with a subject and a verb of their own: "I'm
//! carrying two crates", "a bride is coming in ten minutes". By their grammar they are no part of
//! the order. What must never be here: clauses without a subject, conditions.

use std::ops::Range;

use super::Said;
use super::names::is_like;
use super::reasons::{is_deed, is_of_mode, is_plain_deed};
use super::text::number;
use super::units::is_any_unit;
use super::words::{
    AHEAD, BEFORE, CONDITIONS, FORGETTING, HARM, LETTING_GO, OFF, ON, ORDERING, PLACES, SETTING,
    has, is_known,
};

/// What joins a statement to what is before it.
const LINKS: &str = "and so because cos cause coz as but or otherwise else since";
/// Who speaks of himself or of people, with or without a verb in the word.
const PERSONS: &str = "\
    i we he she they they've somebody someone everybody everyone nobody people guests visitors \
    customers kids children i'm i've we're we've he's she's somebody's someone's everybody's \
    everyone's nobody's people've";
/// What stands before a noun.
const ARTICLES: &str = "the a an my our his her their its some these those both all";
/// Subjects that are there.
const THERE: &str = "there's there";
/// What no reason has in it, whatever made it one: who decides, what is forbidden, what was only
/// said, the order itself, a time to come, how much.
pub(super) const VETO: &str = "\
    decide decides decision agree agrees vote votes veto sign signs refuse refuses object \
    objects protest doubt doubts disagree call choice permit permits permission signal press \
    button handle handles forbid forbids forbade banned illegal dangerous unsafe prohibited \
    hate hates read reads write writes wrote song shout shouts shouted note label poster \
    manual title lyrics claims suggests legend rumour quoting dictating testing typed order \
    command instruction plan deal text sentence message void withdrawn obsolete pending \
    postponed drill prank trick bluff typo teasing lying lied opposite moment instant early \
    soon shortly eventually someday yet bell but though although little bit tad glimmer faint \
    faintly gently softly slowly gradually usual approval consent okay agreement confirmation \
    nod clearance blessing myself himself herself yourself themselves delete revoke rescind \
    abort annul retract belay postpone invert negate halve await upon prior barring regardless \
    trapped responsible responsibility job jobs word words caption script film motto stunt \
    reins business silly nonsense regret ironic bluffing translating practising useless \
    hazardous slip slipped mishap finger whoever wherever whichever event";
/// What besides takes an order back or makes it less than one in a statement.
const DANGER: &str = "\
    report reports shows indicate indicates displays announces states confirms recommends \
    requires kidding joking joke jk mistake sorry wait waits maybe perhaps think thinks guess \
    suppose hope wonder changed mind cancel cancelled canceled undo reverse nevermind \
    hypothetical hypothetically pretending supposedly allegedly apparently sarcasm false \
    untrue imagine dream lie lies quote reminder decided depend depends forget forgot say says \
    said tell tells told ask asks asked orders ordered want wants wanted wish wishes prefer \
    prefers rather instead later until till unless if whether when whenever once before after \
    while provided providing depending supposing assuming except only hurry rush need needs \
    reason point ok goal goals test example first second next then also too tonight manually \
    timer schedule automatic automatically nothing";
/// What stands before an order and is no noun.
const ADVERBS: &str =
    "just simply please kindly only maybe perhaps better not never always more again";
/// Objects that may be the device.
const OBJECTS: &str = "it them this that these those one ones which";
/// What others do with what is ordered.
const THEIRS: &str = "want wants need needs like likes love loves";
/// What nobody wants or needs is no reason to act.
const WANTED: &str = "want need like care mind matter use require wish bother";

impl Said {
    /// Whether a part between commas is a statement of its own, with nothing in it that could touch
    /// an order.
    pub(super) fn states_something(&self, part: Range<usize>) -> bool {
        let Some(verb) = self.verb_of_statement(part.clone()) else { return false };
        // "Slow ferment is no longer needed".
        let ends = self.any_of(FORGETTING).is_some() || self.any_run(LETTING_GO);
        if ends && part.clone().any(|at| self.names.is_of_goal(self.raw(at))) {
            return false;
        }
        let touches = |at: usize| self.touches_order(at, part.clone(), verb);
        !part.clone().any(touches)
    }

    /// "The kids can't see a thing: lights on"; not "the parrot screams: lights on".
    pub(super) fn tells_before_colon(&self, part: Range<usize>) -> bool {
        let verb = self.verb_of_statement(part.clone());
        let plain = verb
            .filter(|verb| verb + 1 < part.end)
            .is_some_and(|verb| is_deed(self.raw(verb)) || self.raw(verb).ends_with("n't"));
        plain && self.states_something(part)
    }

    /// Where the verb of a statement stands, or behind its subject; `None` where it is none.
    fn verb_of_statement(&self, part: Range<usize>) -> Option<usize> {
        let word = |at: usize| if part.contains(&at) { self.raw(at) } else { "" };
        let linked = part.clone().take_while(|at| has(LINKS, word(*at))).count();
        let begin = part.start + linked;
        let first = word(begin);
        // "Baby sleeps".
        if part.end == begin + 2 {
            let noun = may_be_noun(first);
            let deed = is_plain_deed(word(begin + 1)) && !self.is_head(begin);
            return (noun && deed && part.start > 0).then_some(begin + 1);
        }
        if part.end < begin + 2 {
            return None;
        }
        // "It drones all day": what it does, by a verb that no order has.
        let then = word(begin + 1);
        let drones =
            then.ends_with('s') && then.len() > 4 && !is_known(then) && !then.ends_with("ss");
        if has("it they", first) && (drones || is_plain_deed(then)) && !has(THEIRS, then) {
            return Some(begin + 1);
        }
        // "…, is full of scales", "or it goes mouldy".
        let or =
            linked > 0 && has("or otherwise else", word(begin - 1)) && has("it they you", first);
        if or || (part.start > 0 && first == "is" && !has(OBJECTS, word(begin + 1))) {
            return Some(begin + usize::from(or));
        }
        if has(PERSONS, first) {
            // "Everyone who comes in leaves the door open".
            return Some(begin + 1);
        }
        if has(THERE, first) {
            let is = first == "there's" || has("is are has have", word(begin + 1));
            return is.then_some(begin + 1);
        }
        self.verb_of_noun(part, begin, linked > 0)
    }

    /// The same, where a noun is the subject.
    fn verb_of_noun(&self, part: Range<usize>, begin: usize, linked: bool) -> Option<usize> {
        let word = |at: usize| if part.contains(&at) { self.raw(at) } else { "" };
        let first = word(begin);
        let article = usize::from(has(ARTICLES, first));
        let counted = number(first).is_some_and(|number| number >= 2.0)
            || first == "1" && word(begin + 1) == "of";
        let noun = begin + article;
        let strange = |at: usize| may_be_noun(word(at));
        if !(article > 0 || counted || strange(begin)) || self.is_head(noun) {
            return None;
        }
        let furthest = if article > 0 || counted { 7 } else { 2 };
        let verb = (noun..(noun + furthest).min(part.end)).find(|at| {
            let short = word(*at).ends_with("'s") && *at >= noun && word(*at).len() > 3;
            let keeps = has("keep keeps kept", word(*at)) && word(at + 1).ends_with("ing");
            let behind = is_deed(word(*at)) || keeps || has(THEIRS, word(*at));
            let behind = *at > noun && behind;
            let past = *at > noun && word(*at).ends_with("ed") && word(*at).len() > 4;
            // "The gruyère ripens": one thing, and what it does.
            let one = *at == noun + 1 && article > 0 && !word(noun).ends_with('s');
            let does =
                word(*at).ends_with('s') && !word(*at).ends_with("ss") && word(*at).len() > 3;
            let past = past || (one && does && !is_known(word(*at)));
            // "So the lads can rinse the channel".
            let can = linked && *at > noun && word(*at) == "can" && is_plain_deed(word(at + 1));
            can || short || behind || past || (*at > noun && word(*at).ends_with("n't"))
        })?;
        let own = (begin..verb).any(|at| self.is_head(at));
        let known = (verb > begin + article + 1)
            || strange(noun)
            || verb == noun
            || has(PLACES, word(noun));
        (!own && known).then_some(verb)
    }

    /// Whether a word is one of what a device is called by, if in another form.
    fn is_head(&self, at: usize) -> bool {
        let head =
            |index: usize| self.names.head(index).is_some_and(|own| is_like(self.raw(at), own));
        self.names.actuators().any(head)
    }

    /// Whether a word of a statement may change, time, restrict or take back an order.
    fn touches_order(&self, at: usize, part: Range<usize>, verb: usize) -> bool {
        let (said, next) =
            (self.raw(at), if part.contains(&(at + 1)) { self.raw(at + 1) } else { "" });
        let before = if at > part.start { self.raw(at - 1) } else { "" };
        if at < verb && number(said).is_none() {
            let goal = has("goal goals target objective", said);
            return goal
                || self.is_head(at)
                || is_of_mode(said)
                || has(HARM, said)
                || has(VETO, said);
        }
        let noun = !next.is_empty() && !is_known(next) && !has(DANGER, next);
        let ends = next.is_empty();
        // "This shoulder", "those boxes": before a noun it names another thing.
        // "The frogs need it": what they need is what is ordered.
        let theirs = !has("i we he she i'm i've we're we've nobody", self.raw(part.start));
        let senses = has("hear hears see sees smell smells feel feels", before);
        let needed = theirs && has("it them", said) && (has(THEIRS, before) || senses);
        let needed = needed || has("how what why where", before);
        let object = has(OBJECTS, said) && !needed && !(has("this that these those", said) && noun);
        let counts =
            number(said).is_some() && (!noun || is_any_unit(next)) && !self.is_soon(at, part.start);
        // "I have to reverse the trailer".
        let deed = has("reverse test order", said) && has("the a my our", next);
        let unwanted = (said.ends_with("n't") || said == "not") && has(WANTED, next);
        let beside = said == "next" && next == "to";
        let no = said == "no" && has("need hurry rush reason point use", next);
        let switches = has(ON, said) || has(OFF, said);
        let article = has("the a an my our his her their its", before);
        let switches = switches && !article && !self.is_of_others(at, part.start);
        let orders = has("and then but so please", before)
            && [ON, OFF, ORDERING, SETTING].iter().any(|list| has(list, said))
            && !has("i'm i've i we", said);
        // "I need a minute", "we stay for two hours".
        let lasting = self.length_at(at).is_some() && !self.is_soon(at, part.start);
        let of_mode = is_of_mode(said) && !has("look looks looking hands touch", said);
        let lasting = lasting || self.is_moment(at) || of_mode;
        let share = has("half full max maximum min minimum percent", said) && ends;
        object
            || counts
            || unwanted
            || no
            || switches
            || orders
            || lasting
            || share
            || has(HARM, said)
            || has(VETO, said)
            || has("goal goals target objective", said) && !self.is_harmless(at, part.start)
            || [AHEAD, BEFORE, CONDITIONS].iter().any(|list| has(list, said)) && self.ends_order(at)
            || self.does_it(at)
            || (has(DANGER, said)
                && !(beside || deed || article || theirs && has(THEIRS, said))
                && !self.is_harmless(at, part.start))
            || self.is_head(at)
    }

    /// Whether a time ends the text, where it may be the order's: "…, we skate every day".
    fn ends_order(&self, at: usize) -> bool {
        if has("otherwise else", self.raw(at)) || (at > 0 && self.raw(at - 1) == "last") {
            return false;
        }
        at + 1 == self.words.len()
            || (at + 2 == self.words.len() && has("every next", self.raw(at)))
    }

    /// "My brother does it", "I'm on it", "the others did the rest".
    pub(super) fn does_it(&self, at: usize) -> bool {
        let next = self.raw(at + 1);
        let all = has("it that this everything all", next) && !has("is was", self.raw(at + 2));
        let rest =
            has("the a my", next) && has("rest job thing same work switching", self.raw(at + 2));
        let ends = self.parts.get(at + 1) != self.parts.get(at);
        let does =
            has("do does did doing done got on has have run runs operate operates", self.raw(at));
        // "I do it by hand, you just watch".
        let watches = self.words.iter().any(|word| has("watch observe monitor advise", word));
        does && !watches && (all || rest || (ends && has("does did", self.raw(at))))
    }

    /// "A bride comes in ten minutes"; "I'm there in ten minutes" may be what to wait for.
    fn is_soon(&self, at: usize, begin: usize) -> bool {
        let other = !has("i we i'm we're i've we've", self.raw(begin));
        other && self.length_at(at).is_some() && at > begin && self.raw(at - 1) == "in"
    }
}

/// Whether a word that is no other may be a noun.
fn may_be_noun(word: &str) -> bool {
    let people = has("girls boys ladies men women lads guys folks", word);
    let known = is_known(word) && !people;
    let no_noun = word.is_empty() || word.contains('\'') || known;
    !(no_noun || has(DANGER, word) || has(OBJECTS, word) || has(ADVERBS, word))
}
