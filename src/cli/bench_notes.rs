//! `outpost bench notes`: notes whose meaning is known, as the mind and the code make typed
//! preferences of them. It reads a file, asks a real model and prints. What must never be here: the
//! reading itself.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::voice::Voice;
use crate::agent::Reading;
use crate::config::{self, Config, Strictness};
use crate::domain::ActuatorId;

/// Arguments of `outpost bench notes`.
#[derive(Args, Clone, Debug)]
pub struct BenchNotesArgs {
    /// Lines `NOTE => MEANING`; `[NAME]` begins the notes of the place `NAME.toml` beside the file
    file: PathBuf,
    /// The language model, id or path
    #[arg(long, value_name = "MODEL", default_value = "smollm2-135m-instruct-q4_0")]
    model: String,
    /// Its adapter
    #[arg(long, value_name = "ADAPTER", default_value = "edge-operator")]
    adapter: String,
    /// Least probability of each answer of the mind, as `[mind] trust`; 0.9 counts at least
    #[arg(long, value_name = "SHARE", default_value_t = 0.6)]
    trust: f64,
}

/// How many there were, and what came of them.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    /// Notes that mean a preference.
    meant: u32,
    /// Exactly that was made of them.
    exact: u32,
    /// Notes that have to stay notes.
    others: u32,
    /// They did.
    left: u32,
    /// Something else was made of a note: which a person has to notice.
    wrong: u32,
}

/// Runs it; failure where the file cannot be read.
///
/// # Errors
/// A file or a line that cannot be read, a model that is not there or does not answer.
pub fn run(args: &BenchNotesArgs, json: bool) -> anyhow::Result<ExitCode> {
    let mut voice = super::bench::voice(&args.model, &args.adapter)?;
    let mut all = Tally::default();
    each(&args.file, |note, wanted, config| {
        let found = read(note, config, args.trust, &mut voice)?;
        let is_right = all.count(wanted, &found);
        if json {
            let found = found.as_ref().map_or_else(Clone::clone, Clone::clone);
            let line = json!({"note": note, "wanted": wanted, "found": found, "right": is_right});
            println!("{line}");
        } else if !is_right {
            println!("{note}\n    wanted: {wanted}\n    found:  {}", said(&found));
        }
        Ok(())
    })?;
    all.print(json);
    Ok(ExitCode::SUCCESS)
}

/// Goes through a file: each note, what it means, and its place.
fn each(
    file: &Path,
    mut one: impl FnMut(&str, &str, &Config) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("{} cannot be read", file.display()))?;
    let mut here = None;
    for (number, line) in (1..).zip(text.lines()) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            here = Some(place(file, name)?);
            continue;
        }
        let of_line = || format!("{}, line {number}: found {line}", file.display());
        let (note, wanted) = line.split_once(" => ").with_context(|| {
            format!("{}, allowed is a note, ` => ` and what it means", of_line())
        })?;
        let config = here.as_ref().with_context(|| format!("{}, before a [place]", of_line()))?;
        one(note, wanted, config)?;
    }
    Ok(())
}

impl Tally {
    /// Counts one note; whether it is right.
    fn count(&mut self, wanted: &str, found: &Result<String, String>) -> bool {
        let is_right = match found {
            Ok(found) => same(wanted, found),
            Err(_) => wanted == "note",
        };
        let (all, right) = match wanted {
            "note" => (&mut self.others, &mut self.left),
            _ => (&mut self.meant, &mut self.exact),
        };
        *all += 1;
        *right += u32::from(is_right);
        self.wrong += u32::from(!is_right && found.is_ok());
        is_right
    }

    fn print(&self, json: bool) {
        let share = |part: u32, all: u32| f64::from(part) / f64::from(all.max(1));
        let (exact, left) = (share(self.exact, self.meant), share(self.left, self.others));
        let total = self.meant + self.others;
        if json {
            let line = json!({
                "notes": total, "exact": exact, "of": self.meant,
                "left": left, "of_others": self.others, "wrong": share(self.wrong, total),
            });
            return println!("{line}");
        }
        println!("{total} notes");
        println!("exactly the preference that was meant: {exact:.3} of {}", self.meant);
        println!("left as notes where they have to be:   {left:.3} of {}", self.others);
        println!("something else made of them:           {:.3}", share(self.wrong, total));
    }
}

fn place(beside: &Path, name: &str) -> anyhow::Result<Config> {
    let path = beside.with_file_name(format!("{name}.toml"));
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(config::from_text(&text, &path.display().to_string(), &[], Strictness::Run)?.0)
}

/// What is made of a note, as the file says it; else why it stays one.
fn read(
    note: &str,
    config: &Config,
    trust: f64,
    voice: &mut Voice,
) -> anyhow::Result<Result<String, String>> {
    let reading = match Reading::new(note, config) {
        Ok(reading) => reading,
        Err(reason) => return Ok(Err(reason)),
    };
    let (prefix, questions) = (reading.prefix(), reading.questions());
    let answers = questions.iter().map(|one| voice.ask(&prefix, one));
    let answers = answers.collect::<anyhow::Result<Vec<_>>>()?;
    Ok(typed(&reading, &answers, trust, config))
}

/// What the answers make of a note, in the words of the file.
fn typed(
    reading: &Reading,
    answers: &[Vec<f64>],
    trust: f64,
    config: &Config,
) -> Result<String, String> {
    let meaning = reading.meaning(answers, trust, config);
    let name = |id: ActuatorId| &config.actuators[usize::from(id.0)].name;
    meaning.map(|meaning| {
        let wishes = meaning.preferences.iter().map(|one| match one.prefer {
            Some(better) => format!("prefer {} over {}", name(better), name(one.over)),
            None => format!("avoid {}", name(one.over)),
        });
        let mut wishes: Vec<_> = wishes.collect();
        wishes.sort();
        let when = meaning.condition.map(|one| format!(" when {}", one.source));
        wishes.join(", ") + &when.unwrap_or_default()
    })
}

fn said(found: &Result<String, String>) -> String {
    match found {
        Ok(found) => found.clone(),
        Err(reason) => format!("a note: {reason}"),
    }
}

/// Whether a meaning in the words of the file is what was found, whose condition is CEL.
fn same(wanted: &str, found: &str) -> bool {
    let cut = |text: &str| match text.split_once(" when ") {
        Some((wishes, when)) => (wishes.to_owned(), Some(when.to_owned())),
        None => (text.to_owned(), None),
    };
    let ((wishes, when), (made, source)) = (cut(wanted), cut(found));
    let mut wishes: Vec<_> = wishes.split(", ").collect();
    wishes.sort_unstable();
    let holds = match (when, source) {
        (None, None) => true,
        (Some(when), Some(source)) => sources(&when).contains(&source),
        _ => false,
    };
    holds && wishes.join(", ") == made
}

/// The ways in which a condition may be written in CEL.
fn sources(when: &str) -> Vec<String> {
    const WEEK: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
    let one = |text: String| vec![text];
    let words: Vec<&str> = when.split(' ').collect();
    match words.as_slice() {
        ["night"] => one("hour >= 22 || hour < 6".into()),
        ["morning"] => one("hour >= 6 && hour < 12".into()),
        ["afternoon"] => one("hour >= 12 && hour < 18".into()),
        ["evening"] => one("hour >= 18 && hour < 22".into()),
        ["day"] => vec!["hour >= 6 && hour < 22".into(), "hour >= 6 && hour < 18".into()],
        ["hours", from, to] => {
            let hour = |text: &str| -> f64 {
                let (whole, minutes) = text.split_once(':').unwrap_or((text, "0"));
                let of = |text: &str| text.parse::<f64>().unwrap_or(f64::NAN);
                of(whole) + of(minutes) / 60.0
            };
            let (from, to) = (hour(from), hour(to));
            one(match (from, to) {
                (0.0, to) => format!("hour < {to}"),
                (from, 24.0) => format!("hour >= {from}"),
                (from, to) if from < to => format!("hour >= {from} && hour < {to}"),
                (from, to) => format!("hour >= {from} || hour < {to}"),
            })
        }
        ["days", "sat", "sun"] => one("weekday >= 6".into()),
        ["days", "mon", "tue", "wed", "thu", "fri"] => one("weekday <= 5".into()),
        ["days", days @ ..] => {
            let number = |day: &&str| WEEK.iter().position(|known| known == day);
            let parts = days.iter().filter_map(number).map(|n| format!("weekday == {}", n + 1));
            one(parts.collect::<Vec<_>>().join(" || "))
        }
        [sensor, "yes"] => one((*sensor).into()),
        [sensor, "no"] => one(format!("!{sensor}")),
        [name, "=", word] | [name, word @ ("on" | "off")] => one(format!("{name} == '{word}'")),
        _ => one(when.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notes written without sight of the code, about places that it does not know.
    /// `OUTPOST_NOTES_FILE` is another file, to be measured.
    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/notes/notes.txt");

    /// Without a mind: what the words alone say is right, and little is left to be asked.
    #[test]
    fn what_the_words_of_a_note_say_is_what_they_mean() {
        let file =
            std::env::var_os("OUTPOST_NOTES_FILE").map_or_else(|| FILE.into(), PathBuf::from);
        let (mut all, mut asked) = (Tally::default(), 0);
        let done = each(&file, |note, wanted, config| {
            let found = Reading::new(note, config).and_then(|reading| {
                let questions = reading.questions().len();
                asked += u32::from(questions > 0);
                if questions > 0 {
                    return Err(format!("{questions} questions to the mind"));
                }
                typed(&reading, &[], 0.6, config)
            });
            if !all.count(wanted, &found) {
                println!("{note}\n    wanted: {wanted}\n    found:  {}", said(&found));
            }
            Ok(())
        });
        done.expect("a good file");
        println!("{asked} are left to the mind: {all:?}");
        all.print(false);
        let of = |part: u32, all: u32| f64::from(part) / f64::from(all);
        assert!(all.meant + all.others >= 60, "{all:?}");
        assert!(of(all.exact, all.meant) >= 0.90 && of(all.left, all.others) >= 0.95, "{all:?}");
        assert!(of(all.wrong, all.meant + all.others) <= 0.01, "{all:?}");
    }

    /// Other words for the same, and what only looks like a preference; these are not held out.
    #[test]
    fn what_was_thought_of_is_read_as_it_is_meant() {
        let file = Path::new(FILE).with_file_name("own.txt");
        let mut all = Tally::default();
        let done = each(&file, |note, wanted, config| {
            let found = Reading::new(note, config).and_then(|reading| {
                if !reading.questions().is_empty() {
                    return Err("a question to the mind".into());
                }
                typed(&reading, &[], 0.6, config)
            });
            assert!(all.count(wanted, &found), "{note}: {wanted}, found {}", said(&found));
            Ok(())
        });
        done.expect("a good file");
        assert!(all.meant > 60 && all.others > 60, "{all:?}");
    }

    #[test]
    fn what_is_wanted_is_compared_by_what_it_means() {
        let night = "prefer vent over fan when hour >= 22 || hour < 6";
        assert!(same("prefer vent over fan when night", night));
        assert!(same("prefer vent over fan when hours 22 6", night));
        assert!(!same("prefer fan over vent when night", night));
        assert!(!same("prefer vent over fan", night));
        assert!(same("avoid fan when days sat sun", "avoid fan when weekday >= 6"));
        let both = "prefer a over b, prefer a over c when rain";
        assert!(same("prefer a over c, prefer a over b when rain yes", both));
        assert!(same("avoid fan when wind > 8", "avoid fan when wind > 8"));
        assert!(same("avoid fan when hours 19:30 24", "avoid fan when hour >= 19.5"));
    }

    #[test]
    fn a_note_that_should_stay_one_and_did_not_is_wrong() {
        let mut tally = Tally::default();
        assert!(tally.count("note", &Err("why".into())));
        assert!(!tally.count("note", &Ok("avoid fan".into())));
        assert!(!tally.count("avoid fan", &Err("why".into())));
        assert!(tally.count("avoid fan", &Ok("avoid fan".into())));
        assert_eq!((tally.exact, tally.meant, tally.left, tally.others), (1, 2, 1, 2));
        assert_eq!(tally.wrong, 1);
    }
}
