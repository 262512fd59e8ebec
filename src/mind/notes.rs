//! Asks the model less at a time: where a decision comes in parts (facts, devices with their
//! effects, notes), code does what is arithmetic and logic, and the model is left with one small
//! question for each note that names devices which would do equally well.
//!
//! What is out of its band and which devices mend it is in the words of the facts (`low`, `high`)
//! and of the effects (`raises`, `lowers`). Nothing out of its band: nothing to do. One device
//! mends it: that one. None: a person. Several: each note that names one of them is put to the
//! model in pieces, which code puts together again.
//!
//! ```text
//! Note: At night prefer the vent to the fan, it is quiet.
//! Now: it is night.                          yes: this fact says that the condition holds;
//! The condition holds:                       no: that it does not; other: nothing of it
//!
//! If the condition holds, use the            vent
//! If the condition does not hold, use the    fan
//! ```
//!
//! A question that needs both (which device now?) is learned from hardly at all: no single word of
//! it makes either answer likelier. Each of these has words that do, and none depends on all facts
//! at once, so most of them are remembered. `models/train` teaches these very texts. What must
//! never be here: the model itself, I/O.

mod only;

use serde::{Deserialize, Serialize};

use crate::domain::NOTHING;
use crate::limits;

/// A device and what it is known to do: `raises tank level`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Device {
    /// Its name, as notes and candidates say it.
    pub name: String,
    /// `raises` or `lowers`, and the quantity.
    pub effect: String,
}

/// A decision in parts.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a> {
    /// Quantities with their state: `tank level 30 % low, rising`.
    pub facts: &'a [String],
    /// What else is so: `it is night`.
    pub world: &'a [String],
    /// The operator's notes.
    pub notes: &'a [String],
    /// The devices.
    pub devices: &'a [Device],
    /// What could be done: `river pump on`, `do nothing`, `call the keeper`.
    pub candidates: &'a [String],
}

/// What is left of a decision after arithmetic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nothing: this candidate.
    Settled(usize),
    /// Which of several candidates, by what the notes say.
    Notes(ByNotes),
    /// Which of these candidates, no note says: the decision as a whole is put to the model.
    Whole {
        /// Indices of candidates: all of them where the parts say nothing.
        among: Vec<usize>,
    },
}

/// Several candidates that would do, and the notes that name one of their devices.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByNotes {
    /// Indices of candidates.
    pub among: Vec<usize>,
    /// One for each note; at least one.
    pub notes: Vec<NoteAsked>,
}

impl ByNotes {
    /// What to ask where candidates `among` (each with its device's name) would all do; `None`
    /// where no note names one of the devices, or two candidates are of the same device and so
    /// told apart by more than its name. A quantity with its band (`low`, `ok`, `high`) is a matter
    /// of arithmetic: it is asked about where the note names it, and then without its number, which
    /// no small model can judge. Nor are facts beyond [`limits::NOTE_FACTS_MAX`] asked about.
    #[must_use]
    pub fn new(notes: &[String], facts: &[String], among: &[(usize, &str)]) -> Option<Self> {
        let names: Vec<_> = among.iter().map(|(_, name)| *name).collect();
        let alike = names.iter().enumerate().any(|(n, name)| names[..n].contains(name));
        let about = |note: &&String| names.iter().any(|name| says(note, name));
        let is_banded = |fact: &&String| word_of_state(fact).is_some() && fact.contains(", ");
        let (banded, facts): (Vec<_>, Vec<_>) = facts.iter().partition(is_banded);
        let asked_about = |note: &String| {
            let named = banded.iter().filter_map(|fact| bare(fact, note));
            let all = named.chain(facts.iter().map(|fact| (*fact).clone()));
            let all: Vec<String> = all.take(limits::NOTE_FACTS_MAX).collect();
            asked(note, &all, &names)
        };
        let notes: Vec<_> = notes.iter().filter(about).map(asked_about).collect();
        let among = among.iter().map(|(index, _)| *index).collect();
        (!alike && !notes.is_empty()).then_some(Self { among, notes })
    }

    /// Asks all of it and puts it together: the probabilities of so many candidates. `ask` gets a
    /// prefix and a question and gives the probabilities of its candidates, in their order.
    ///
    /// # Errors
    /// The first one of `ask`.
    pub fn answer<E>(
        &self,
        candidates: usize,
        mut ask: impl FnMut(&str, &Question) -> Result<Vec<f32>, E>,
    ) -> Result<Vec<f32>, E> {
        let mut by_note = Vec::new();
        for note in &self.notes {
            let mut of = |question: &Question| ask(&note.prefix, question);
            let facts = note.facts.iter().map(&mut of).collect::<Result<Vec<_>, E>>()?;
            let [holds, fails] = &note.devices;
            let devices = match note.allows {
                Some(device) => only::wanted(device, holds.candidates.len()),
                None => [of(holds)?, of(fails)?],
            };
            by_note.push(note.answered(&facts, &devices));
        }
        Ok(joined(candidates, &self.among, &by_note))
    }
}

/// What is asked about a note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoteAsked {
    /// Stands before each question: the note, which changes seldom.
    pub prefix: String,
    /// One for each fact of now that may speak of the note's condition. Candidates are [`SAYS`].
    pub facts: Vec<Question>,
    /// The device that is wanted where the condition holds, and where it does not. Candidates are
    /// the devices' names, in the order of [`ByNotes::among`].
    pub devices: [Question; 2],
    /// The device that the note only allows, and only where its condition holds: by its words, so
    /// that `devices` are not asked.
    pub allows: Option<usize>,
}

/// A question, after the prefix of its note.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What is so, and the beginning of the answer.
    pub state: String,
    /// What may follow.
    pub candidates: Vec<String>,
}

/// What a fact says of a note's condition: that it holds, that it does not, nothing.
pub const SAYS: [&str; 3] = ["yes", "no", "other"];

/// How far a condition of which no fact speaks is taken to hold and not to hold: notes speak of
/// what is seldom so.
const SILENT: [f32; 2] = [0.02, 0.06];

impl NoteAsked {
    /// Probabilities of the devices' names out of those of all answers, each in the order of its
    /// question's candidates.
    #[must_use]
    pub fn answered(&self, facts: &[Vec<f32>], devices: &[Vec<f32>; 2]) -> Vec<f32> {
        let sum = |says: usize| facts.iter().map(|p| p[says]).sum::<f32>();
        let (yes, no) = (sum(0) + SILENT[0], sum(1) + SILENT[1]);
        let holds = yes / (yes + no);
        devices[0].iter().zip(&devices[1]).map(|(a, b)| holds * a + (1.0 - holds) * b).collect()
    }
}

/// Probability that is left to the candidates that arithmetic rules out, all together: facts may
/// be wrong where words cannot tell.
pub const RULED_OUT: f32 = 0.02;

/// How a candidate begins that calls somebody: cases name other people than [`CALL`] does.
///
/// [`CALL`]: crate::domain::CALL
const CALLS: &str = "call ";

/// Does the arithmetic.
#[must_use]
pub fn narrow(parts: &Parts<'_>) -> Left {
    let whole = || Left::Whole { among: (0..parts.candidates.len()).collect() };
    let gaps: Vec<_> = parts.facts.iter().filter_map(|fact| gap(fact)).collect();
    let known = |fact: &String| gap(fact).is_some() || word_of_state(fact) == Some("ok");
    if parts.facts.is_empty() || !parts.facts.iter().all(known) {
        return whole();
    }
    if gaps.is_empty() {
        return starting(parts.candidates, NOTHING).map_or_else(whole, Left::Settled);
    }
    let mends = |device: &&Device| gaps.iter().any(|gap| gap.mended_by(&device.effect));
    let devices: Vec<_> = parts.devices.iter().filter(mends).collect();
    let mut found: Vec<(usize, &str)> = Vec::new();
    for (index, candidate) in parts.candidates.iter().enumerate() {
        let named = longest_named(candidate, parts.devices);
        if let Some(device) = named.filter(|name| devices.iter().any(|d| d.name == *name)) {
            found.push((index, device));
        }
    }
    match found.as_slice() {
        [] => starting(parts.candidates, CALLS).map_or_else(whole, Left::Settled),
        [(only, _)] => Left::Settled(*only),
        several => ByNotes::new(parts.notes, parts.world, several).map_or_else(
            || Left::Whole { among: several.iter().map(|(index, _)| *index).collect() },
            Left::Notes,
        ),
    }
}

/// The texts that `models/train/notes.py` teaches, to the letter.
fn asked(note: &str, facts: &[String], names: &[&str]) -> NoteAsked {
    let question = |state: String, candidates: &[&str]| Question {
        state,
        candidates: candidates.iter().map(|text| (*text).to_owned()).collect(),
    };
    let fact = |fact: &String| question(format!("Now: {fact}.\nThe condition holds:"), &SAYS);
    let device = |holds: &str| question(format!("If the condition {holds}, use the"), names);
    NoteAsked {
        prefix: format!("Note: {note}\n"),
        facts: facts.iter().map(fact).collect(),
        devices: [device("holds"), device("does not hold")],
        allows: only::allowed(note, names),
    }
}

/// `soil moisture ok` of `soil moisture 41.2 % ok, falling`, where a note names the quantity by one
/// of its words.
fn bare(fact: &str, note: &str) -> Option<String> {
    let name = fact.split(' ').take_while(|word| word.parse::<f64>().is_err());
    let name: Vec<&str> = name.collect();
    let is_named = name.iter().any(|word| word.len() > 2 && says(note, word));
    let state = word_of_state(fact).filter(|_| is_named)?;
    Some(format!("{} {state}", name.join(" ")))
}

/// The probabilities of all candidates, out of each note's probabilities of those `among`:
/// multiplied, since each note is one more voice, and the rest for what is ruled out.
///
/// # Panics
/// Where an answer has not as many probabilities as there are candidates `among`.
#[must_use]
pub fn joined(candidates: usize, among: &[usize], answers: &[Vec<f32>]) -> Vec<f32> {
    let log = |p: f32| p.max(f32::MIN_POSITIVE).ln();
    let sums: Vec<f32> =
        (0..among.len()).map(|n| answers.iter().map(|p| log(p[n])).sum()).collect();
    let most = sums.iter().copied().fold(f32::MIN, f32::max);
    let total: f32 = sums.iter().map(|sum| (sum - most).exp()).sum();
    let ruled_out = candidates - among.len();
    let held = if ruled_out == 0 { 1.0 } else { 1.0 - RULED_OUT };
    let mut p = vec![RULED_OUT / ruled_out.max(1) as f32; candidates];
    for (index, sum) in among.iter().zip(&sums) {
        p[*index] = held * (sum - most).exp() / total;
    }
    p
}

/// A quantity out of its band.
struct Gap<'a> {
    fact: &'a str,
    verb: &'static str,
}

impl Gap<'_> {
    fn mended_by(&self, effect: &str) -> bool {
        let quantity = effect.strip_prefix(self.verb).map(str::trim);
        quantity.is_some_and(|quantity| !quantity.is_empty() && begins_with(self.fact, quantity))
    }
}

fn gap(fact: &str) -> Option<Gap<'_>> {
    let verb = match word_of_state(fact)? {
        "low" => "raises ",
        "high" => "lowers ",
        _ => return None,
    };
    Some(Gap { fact, verb })
}

/// The last word before the first comma that follows it: `low` of `tank level 30 % low, rising`.
fn word_of_state(fact: &str) -> Option<&str> {
    let known = |word: &&str| ["low", "high", "ok"].contains(word);
    fact.split(", ").find_map(|part| part.split(' ').next_back().filter(known))
}

/// The device that a candidate begins with: of two names where one begins with the other, the
/// longer one.
#[must_use]
pub fn longest_named<'a>(candidate: &str, devices: &'a [Device]) -> Option<&'a str> {
    let names = devices.iter().map(|device| device.name.as_str());
    names.filter(|name| begins_with(candidate, name)).max_by_key(|name| name.len())
}

fn starting(candidates: &[String], with: &str) -> Option<usize> {
    candidates.iter().position(|candidate| candidate.to_lowercase().starts_with(with))
}

/// Whether a text begins with these whole words, in whatever case.
fn begins_with(text: &str, words: &str) -> bool {
    let rest = text.get(words.len()..).filter(|_| text.is_char_boundary(words.len()));
    let same = || text[..words.len()].to_lowercase() == words.to_lowercase();
    rest.is_some_and(|rest| !rest.starts_with(char::is_alphanumeric) && same())
}

/// Whether a note says this name in whole words, in whatever case.
#[must_use]
pub fn says(note: &str, name: &str) -> bool {
    let (note, name) = (note.to_lowercase(), name.to_lowercase());
    let apart = |before: &str, after: &str| {
        !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric)
    };
    !name.is_empty()
        && note.match_indices(&name).any(|(at, _)| apart(&note[..at], &note[at + name.len()..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(list: &[&str]) -> Vec<String> {
        list.iter().map(|text| (*text).to_owned()).collect()
    }

    struct Place {
        facts: Vec<String>,
        notes: Vec<String>,
    }

    impl Place {
        fn new(facts: &[&str], notes: &[&str]) -> Self {
            Self { facts: texts(facts), notes: texts(notes) }
        }

        fn left(&self) -> Left {
            let device =
                |name: &str, effect: &str| Device { name: name.into(), effect: effect.into() };
            let devices = [
                device("fan", "lowers air temperature"),
                device("roof vent", "lowers air temperature"),
                device("roof", "lowers light"),
                device("heater", "raises air temperature"),
            ];
            let candidates = texts(&[
                "roof vent on",
                "roof on",
                "do nothing",
                "fan on",
                "heater on",
                "call Ann",
            ]);
            narrow(&Parts {
                facts: &self.facts,
                world: &texts(&["it is night", "rain"]),
                notes: &self.notes,
                devices: &devices,
                candidates: &candidates,
            })
        }
    }

    #[test]
    fn arithmetic_settles_what_needs_no_reading() {
        let left = |facts: &[&str]| Place::new(facts, &["The fan is loud."]).left();
        let ok = "air temperature 21 °C ok, rising";
        assert_eq!(left(&[ok]), Left::Settled(2));
        assert_eq!(left(&["air temperature 12 °C low, rising"]), Left::Settled(4));
        assert_eq!(left(&[ok, "light 900 lx high, steady"]), Left::Settled(1));
        assert_eq!(left(&["light 9 lx low, steady"]), Left::Settled(5), "nothing raises it");
        assert_eq!(left(&[]), Left::Whole { among: vec![0, 1, 2, 3, 4, 5] });
        let unknown = "air temperature unknown";
        assert_eq!(left(&[unknown]), Left::Whole { among: vec![0, 1, 2, 3, 4, 5] });
    }

    #[test]
    fn a_note_that_names_one_of_several_is_asked_about_and_no_other() {
        let hot = ["air temperature 31 °C high, rising"];
        let note = "At night prefer the roof vent.";
        let left = Place::new(&hot, &["Keep the doors shut.", note, "Infants sleep here."]).left();
        let question = |state: &str, candidates: &[&str]| Question {
            state: state.into(),
            candidates: texts(candidates),
        };
        let asked = NoteAsked {
            prefix: "Note: At night prefer the roof vent.\n".into(),
            facts: vec![
                question("Now: it is night.\nThe condition holds:", &SAYS),
                question("Now: rain.\nThe condition holds:", &SAYS),
            ],
            devices: [
                question("If the condition holds, use the", &["roof vent", "fan"]),
                question("If the condition does not hold, use the", &["roof vent", "fan"]),
            ],
            allows: None,
        };
        let by_notes = ByNotes { among: vec![0, 3], notes: vec![asked] };
        assert_eq!(left, Left::Notes(by_notes));
        let left = Place::new(&hot, &["Infants sleep here."]).left();
        assert_eq!(left, Left::Whole { among: vec![0, 3] });
    }

    #[test]
    fn the_fact_that_speaks_of_the_condition_decides_which_device_is_taken() {
        let now = texts(&["tariff high", "air temperature 27.1 °C high, rising", "rain"]);
        let both = [(0, "vent"), (1, "fan")];
        let by_notes = ByNotes::new(&texts(&["The vent."]), &now, &both).expect("a vent");
        let asked = &by_notes.notes[0];
        assert_eq!(asked.facts.len(), 2, "what has a band is not asked about");
        let note = texts(&["In hot air take the vent."]);
        let named = ByNotes::new(&note, &now, &both).expect("a vent");
        let states: Vec<&str> = named.notes[0].facts.iter().map(|one| one.state.as_str()).collect();
        let first = "Now: air temperature high.\nThe condition holds:";
        assert_eq!(
            (states[0], states.len()),
            (first, 3),
            "but where the note names it, by its band"
        );
        let devices = [vec![0.9, 0.1], vec![0.2, 0.8]];
        let p =
            |night: [f32; 3]| asked.answered(&[night.to_vec(), vec![0.0, 0.0, 1.0]], &devices)[0];
        assert!((p([1.0, 0.0, 0.0]) - 0.7 * 1.02 / 1.08 - 0.2).abs() < 1e-6);
        assert!((p([0.0, 1.0, 0.0]) - 0.7 * 0.02 / 1.08 - 0.2).abs() < 1e-6);
        assert!((p([0.0, 0.0, 1.0]) - 0.7 * 0.25 - 0.2).abs() < 1e-6, "nothing speaks of it");
    }

    #[test]
    fn answers_multiply_and_what_is_ruled_out_keeps_a_little() {
        let p = joined(4, &[2, 0], &[vec![0.8, 0.2], vec![0.5, 0.5]]);
        for (found, wanted) in p.iter().zip([0.196, 0.01, 0.784, 0.01]) {
            assert!((found - wanted).abs() < 1e-6, "{p:?}");
        }
        assert_eq!(joined(2, &[0, 1], &[]), [0.5, 0.5]);
        let sum: f32 = joined(3, &[1], &[]).iter().sum();
        assert!((sum - 1.0).abs() < 1e-6);
    }
}
