//! The configuration that belongs to the simulated greenhouse. It holds no logic.

/// An `outpost.toml` for the greenhouse: what the demo runs, and an example to read.
#[must_use]
pub fn greenhouse_config() -> &'static str {
    include_str!("greenhouse.toml")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use toml::Table;

    use super::super::{Greenhouse, Place};
    use super::*;

    fn parsed() -> Table {
        greenhouse_config().parse().expect("the example is TOML")
    }

    /// One key's text of every entry of a `[[list]]` that has it.
    fn texts(list: &str, key: &str) -> Vec<String> {
        let table = parsed();
        let entries = table[list].as_array().unwrap();
        let values = entries.iter().filter_map(|entry| entry.get(key)?.as_str());
        values.map(ToOwned::to_owned).collect()
    }

    #[test]
    fn it_commands_every_device_and_hears_everything_that_is_said() {
        let mut house = Greenhouse::new(1);
        house.advance(Duration::from_secs(60));
        let topics = |list: Vec<String>| list.into_iter().collect::<BTreeSet<_>>();
        assert_eq!(topics(texts("actuator", "topic")), topics(house.command_topics()));
        let mut heard = texts("sensor", "topic");
        heard.extend(texts("actuator", "state_topic"));
        let said = house.due_messages().into_iter().map(|message| message.topic);
        assert_eq!(topics(heard), said.collect());
    }

    #[test]
    fn every_reading_is_where_the_example_says_and_within_its_range() {
        let table = parsed();
        let mut house = Greenhouse::new(2);
        house.advance(Duration::from_secs(6 * 3600));
        let said = house.due_messages();
        for sensor in table["sensor"].as_array().unwrap() {
            let field = sensor.get("field").map_or("", |field| field.as_str().unwrap());
            let topic = sensor["topic"].as_str().unwrap();
            let mut count = 0;
            for message in said.iter().filter(|message| message.topic == topic) {
                let json: serde_json::Value = serde_json::from_str(&message.payload).unwrap();
                let value = json.pointer(field).unwrap();
                if let Some(range) = sensor.get("range") {
                    let bound = |at: usize| range[at].as_integer().unwrap() as f64;
                    assert!(
                        (bound(0)..=bound(1)).contains(&value.as_f64().unwrap()),
                        "{message:?}"
                    );
                } else {
                    assert!(value.is_boolean());
                }
                count += 1;
            }
            assert!(count >= 6 * 360, "{topic}: {count}");
        }
    }

    #[test]
    fn its_goals_are_those_that_the_place_is_judged_by() {
        let table = parsed();
        let judged: Vec<_> = super::super::greenhouse::GOALS.to_vec();
        let stated: Vec<_> = table["goal"].as_array().unwrap().iter().collect();
        assert_eq!(stated.len(), judged.len());
        for (goal, weight) in stated.iter().zip(super::super::greenhouse::WEIGHTS) {
            let stated = goal.get("weight").map_or(1.0, |weight| weight.as_float().unwrap());
            assert_eq!(stated, weight);
        }
        for (device, cost) in
            table["actuator"].as_array().unwrap().iter().zip(super::super::greenhouse::COSTS)
        {
            let stated = device.get("cost").map_or(0.0, |cost| cost.as_float().unwrap());
            assert_eq!(stated, cost, "{device}");
        }
        for (goal, (name, min, max)) in stated.into_iter().zip(judged) {
            assert_eq!(goal["name"].as_str(), Some(name));
            assert_eq!(goal["keep"]["min"].as_integer(), Some(min as i64));
            assert_eq!(goal["keep"]["max"].as_integer(), Some(max as i64));
        }
        assert_eq!(texts("interlock", "name"), super::super::greenhouse::INTERLOCKS);
    }

    #[test]
    fn every_expression_is_cel() {
        let mut expressions = texts("rule", "when");
        expressions.extend(texts("interlock", "forbid"));
        assert!(expressions.len() >= 5);
        for expression in expressions {
            assert!(cel::Program::compile(&expression).is_ok(), "{expression}");
        }
    }
}
