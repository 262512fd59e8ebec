//! Rules and notes that an operator changes at run time, and how they come back after a restart.
//! Each change is a record beside those of goals, under a name that no goal has. Interlocks are the
//! file's alone: nothing here touches them.
//!
//! A rule is kept by its name, over one of the file. Notes are kept as the whole list with what the
//! file had then: one that is new in the file is added, and one that is gone from it goes.

use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::core::Agent;
use super::notes::KeptProposal;
use super::rules::RuleState;
use crate::config::{
    Config, Mode, Preference, Rule, note_said, preference_said, preference_to_json, rule_said,
    rule_to_json, told,
};
use crate::domain::{CommandState, Entry, Severity};
use crate::limits;

/// What names of records begin with that are not of goals.
pub const OTHERS: &str = "[[";
const RULE: &str = "[[rule]] ";
const NOTES: &str = "[[note]]";
const MEANING: &str = "[[preference]] ";
const PROPOSALS: &str = "[[proposal]]";
const MODE: &str = "[[mode]] ";
const APPROVALS: &str = "[[approval]]";

/// A change that an operator wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Edit {
    /// Put a rule, in the place of one of the same name or behind all others.
    PutRule(Rule),
    /// Take a rule away.
    RemoveRule(String),
    /// Put a note, in the place of another or behind all others.
    PutNote {
        /// The operator's words.
        text: String,
        /// Those that they stand for from now on.
        instead_of: Option<String>,
    },
    /// Take a note away.
    RemoveNote(String),
}

/// What a record keeps of changes before this start.
#[derive(Clone, Debug, PartialEq)]
pub enum Kept {
    /// A rule by its name; `None`: it is gone, also one of the file.
    Rule(String, Option<Rule>),
    /// What a person has confirmed that a note means, by its words.
    Meaning(String, Vec<Preference>),
    /// What was made of notes and waits for a person.
    Proposals(Vec<KeptProposal>),
    /// The file's mode of an actuator (empty: of the agent) when an operator changed it.
    FileMode(String, Mode),
    /// What waits for a person to approve it, its topics being retained: ids and actuators; without
    /// one it waits no more, and the bus has not heard so yet.
    Approvals(Vec<(String, Option<String>)>),
    /// All notes.
    Notes {
        /// Those in force.
        now: Vec<String>,
        /// Those of the file when the last of them was changed.
        file: Vec<String>,
    },
}

impl Kept {
    /// What a record of this name and text keeps; `None`: it is a goal's.
    ///
    /// # Errors
    /// Why it cannot be taken over, in a sentence.
    #[must_use]
    pub fn read(name: &str, put: Option<&str>, config: &Config) -> Option<Result<Kept, String>> {
        if !name.starts_with(OTHERS) {
            return None;
        }
        let json: Json = serde_json::from_str(put?).unwrap_or_default();
        if let Some(rule) = name.strip_prefix(RULE) {
            let Some(put) = json.get("rule").filter(|put| !put.is_null()) else {
                return Some(Ok(Kept::Rule(rule.into(), None)));
            };
            let read = rule_said(put, config).map_err(|faults| told(&faults));
            return Some(read.map(|read| Kept::Rule(rule.into(), Some(read))));
        }
        if let Some(note) = name.strip_prefix(MEANING) {
            let means = json.get("means").and_then(Json::as_array).into_iter().flatten();
            let read = |one| preference_said(one, config);
            let all: Result<Vec<_>, _> = means.map(read).collect();
            return Some(all.map(|all| Kept::Meaning(note.into(), of_note(note, all))));
        }
        if let Some(of) = name.strip_prefix(MODE) {
            let word = json.get("file").and_then(Json::as_str).unwrap_or_default();
            let mode = Mode::of_word(word).ok_or_else(|| format!("no mode: {word}"));
            return Some(mode.map(|mode| Kept::FileMode(of.into(), mode)));
        }
        if name == APPROVALS {
            let ids = json.get("open").and_then(Json::as_array).into_iter().flatten();
            let word = |one: &Json, key: &str| Some(one.get(key)?.as_str()?.to_owned());
            let ids = ids.filter_map(|one| Some((word(one, "id")?, word(one, "actuator"))));
            return Some(Ok(Kept::Approvals(ids.take(4 * limits::APPROVALS_MAX).collect())));
        }
        if name == PROPOSALS {
            let all = json.get("proposals").and_then(Json::as_array).into_iter().flatten();
            let all = all.take(limits::PROPOSALS_MAX);
            let all = all.filter_map(|one| KeptProposal::read(one, config));
            return Some(Ok(Kept::Proposals(all.collect())));
        }
        let notes = |key: &str| {
            let list = json.get(key)?.as_array()?;
            let notes = list.iter().take(limits::NOTES_MAX);
            Some(notes.filter_map(|note| note_said(note, config).ok()).collect())
        };
        let kept = notes("notes").zip(notes("file"));
        Some(
            kept.map(|(now, file)| Kept::Notes { now, file })
                .ok_or_else(|| "no list of notes".into()),
        )
    }

    /// The file's modes when operators changed them.
    pub(super) fn modes_of_file(kept: &[Kept]) -> Vec<(String, Mode)> {
        let modes = kept.iter().filter_map(|one| match one {
            Kept::FileMode(of, mode) => Some((of.clone(), *mode)),
            _ => None,
        });
        modes.collect()
    }

    /// Ids of what waited for a person.
    pub(super) fn approvals(kept: &[Kept]) -> Vec<String> {
        let ids = kept.iter().filter_map(|one| match one {
            Kept::Approvals(all) => Some(all.iter().map(|(id, _)| id.clone())),
            _ => None,
        });
        ids.flatten().collect()
    }

    /// The configuration of the file with what was kept, and what waits for a person.
    pub(super) fn applied(kept: Vec<Kept>, file: Arc<Config>) -> (Arc<Config>, Vec<KeptProposal>) {
        let mut proposals = Vec::new();
        // Copied with the first change only: most rows change nothing of it.
        let mut config = Arc::clone(&file);
        let mut meant = Vec::new();
        for one in kept {
            match one {
                Kept::Meaning(note, means) => meant.push((note, means)),
                Kept::Proposals(all) => proposals = all,
                Kept::FileMode(..) | Kept::Approvals(_) => {}
                Kept::Rule(name, rule) => {
                    place(&mut Arc::make_mut(&mut config).rules, &name, rule);
                }
                Kept::Notes { mut now, file: then } => {
                    let notes = &file.notes;
                    now.retain(|note| !then.contains(note) || notes.contains(note));
                    let fresh = notes.iter().filter(|note| !then.contains(note));
                    let fresh: Vec<_> = fresh.filter(|note| !now.contains(note)).cloned().collect();
                    now.extend(fresh);
                    now.truncate(limits::NOTES_MAX);
                    Arc::make_mut(&mut config).notes = now;
                }
            }
        }
        // Their notes may come after them.
        for (note, means) in meant {
            mean(Arc::make_mut(&mut config), &note, means);
        }
        (config, proposals)
    }
}

/// Preferences that were made of a note.
pub(super) fn of_note(note: &str, means: Vec<Preference>) -> Vec<Preference> {
    let of = |one| Preference { of_note: Some(note.to_owned()), ..one };
    means.into_iter().map(of).collect()
}

/// What a note means, in the place of what it meant; nothing where there is no such note. Those of
/// the file come first, then those of the notes in their order: of two that want the opposite the
/// later one counts, whichever was confirmed first.
pub(super) fn mean(config: &mut Config, note: &str, means: Vec<Preference>) {
    config.preferences.retain(|one| one.of_note.as_deref() != Some(note));
    config.preferences.extend(means);
    let notes = &config.notes;
    let place = |one: &Preference| {
        one.of_note.as_ref().map(|note| notes.iter().position(|other| other == note))
    };
    config.preferences.retain(|one| place(one) != Some(None));
    config.preferences.sort_by_key(place);
}

/// What was done to the list of rules.
enum Placed {
    Changed(usize),
    Added,
    Removed(usize),
    Nothing,
}

fn place(rules: &mut Vec<Rule>, name: &str, rule: Option<Rule>) -> Placed {
    match (rules.iter().position(|one| one.name == name), rule) {
        (Some(at), Some(rule)) => {
            rules[at] = rule;
            Placed::Changed(at)
        }
        (Some(at), None) => {
            rules.remove(at);
            Placed::Removed(at)
        }
        (None, Some(rule)) if rules.len() < limits::RULES_MAX => {
            rules.push(rule);
            Placed::Added
        }
        (None, _) => Placed::Nothing,
    }
}

impl Agent {
    /// The configuration in force: the file's with what operators changed.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }

    /// An operator's change: done or refused at once.
    pub(super) fn edit(&mut self, key: &(String, String), edit: Edit) {
        if let Some(reason) = self.refuses_edit(&edit) {
            return self.set_command(key, CommandState::Rejected, &reason);
        }
        self.set_command(key, CommandState::Accepted, "");
        self.set_command(key, CommandState::Executing, "");
        match edit {
            Edit::PutRule(rule) => {
                let name = rule.name.clone();
                self.put_rule(&name, Some(rule));
            }
            Edit::RemoveRule(name) => self.put_rule(&name, None),
            Edit::PutNote { text, instead_of } => {
                self.put_note(text.clone(), instead_of.as_deref());
                self.set_command(key, CommandState::Succeeded, "");
                return self.understand(None, &text);
            }
            Edit::RemoveNote(text) => {
                let others = self.config.notes.iter().filter(|note| **note != text);
                let notes = others.cloned().collect();
                self.say("note", format!("forgotten: {text}"), Severity::Info);
                self.keep_meaning(&text, Vec::new());
                self.keep_notes(notes);
            }
        }
        self.set_command(key, CommandState::Succeeded, "");
    }

    /// Why a change cannot be made; `None`: it can.
    fn refuses_edit(&self, edit: &Edit) -> Option<String> {
        let (rules, notes) = (&self.config.rules, &self.config.notes);
        let has_rule = |name: &str| rules.iter().any(|rule| rule.name == name);
        let no_note = |text: &String| {
            (!notes.contains(text)).then(|| "there is no note of these words".to_owned())
        };
        match edit {
            Edit::PutRule(rule) => (!has_rule(&rule.name) && rules.len() >= limits::RULES_MAX)
                .then(|| format!("there are {} rules, the most", limits::RULES_MAX)),
            Edit::RemoveRule(name) => (!has_rule(name)).then(|| {
                let names: Vec<_> = rules.iter().map(|rule| &*rule.name).collect();
                format!("no rule of this name: there are {}", names.join(", "))
            }),
            Edit::PutNote { text, .. } if notes.contains(text) => {
                Some("there is a note of these words already".into())
            }
            Edit::PutNote { instead_of: Some(old), .. } => no_note(old),
            Edit::PutNote { .. } => (notes.len() >= limits::NOTES_MAX)
                .then(|| format!("there are {} notes, the most", limits::NOTES_MAX)),
            Edit::RemoveNote(text) => no_note(text),
        }
    }

    fn put_rule(&mut self, name: &str, rule: Option<Rule>) {
        let put = rule.as_ref().map(|rule| rule_to_json(rule, &self.config));
        let text = match &put {
            Some(put) => format!("{name}: when {} set {}", put["when"], put["set"]),
            None => format!("{name} is forgotten"),
        };
        self.say("rule", text, Severity::Info);
        let put = Some(json!({ "rule": put }).to_string());
        self.record(Entry::Goal { name: format!("{RULE}{name}"), put });
        self.follow_edit(Kept::Rule(name.into(), rule));
    }

    fn put_note(&mut self, text: String, instead_of: Option<&str>) {
        let mut notes = self.config.notes.clone();
        let said = match instead_of {
            Some(old) => format!("{text} (instead of: {old})"),
            None => text.clone(),
        };
        match notes.iter_mut().find(|note| Some(note.as_str()) == instead_of) {
            Some(note) => *note = text.clone(),
            None => notes.push(text.clone()),
        }
        self.say("note", said, Severity::Info);
        // Whatever the same words were once confirmed to mean, nobody has said yes to these.
        instead_of.into_iter().for_each(|old| self.keep_meaning(old, Vec::new()));
        self.keep_meaning(&text, Vec::new());
        self.keep_notes(notes);
    }

    fn keep_notes(&mut self, now: Vec<String>) {
        let file = self.file_notes.clone();
        let put = Some(json!({"notes": now, "file": file}).to_string());
        self.record(Entry::Goal { name: NOTES.into(), put });
        self.follow_edit(Kept::Notes { now, file });
    }

    /// What waits for a person is written down, all of it.
    pub(super) fn keep_proposals(&mut self) {
        let all = self.proposals().iter().map(|one| one.kept(&self.config));
        let put = json!({"proposals": all.collect::<Vec<_>>()}).to_string();
        self.record(Entry::Goal { name: PROPOSALS.into(), put: Some(put) });
    }

    /// A person has confirmed what a note means.
    pub(super) fn keep_meaning(&mut self, note: &str, means: Vec<Preference>) {
        let said = means.iter().map(|one| preference_to_json(one, &self.config));
        let put = Some(json!({"means": said.collect::<Vec<_>>()}).to_string());
        self.record(Entry::Goal { name: format!("{MEANING}{note}"), put });
        self.follow_edit(Kept::Meaning(note.into(), of_note(note, means)));
    }

    /// What the file says is kept with an operator's change of the mode: who edits the file after
    /// that has the last word.
    pub(super) fn keep_file_mode(&mut self, actuator: &str, file: Mode) {
        let put = Some(json!({"file": file.word()}).to_string());
        self.record(Entry::Goal { name: format!("{MODE}{actuator}"), put });
    }

    /// What waits for a person is written down, so that a start after a crash can take the retained
    /// topics back.
    pub(super) fn keep_approvals(&mut self) {
        let open = self.approvals.iter().map(|one| {
            let actuator = &self.config.actuators[usize::from(one.actuator.0)].name;
            json!({"id": one.id, "actuator": actuator})
        });
        let open = open.chain(self.shown.iter().map(|one| json!({"id": one.id})));
        let open = open.chain(self.unsaid.iter().map(|id| json!({"id": id})));
        let put = Some(json!({"open": open.collect::<Vec<_>>()}).to_string());
        self.record(Entry::Goal { name: APPROVALS.into(), put });
    }

    /// A change takes hold.
    pub(super) fn follow_edit(&mut self, kept: Kept) {
        let mut config = (*self.config).clone();
        match kept {
            Kept::Rule(name, rule) => match place(&mut config.rules, &name, rule) {
                Placed::Changed(at) => self.rules[at] = RuleState::default(),
                Placed::Added => self.rules.push(RuleState::default()),
                Placed::Removed(at) => drop(self.rules.remove(at)),
                Placed::Nothing => {}
            },
            Kept::Notes { now, .. } => {
                config.notes = now;
                mean(&mut config, "", Vec::new());
            }
            Kept::Meaning(note, means) => mean(&mut config, &note, means),
            Kept::Proposals(_) | Kept::FileMode(..) | Kept::Approvals(_) => return,
        }
        self.config = Arc::new(config);
        self.forget_prefix();
        self.drop_question();
        self.plan_wanted = true;
    }
}
