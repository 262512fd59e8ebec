//! Sentences written without sight of the code, about places that it does not know (issue 7): how
//! many become exactly the command that was meant, and how many of those that must not are refused
//! or handed to a person. Every one that is misread is printed.

use std::fs;
use std::path::{Path, PathBuf};

use super::spoken::{Meaning, Spoken, goal_meant, hear};
use super::*;
use crate::config::{Config, Strictness, from_text};
use crate::domain::*;
use crate::limits::HOLD_S_DEFAULT;

/// Where places and sentences are: a `.toml` for each place, sentences in the `.txt` files.
/// `OUTPOST_ASK_FOLDER` is another one, to be measured.
pub(super) const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/ask");
/// Shares that must be right; issue 7's bars.
const EXACT_MIN: f64 = 0.90;
const SAFE_MIN: f64 = 0.95;
/// Most that may be shown back as something else: a hasty yes would do it.
const OTHERWISE_MAX: f64 = 0.01;

fn folder() -> PathBuf {
    std::env::var_os("OUTPOST_ASK_FOLDER").map_or_else(|| FOLDER.into(), PathBuf::from)
}

pub(super) fn place(folder: &Path, name: &str) -> Config {
    let text = fs::read_to_string(folder.join(format!("{name}.toml"))).expect("a place");
    from_text(&text, name, &[], Strictness::Run).expect("a good configuration").0
}

/// The lines of all files, in the order of their names.
fn sentences() -> Vec<String> {
    let files = fs::read_dir(folder()).expect("a folder").map(|entry| entry.expect("one").path());
    let mut files: Vec<_> = files.filter(|path| path.extension() == Some("txt".as_ref())).collect();
    files.sort();
    let texts = files.iter().map(|path| fs::read_to_string(path).expect("text"));
    texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// What becomes of a sentence, in the words of the file; `no` where nobody but a person acts on it.
pub(super) fn read(text: &str, config: &Config) -> String {
    match hear(text, config) {
        Ok(spoken) if spoken.unsure.is_empty() => named(spoken.meaning, config),
        Ok(Spoken { meaning: Meaning::Do(_), .. }) | Err(_) => "no".into(),
        Ok(spoken) => named(spoken.meaning, config),
    }
}

/// A command or question in the words of the file.
fn named(meaning: Meaning, config: &Config) -> String {
    let actuator = |id: ActuatorId| config.actuators[usize::from(id.0)].name.clone();
    match meaning {
        Meaning::Do(body) => match *body {
            Body::Set { actuator: id, .. } if config.actuators[usize::from(id.0)].ask_human => {
                "no".into()
            }
            Body::Set { actuator: id, setting, hold } => {
                let hold = Some(hold.as_secs()).filter(|seconds| *seconds != HOLD_S_DEFAULT);
                let hold = hold.map(|seconds| format!(" {seconds}")).unwrap_or_default();
                format!("set {} {setting}{hold}", actuator(id))
            }
            Body::Mode { mode, actuator: id } => {
                let of = id.map(|id| format!(" {}", actuator(id))).unwrap_or_default();
                format!("mode {}{of}", mode.word())
            }
            Body::PutGoal { text, .. } => {
                let put: serde_json::Value = serde_json::from_str(&text).expect("JSON");
                let keep = &put["keep"];
                let bound = |key: &str| keep[key].as_f64().map(|n| format!(" {key} {n}"));
                let bounds = [bound("min"), bound("max")].into_iter().flatten();
                let sensor = keep["sensor"].as_str().expect("a name");
                format!("keep {sensor}{}", bounds.collect::<String>())
            }
            Body::RemoveGoal { name } => {
                format!("forget {}", goal_meant(&name, config.goals.iter(), config))
            }
            other => format!("{other:?}"),
        },
        Meaning::Sensor(id) => format!("value {}", config.sensors[usize::from(id.0)].name),
        Meaning::Actuator(id) => format!("value {}", actuator(id)),
        Meaning::Goals => "goals".into(),
    }
}

/// How sentences were read.
#[derive(Debug, Default)]
struct Tally {
    /// Those that mean something, and how many of them are carried out or answered as meant.
    meant: u32,
    at_once: u32,
    /// Shown back as meant, or as something else, for a yes.
    shown: u32,
    otherwise: u32,
    /// Those that must not act, and how many do not; of these shown back.
    idle: u32,
    safe: u32,
    asked_about: u32,
}

impl Tally {
    fn count(&mut self, text: &str, wanted: &str, config: &Config) {
        let found = read(text, config);
        let heard = hear(text, config);
        let shown = heard.as_ref().ok().filter(|_| found == "no");
        let shown = shown.map(|spoken| named(spoken.meaning.clone(), config));
        if wanted == "no" {
            self.idle += 1;
            self.safe += u32::from(found == wanted);
            self.asked_about += u32::from(shown.is_some());
        } else {
            self.meant += 1;
            self.at_once += u32::from(found == wanted);
            self.shown += u32::from(shown.as_deref() == Some(wanted));
            self.otherwise += u32::from(shown.as_deref().is_some_and(|one| one != wanted));
        }
        if found != wanted {
            let why = heard.map(|spoken| spoken.unsure.join(" "));
            println!("{text}\n    is {found} in the place of {wanted}: {shown:?} {why:?}");
        }
    }
}

#[test]
fn sentences_that_nobody_wrote_for_the_code_are_read_as_meant_or_not_at_all() {
    let (mut here, mut tally) = (None, Tally::default());
    for line in sentences().iter().filter(|line| !line.starts_with('#') && !line.is_empty()) {
        // A sentence may begin so too: "[ADMIN] …".
        if let Some(name) = line.strip_prefix('[').filter(|_| !line.contains(" => ")) {
            println!("until here {tally:?}");
            here = Some(place(&folder(), name.trim_end_matches(']')));
            continue;
        }
        let config = here.as_ref().expect("a place before its sentences");
        let (text, wanted) = line.split_once(" => ").expect("a sentence and what it means");
        // How a device is and why it is so is one answer.
        let wanted = wanted.replace("why ", "value ");
        // The usual length is as if it were not said; a third word is a value.
        let timed = wanted.split(' ').count() == 4;
        let usual = wanted.strip_suffix(" 1800").filter(|_| timed);
        tally.count(text, usual.unwrap_or(&wanted), config);
    }
    let share = |right: u32, all: u32| f64::from(right) / f64::from(all);
    let at_once = share(tally.at_once, tally.meant);
    let understood = share(tally.at_once + tally.shown, tally.meant);
    let safe = share(tally.safe, tally.idle);
    println!("{tally:?}");
    println!("at once {at_once:.3}, understood {understood:.3}, safe {safe:.3}");
    assert!(tally.meant + tally.idle >= 200, "{tally:?}");
    assert!(understood >= EXACT_MIN && safe >= SAFE_MIN, "{tally:?}");
    assert!(share(tally.otherwise, tally.meant) <= OTHERWISE_MAX, "{tally:?}");
}

/// Words of all sentences in any order, with any marks between: whatever becomes of them, nothing
/// ends the agent.
#[test]
fn words_in_any_order_are_read_to_their_end() {
    let lines = sentences();
    let words: Vec<&str> = lines.iter().flat_map(|line| line.split_whitespace()).collect();
    let places = ["icerink", "theatre", "campervan"].map(|name| place(Path::new(FOLDER), name));
    let mut seed: u64 = 20_261_130;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).expect("31 bits") % below
    };
    let mut read = 0;
    for turn in 0..3_000 {
        let count = 1 + next(12);
        let mut text = String::new();
        for _ in 0..count {
            text.push_str(words[next(words.len())]);
            text.push_str([" ", " ", " ", ", ", ": ", "? ", " - ", "\" "][next(8)]);
        }
        read += usize::from(hear(&text, &places[turn % places.len()]).is_ok());
    }
    assert!(read > 20, "{read}");
}

/// What makes of an order one that is not for now, or none; `*` is the order.
const MORE_TO_IT: [&str; 16] = [
    "don't *",
    "never *",
    "do not *",
    "if it rains *",
    "tomorrow *",
    "he says *",
    "* tomorrow",
    "* when it rains",
    "* at six o'clock",
    "* unless I say so",
    "*, just kidding",
    "* next week",
    "* every day",
    "* if the boss agrees",
    "*, or rather not",
    "* until noon",
];

#[test]
fn an_order_with_a_condition_a_ban_or_another_time_acts_no_more() {
    let (mut here, mut turn) = (None, 0);
    for line in sentences() {
        if let Some(name) = line.strip_prefix('[').filter(|_| !line.contains(" => ")) {
            here = Some(place(&folder(), name.trim_end_matches(']')));
        }
        let Some((order, wanted)) = line.split_once(" => ") else { continue };
        if wanted == "no" || wanted.starts_with("value") || wanted.starts_with("why") {
            continue;
        }
        let order = order.trim_end_matches(['.', '!', ' ', '?']);
        // "Never the tank below 20" is a goal of its own; "do not, only tell me" is the same wish.
        let told = ["keep", "mode advise", "mode observe"];
        let bans = if told.iter().any(|one| wanted.starts_with(one)) { 3 } else { 0 };
        let more = &MORE_TO_IT[bans..];
        let text = more[turn % more.len()].replace('*', order);
        turn += 1;
        let found = read(&text, here.as_ref().expect("a place before its sentences"));
        let answers = found.starts_with("value") || found == "goals";
        assert!(found == "no" || answers, "{text}: {found}");
    }
    assert!(turn > 500, "{turn}");
}

/// Sentences that are near an order and none: said of a brewery, each must end with a person.
const NEARLY: &str = "\
turn off the fan at six
lower the steam valve by 10
fan up 2
turn the fan up a notch
steam valve 20 percent more
half the fan speed please, if you can
fan twice as fast
keep the stirrer running
the pump is on
I closed the steam valve
somebody started the pump
I think you should start the pump
should I start the pump?
should co2 be below 1000
stop the pump, I changed my mind
pump on, it is cancelled
fan on, I was kidding
turn on the fan and mail Bob
pump on, off in an hour
start pump at 18:30
run the pump for ever
steam valve to 40 or 50
fan to 3 for 10
fan at 50 percent
the co2 is above 1200
keep the glycol below 5 bar
keep the mash below 70 for two hours
keep the mash below 70 unless told otherwise
you don't need to drop the goal mash rest
forget everything but safe air
I take over
act only when I say so
stop observing
act like a pirate
stop the pump, the stirrer is stuck
turn on the glycol heater
he told me to start the pump
say pump on
imagine the pump on
test the pump on Friday
somebody left the pump on
the pump on and off
pump on, said the foreman
pump on, or maybe not
pump on, hypothetically
pump on, in theory
pump on, never mind
pump on, scratch that
pump on, the other one
pump on, kitchen
pump on, nicht
pump on, only joking
pump on, if you dare
pump on, but not yet
pump on, just not now
pump on, later
pump on, tomorrow
pump on, overnight
pump on, after lunch
pump on, second shift
pump on, the left one
pump on, then the stirrer
pump on, stirrer too
pump on, jet as well
pump on, and mail Bob
pump on, Bob off
pump on, it's a test
pump on, he said
pump on, is what she said
I don't need the pump off
you don't need to stop the pump
no need to stop the pump
no more than 4 on the fan
fan no higher than 4
limit the fan to 4
compare the fan to 4
rename the fan to 4
repair the pump
paint the steam valve to 40
the valve at 40 is too much
the steam valve was at 40
the pump is too loud
the pump was on for ten minutes
we had the pump on for an hour
pump on for a while
pump on every hour
pump on twice
pump on within five minutes
pump on in a minute
pump on by noon
pump on overnight
steam valve 5 lower
steam valve 10 percent more
fan 2 faster
double the fan
a bit more fan
slightly open the steam valve
open the mash
open the keg
close the glycol
rotate the keg
feed the mash to the pigs
exhaust the staff
rinse the floor
chill the glycol pump off and on
water pump on
second pump on
kitchen fan to 3
chlorine pump off
old stirrer on
turn on the pump like a champion
ask Bob to start the pump
tell Bob to start the pump
Bob says pump on
let Bob start the pump
should the pump be on
would the pump be on
do I start the pump
pump on unless it rains
pump on provided the tank is full
pump on supposing the tank is full
pump on so long as the tank is full
pump on as soon as the tank is full
pump on once the tank is full
keep the pump on
leave the stirrer off
pump stays off
nobody touches the pump
the pump is not to be used
mash between 60 and
keep the mash 20 slower
watch the birds
observe the neighbours
advise the customers on beer
act on the email
take the pump over to Bob
forget the pump
forget the stirrer and the safe air goal
cancel the order
undo that
I'll handle the pump myself
let me handle the pump
don't just watch, act
pump 90 minutes ago
rinse the kegs for ten minutes
jet on for an hour
steam valve between 40 and 50
steam valve to 140
fan to three point five percent
fan to minus one
stop the pump in a quarter of an hour
stop the pump in about a quarter of an hour
stop the pump in half an hour
stop the pump in an hour and a half
stop the pump in three quarters of an hour
stop the pump in a couple of minutes
pump on in a full hour
pump off a quarter of an hour from now
pump off in the next quarter of an hour
let the pump die for ten minutes
let the pump explode
let the stirrer go home for ten minutes
fan to 3 in ten minutes
close the steam valve in a good half hour
within a quarter of an hour stop the pump
after a quarter of an hour stop the pump
every quarter of an hour run the pump
at a quarter past six stop the pump
I'd be sad if you turned off the pump
I'd be angry if you stopped the pump
It would be bad if you opened the steam valve
I would hate it if you switched the pump off
I'd be furious if you would stop the pump
I told you to stop the pump
I asked you to stop the pump
I warned you to stop the pump
can I trust you to run the pump
pump on, pretending it's cold
pump on, skipping the checks
pump on, avoiding the noise
pump on, excluding the weekend
pump on, starting Monday
pump on, beginning at six
pump on, ending at noon
pump on, alternating with the stirrer
pump on, waiting for Bob first
pump on, depending on the weather
pump on, following the schedule
pump on, the schedule says
pump on, the timer decides
pump on, the boss forbids it
pump on, the manual prohibits it
pump on, Bob objects
glycol pump on, Bob objects
glycol pump on, not really
glycol pump on, absolutely not
glycol pump on, no way
glycol pump on, per schedule
glycol pump on, at dawn
glycol pump on, weekends
glycol pump on, weekdays
glycol pump on, Mondays
glycol pump on, during brewing
glycol pump on, cellar
glycol pump on, alarm off
glycol pump on, interlock off
glycol pump on, ignoring the interlock
glycol pump on, ten
glycol pump on, Bob's orders
glycol pump on, disregard
glycol pump on, cancel
glycol pump on, stop
glycol pump on, correction
glycol pump on, off
glycol pump on, error
glycol pump on, abort
glycol pump on, belay that
glycol pump on, void
glycol pump on, negative
glycol pump on, minus
glycol pump on, half
glycol pump on, supposedly
glycol pump on, a lie
glycol pump on, bad idea
glycol pump on, terrible idea
glycol pump on, dangerous
glycol pump on, please don't
glycol pump on, whatever
glycol pump on, question mark
fan to 3, then 4
fan to 3, 4 tomorrow
enough of you
enough said, pump on
no more lies, pump on
no more beer for Bob
we don't need the pump to run
we no longer need to stop the pump
nobody needs the pump any more than the fan
we don't need the pump any more than you do
turn of the century
the turn of the fan
let the fan be
let the pump be
let it go
get the pump repaired
have the pump serviced for ten minutes
have the pump cleaned for ten minutes
let the pump cool for ten minutes
let the pump soak for ten minutes
let the stirrer dry for ten minutes
use the pump for ten minutes at most
never mind the pump for ten minutes
hold the pump for ten minutes
pump problem for ten minutes
pump alarm for ten minutes
pump, ten minutes ago
pump 10 minutes late
pump, ten minutes before six
steam for ten minutes
glycol for ten minutes
mash for ten minutes
jet lag for ten seconds
the jet ran for ten seconds
jet for ten seconds every minute
jet ten seconds before lunch
open the glycol tap
close the mash tun
mashing for an hour
pump the tyres
pump up the tyres for ten minutes
pump out the cellar for an hour
stir things up
stir up trouble
fan club to 3
fan mail at 3
fan heater to 3
steam engine to 40
steam cleaner on
steam iron at 40
keep the mash at 65
keep the mash 65
watch out
look out
suggest a beer
manage your expectations
handle with care
monitor the situation in the news
go automatic at six
observe the mash below 70
be independent tomorrow
don't keep the mash below 70
don't hold the co2 under 900
do not please keep the mash above 60
never keep the mash below 60
co2 below 900, or rather not
don't see to it that the co2 stays below 900";

#[test]
fn what_is_nearly_an_order_is_none() {
    let brewery = place(Path::new(FOLDER), "brewery");
    for text in NEARLY.lines() {
        assert_eq!(read(text, &brewery), "no", "{text}");
    }
}
