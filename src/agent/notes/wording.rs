//! The words of a note made plain before it is read: signs into words, phrases of several words
//! into one. And the lists of words that `wish` and `said` look for. What must never be here: what
//! a note means.

use crate::agent::spoken::has;

/// Words, with a blank between them.
pub(super) type List = &'static str;

/// Words that turn round what follows.
pub(super) const NOT: List = "\
    not no never don't dont without avoid nor neither isn't mustn't shouldn't can't cannot won't \
    aren't doesn't forbid ban nobody didn't wouldn't couldn't wasn't weren't hasn't haven't \
    hadn't needn't shan't isnt arent doesnt didnt cant wont mustnt shouldnt wouldnt neednt";
/// Behind a name and a `not`: it is not wanted. Of anything else, such as `not loud`, nothing is
/// said.
pub(super) const ACTS: List = "\
    used use run start started operate operated operating working taken wanted allowed permitted \
    needed touch touched move moved open opened good option ideal suitable recommended advisable \
    welcome necessary required supposed lit light activated activate engaged employed employ \
    running burn burning interfere moving tolerated acceptable switch turn put happen anywhere \
    thanks pls please today now here ok okay chosen considered longer blow heat cool pump \
    cooling heating pumping drying humming intended meant designed made";
/// Before or behind a name: to take it would be no good.
pub(super) const SENSELESS: List = "pity shame mistake pointless useless senseless unwise futile";
/// Before a name: it is wanted.
pub(super) const TAKES: List = "\
    use uses using take takes taking employ employing prefer preferably rather favour favor \
    choose choosing pick want run running only with by open opening start starting select try \
    engage operate sooner";
/// Before a name, behind another one: the other one is wanted more.
pub(super) const BEHIND: List = "than over before to";
/// Before a `than`: what stands before it is wanted more.
pub(super) const BETTER: List = "\
    rather better sooner preferable preferably more safer fonder happier instead nicer other \
    less";
/// Before `of` and a name: it is not wanted.
pub(super) const INSTEAD: List = "instead place lieu";
/// Before a name that one of [`RESTS`] follows.
pub(super) const LEAVES: List = "\
    leave leaves leaving keep keeps keeping let have spare give giving switch turn shut put";
/// Before a name: it is not wanted, whatever follows.
pub(super) const SPARES: List = "\
    avoid avoiding spare skip skipping stop forbidden sparing refrain refrained refraining drop \
    forget close shut replace";
/// Behind a name: it is not wanted.
pub(super) const RESTS: List = "\
    off shut closed alone rest rests forbidden banned taboo idle out sleep sleeps itself spared \
    avoided skipped stopped omitted excluded barred prohibited disallowed parked unused \
    refrained untouched unwanted unwelcome undesirable wait waits pause pauses yields yield \
    avoid unplugged";
/// Behind a name that has to be so: it is not wanted.
pub(super) const QUIET: List = "silent quiet still asleep cold dark standing";
/// Before one of [`QUIET`].
pub(super) const MUST: List = "must should shall to stay stays staying remain remains kept keep be";
/// Behind a name: it is not wanted, where no noun follows.
pub(super) const SECONDS: List = "\
    second last backup back-up fallback reserve standby stand-by emergency emergencies \
    afterwards later lastly next third";
/// Behind a name: it is wanted.
pub(super) const SERVES: List = "\
    first enough does do suffices suffice better preferred preferable used taken instead rather \
    wanted allowed runs run use works serve serves best priority precedence preference leads \
    leading favourite sufficient";
/// Between words that matter.
pub(super) const FILLERS: List = "\
    the a an any our its this that these please is are be to must should shall may has have \
    stays stay staying remains remain needs need can could will would it and then also kept left \
    ought always ever even just really i'd like i we on switched turned touched both either \
    comes come goes go for up at all work simply one being in of kindly us me hear see well \
    quite perfectly given gets get got takes take own its absolutely completely totally strictly \
    definitely we'd there's lovely let's you";
/// Stands for a phrase by which a device is only for the case that another does not suffice.
pub(super) const LASTLY: &str = "lastly";

/// Phrases, and the word that says the same; the first word of a phrase with `~` in any form but
/// that of the past. Longer ones first.
pub(super) const PHRASES: &[(&str, &str)] = &[
    // Wanted, before a name.
    ("change~ over to the use of", "use"),
    ("make~ use of", "use"),
    ("switch~ over to", "use"),
    ("change~ over to", "use"),
    ("give~ preference to", "use"),
    ("give~ priority to", "use"),
    ("give~ precedence to", "use"),
    ("leave~ it to", "use"),
    ("leave~ that to", "use"),
    ("leave~ this to", "use"),
    ("in favour of", "use"),
    ("in favor of", "use"),
    ("go~ for", "use"),
    ("go~ with", "use"),
    ("opt~ for", "use"),
    ("stick~ to", "use"),
    ("stick~ with", "use"),
    ("stay~ with", "use"),
    ("keep~ to", "use"),
    ("rely~ on", "use"),
    ("count~ on", "use"),
    ("turn~ to", "use"),
    ("switch~ to", "use"),
    ("change~ to", "use"),
    ("switch~ on", "use"),
    ("turn~ on", "use"),
    ("put~ on", "use"),
    ("start~ up", "use"),
    ("fire~ up", "use"),
    ("had better", "should"),
    ("you'd better", "please"),
    ("we'd better", "please"),
    ("nothing but", "only"),
    ("no one", "nobody"),
    ("no-one", "nobody"),
    ("on board", "aboard"),
    ("out of doors", "outdoors"),
    ("the use of", ""),
    ("the running of", ""),
    ("none but", "only"),
    // Not wanted, before a name.
    ("get~ by without", "avoid"),
    ("get~ along without", "avoid"),
    ("keep~ away from", "avoid"),
    ("stay~ away from", "avoid"),
    ("steer~ clear of", "avoid"),
    ("keep~ clear of", "avoid"),
    ("hold~ off with", "avoid"),
    ("hold~ off on", "avoid"),
    ("hold~ back with", "avoid"),
    ("hold~ off", "avoid"),
    ("keep~ your hands off", "avoid"),
    ("keep~ hands off", "avoid"),
    ("hands off", "avoid"),
    ("manage~ without", "avoid"),
    ("do~ without", "avoid"),
    ("forget~ about", "avoid"),
    ("lay~ off", "avoid"),
    ("no point in", "avoid"),
    ("no point", "avoid"),
    ("no sense in", "avoid"),
    ("little point in", "avoid"),
    ("no use", "avoid"),
    ("not worth", "avoid"),
    ("isn't worth", "avoid"),
    ("never mind", "avoid"),
    ("shut~ down", "stop"),
    ("shut~ off", "stop"),
    ("switch~ off", "stop"),
    ("turn~ off", "stop"),
    // Not wanted, between two names.
    ("as a replacement for", "instead of"),
    ("as a substitute for", "instead of"),
    ("as opposed to", "instead of"),
    ("in preference to", "instead of"),
    ("in the place of", "instead of"),
    ("in place of", "instead of"),
    ("in lieu of", "instead of"),
    ("in front of", "before"),
    ("ahead of", "before"),
    ("prior to", "before"),
    ("take~ over from", "before"),
    ("stand~ in for", "before"),
    ("win~ over", "before"),
    ("beat~", "before"),
    ("give~ way to", "yields"),
    ("make~ way for", "yields"),
    ("take~ second place to", "yields"),
    // Wanted, behind a name.
    ("right of way", "priority"),
    ("first call", "priority"),
    ("first choice", "first"),
    ("first pick", "first"),
    ("number one", "first"),
    ("no 1", "first"),
    ("top of the list", "first"),
    // Not wanted, behind a name.
    ("out of the question", "forbidden"),
    ("out of bounds", "forbidden"),
    ("off limits", "forbidden"),
    ("off-limits", "forbidden"),
    ("no go", "forbidden"),
    ("no-go", "forbidden"),
    ("plan b", "second"),
    // Only where another does not suffice.
    ("if nothing else will do", LASTLY),
    ("when nothing else will do", LASTLY),
    ("if nothing else works", LASTLY),
    ("when nothing else works", LASTLY),
    ("if nothing else helps", LASTLY),
    ("if all else fails", LASTLY),
    ("when all else fails", LASTLY),
    ("if it has to be", LASTLY),
    ("if it must be", LASTLY),
    ("if need be", LASTLY),
    ("if really needed", LASTLY),
    ("if really necessary", LASTLY),
    ("if absolutely necessary", LASTLY),
    ("if needed", LASTLY),
    ("if necessary", LASTLY),
    ("when needed", LASTLY),
    ("in an emergency", LASTLY),
    ("in emergencies", LASTLY),
    ("as a last resort", LASTLY),
    ("as last resort", LASTLY),
    ("the last resort", LASTLY),
    ("as a backup", LASTLY),
    ("as a back-up", LASTLY),
    ("as backup", LASTLY),
    ("as a fallback", LASTLY),
    ("as fallback", LASTLY),
    ("as a reserve", LASTLY),
    ("as reserve", LASTLY),
    ("in reserve", LASTLY),
    ("as a spare", LASTLY),
    ("as a standby", LASTLY),
    ("as standby", LASTLY),
    ("as second choice", LASTLY),
    ("as a second choice", LASTLY),
    // Nothing that a condition could be made of.
    ("until further notice", ""),
    ("till further notice", ""),
    ("for the time being", ""),
    ("for the moment", ""),
    ("for now", ""),
    ("from now on", ""),
    ("at all times", ""),
    ("all the time", ""),
    ("day and night", ""),
    ("night and day", ""),
    ("around the clock", ""),
    ("round the clock", ""),
    ("at any time", ""),
    ("any time", ""),
    ("any day", ""),
    ("any more", ""),
    ("as a rule", ""),
    ("as a general rule", ""),
    ("in general", ""),
    ("if at all possible", ""),
    ("if possible", ""),
    ("if you can", ""),
    ("if you please", ""),
    ("if you would", ""),
    ("if you don't mind", ""),
];
/// Before a phrase whose first word is then no verb: `the switch on the fan`.
const NOUN_LEADS: List = "the a an its this that each every my our your of new main";

/// The word that stands for a phrase which begins the words, and how many of them it takes.
pub(super) fn phrase(words: &[String], before: Option<&str>) -> Option<(&'static str, usize)> {
    let fits = |phrase: &str| {
        let mut parts = phrase.split(' ').zip(words);
        let length = phrase.split(' ').count();
        let same = parts.all(|(part, word)| match part.strip_suffix('~') {
            Some(stem) => is_form(word, stem) && before.is_none_or(|it| !has(NOUN_LEADS, it)),
            None => word == part,
        });
        (same && length <= words.len()).then_some(length)
    };
    PHRASES.iter().find_map(|(phrase, word)| Some((*word, fits(phrase)?)))
}

/// Whether a word is a verb's plain form, its third person or its `-ing`.
fn is_form(word: &str, stem: &str) -> bool {
    let Some(rest) = word.strip_prefix(stem) else {
        let silent = stem.strip_suffix('e').and_then(|bare| word.strip_prefix(bare));
        let third = stem.strip_suffix('y').and_then(|bare| word.strip_prefix(bare));
        return silent == Some("ing") || third == Some("ies");
    };
    let doubled = stem.chars().last().and_then(|last| rest.strip_prefix(last));
    matches!(rest, "" | "s" | "es" | "ing") || doubled == Some("ing")
}

/// Signs of a note as words: `> 8` is `above 8`, `22-6` is `22 to 6`, `Mon - Fri` is `Mon to Fri`.
pub(super) fn plain(note: &str) -> String {
    let note = note.replace("p.m.", "pm").replace("a.m.", "am");
    let note =
        note.replace("-free", " free").replace("-->", "→").replace("->", "→").replace("=>", "→");
    let mut out = String::with_capacity(note.len() + 16);
    for (at, sign) in note.char_indices() {
        let rest = &note[at + sign.len_utf8()..];
        match sign {
            '>' if !rest.starts_with('=') => out.push_str(" above "),
            '<' if !rest.starts_with('=') => out.push_str(" below "),
            '&' => out.push_str(" and "),
            '-' | '–' | '—' if is_span(&out, rest) => out.push_str(" to "),
            _ => out.push(sign),
        }
    }
    out
}

/// Whether a dash between these is a `to`.
fn is_span(before: &str, rest: &str) -> bool {
    let (before_bare, rest_bare) = (before.trim_end(), rest.trim_start());
    if (before_bare.len() == before.len()) != (rest_bare.len() == rest.len()) {
        return false;
    }
    let mut words = before_bare.split_whitespace().rev().map(str::to_lowercase);
    let last = words.next().unwrap_or_default();
    let next = rest_bare.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
    let next = next.to_lowercase();
    let digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let day = |text: &str| {
        let week = "monday tuesday wednesday thursday friday saturday sunday";
        let bare = text.trim_end_matches(['.', 's']);
        (2..=9).contains(&bare.len()) && week.split(' ').any(|one| one.starts_with(bare))
    };
    let time = digit(&last)
        || (["am", "pm", "h", "o'clock"].contains(&&*last)
            && words.next().is_some_and(|it| digit(&it)));
    (time && (digit(&next) || ["noon", "midnight"].contains(&&*next))) || (day(&last) && day(&next))
}
