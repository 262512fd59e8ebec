//! Tests of notes that become preferences: what is asked, what is made of the answers and shown,
//! and that nothing is honoured before a person has said yes.

use std::sync::Arc;
use std::time::Duration;

use super::edits::Kept;
use super::tests::{Bench, decisions, question, ready, room, sends, states};
use super::tests_asked::ended;
use super::*;
use crate::config::{Config, SensorKind};
use crate::domain::{CommandState, Entry, Setting, Value};

/// The room with a tariff of two words and a door.
fn place() -> Config {
    let mut config = room();
    config.notes.clear();
    let mut tariff = config.sensors[0].clone();
    tariff.name = "tariff".into();
    tariff.feed = crate::config::Feed::Port(crate::config::Port::Topic("place/tariff".into()));
    (tariff.kind, tariff.range, tariff.unit) = (SensorKind::Text, None, String::new());
    let word = |word: &str| Value::Text(word.into());
    tariff.map =
        [("h".to_owned(), word("high")), ("l".to_owned(), word("low"))].into_iter().collect();
    let mut door = tariff.clone();
    (door.name, door.kind) = ("door".into(), SensorKind::Bool);
    door.map.clear();
    config.sensors.extend([tariff, door]);
    config
}

fn command(kind: &str, id: &str, payload: &str) -> Event {
    let inbox = Inbox::new(Arc::new(place()));
    inbox.command(kind, id, payload.as_bytes(), false).expect("a command")
}

/// A note, to be understood.
fn understand(id: &str, text: &str) -> Event {
    command("note", id, &serde_json::json!({ "understand": text }).to_string())
}

/// The place with a note.
fn noted(text: &str) -> Config {
    Config { notes: vec![text.into()], ..place() }
}

/// A mind that reads: which facts say that the condition holds, and how sure it is.
#[derive(Clone, Copy)]
struct Reads<'a> {
    yes: &'a [&'a str],
    sure: f64,
}

impl Reads<'_> {
    fn answer(&self, question: &Question) -> Event {
        let answers = question.questions.iter().map(|asked| {
            let wanted = match asked.state.strip_prefix("Now: ") {
                Some(fact) if self.yes.iter().any(|yes| fact.starts_with(&format!("{yes}."))) => {
                    "yes"
                }
                _ => "other",
            };
            let others = (asked.candidates.len() - 1) as f64;
            let p = |word: &String| match word == wanted {
                true => self.sure,
                false => (1.0 - self.sure) / others,
            };
            asked.candidates.iter().map(p).collect()
        });
        Event::Mind(MindNews::Read { id: question.id, answers: answers.collect() })
    }
}

/// A note's answer, or whatever settles it, with the steps that follow: all of their effects.
fn settled(bench: &mut Bench, event: Event) -> Vec<Effect> {
    let mut effects = bench.on(event);
    while bench.agent.notes.goes_on() {
        effects.extend(bench.on(Event::Wake));
    }
    effects
}

fn bench(text: &str) -> Bench {
    let mut bench = Bench::new(noted(text)).up();
    bench.on(ready());
    bench.steady(22.0, 60);
    bench
}

/// The id of what waits for a person.
fn waits(effects: &[Effect]) -> Option<String> {
    effects.iter().find_map(|effect| match effect {
        Effect::Report { report: Report::Approval { id, waits: Some(_), .. }, .. } => {
            Some(id.clone())
        }
        _ => None,
    })
}

/// What is kept of changes, but for what waits for a person.
fn kept(effects: &[Effect]) -> Vec<Kept> {
    let waits = |one: &Kept| matches!(one, Kept::Proposals(_));
    all_kept(effects).into_iter().filter(|one| !waits(one)).collect()
}

fn all_kept(effects: &[Effect]) -> Vec<Kept> {
    let kept = effects.iter().filter_map(|effect| match effect {
        Effect::Record { entry: Entry::Goal { name, put }, .. } => {
            Kept::read(name, put.as_deref(), &place())?.ok()
        }
        _ => None,
    });
    kept.collect()
}

/// Which is wanted is in its words, and when is not.
const NIGHT: &str = "While the lodgers sleep prefer the chiller to the fan.";
const READ: Reads<'static> = Reads { yes: &["it is night"], sure: 0.9 };

#[test]
fn a_note_is_shown_in_three_situations_and_honoured_once_a_person_has_said_yes() {
    let mut bench = bench(NIGHT);
    let effects = settled(&mut bench, understand("a", NIGHT));
    assert_eq!(states(&effects, "a"), [CommandState::Accepted, CommandState::Executing]);
    let asked = question(&effects);
    assert_eq!(asked.prefix, format!("Note: {NIGHT}\n"));
    let states: Vec<&str> = asked.questions.iter().map(|one| one.state.as_str()).collect();
    assert_eq!(states[0], "Now: it is morning.\nThe condition holds:");
    assert!(states.contains(&"Now: tariff high.\nThe condition holds:"), "{states:?}");
    assert!(states.contains(&"Now: door yes.\nThe condition holds:"), "{states:?}");
    assert!(asked.questions.iter().all(|one| one.candidates == ["yes", "no", "other"]));

    let effects = settled(&mut bench, READ.answer(&asked));
    let (state, reason) = ended(&effects, "a");
    assert_eq!(state, CommandState::Succeeded);
    for words in [
        "understood as: prefer chiller to fan, when hour >= 22 || hour < 6. ",
        "it is night, temperature 29.2 °C: chiller on; without it fan on. ",
        "it is morning, temperature 29.2 °C: fan on, as without it. ",
        "it is night, temperature 29.2 °C, chiller gives all it has: fan on, as without it. ",
        "It waits for approval ",
    ] {
        assert!(reason.contains(words), "{words}: {reason}");
    }
    // Nobody has said yes: the mind still reads it, and nothing is honoured.
    assert_eq!(bench.agent.open_approvals(), 1);
    let id = waits(&effects).expect("a proposal");
    assert_eq!(bench.agent.proposals()[0].id, id);
    assert_eq!(bench.agent.notes_to_read(), [NIGHT]);
    bench.pass(15 * 3600);
    let effects = bench.on(command("approve", "yes", &format!(r#"{{"approval":"{id}"}}"#)));
    assert_eq!(ended(&effects, "yes").0, CommandState::Succeeded);
    assert!(
        matches!(&kept(&effects)[..], [Kept::Meaning(note, all)] if note == NIGHT && all.len() == 1)
    );
    assert_eq!(bench.agent.open_approvals(), 0);
    let effects = bench.steady(27.0, 60);
    let first = &decisions(&effects)[0];
    let heeded = format!("preference: chiller over fan when hour >= 22 || hour < 6 (\"{NIGHT}\")");
    assert_eq!(first.notes, [heeded], "the note is understood, and nobody reads it again");
    let raised = |one: &crate::domain::Candidate| one.set == [("fan".to_owned(), Setting::On)];
    assert!(!first.candidates.iter().any(raised), "{first:?}");
    assert_eq!(sends(&effects).first(), Some(&(1, "ON".into())));
}

#[test]
fn what_was_confirmed_holds_over_a_restart_and_goes_when_the_note_goes() {
    let mut bench = bench(NIGHT);
    let asked = question(&settled(&mut bench, understand("a", NIGHT)));
    let id = waits(&settled(&mut bench, READ.answer(&asked))).expect("a proposal");
    let yes = bench.on(command("approve", "yes", &format!(r#"{{"approval":"{id}"}}"#)));
    let resumed = |edits: Vec<Kept>, config: Config| {
        let resumed = Resumed { next_seq: 100, edits, ..Resumed::default() };
        Bench::resumed(config, resumed).up()
    };
    let mut again = resumed(kept(&yes), noted(NIGHT));
    again.pass(15 * 3600);
    assert_eq!(sends(&again.steady(27.0, 60)).first(), Some(&(1, "ON".into())));
    let effects = again.on(understand("b", NIGHT));
    assert_eq!(states(&effects, "b"), [CommandState::Rejected], "it is understood already");
    let gone = again.on(command("note", "c", &format!(r#"{{"remove":"{NIGHT}"}}"#)));
    assert_eq!(states(&gone, "c").last(), Some(&CommandState::Succeeded));
    let effects = again.on(understand("d", NIGHT));
    assert_eq!(states(&effects, "d"), [CommandState::Rejected], "there is none any more");
    // Whatever comes first in the journal, and also where the note left the file.
    for edits in [[kept(&yes), kept(&gone)].concat(), [kept(&gone), kept(&yes)].concat()] {
        let mut third = resumed(edits, noted(NIGHT));
        third.pass(15 * 3600);
        assert_eq!(sends(&third.steady(27.0, 60)).first(), Some(&(0, "ON".into())));
    }
    assert!(resumed(kept(&yes), place()).agent.config().preferences.is_empty());
    // The same words put again are not confirmed, whatever was confirmed before they went.
    let put = again.on(command("note", "e", &format!(r#"{{"put":"{NIGHT}"}}"#)));
    assert_eq!(states(&put, "e").last(), Some(&CommandState::Succeeded));
    let edits = [kept(&gone), kept(&put)].concat();
    assert!(edits.contains(&Kept::Meaning(NIGHT.into(), Vec::new())), "in the place of the yes");
    assert!(resumed(edits, place()).agent.config().preferences.is_empty());
}

#[test]
fn what_waits_for_a_person_waits_on_after_a_restart() {
    let mut bench = bench(NIGHT);
    let asked = question(&settled(&mut bench, understand("a", NIGHT)));
    let effects = settled(&mut bench, READ.answer(&asked));
    let id = waits(&effects).expect("a proposal");
    let last = |effects: &[Effect]| all_kept(effects).pop().expect("a record of what waits");
    let waiting = last(&effects);
    let start = |edits: Vec<Kept>, config: Config| {
        let resumed = Resumed { next_seq: 100, edits, ..Resumed::default() };
        Agent::new(Arc::new(config), resumed, 9 << 32, bench.now)
    };
    let (agent, effects) = start(vec![waiting.clone()], noted(NIGHT));
    assert_eq!(waits(&effects), Some(id.clone()), "it is shown again under its own id");
    assert!(agent.config().preferences.is_empty(), "nobody has said yes");
    assert_eq!(agent.proposals()[0].words, "prefer chiller to fan, when hour >= 22 || hour < 6");
    let resumed = Resumed { next_seq: 100, edits: vec![waiting.clone()], ..Resumed::default() };
    let mut again = Bench::resumed(noted(NIGHT), resumed).up();
    let yes = again.on(command("approve", "yes", &format!(r#"{{"approval":"{id}"}}"#)));
    assert_eq!(ended(&yes, "yes").0, CommandState::Succeeded);
    assert_eq!(again.agent.config().preferences.len(), 1);
    let left = all_kept(&yes).into_iter().find_map(|one| match one {
        Kept::Proposals(left) => Some(left.len()),
        _ => None,
    });
    assert_eq!(left, Some(0));

    // A day is over, or the note is gone: what waited is settled.
    let mut later = bench.now;
    later.tick = later.tick.after(Duration::from_secs(25 * 3600));
    let (mut agent, _) = start(vec![waiting.clone()], noted(NIGHT));
    agent.apply(Event::Wake, later);
    assert!(agent.proposals().is_empty());
    let (mut agent, _) = start(vec![waiting], place());
    agent.apply(Event::Wake, bench.now);
    assert!(agent.proposals().is_empty(), "its note has left the file");
}

#[test]
fn what_waited_and_is_not_allowed_any_more_is_told() {
    let mut bench = bench(NIGHT);
    let asked = question(&settled(&mut bench, understand("a", NIGHT)));
    let effects = settled(&mut bench, READ.answer(&asked));
    let put = effects.iter().find_map(|effect| match effect {
        Effect::Record { entry: Entry::Goal { name, put }, .. } => Some((name, put.clone()?)),
        _ => None,
    });
    let (name, put) = put.expect("a record");
    let put = put.replace("\"prefer\":\"chiller\"", "\"prefer\":\"cooler\"");
    let edits = vec![Kept::read(name, Some(&put), &place()).expect("kept").expect("a list")];
    let resumed = Resumed { next_seq: 100, edits, ..Resumed::default() };
    let (agent, effects) = Agent::new(Arc::new(noted(NIGHT)), resumed, 9 << 32, bench.now);
    assert!(agent.proposals().is_empty() && waits(&effects).is_none());
    let told = effects.iter().any(|effect| match effect {
        Effect::Report { report: Report::Event { text, .. }, .. } => {
            text.contains("does not allow that any more")
        }
        _ => false,
    });
    assert!(told, "{effects:?}");
    let none = |kept: &Kept| matches!(kept, Kept::Proposals(all) if all.is_empty());
    assert!(all_kept(&effects).last().is_some_and(none), "and it is told once");
}

/// What becomes of a note that is read like this: what it was understood as, or why it stays one.
fn becomes(text: &str, reads: Reads<'_>) -> String {
    let mut bench = bench(text);
    let effects = settled(&mut bench, understand("a", text));
    let asked = effects.iter().find_map(|effect| match effect {
        Effect::Ask(question) if !question.questions.is_empty() => Some(question.clone()),
        _ => None,
    });
    let effects = match asked {
        Some(asked) => settled(&mut bench, reads.answer(&asked)),
        None => effects,
    };
    let (state, reason) = ended(&effects, "a");
    assert_eq!(state, CommandState::Succeeded, "{text}: {reason}");
    let understood = reason.strip_prefix("understood as: ").map(|rest| {
        let end = rest.find(". ").unwrap_or(rest.len());
        rest[..end].to_owned()
    });
    understood.unwrap_or_else(|| {
        assert!(bench.agent.proposals().is_empty(), "{text}");
        let why = reason.strip_prefix("stays a note, and no more than that: ");
        why.expect("a reason").to_owned()
    })
}

#[test]
fn conditions_are_those_of_the_configuration_by_facts_or_by_the_words_themselves() {
    for (text, yes, wanted) in [
        ("Prefer the chiller.", &[][..], "prefer chiller to fan, always"),
        (
            "By day use the fan, not to wake the infants... the chiller is loud.",
            &["it is morning", "it is afternoon", "it is evening"],
            "prefer fan to chiller, when hour >= 6 && hour < 22",
        ),
        (
            "While power is dear, take the fan and spare the chiller.",
            &["tariff high"],
            "prefer fan to chiller, when tariff == 'high'",
        ),
        (
            "Fan before chiller as long as the door is shut",
            &["door no"],
            "prefer fan to chiller, when !door",
        ),
        (
            "While the heater runs, the chiller, else the fan",
            &["heater on"],
            "prefer chiller to fan, when heater == 'on'",
        ),
        ("Never the fan when smoke is above 0.3", &[], "avoid fan, when smoke > 0.3"),
        (
            "On Sundays rather the chiller than the fan",
            &[],
            "prefer chiller to fan, when weekday == 7",
        ),
        (
            "At the weekend rather the chiller than the fan",
            &[],
            "prefer chiller to fan, when weekday >= 6",
        ),
        (
            "Between 21:30 and 5 the fan must not run",
            &[],
            "avoid fan, when hour >= 21.5 || hour < 5",
        ),
        ("Never the chiller", &[], "avoid chiller, always"),
        ("Do not run the heater after 10pm", &[], "avoid heater, when hour >= 22"),
    ] {
        assert_eq!(becomes(text, Reads { yes, sure: 0.9 }), wanted, "{text}");
    }
}

#[test]
fn what_cannot_be_typed_stays_a_note_and_says_why() {
    for (text, yes, sure, why) in [
        ("Keep the doors shut.", &[][..], 0.9, "names no device of mine: there are fan"),
        ("Prefer the heater.", &[], 0.9, "nothing else does what heater does"),
        (NIGHT, &["it is night"], 0.85, "sure of it by 0.85 only, and 0.9 is needed"),
        (NIGHT, &[], 0.9, "`while`: its condition is none of my"),
        (NIGHT, &["it is night", "door yes"], 0.9, "two conditions"),
        (NIGHT, &["it is night", "it is afternoon"], 0.9, "no one span of the day"),
        (NIGHT, &["door yes", "door no"], 0.9, "always holds"),
        ("The chiller hums instead, the fan less so", &[], 0.9, "do not say which"),
        ("Chiller before fan on Sundays after 8", &[], 0.9, "two conditions"),
        ("Fan unless smoke is above 0.3, then chiller", &[], 0.9, "`unless` with"),
        ("Use the chiller at 7, the fan on Sundays", &[], 0.9, "nothing was made of `at`"),
        ("The chiller was oiled in May.", &[], 0.9, "nothing in it says"),
        ("Use the fan at night, at night never the fan", &[], 0.9, "wants and forbids"),
    ] {
        let found = becomes(text, Reads { yes, sure });
        assert!(found.contains(why), "{text}: {found}");
    }
}

#[test]
fn a_condition_that_is_turned_round_is_not_taken_for_itself() {
    let rather = "use the chiller instead of the fan";
    for when in [
        "until the door is open",
        "before the door is open",
        "but not at night",
        "but not on Sundays",
        "but not while the door is open",
        "until the evening",
        "after the night",
        "outside 8 to 18",
        "on any day but Sunday",
        "only at night",
        "when smoke is not above 0.3",
        "while smoke is no more than 0.3",
        "while the door is open and nobody is here",
        "while the door is open and dust is high",
        "after 10 minutes",
        "from midnight",
    ] {
        let text = format!("Please {rather} {when}.");
        let found = becomes(&text, Reads { yes: &[], sure: 0.95 });
        assert!(!found.starts_with("prefer") && !found.starts_with("avoid"), "{text}: {found}");
    }
    for (when, wanted) in [
        ("from 5 pm until 6 am", "hour >= 17 || hour < 6"),
        ("from 17:00 to 6:00", "hour >= 17 || hour < 6"),
        ("between 12 am and 6 am", "hour < 6"),
        ("from nine to five", "hour >= 9 && hour < 17"),
        ("from Friday to Monday", "weekday == 1 || weekday == 5 || weekday == 6 || weekday == 7"),
        ("when the door is not open", "!door"),
    ] {
        let text = format!("Please {rather} {when}.");
        let found = becomes(&text, Reads { yes: &[], sure: 0.95 });
        assert_eq!(found, format!("prefer chiller to fan, when {wanted}"), "{text}");
    }
    for text in ["Never keep the fan off.", "The fan may not be left off.", "Do not spare the fan."]
    {
        let found = becomes(text, Reads { yes: &[], sure: 0.95 });
        assert!(found.contains("it forbids to leave a device"), "{text}: {found}");
    }
}

#[test]
fn without_a_mind_or_its_answer_it_stays_a_note() {
    let mut bench = Bench::new(noted(NIGHT)).up();
    let effects = settled(&mut bench, understand("a", NIGHT));
    assert!(ended(&effects, "a").1.contains("the mind cannot read it now"));
    bench.on(ready());
    let first = question(&settled(&mut bench, understand("b", NIGHT)));
    let effects = settled(&mut bench, understand("c", NIGHT));
    assert_eq!(states(&effects, "c"), [CommandState::Rejected], "one at a time");
    let effects = bench.on(Event::Mind(MindNews::Lost { id: first.id }));
    assert!(ended(&effects, "b").1.contains("the mind did not answer"));
    // Too late is no answer either.
    let late = question(&settled(&mut bench, understand("d", NIGHT)));
    bench.pass(61);
    let effects = bench.on(Event::Wake);
    assert!(ended(&effects, "d").1.contains("the mind did not answer"));
    assert!(waits(&bench.on(READ.answer(&late))).is_none());
    assert_eq!(bench.agent.counters().dropped, 1);
}

#[test]
fn what_nobody_confirms_or_a_person_denies_changes_nothing() {
    let mut bench = bench(NIGHT);
    let asked = question(&settled(&mut bench, understand("a", NIGHT)));
    let id = waits(&settled(&mut bench, READ.answer(&asked))).expect("a proposal");
    let effects = bench.on(command("deny", "no", &format!(r#"{{"approval":"{id}"}}"#)));
    assert_eq!(states(&effects, "no").last(), Some(&CommandState::Succeeded));
    assert!(kept(&effects).is_empty() && bench.agent.proposals().is_empty());
    let asked = question(&settled(&mut bench, understand("b", NIGHT)));
    let id = waits(&settled(&mut bench, READ.answer(&asked))).expect("another");
    bench.pass(24 * 3600 + 1);
    bench.on(Event::Wake);
    assert!(bench.agent.proposals().is_empty(), "a day is over");
    let effects = bench.on(command("approve", "late", &format!(r#"{{"approval":"{id}"}}"#)));
    assert_eq!(states(&effects, "late"), [CommandState::Rejected]);
    assert_eq!(bench.agent.notes_to_read(), [NIGHT], "the mind reads it as before");
}

#[test]
fn a_note_that_is_written_is_understood_at_once() {
    let mut bench = bench(NIGHT);
    let written = "Prefer the chiller.";
    // Its words say all of it: nobody is asked.
    let put = format!(r#"{{"put":"{written}"}}"#);
    let effects = settled(&mut bench, command("note", "w", &put));
    assert_eq!(states(&effects, "w").last(), Some(&CommandState::Succeeded));
    assert!(waits(&effects).is_some());
    assert_eq!(bench.agent.proposals()[0].words, "prefer chiller to fan, always");
    bench.on(command("note", "r", &format!(r#"{{"remove":"{written}"}}"#)));
    bench.on(Event::Wake);
    assert!(bench.agent.proposals().is_empty(), "nothing waits for a note that is gone");
}

/// Of two notes in a row the first is looked at to its end, and its command has one (seed 7904 of
/// the simulation).
#[test]
fn a_note_that_comes_while_another_is_looked_at_takes_nothing_from_it() {
    let mut bench = bench("Prefer the chiller.");
    let begun = bench.on(understand("first", "Prefer the chiller."));
    assert_eq!(states(&begun, "first").last(), Some(&CommandState::Executing));
    let put = bench.on(command("note", "second", r#"{"put":"Prefer the fan."}"#));
    assert_eq!(states(&put, "second").last(), Some(&CommandState::Succeeded));
    let told = |effect: &Effect| {
        matches!(effect, Effect::Report { report: Report::Event { text, .. }, .. }
            if text.contains("another note is being read"))
    };
    assert!(put.iter().any(told), "{put:?}");
    let effects = settled(&mut bench, Event::Wake);
    assert_eq!(states(&effects, "first"), [CommandState::Succeeded]);
    assert_eq!(bench.agent.proposals().len(), 1);
}

/// One that is replaced while it is looked at ends its command, and the new one is read.
#[test]
fn a_note_that_is_corrected_while_it_is_looked_at_is_read_as_corrected() {
    let mut bench = bench("Prefer the chiller.");
    bench.on(understand("first", "Prefer the chiller."));
    bench.on(Event::Wake);
    let put = r#"{"put":"Prefer the fan.","instead_of":"Prefer the chiller."}"#;
    let effects = settled(&mut bench, command("note", "second", put));
    assert!(ended(&effects, "first").1.contains("it is there no more"));
    assert_eq!(bench.agent.proposals().len(), 1);
    assert_eq!(bench.agent.proposals()[0].words, "prefer fan to chiller, always");
}

/// The situations are those of a configuration in which rules may come and go meanwhile.
#[test]
fn a_rule_that_comes_while_a_note_is_looked_at_is_no_harm() {
    let put = r#"{"put":{"name":"hot","when":"temperature > -100","set":{"heater":"off"}}}"#;
    // Whichever step of it the rule falls into.
    for steps in 0..14 {
        let mut bench = bench("Prefer the chiller.");
        bench.on(understand("note", "Prefer the chiller."));
        for _ in 0..steps {
            bench.on(Event::Wake);
        }
        assert!(bench.agent.notes.goes_on(), "at step {steps}");
        let rule = bench.on(command("rule", "rule", put));
        assert_eq!(states(&rule, "rule").last(), Some(&CommandState::Succeeded));
        settled(&mut bench, Event::Wake);
        assert_eq!(bench.agent.proposals().len(), 1, "at step {steps}");
    }
}

/// Which is wanted is in its words; of the smoke it says no number.
const THICK: &str = "In thick smoke use the fan instead of the chiller.";

#[test]
fn open_notes_about_the_same_devices_are_named_with_a_proposal() {
    let chiller = "Prefer the chiller.";
    let others = [THICK, "The heater was oiled in May.", chiller];
    let notes = others.map(str::to_owned).to_vec();
    let mut bench = Bench::new(Config { notes, ..place() }).up();
    bench.on(ready());
    bench.steady(22.0, 60);
    let reason = ended(&settled(&mut bench, understand("a", chiller)), "a").1;
    let named = format!("Nobody has understood \"{THICK}\": this holds, whatever is said there");
    assert!(reason.contains(&named) && !reason.contains("oiled"), "{reason}");
    assert!(bench.agent.proposals()[0].cause.contains(&named), "the person who says yes sees it");
    let id = bench.agent.proposals()[0].id.clone();
    bench.on(command("approve", "yes", &format!(r#"{{"approval":"{id}"}}"#)));

    // The other way round: what holds over the devices of a note that stays one, and what it lacks.
    let asked = question(&settled(&mut bench, understand("b", THICK)));
    let none = Reads { yes: &[], sure: 0.9 };
    let reason = ended(&settled(&mut bench, none.answer(&asked)), "b").1;
    for words in [
        "It speaks of smoke and says no number: put it with one, such as `above N °C`",
        "(rule fire: smoke > 0.5)",
        "Meanwhile this holds, whatever it says: preference: chiller over fan",
    ] {
        assert!(reason.contains(words), "{words}: {reason}");
    }
    let counted = "In smoke above 0.2 use the fan instead of the chiller.";
    let put = serde_json::json!({ "put": counted, "instead_of": THICK }).to_string();
    settled(&mut bench, command("note", "c", &put));
    let waiting = &bench.agent.proposals()[0];
    assert_eq!(waiting.words, "prefer fan to chiller, when smoke > 0.2");
    assert!(waiting.cause.contains("the later note counts (preference: chiller over fan"));
}

#[test]
fn of_notes_that_want_the_opposite_the_later_one_counts_whichever_was_confirmed_first() {
    let (early, late) = ("Prefer the chiller.", "Prefer the fan.");
    for order in [[early, late], [late, early]] {
        let notes = vec![early.to_owned(), late.to_owned()];
        let mut bench = Bench::new(Config { notes, ..place() }).up();
        bench.steady(22.0, 60);
        for note in order {
            settled(&mut bench, understand(note, note));
            let id = bench.agent.proposals()[0].id.clone();
            let yes = command("approve", &id, &format!(r#"{{"approval":"{id}"}}"#));
            bench.on(yes);
        }
        assert_eq!(sends(&bench.steady(27.0, 60)).first(), Some(&(0, "ON".into())), "{order:?}");
    }
}
