//! `outpost init` on a terminal: asks for what cannot be known, each answer checked as the file
//! will be. What is answered with an empty line stays as it is proposed. Nothing is written here,
//! and nothing is sent but the subscription of the search for devices.

use std::io::{BufRead, Read, Write};

use anyhow::{bail, ensure};

use crate::agent::goal_of_words;
use crate::board::Profiles;
use crate::config::{self, Actuator, ActuatorKind, Bus, Config, Strictness, goal_to_json};
use crate::discover::{Offer, Proposal, sections};
use crate::limits;

/// What the search for devices on a bus finds.
pub(super) type Search<'a> = &'a dyn Fn(&Bus) -> anyhow::Result<Vec<Proposal>>;

/// The interview: where answers come from and questions go.
pub(super) struct Interview<'a> {
    input: &'a mut dyn BufRead,
    out: &'a mut dyn Write,
    /// The configuration as it is so far; it passes the check after every answer.
    text: String,
}

impl<'a> Interview<'a> {
    /// An interview that begins with a configuration which passes the check.
    pub(super) fn new(
        input: &'a mut dyn BufRead,
        out: &'a mut dyn Write,
        text: String,
    ) -> Interview<'a> {
        Interview { input, out, text }
    }

    /// Asks everything; gives the configuration.
    ///
    /// # Errors
    /// Where the answers end before the questions do, or the last answer is no.
    pub(super) fn hold(
        mut self,
        name: &str,
        zone: &str,
        search: Search<'_>,
    ) -> anyhow::Result<String> {
        self.say(
            "An empty line takes what stands in brackets. Nothing is written before the end.\n",
        )?;
        self.value("Name of this device", "name = ", name)?;
        let boards: Vec<_> = Profiles::embedded().all().map(|one| &*one.name).collect();
        self.say(&format!("Boards: auto, {}", boards.join(", ")))?;
        self.value("Board", "board = ", "auto")?;
        self.value("Time zone", "timezone = ", zone)?;
        self.value(
            "Broker: mqtt://host, or embedded for one of our own",
            "url = ",
            "mqtt://127.0.0.1:1883",
        )?;
        let bus = self.config()?.bus;
        if !matches!(bus.broker, config::Broker::Embedded { .. }) {
            self.account()?;
            self.devices(search)?;
        }
        self.by_hand()?;
        self.goals()?;
        self.notes()?;
        let config = self.config()?;
        self.say(&format!(
            "\n{} sensors, {} devices, {} goals, {} notes; it only watches: mode observe.",
            config.sensors.len(),
            config.actuators.len(),
            config.goals.len(),
            config.notes.len()
        ))?;
        ensure!(self.yes("Write it?")?, "nothing was written");
        Ok(self.text)
    }

    fn say(&mut self, text: &str) -> std::io::Result<()> {
        writeln!(self.out, "{text}")
    }

    fn ask(&mut self, question: &str, default: &str) -> anyhow::Result<String> {
        write!(self.out, "{question} [{default}]: ")?;
        self.out.flush()?;
        let mut line = String::new();
        let most = limits::INIT_LINE_BYTES_MAX;
        if (&mut *self.input).take(most).read_line(&mut line)? == 0 {
            bail!("the answers ended before the questions: nothing was written");
        }
        let line = line.trim();
        Ok(if line.is_empty() { default.to_owned() } else { line.to_owned() })
    }

    fn yes(&mut self, question: &str) -> anyhow::Result<bool> {
        loop {
            match self.ask(question, "yes")?.to_lowercase().as_str() {
                "yes" | "y" => return Ok(true),
                "no" | "n" => return Ok(false),
                _ => self.say("yes or no?")?,
            }
        }
    }

    fn config(&self) -> anyhow::Result<Config> {
        Ok(read(&self.text)?)
    }

    /// Takes a text for the whole, where it passes the check; says what is wrong with it else.
    fn takes(&mut self, text: String) -> std::io::Result<bool> {
        match read(&text) {
            Ok(_) => {
                self.text = text;
                Ok(true)
            }
            Err(faults) => {
                for one in faults.faults.iter().take(FAULTS_TOLD_MAX) {
                    self.say(&format!(
                        "  {}: found {}; allowed: {}",
                        one.key, one.found, one.allowed
                    ))?;
                }
                Ok(false)
            }
        }
    }

    /// Asks for the value of a key that stands in the file once, until it passes.
    fn value(&mut self, question: &str, key: &str, default: &str) -> anyhow::Result<()> {
        loop {
            let answer = self.ask(question, default)?;
            let text = with_value(&self.text, key, &quoted(&answer));
            if self.takes(text)? {
                return Ok(());
            }
        }
    }

    /// User and password at the broker.
    fn account(&mut self) -> anyhow::Result<()> {
        let user = self.ask("User at the broker", "none")?;
        if user == "none" {
            return Ok(());
        }
        let file = self.ask("File with the password", "/etc/outpost/password")?;
        let text = with_value(&self.text, "# username = ", &quoted(&user));
        let text = with_value(&text, "# password_file = ", &quoted(&file));
        let text = text.replace("\n# username = ", "\nusername = ");
        let text = text.replace("\n# password_file = ", "\npassword_file = ");
        if !self.takes(text)? {
            self.say("  left out")?;
        }
        Ok(())
    }

    /// Devices that announce themselves, each as far as it is wanted.
    fn devices(&mut self, search: Search<'_>) -> anyhow::Result<()> {
        if !self.yes("Search the bus for devices that announce themselves?")? {
            return Ok(());
        }
        let found = match search(&self.config()?.bus) {
            Ok(found) => found,
            Err(error) => {
                self.say(&format!("  not searched: {error:#}"))?;
                return Ok(());
            }
        };
        let usable: Vec<_> =
            found.into_iter().filter(|one| !matches!(one.offer, Offer::Nothing(_))).collect();
        if usable.is_empty() {
            self.say("  nothing announces itself")?;
        }
        for parts in usable.chunk_by(|one, next| one.device == next.device) {
            let names: Vec<_> = parts.iter().map(|one| one.name.as_str()).collect();
            let device = parts.first().map_or("", |one| &one.device);
            if !self.yes(&format!("{device} ({}): take it?", names.join(", ")))? {
                continue;
            }
            for part in parts {
                self.part(part)?;
            }
        }
        Ok(())
    }

    fn part(&mut self, part: &Proposal) -> anyhow::Result<()> {
        let section = sections(std::slice::from_ref(part));
        if !self.takes(format!("{}{section}", self.text))? {
            self.say(&format!("  {} is left out", part.name))?;
            return Ok(());
        }
        if part.offer.is_actuator() {
            self.safety(&part.name)?;
        }
        Ok(())
    }

    /// Where a device that stands last in the file goes, and what it does.
    fn safety(&mut self, name: &str) -> anyhow::Result<()> {
        let config = self.config()?;
        let Some(actuator) = config.actuators.iter().find(|one| one.name == name) else {
            return Ok(());
        };
        let safe = actuator.safe.to_string();
        loop {
            let question = format!("{name}: where to, when the agent gives up control of it?");
            let answer = self.ask(&question, &safe)?;
            let text = with_last_value(&self.text, "safe = ", &said(actuator, &answer));
            if self.takes(text)? {
                break;
            }
        }
        let numbers: Vec<_> = config.sensors.iter().map(|one| &*one.name).collect();
        if numbers.is_empty() {
            return Ok(());
        }
        loop {
            let question = format!("{name} raises or lowers which sensor (lowers {})?", numbers[0]);
            let answer = self.ask(&question, "none")?;
            if answer == "none" {
                return Ok(());
            }
            let Some((verb, sensor)) = answer.split_once(' ') else {
                self.say("  such as: lowers air_temperature")?;
                continue;
            };
            let sensor = sensor.trim().replace(' ', "_");
            let line = format!("effects = {{ {sensor} = {} }}\n", quoted(verb));
            if self.takes(format!("{}{line}", self.text))? {
                return Ok(());
            }
        }
    }

    /// Sensors and switches that say nothing of themselves.
    fn by_hand(&mut self) -> anyhow::Result<()> {
        for (kind, more) in [("sensor", "unit"), ("actuator", "state_topic")] {
            let what = if kind == "sensor" { "sensor" } else { "switch" };
            loop {
                let name = self.ask(&format!("One more {what} by hand: its name"), "none")?;
                if name == "none" {
                    break;
                }
                let topic = self.ask("  its topic", &format!("{what}/{name}"))?;
                let about = if kind == "sensor" { "unit" } else { "topic of its answer" };
                let extra = self.ask(&format!("  its {about}"), "none")?;
                let mut section = format!("\n[[{kind}]]\nname = {}\n", quoted(&name));
                section += &format!("topic = {}\n", quoted(&topic));
                if kind == "actuator" {
                    section += "safe = \"off\"\n";
                }
                if extra != "none" {
                    section += &format!("{more} = {}\n", quoted(&extra));
                }
                if self.takes(format!("{}{section}", self.text))? && kind == "actuator" {
                    self.safety(&name)?;
                }
            }
        }
        Ok(())
    }

    fn goals(&mut self) -> anyhow::Result<()> {
        let config = self.config()?;
        if config.sensors.is_empty() {
            return Ok(());
        }
        let names: Vec<_> = config.sensors.iter().map(|one| one.name.replace('_', " ")).collect();
        self.say(&format!(
            "\nWhat do you want? Such as: keep the {} between 18 and 24. Sensors: {}",
            names[0],
            names.join(", ")
        ))?;
        loop {
            let words = self.ask("A goal", "that is all")?;
            if words == "that is all" {
                return Ok(());
            }
            let config = self.config()?;
            let goal = match goal_of_words(&words, &config) {
                Ok(goal) => goal,
                Err(reason) => {
                    self.say(&format!("  {reason}"))?;
                    continue;
                }
            };
            let put = goal_to_json(&goal, &config);
            let keep = &put["keep"];
            let keys = ["sensor", "min", "max"].into_iter().filter(|key| !keep[*key].is_null());
            let keep = keys.map(|key| format!("{key} = {}", keep[key])).collect::<Vec<_>>();
            let mut name = goal.name.trim_start_matches("asked: ").to_owned();
            while config.goals.iter().any(|one| one.name == name) {
                name.push_str(" again");
            }
            let keep = keep.join(", ");
            let section = format!("\n[[goal]]\nname = {}\nkeep = {{ {keep} }}\n", quoted(&name));
            if self.takes(format!("{}{section}", self.text))? {
                self.say(&format!("  understood: keep {keep}"))?;
            }
        }
    }

    fn notes(&mut self) -> anyhow::Result<()> {
        self.say("\nNotes in your own words, for the language model: what is loud, dear, liked.")?;
        loop {
            let words = self.ask("A note", "that is all")?;
            if words == "that is all" {
                return Ok(());
            }
            let section = format!("\n[[note]]\ntext = {}\n", quoted(&words));
            self.takes(format!("{}{section}", self.text))?;
        }
    }
}

/// Faults that are told of one answer.
const FAULTS_TOLD_MAX: usize = 3;

fn read(text: &str) -> Result<Config, config::Faults> {
    let read = config::from_text(text, "the new configuration", &[], Strictness::Check);
    read.map(|(config, _)| config)
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A setting as TOML writes it.
fn said(actuator: &Actuator, answer: &str) -> String {
    match &actuator.kind {
        ActuatorKind::Level { .. } if answer.parse::<f64>().is_ok() => answer.to_owned(),
        _ => quoted(answer),
    }
}

/// The text with another value in the first line that begins with a key; its comment goes.
fn with_value(text: &str, key: &str, value: &str) -> String {
    let at = text.lines().position(|line| line.starts_with(key));
    replaced(text, at, key, value)
}

/// The same in the last such line.
fn with_last_value(text: &str, key: &str, value: &str) -> String {
    let at = text.lines().enumerate().filter(|(_, line)| line.starts_with(key)).last();
    replaced(text, at.map(|(at, _)| at), key, value)
}

fn replaced(text: &str, at: Option<usize>, key: &str, value: &str) -> String {
    let lines = text.lines().enumerate().map(|(number, line)| {
        if Some(number) == at { format!("{key}{value}\n") } else { format!("{line}\n") }
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::Announcements;

    const START: &str = "[device]\nname = \"a\"\nboard = \"auto\"\ntimezone = \"UTC\"\n[bus]\n\
                         url = \"mqtt://127.0.0.1:1883\"\n# username = \"x\"\n\
                         # password_file = \"y\"\n";

    fn hold(answers: &str) -> (anyhow::Result<String>, String) {
        let search = |_: &Bus| {
            let mut found = Announcements::default();
            let plug = r#"{"name":"Plug","unique_id":"p","command_topic":"plug/set",
                "state_topic":"plug","device":{"identifiers":["d"],"name":"Kitchen"}}"#;
            let heat = r#"{"name":"Heat","unique_id":"h","state_topic":"heat",
                "unit_of_measurement":"°C","device":{"identifiers":["d"],"name":"Kitchen"}}"#;
            found.take("homeassistant/switch/p/config", plug.as_bytes());
            found.take("homeassistant/sensor/h/config", heat.as_bytes());
            Ok(found.proposals("homeassistant"))
        };
        let (mut input, mut out) = (answers.as_bytes(), Vec::new());
        let interview = Interview::new(&mut input, &mut out, START.to_owned());
        let text = interview.hold("shed", "UTC", &search);
        (text, String::from_utf8(out).unwrap())
    }

    #[test]
    fn what_is_answered_becomes_a_configuration_that_passes_its_check() {
        let answers = [
            "Shed",                // refused: a capital letter
            "shed-1",              // name
            "",                    // board
            "Europe/Berlin",       // time zone
            "pigeon://x",          // refused
            "mqtt://broker",       // broker
            "someone",             // user
            "/etc/outpost/word",   // password's file
            "",                    // search
            "",                    // take the device
            "sideways",            // refused
            "off",                 // where it goes
            "warms kitchen_heat",  // refused
            "lowers kitchen heat", // effect
            "",                    // no sensor by hand
            "pump",                // a switch by hand
            "",                    // its topic
            "pump/state",          // its answer
            "on",                  // where it goes
            "",                    // no effect
            "",                    // no more switches
            "turn on the pump",    // no goal
            "keep the kitchen heat between 18 and 24",
            "", // that is all
            "Be quiet at night.",
            "", // that is all
            "y",
        ];
        let (text, said) = hold(&(answers.join("\n") + "\n"));
        let text = text.unwrap_or_else(|error| panic!("{error:#}\n{said}"));
        let config = read(&text).unwrap();
        assert_eq!((&*config.device.name, &*config.device.timezone), ("shed-1", "Europe/Berlin"));
        assert_eq!(config.bus.username.as_deref(), Some("someone"), "{text}");
        assert_eq!(config.sensors.len(), 1);
        assert_eq!(config.actuators.len(), 2);
        assert_eq!(config.actuators[0].effects.len(), 1, "{text}");
        assert_eq!(config.actuators[1].safe.to_string(), "on");
        assert_eq!(config.goals.len(), 1, "{said}");
        assert_eq!(config.notes, ["Be quiet at night."]);
        for word in ["a-z", "pigeon", "sideways", "warms", "no goal"] {
            assert!(said.contains(word), "{word}: {said}");
        }
    }

    #[test]
    fn nothing_comes_of_answers_that_end_or_of_a_no() {
        let (end, _) = hold("shed\n\n");
        assert!(end.unwrap_err().to_string().contains("nothing was written"));
        let (end, said) = hold("\n\n\nembedded\n\n\n\nno\n");
        assert!(end.unwrap_err().to_string().contains("nothing was written"), "{said}");
    }
}
