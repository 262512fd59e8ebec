//! Parts of a sentence that only say why: how it is with people, things or the weather. They are
//! left out only where no word of them could be part of the order. What must never be here: orders.

use std::ops::Range;

use super::names::{Named, is_word};
use super::statements::VETO;
use super::words::{
    AHEAD, ASKING, BANS, BEFORE, CONDITIONS, FILLERS, FORGETTING, HARM, LETTING_GO, OF_A_MODE, OFF,
    ON, ORDERING, REASONS, RETRACTING, STATING, THINGS, has, is_known,
};
use super::{Said, text::number};

/// Who may be the device.
const PRONOUNS: &str =
    "it they them that this these those which one he she i we you everything all";
/// Who goes home: no device.
const LEAVING: &str = "we're i'm they're are am he's she's everybody's everyone's";
/// Who has come or gone, or has closed the house.
const WE: &str = "we i they everybody everyone people somebody someone nobody";
const WE_ARE: &str = "\
    we're we've i'm i've they're they've everybody's everyone's people've nobody's somebody's";
/// What has become of them, and what may be said behind it.
const GONE: &str = "\
    closed closing open opened opening shut shutting finished finishing started starting \
    stopped left leaving gone arrived arriving back off out home here in ready busy away";
const AFTER_GONE: &str = "now already up for the day today again here all early down early home";
/// What somebody does who gives a reason by it.
const WORKING: &str = "\
    cleaning swapping changing fixing repairing mending washing replacing moving working \
    having expecting leaving loading unloading shipping painting welding";
/// Who thinks something of what is said, and what he does.
const THINKING: &str = "i we he she they as people somebody someone everybody everyone you";
const OPINING: &str = "\
    think thinks thought believe believes see sees saw notice noticed hear heard hope hoped \
    fear feared wanted wished expected suspect assume presume reckon guess suppose know knew \
    feel felt say says said find found planned";
/// Verbs of people and things that a reason is made of, without their endings.
const DOES: &str = "\
    look feel smell seem sound taste hurt ache itch like love wait sleep rest wake come arrive \
    go practise practice train dance work eat drink freeze melt thaw burn sweat shiver cough \
    complain know study cook bake fry steam wash clean sit climb walk jump slip grow bloom \
    wilt die rot spoil begin finish pass meet visit swim bathe shower drip leak smoke stink \
    rattle squeak squeal creak vibrate shake hum crow serve deliver load unload fog mist rain \
    snow ferment rise stick deserve suffer struggle float curl droop drown crack split warp \
    shrink swell tear fade curdle crumble collapse swarm buzz sneeze choke faint gather queue \
    park land dock unpack pack paint weld sand saw mow pick plant sow harvest milk shear brush \
    groom feed weigh pour bottle brew roast grill toast whisk knead glaze fire tremble limp \
    squint stare perform record film photograph celebrate pray meditate stretch exercise swing \
    spin wobble sag lean settle sink swirl foam bubble boil simmer scorch singe drift blow \
    gust pelt bite sting tickle reek hiss groan moan whine snore yawn nap doze stay stand \
    remain";
/// Their past forms that are no "-ed".
const DID: &str = "\
    left came went woke lost fed bought sold caught wore flew hit bit taught sent found \
    brought froze broke burst blew fell died began grew ate drank slept forgot ran jammed \
    spilled tripped made gave stuck";
/// What helps a verb, or is one.
const HELPS: &str = "is are was were has have had can't cannot needs wants";
/// What a thing is that is so: "the tank is full".
const STATES: &str = "\
    full low high both all open closed shut over";
/// What is an order's own, said in another way: "the level is low".
const SCALED: &str = "\
    level power speed strength brightness setting position angle opening number intensity load \
    dial knob value share gap target order word button message job";
/// What is looked at or felt so: "so the colours look right".
const SEEMS: &str = "look looks feel feels seem seems sound sounds taste tastes is are";
/// What the weather or the day is.
const WEATHER: &str = "\
    warm hot cold cool wet dry dark bright windy foggy rainy frosty stormy humid muggy sunny \
    cloudy icy mild sticky busy long";
const WEATHER_OF: &str = "day night morning evening afternoon weather out outside spell";
/// What nobody can who gives a reason by it.
const CANNOT: &str = "can't cannot couldn't cant";
const SENSES: &str = "see hear feel breathe read sleep smell find concentrate work swim skate play";

impl Said {
    /// Whether this part only says why.
    pub(super) fn explains(&self, part: Range<usize>) -> bool {
        let (first, second) = (self.raw(part.start), self.raw(part.start + 1));
        let third = self.raw(part.start + 2);
        // "Were it warmer", "as the guests arrive", "the minute the kids are here".
        let as_of = first == "as"
            && !(second.contains('\'') || has("is are have has need want", third))
            && part.len() > 2;
        let supposes = has("were should had given granted would", first)
            || has("the a any each every", first)
                && has("minute moment second instant day hour time week month", second)
                && part.len() > 2
                && !has("is was has", third);
        let as_of =
            as_of || has("that's that", first) && part.clone().any(|at| self.raw(at) == "too");
        let announces = self.announces.contains(&self.parts[part.start]);
        if as_of || supposes || announces && !self.tells_before_colon(part.clone()) {
            return false;
        }
        let idle = self.is_weather(part.clone()) || self.introduces(part.clone());
        let idle = idle || self.states_something(part.clone());
        if idle || self.comes_or_goes(part.clone()) {
            return true;
        }
        let first = self.words[part.start].as_str();
        let states = || {
            let mut words = self.words[part.clone()].iter();
            words.any(|word| has(STATING, word) || has(THINGS, word))
        };
        let second = self.words.get(part.start + 1).map_or("", String::as_str);
        // "…, I think", "…, as planned", "…, is it": a part that says whose thought it is.
        let opines = self.words[part.start + 1..part.end].iter().take(2);
        let opines = has(THINKING, first) && opines.clone().any(|word| has(OPINING, word));
        let third = self.words.get(part.start + 2).map_or("", String::as_str);
        let feels = second == "feel" && has("cold hot warm chilly ill sick dizzy", third);
        // "I heard it": what made the noise.
        let heard = has("hear heard see saw", second) && has("it you them", third);
        let opines = opines && !has(CANNOT, second) && !feels && !heard;
        let short = first == "as" && part.len() <= 2;
        if opines || short || (part.start > 0 && has("is isn't are aren't was wasn't", first)) {
            return false;
        }
        let begins = has(REASONS, first)
            || has("because cos cause coz while", first)
            || (has("so as since", first) && !has("soon long far", second))
            || (first == "now" && second == "that")
            || self.cannot(part.start)
            || (first == "give" && has("them us me him her", second));
        // "Changing a filter".
        let begins = begins || (has(WORKING, first) && part.start > 0);
        let last = self.words[part.clone()].last().map_or("", String::as_str);
        let states = || states() || last == "enough";
        // "Doors are open".
        let noun = !is_known(first) || has(FILLERS, first);
        // "The water's green".
        let skip = usize::from(has("the my our", first) && part.len() > 2);
        // "First batch is in".
        let skip = skip.max(usize::from(self.counts_a_thing(part.clone())));
        let word = |at: usize| self.words.get(part.start + skip + at).map_or("", String::as_str);
        let (first, second) = (word(0), word(1));
        let noun = noun && (skip == 0 || !is_known(first));
        let verb = has("is are wants needs has", second);
        let doing = second.ends_with("ing") && !second.ends_with("thing");
        let doing = doing && !is_known(first) && !is_of_mode(second) && first != "only";
        let verb = verb || doing || (first.ends_with("'s") && second.len() > 2);
        let subject = part.start + skip;
        let of_noun = noun && verb && !self.is_a_device(subject) && !has(PRONOUNS, first);
        let says = begins || ((part.start > 0 || has("the my our", first)) && states()) || of_noun;
        says && part.len() > 1 && !self.matters(part.start + usize::from(begins)..part.end)
    }

    /// "We have closed now, …", "the guests have gone, …": how it is with people or a
    /// house. Every word of it is known, so that nothing of an order is in it.
    fn comes_or_goes(&self, part: Range<usize>) -> bool {
        let word = |at: usize| if part.contains(&at) { self.raw(at) } else { "" };
        let own = |at: usize| self.names.has(self.raw(at));
        if part.clone().any(own) {
            return false;
        }
        let begin = part.start + usize::from(has("so well now ok okay all", word(part.start)));
        let noun = has("the my our", word(begin)) && !is_known(word(begin + 1));
        let subject = begin + usize::from(noun);
        let mut at = subject + 1;
        match word(subject) {
            short if has(WE_ARE, short) => {}
            who if (noun || has(WE, who)) && has("have has are am is", word(at)) => at += 1,
            _ => return false,
        }
        at += usize::from(has("all just already now both finally", word(at)));
        let after = at + 1..part.end;
        has(GONE, word(at)) && after.clone().all(|at| has(AFTER_GONE, word(at)))
    }

    /// "Dark evening", "it's a cold night": the weather, and no time that is yet to come.
    fn is_weather(&self, part: Range<usize>) -> bool {
        let mut words: Vec<&str> = part.map(|at| self.raw(at)).collect();
        words.retain(|word| !has("it's such so what a an the and another really very", word));
        matches!(words[..], [how, what] if has(WEATHER, how) && has(WEATHER_OF, what))
    }

    /// Whether this word says what a device is: of a mirror fan the fan, not the mirror.
    fn is_a_device(&self, at: usize) -> bool {
        let head = |index: usize| {
            let own = self.names.head(index);
            own.is_some_and(|own| is_word(self.raw(at), own))
        };
        self.names.actuators().any(head)
    }

    /// "Petra here from the night shift", "that's what the union wants": who speaks, and for whom.
    fn introduces(&self, part: Range<usize>) -> bool {
        let word = |at: usize| if part.contains(&at) { self.raw(at) } else { "" };
        let (first, second, third) = (word(part.start), word(part.start + 1), word(part.start + 2));
        let name = |word: &str| !(word.is_empty() || is_known(word) || has(PRONOUNS, word));
        let here =
            name(first) && second == "here" && (third.is_empty() || has("from of in at", third));
        let this = first == "this" && second == "is" && name(third);
        let that = first == "that's" && has("what how why", second)
            || first == "that" && second == "is" && has("what how why", third);
        let own = |at: usize| {
            let word = self.raw(at);
            has(ON, word)
                || has(OFF, word)
                || has(BANS, word)
                || number(word).is_some()
                || self.names.actuators().any(|index| self.is_of(at, index))
        };
        let said = |at: usize| {
            let own = [CONDITIONS, RETRACTING, VETO].iter().any(|list| has(list, word(at)));
            let time = has("night day morning evening late early", word(at));
            own && (!time || word(at + 1).is_empty())
        };
        let that = that && !has("i you he she", third);
        let this = this && part.start == 0 && !word(part.start + 2).ends_with("ed");
        let here = here && !word(part.start).ends_with("ed");
        (here || this || that) && part.len() <= 8 && !part.clone().any(|at| own(at) || said(at))
    }

    /// "First batch is in", "last guests have gone": it counts things that are no names.
    fn counts_a_thing(&self, part: Range<usize>) -> bool {
        let word = |at: usize| if part.contains(&at) { self.raw(at) } else { "" };
        let noun = word(part.start + 1);
        let strange = !(noun.is_empty() || is_known(noun) || self.names.has(noun));
        let then = word(part.start + 3);
        has("first second third next last", word(part.start))
            && strange
            && has("is are has have", word(part.start + 2))
            && has("in out gone done here there ready", then)
    }

    /// Whether one of these words could be part of what is wanted. A sensor's is only a reason.
    pub(super) fn matters(&self, part: Range<usize>) -> bool {
        let lists = [AHEAD, BEFORE, ASKING, BANS, CONDITIONS, HARM, OFF, ON, RETRACTING, ORDERING];
        let mut others = self.clone();
        others.done[part.clone()].fill(true);
        let device = match others.named(self.names.actuators(), false) {
            Named::One(mention) => Some(mention.index),
            _ => None,
        };
        let goals = self.any_of(FORGETTING).is_some() || self.any_run(LETTING_GO);
        let goals = goals || self.any_of("goal goals target objective").is_some();
        let counts = self.counts_a_thing(part.clone());
        // "I'm about to weigh the trays": a shaker of trays is not meant.
        let of_device = |at: usize| {
            let named = |index: usize| {
                let own = self.names.of(index);
                let head = self.names.head(index).is_some_and(|own| is_word(self.raw(at), own));
                let others = own.iter().filter(|own| !is_word(self.raw(at), own));
                let mut others =
                    others.map(|own| part.clone().any(|at| is_word(self.raw(at), own)));
                Some(index) != device && self.is_of(at, index) && (head || others.all(|said| said))
            };
            self.names.actuators().any(named)
        };
        let matters = |at: usize| {
            let word = &self.words[at];
            let harmless = (counts && at == part.start) || self.is_harmless(at, part.start);
            (!harmless && lists.iter().any(|list| has(list, word)))
                || self.length_at(at).is_some()
                || self.is_moment(at)
                || (word.ends_with("n't") && !self.cannot(at))
                || number(word).is_some()
                || (goals && self.names.is_of_goal(word))
                || of_device(at)
                || (has(VETO, word) && !self.agrees(at))
                || self.does_it(at)
        };
        part.clone().any(matters)
    }

    /// "I agree": that is no leave to wait for.
    fn agrees(&self, at: usize) -> bool {
        self.raw(at) == "agree" && at > 0 && has("i we", self.raw(at - 1))
    }

    /// "I can't see my own boots".
    fn cannot(&self, at: usize) -> bool {
        has(CANNOT, self.raw(at)) && has(SENSES, self.raw(at + 1))
    }

    /// Whether a word that could be part of an order is none in a part that begins there.
    pub(super) fn is_harmless(&self, at: usize, begin: usize) -> bool {
        let back = |places: usize| at.checked_sub(places).map_or("", |at| self.raw(at));
        let (said, next, before) = (self.raw(at), self.raw(at + 1), back(1));
        let last = self.parts.get(at + 1) != self.parts.get(at);
        let thing = !next.is_empty() && !has("thing same", self.raw(at + 2));
        // "I must make a call", "they're all here".
        has(STATING, said)
            || self.cannot(at)
            || self.is_of_others(at, begin)
            || (said == "right" && has(SEEMS, before))
            || (said == "make" && has("a an", next))
            || (said == "all" && has("are is they're we're", before))
            || (has("want wants need needs", said) && has("some more a", next))
            || (said == "want" && next == "to" && has(SENSES, self.raw(at + 2)))
            || (said == "more" && has("want wants need needs", before))
            || (said.ends_with("ing")
                && has("the my our us me", next)
                && thing
                && !self.is_a_device(at + 2))
            || (said == "too" && !next.is_empty())
            || (said == "going" && has(LEAVING, before))
            || (said == "working" && has("on in at", next))
            // "The kids just left", not "the knob goes left".
            || (said == "left"
                && last
                && at > begin + 1
                && has("just all have has already", before))
            // "A rut by the hockey goal".
            || (said == "goal"
                && (has("hockey football handball", before)
                    || before == "the" && has("by near behind in at", back(2))))
    }

    /// Whether "on", "open", "full" and their like are said of somebody or something else.
    pub(super) fn is_of_others(&self, at: usize, begin: usize) -> bool {
        let back = |places: usize| at.checked_sub(places).map_or("", |at| self.raw(at));
        let (said, next, before) = (self.raw(at), self.raw(at + 1), back(1));
        let switches = has(ON, said) || has(OFF, said);
        // "I am working on the line", "that coach came off a gravel road".
        let thing = has("the a an my our his her", next) && !self.names.has(self.raw(at + 2));
        let prepositional = said == "on"
            && (has("us me board site duty stage deck tour holiday", next) || thing || next == "1")
            && at > 0
            && !has("turn switch put keep leave set turned switched go come", before);
        let came_off = said == "off" && thing && is_deed(before);
        // "Because of the fire alarm": a noun.
        let noun = switches && has("the a an my our", before) && !next.is_empty();
        let noun = noun && !(has("on off", said) || self.names.has(next) || is_known(next));
        // "Somebody's hat flew off", "doors are open".
        let is = has("is are", before) && at > begin + 1;
        let subject = if is { back(2) } else { before };
        let strange = !is_known(subject) || (is && has(FILLERS, subject));
        let of_subject = switches
            && at > begin
            && strange
            && !(has(PRONOUNS, subject) || has("so as", subject))
            && (is || !has("so as", back(2)))
            && !self.names.has(subject);
        // "The tank is full", not "it is full", nor "the level is low".
        let of_thing = |place: usize| {
            let own = has(PRONOUNS, back(place + 1)) || has(SCALED, back(place + 1));
            has("is are", back(place)) && at > begin + place && !own
        };
        let much = has("so too very all almost nearly", before);
        let is_so = has(STATES, said) && (of_thing(1) || (much && of_thing(2)));
        // "They stop feeding".
        let begins = has("start stop begin finish", said)
            && has("we they people", before)
            && next.ends_with("ing")
            && !self.is_a_device(at + 1);
        noun || begins || of_subject || prepositional || came_off || is_so
    }
}

/// Whether it is such a verb, and none that helps another.
pub(super) fn is_plain_deed(word: &str) -> bool {
    is_deed(word) && !has(HELPS, word) && !has("make makes get gets do does", word)
}

/// Whether it is a verb of people and things, in whatever form.
pub(super) fn is_deed(word: &str) -> bool {
    let stem = |end: &str| word.strip_suffix(end).is_some_and(|stem| has(DOES, stem));
    has(HELPS, word) || has(DOES, word) || has(DID, word) || stem("s") || stem("es") || stem("ed")
}

/// Whether it is a word of a mode.
pub(super) fn is_of_mode(word: &str) -> bool {
    OF_A_MODE.split_ascii_whitespace().any(|head| word.starts_with(head))
}
