//! The end of a demo, for people and for programs. It only puts numbers into words.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

/// What came of a demo: the JSON of design §7, field by field.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// Share of the time in which every goal was met, 0 to 1.
    pub within_goal: f64,
    /// The same with every actuator at its safe value.
    pub within_goal_safe: f64,
    /// Hours of the place.
    pub hours: f64,
    /// Seed of the place.
    pub seed: u64,
    /// Seconds of the place in a real second, as reached.
    pub speed_reached: f64,
    /// Decisions by the word of their decider.
    pub decisions: BTreeMap<&'static str, u64>,
    /// How often the language model was asked.
    pub model_calls: u64,
    /// Messages to actuators.
    pub commands: Commands,
    /// Forbidden states that were seen.
    pub forbidden: u64,
    /// Id of the model; empty where there was none.
    pub model: String,
    /// Its quantisation, such as `Q4_0`.
    pub quantization: String,
    /// Kernels that computed it.
    pub kernels: String,
}

/// Messages to actuators.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Commands {
    /// Handed to the bus.
    pub sent: u64,
    /// Confirmed by the device.
    pub confirmed: u64,
    /// Refused by the guard.
    pub refused: u64,
    /// Sent and neither confirmed nor given up.
    pub open: u64,
}

/// Cells of the bars.
const BAR_CELLS: usize = 40;

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bar = |share: f64| {
            let full = (share.clamp(0.0, 1.0) * BAR_CELLS as f64).round() as usize;
            "█".repeat(full) + &"░".repeat(BAR_CELLS - full.min(BAR_CELLS))
        };
        writeln!(
            f,
            "{} hours of the place, seed {}, at {:.0} times real speed. All goals kept:",
            self.hours, self.seed, self.speed_reached
        )?;
        writeln!(f)?;
        for (name, share) in
            [("with the agent", self.within_goal), ("left alone", self.within_goal_safe)]
        {
            // Cut, not rounded: 100 % is said only where it is so.
            let percent = (share * 1000.0).floor() / 10.0;
            writeln!(f, "  {name:<15} {} {percent:5.1} %", bar(share))?;
        }
        writeln!(f)?;
        let total: u64 = self.decisions.values().sum();
        let by: Vec<String> =
            self.decisions.iter().map(|(word, count)| format!("{word} {count}")).collect();
        writeln!(f, "  decisions       {total}: {}", by.join(" · "))?;
        let Commands { sent, confirmed, refused, open } = self.commands;
        writeln!(
            f,
            "  {:<15} {sent} sent · {confirmed} confirmed · {refused} refused · {open} open",
            "commands"
        )?;
        writeln!(f, "  forbidden       {} states", self.forbidden)?;
        if self.model.is_empty() {
            return writeln!(f, "  model           none, the planner alone");
        }
        writeln!(f, "  model           {}, asked {} times", self.model, self.model_calls)?;
        writeln!(f, "  computed with   {}, kernels {}", self.quantization, self.kernels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary() -> Summary {
        Summary {
            within_goal: 0.9714,
            within_goal_safe: 0.0739,
            hours: 24.0,
            seed: 1,
            speed_reached: 512.4,
            decisions: BTreeMap::from([("rule", 3), ("planner", 280), ("mind", 29)]),
            model_calls: 309,
            commands: Commands { sent: 141, confirmed: 140, refused: 2, open: 1 },
            forbidden: 0,
            model: "smollm2-135m-instruct-q4_0".into(),
            quantization: "Q4_0".into(),
            kernels: "AVX2 FMA".into(),
        }
    }

    #[test]
    fn people_read_two_bars_and_who_decided() {
        let text = summary().to_string();
        println!("{text}");
        assert!(text.contains(" 97.1 %") && text.contains("  7.3 %"), "{text}");
        assert!(text.contains("312: mind 29 · planner 280 · rule 3"), "{text}");
        assert!(text.contains("141 sent · 140 confirmed · 2 refused · 1 open"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn nearly_all_is_not_all() {
        let text = Summary { within_goal: 0.99999, ..summary() }.to_string();
        assert!(text.contains(" 99.9 %"), "{text}");
    }

    #[test]
    fn without_a_model_it_says_so() {
        let text = Summary { model: String::new(), ..summary() }.to_string();
        assert!(text.contains("the planner alone"), "{text}");
    }

    #[test]
    fn programs_read_the_names_of_the_design() {
        let json = serde_json::to_value(summary()).unwrap();
        for name in [
            "within_goal",
            "within_goal_safe",
            "hours",
            "seed",
            "speed_reached",
            "decisions",
            "model_calls",
            "commands",
            "forbidden",
            "model",
            "quantization",
            "kernels",
        ] {
            assert!(json.get(name).is_some(), "{name}");
        }
        assert_eq!(json["decisions"]["mind"], 29);
        assert_eq!(json["commands"]["open"], 1);
    }
}
