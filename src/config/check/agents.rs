//! `[[agent]]`: several agents in one process, each with goals, tools, notes, an adapter and a
//! priority of its own. An actuator has one owner.

use std::collections::BTreeMap;

use super::plain::{MODES, PATH_BYTES_MAX};
use super::section::Section;
use super::{Checker, Raw, Spot, quoted};
use crate::config::checked::{Actuator, Config, Mode};
use crate::config::{AgentPart, Preference};
use crate::domain::ActuatorId;
use crate::limits::{
    ACTUATORS_MAX, AGENT_PRIORITY_MAX, AGENT_TOOLS_DEFAULT, AGENTS_MAX, GOALS_MAX, NOTE_BYTES_MAX,
    NOTES_MAX,
};

/// What has an owner already: by its kind (`goal`, `actuator`, `note`) and name.
type Owned = BTreeMap<(&'static str, String), String>;

impl Checker<'_> {
    /// The agents, the first in priority first; none where there is no `[[agent]]`.
    pub(super) fn agents(&mut self, top: &mut Section<'_>) -> Vec<AgentPart> {
        if !matches!(top.get("agent").map(|node| &node.raw), Some(Raw::List(_))) {
            return Vec::new();
        }
        let goals = titles(top, "goal");
        let mut owned: Owned = BTreeMap::new();
        for note in texts(top, "note", "text") {
            owned.insert(("note", note), "everybody".into());
        }
        let has_mind = top.has("mind");
        let mut names = Vec::new();
        let mut agents = Vec::new();
        for section in top.elements(self, "agent", AGENTS_MAX) {
            agents.extend(self.part(section, &mut names, &goals, &mut owned, has_mind));
        }
        agents.sort_by_key(|one| std::cmp::Reverse(one.priority));
        agents
    }

    fn part(
        &mut self,
        mut section: Section<'_>,
        names: &mut Vec<String>,
        known: &[String],
        owned: &mut Owned,
        has_mind: bool,
    ) -> Option<AgentPart> {
        let name = self.title(&mut section, names);
        let label = quoted(name.as_deref().unwrap_or_default());
        let mut goals = Vec::new();
        for goal in self.texts(&mut section, "goals", GOALS_MAX, "a list of goals' names") {
            if !known.contains(&goal) {
                let found = format!("{}, no goal of this file", quoted(&goal));
                section.fault(self, "goals", found, "names of [[goal]]");
            } else if self.owns(&section, "goals", ("goal", &goal), &label, owned) {
                goals.push(goal);
            }
        }
        let tools = self.tools(&mut section, &label, owned);
        let mut notes = Vec::new();
        for note in self.texts(&mut section, "notes", NOTES_MAX, "a list of your own words") {
            if note.trim().is_empty() || note.len() > NOTE_BYTES_MAX {
                let found = format!("a text of {} bytes", note.len());
                let allowed = format!("texts of 1 to {NOTE_BYTES_MAX} bytes");
                section.fault(self, "notes", found, &allowed);
            } else if self.owns(&section, "notes", ("note", &note), &label, owned) {
                notes.push(note);
            }
        }
        let adapter = section.bounded_text(self, "adapter", PATH_BYTES_MAX).map(str::to_owned);
        if adapter.is_some() && !has_mind {
            let found = "an adapter without a [mind]".to_owned();
            section.fault(self, "adapter", found, "no adapter, or a [mind] that it is for");
        }
        let priority = section.integer(self, "priority", 1..=AGENT_PRIORITY_MAX, 1);
        let mode = section.word(self, "mode", &MODES).unwrap_or(Mode::Act);
        section.finish(self);
        Some(AgentPart { name: name?, goals, tools, notes, adapter, priority, mode })
    }

    fn tools(
        &mut self,
        section: &mut Section<'_>,
        label: &str,
        owned: &mut Owned,
    ) -> Vec<ActuatorId> {
        let form = "a list of actuators' names, such as [\"fan\", \"vent\"]";
        let mut tools = Vec::new();
        let names = self.texts(section, "tools", ACTUATORS_MAX, form);
        let count = names.len();
        for name in names {
            if let Some((id, _)) = self.known_actuator(section, "tools", &name)
                && self.owns(section, "tools", ("actuator", &name), label, owned)
            {
                tools.push(ActuatorId(id));
            }
        }
        let bounds = 1..=u32::try_from(ACTUATORS_MAX).unwrap_or(u32::MAX);
        let most = section.integer(self, "tools_max", bounds, AGENT_TOOLS_DEFAULT);
        if usize::try_from(most).is_ok_and(|most| count > most) {
            let allowed = format!("at most {most}, or as many as a `tools_max` says");
            section.fault(self, "tools", format!("{count} of them"), &allowed);
        }
        tools
    }

    /// A list of texts.
    fn texts(
        &mut self,
        section: &mut Section<'_>,
        key: &'static str,
        most: usize,
        form: &str,
    ) -> Vec<String> {
        let mut texts = Vec::new();
        for node in section.list(self, key, form).unwrap_or_default() {
            match node.raw {
                Raw::Text(text) => texts.push(text),
                raw => section.fault(self, key, raw.words(), form),
            }
        }
        if texts.len() > most {
            section.fault(
                self,
                key,
                format!("{} of them", texts.len()),
                &format!("at most {most}"),
            );
            texts.truncate(most);
        }
        texts
    }

    /// It has no other owner, and this one from now on.
    fn owns(
        &mut self,
        section: &Section<'_>,
        key: &'static str,
        (kind, name): (&'static str, &str),
        label: &str,
        owned: &mut Owned,
    ) -> bool {
        let before = owned.insert((kind, name.to_owned()), format!("agent {label}"));
        let Some(before) = before else { return true };
        let found = format!("{}, which {before} has already", quoted(name));
        let allowed = match kind {
            "actuator" => "an actuator that no other agent has: each has one owner",
            "goal" => "a goal that no other agent has",
            _ => "a note that nobody else has",
        };
        section.fault(self, key, found, allowed);
        false
    }

    /// What a person should know about the agents of a configuration without faults.
    pub(super) fn agents_warnings(&mut self, spot: &Spot, config: &Config) {
        let agents = &config.agents;
        if agents.is_empty() {
            return;
        }
        let owner = |id: ActuatorId| agents.iter().position(|one| one.tools.contains(&id));
        let name = |id: ActuatorId| &config.actuators[usize::from(id.0)].name;
        for id in (0u16..).map(ActuatorId).take(config.actuators.len()) {
            if owner(id).is_none() {
                let text =
                    format!("{} is no agent's tool: rules and people alone set it", name(id));
                self.warn(spot, text);
            }
        }
        for Preference { prefer, over, .. } in &config.preferences {
            if let Some(better) = prefer.filter(|better| owner(*better) != owner(*over)) {
                let text = format!(
                    "the preference for {} over {} has no effect: they are tools of two agents",
                    name(better),
                    name(*over)
                );
                self.warn(spot, text);
            }
        }
    }
}

/// The mode of the whole, which is the least strict of its agents'. The tools of the stricter ones
/// get theirs.
pub(super) fn common_mode(agents: &[AgentPart], actuators: &mut [Actuator]) -> Option<Mode> {
    let strictness = |mode: Mode| match mode {
        Mode::Act => 0,
        Mode::Advise => 1,
        Mode::Observe => 2,
    };
    let common = agents.iter().map(|one| one.mode).min_by_key(|mode| strictness(*mode))?;
    for agent in agents.iter().filter(|one| one.mode != common) {
        for id in &agent.tools {
            let Some(actuator) = actuators.get_mut(usize::from(id.0)) else { continue };
            let own = actuator.mode.unwrap_or(common);
            let stricter = strictness(agent.mode) > strictness(own);
            actuator.mode = Some(if stricter { agent.mode } else { own });
        }
    }
    Some(common)
}

/// The names of `[[key]]`, faulty ones too.
fn titles(top: &mut Section<'_>, key: &'static str) -> Vec<String> {
    texts(top, key, "name")
}

/// The texts at one key of each `[[list]]`.
fn texts(top: &mut Section<'_>, list: &'static str, key: &str) -> Vec<String> {
    let Some(Raw::List(elements)) = top.get(list).map(|node| &node.raw) else {
        return Vec::new();
    };
    let text = |element: &super::Node| match &element.raw {
        Raw::Table(table) => match &table.get(key)?.raw {
            Raw::Text(text) => Some(text.clone()),
            _ => None,
        },
        _ => None,
    };
    elements.iter().filter_map(text).collect()
}
