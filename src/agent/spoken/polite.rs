//! What is only polite, urgent or said to somebody: no word of it changes what is wanted. What must
//! never be here: words that could be part of an order, a reason.

use super::Said;
use super::words::{List, OFF, ON, Runs, SETTING, has};

/// What is only polite, wherever it stands. The longer runs stand before those that begin them.
pub(super) const COURTESY: Runs = "\
    please and thank you, please and thanks, if it makes no trouble, if it's not a bother, if \
    that's ok, if that's okay, if that's all right, you've got to, you got to, if you'd be so \
    kind as to, if you would be so kind as to, if you could be so kind as to, if you'd be so \
    good as to, if you would be so good as to, if you'd be kind enough to, if you would be \
    kind enough to, would you be kind enough to, if you'd be so kind, if you would be so kind, \
    if you could be so kind, if you'd be so good, if you would be so good, if you could be so \
    good, if that's not too much trouble, if that isn't too much trouble, if that's no \
    trouble, will do nicely, will do fine, will do just fine, if you'd kindly, if you'd \
    please, if you wouldn't mind, if you would not mind, if you do not mind, if it's no \
    trouble, if it is no trouble, if it's no bother, if it isn't too much trouble, if it's not \
    too much bother, if it isn't too much bother, if it's not too much to ask, if it isn't too \
    much to ask, if you would, if you please, if you don't mind, if you could, if you can, if \
    possible, would you mind, do you mind, would you, could you, can you, will you, off you \
    go, there you go, be so kind and, be so kind as to, be so kind to, be so good and, be so \
    good as to, be kind and, so kind, so good, do me a favour and, do me a favor and, do me a \
    favour, go ahead and, don't forget to, as soon as possible, as fast as possible, as \
    quickly as possible, as fast as you can, thank you, many thanks, thanks, thx, cheers, ta, \
    mate, straight away, right away, right now, at once, for me, for us, i mean you, for now, \
    is it possible to, would it be possible to, it would be nice if you could, i'd be grateful \
    if you could, know if, see if, ok then, okay then, right then, alright then, would like \
    that you, want that you, i'd like that you, i'd like you to, want you to, need you to, \
    it's time to, time to, let's, good morning, hello, hey, hi, ok, okay, asap, pls, please \
    see to it, when you get a chance, when you have a moment, when you have a minute, when \
    you've got a minute, when you've got a moment, if it's not too much trouble, if it is not \
    too much trouble, if i may ask, not to worry, don't worry, i'm going to need, i am going \
    to need, we're going to need, we are going to need, so kind as to, would you be, good \
    evening, good afternoon, good day, i was wondering if you could, i wonder if you could, i \
    beg you, as i said, like i said, for a change, for heaven's sake, for god's sake, for \
    goodness sake, try to, by the way, as usual, that'd be great, that would be great, that \
    would be nice, that'd be nice, would be nice, would be great, would be lovely, that would \
    be lovely, i'd appreciate it if you could, i'd appreciate it if you, i would appreciate it \
    if you could, i would appreciate it if you, it would be good if you, it'd be good if you, \
    it would be nice if you, it'd be nice if you, i'd be glad if you, i would be glad if you, \
    i'd be happy if you, i'd be grateful if you, would it be ok if you, would it be okay if \
    you, i'd love it if you, i would love it if you, how about you, you may, you might, you \
    can, feel free to, please and thank you, over here, over there, out there, up there, down \
    there, down here, up here, would you be able to, are you able to, i ask you to, i'd ask \
    you to, i would ask you to, i'm asking you to, i am asking you to, may i ask you to, i \
    must ask you to, i have to ask you to, i order you to, i'd have you, i would have you, it \
    is necessary to, it's necessary to, it is important to, it's important to, could i ask you \
    to, can i ask you to, i'd rather you, s'il vous plaît, s'il vous plait, s'il te plaît, por \
    favor, per favore, can't see a thing, can't see anything, can't hear a thing, can't hear \
    myself think, you are welcome to, it would help if you, has to, have to, had better, you'd \
    better, i would very much like, i'd very much like, we would very much like, we'd very \
    much like, i would dearly love, i'd dearly love, you're welcome to, you are free to, \
    you're free to, it is time to, i was hoping you could, i was hoping you would, i was \
    hoping you might";
/// Thanks that come last: "thanks a lot for closing it" tells of what was done.
const THANKS: Runs = "\
    thank you very much indeed, thank you ever so much, thank you very much, thank you so \
    much, thank you kindly, thank you in advance, thanks very much indeed, thanks very much, \
    thanks ever so much, thanks so much, thanks awfully, thanks a lot, thanks a million, \
    thanks a ton, thanks in advance, thanks again, ta very much, ta muchly, ta ever so, much \
    obliged, much appreciated, very much appreciated, greatly appreciated, very kind of you, \
    there's a good chap, there's a good lad, there's a good girl, there's a dear, there's a \
    love, that'll do, that will do, won't you";
/// What says that it is for this very moment.
const URGENT: Runs = "\
    without further delay, without delay, without further ado, without hesitation, quick as a \
    flash, quick as lightning, right this instant, right this second, right this minute, this \
    very instant, this very second, this very minute, this very moment, this instant, chop \
    chop, on the double, at the double, double quick, post haste, posthaste, look sharp, look \
    lively, hop to it, jump to it, snap to it, step on it, make it snappy, make it quick, make \
    haste, be quick about it, be quick, get a move on, hurry up, quick smart, quick march, as \
    quick as you can, as soon as you can, quick as you can, sharpish, smartish";
/// Whom it is said to. Before the order, such a one may be he who does it: "my friend opens it".
const ADDRESSES: Runs = "\
    ladies and gentlemen, boys and girls, lads and lasses, dear chap, dear friend, dear sir, \
    good sir, kind sir, dear lady, good lady, good woman, young man, young lady, old chap, old \
    boy, old man, old girl, old bean, old friend, old son, my good man, my good fellow, my \
    good friend, my dear fellow, my dear, my friend, my love, my lad, my boy, my darling, \
    madam, ma'am, miss, missus, mister, guv, guvnor, governor, gov, matey, mates, pet, hun, \
    babe, petal, poppet, sweetie, chum, fella, fellas, lads, lass, amigo, y'all, you lot";
/// What says only how the one feels who speaks.
const CURSES: List = "\
    damn damned goddamn darn darned bloody blasted flipping freaking wretched blooming awful \
    annoying";
/// What says that it is so again.
const AGAIN: Runs = "once more, once again";
/// What may stand before such a call where it begins the order: nothing that makes it a time.
const BEFORE_A_CALL: List = "please now hey oi hello hi ok okay right well so and come on yes yo";
/// What makes of a run at the end a part of what is said: "from this minute", "to the fella".
const LEADING: List = "\
    from since by in of for until till after before not no with to and or than the a an this \
    that his her their our is are was were as like";
/// "Be a dear and …": how the one is who is asked, and what he is called.
const GOOD: List = "good real dear proper absolute total kind nice true perfect right";
const KIND: List = "\
    dear darling angel love star gem treasure sweetheart sweetie pal mate friend sport chap \
    lad girl boy fellow man woman brick champ champion hero saint duck pet sweet";
/// Who may stand before that; "I'll be a dear" promises.
const ASKED: List = "you please so and just kindly now then";

impl Said {
    /// Counts what is only polite or urgent, and whoever is spoken to, as accounted for.
    pub(super) fn take_courtesy(&mut self) {
        self.take_be_a_dear();
        self.take_already();
        self.take_greeting();
        self.take_curses();
        self.take_would_you_mind();
        for run in THANKS.split(", ") {
            self.take_at_the_edge(run, false);
        }
        for run in ADDRESSES.split(", ") {
            self.take_at_the_edge(run, false);
        }
        for run in URGENT.split(", ") {
            self.take_at_the_edge(run, true);
        }
        for run in COURTESY.split(", ") {
            if !(run.starts_with("if you") && self.is_of_somebody(run)) {
                self.take_run(run);
            }
        }
    }

    /// "If you please the boss": a condition, and no courtesy.
    fn is_of_somebody(&self, run: &str) -> bool {
        let Some(at) = self.run_at(run) else { return false };
        let end = at + run.split(' ').count();
        let same = self.parts.get(end) == Some(&self.parts[end - 1]);
        same && (run == "if you please" || has("the my our your his her their a an", self.raw(end)))
    }

    /// "Morning dear, …", "evening all, …".
    fn take_greeting(&mut self) {
        let whom = "dear all everyone everybody folks mate boss love team guys lads";
        let end = 1 + usize::from(has(whom, self.raw(1)));
        let greets = has("morning evening afternoon", self.raw(0));
        if greets && self.parts.get(end).is_some_and(|part| *part != self.parts[0]) {
            self.done[..end].fill(true);
        }
    }

    /// The first word, where it is a verb of orders.
    fn first_order(&self) -> Option<&str> {
        let first = self.words.iter().find(|word| !has(BEFORE_A_CALL, word))?;
        [ON, OFF, SETTING].iter().any(|list| has(list, first)).then_some(first)
    }

    /// "That damn speaker". Alone, it complains.
    fn take_curses(&mut self) {
        if self.first_order().is_none() || self.words.iter().any(|word| word == "again") {
            return;
        }
        for at in 1..self.words.len() {
            let here = has("the that this those these", &self.words[at - 1]);
            let here = here && self.parts.get(at + 1) == Some(&self.parts[at]);
            self.done[at] |=
                here && has(CURSES, &self.words[at]) && !self.names.has(&self.words[at]);
        }
    }

    /// "Would you mind leaving the lamp on": the verb as an order has it.
    fn take_would_you_mind(&mut self) {
        let runs = ["would you mind", "do you mind", "how about"];
        let Some(at) = runs.iter().find_map(|run| Some(self.run_at(run)? + run.split(' ').count()))
        else {
            return;
        };
        let stem = self.word(at).strip_suffix("ing").unwrap_or_default();
        let whole = [stem.to_owned(), format!("{stem}e")];
        let lists = [ON, OFF, SETTING, "keep leave let give bring take raise"];
        let verb = whole.into_iter().find(|verb| lists.iter().any(|list| has(list, verb)));
        if let Some(verb) = verb {
            self.words[at] = verb;
        }
    }

    /// "Silence it already": impatience at the end of what begins as an order. "It is off already"
    /// tells.
    fn take_already(&mut self) {
        let orders = self.first_order().is_some_and(|word| !has("on off open closed", word));
        let last = self.words.len().saturating_sub(1);
        if self.word(last) == "already" && orders {
            self.done[last] = true;
        }
    }

    /// "Once more" at the end of a part says "again"; "once more people come" is a condition.
    pub(super) fn take_again(&mut self) {
        for run in AGAIN.split(", ") {
            let Some(at) = self.run_at(run) else { continue };
            let end = at + 2 + usize::from(has("please thanks now", self.word(at + 2)));
            let ends = self.parts.get(end) != Some(&self.parts[at]);
            let bounded = at > 0 && has("only just not never for but don't", self.raw(at - 1));
            if ends && !bounded {
                self.done[at..at + 2].fill(true);
            }
        }
    }

    /// Takes a run that ends a part between commas or, where `first` says so, begins the text.
    fn take_at_the_edge(&mut self, run: &str, first: bool) {
        let Some(at) = self.run_at(run) else { return };
        // A governor may be a device.
        if run.split(' ').any(|word| self.names.has(word)) {
            return;
        }
        let end = at + run.split(' ').count();
        let ends = self.parts.get(end) != self.parts.get(end - 1);
        let more = self.words.get(end).is_some_and(|word| has("please then now", word));
        let ends = ends || (more && self.parts.get(end + 1) != self.parts.get(end));
        let begins = first && self.words[..at].iter().all(|word| has(BEFORE_A_CALL, word));
        let alone = at == 0 || self.parts[at - 1] != self.parts[at];
        // "From this minute", "not this instant", "for my friend": a part of what is said.
        let led = |word: &str| has(LEADING, word) || word.ends_with("n't");
        if (begins || (ends && (alone || !led(self.raw(at - 1))))) && self.is_one_part(at, end) {
            self.done[at..end].fill(true);
        }
    }

    fn is_one_part(&self, begin: usize, end: usize) -> bool {
        self.parts[begin] == self.parts[end - 1]
    }

    /// "Be a dear and", "so be a good chap and".
    fn take_be_a_dear(&mut self) {
        for at in 0..self.words.len() {
            let mut end = at + 2;
            if self.word(at) != "be" || !has("a an my", self.word(at + 1)) {
                continue;
            }
            end += usize::from(has(GOOD, self.word(end)) && has(KIND, self.word(end + 1)));
            if !has(KIND, self.word(end)) {
                continue;
            }
            end += 1;
            let joined = self.word(end) == "and";
            let ends = self.parts.get(end) != self.parts.get(end - 1);
            let begins = at == 0 || self.parts[at - 1] != self.parts[at];
            if (joined || ends) && (begins || has(ASKED, self.raw(at - 1))) {
                self.done[at..end + usize::from(joined)].fill(true);
            }
        }
    }
}
