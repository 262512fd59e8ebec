//! `outpost bench agent` and `outpost plant` as a user meets them: what they print and refuse.
#![allow(clippy::unwrap_used, reason = "a set-up that fails must fail the test")]
#![allow(clippy::disallowed_methods, reason = "nobody reads a test's folder after a power cut")]

use std::process::{Command, Output};

use serde_json::Value;

fn outpost(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_outpost")).args(arguments).output().expect("outpost runs")
}

fn lines(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).expect("only JSON lines")).collect()
}

#[test]
fn the_benchmark_ends_with_its_summary_and_writes_its_report() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.html");
    let report = report.to_str().unwrap();
    let plants = ["bench", "agent", "--plants", "water-tank,greenhouse", "--days", "0.05"];
    let rest = ["--seeds", "1", "--trials", "1", "--json", "--report", report];
    let output = outpost(&[&plants[..], &rest].concat());
    assert!(output.status.success(), "{output:?}");
    let lines = lines(&output);
    let (summary, rows) = lines.split_last().unwrap();
    // With a report there are lines beside these: the means of each run that it shows.
    let names: Vec<_> = rows
        .iter()
        .filter(|row| row.get("controller").is_some())
        .map(|row| {
            let text = |key: &str| row[key].as_str().unwrap().to_owned();
            (text("plant"), text("controller"))
        })
        .collect();
    let name = |plant: &str, controller: &str| (plant.to_string(), controller.to_string());
    for controller in ["safe", "thermostats", "planner", "understood"] {
        assert!(names.contains(&name("greenhouse", controller)), "{names:?}");
        assert!(names.contains(&name("water-tank", controller)), "{names:?}");
    }
    for place in ["greenhouse", "water-tank"] {
        assert!(names.contains(&name(place, "limit")), "{names:?}");
    }
    for key in ["satisfied_of_limit", "cost_of_limit"] {
        assert!(summary[key].is_f64(), "{summary}");
    }
    assert!(summary["understood"]["notes_broken"].is_u64(), "{summary}");
    assert!(summary["mind"].is_null(), "it was not asked for: {summary}");
    assert!(summary["mind_alone"].is_null(), "it was not asked for: {summary}");
    assert_eq!((&summary["forbidden"], &summary["model_calls"]), (&0.into(), &0.into()));
    assert_eq!(summary["worst_plant"], "water-tank");
    assert!(summary["by"]["planner"].is_u64(), "{summary}");
    for row in rows.iter().filter(|row| row["controller"] == "planner") {
        let share = |who: &str| row["share_by"][who].as_f64().unwrap();
        let all: f64 = ["rule", "planner", "mind", "people"].map(share).iter().sum();
        let decisions: u64 = row["by"].as_object().unwrap().values().flat_map(Value::as_u64).sum();
        let whole = f64::from(u8::from(decisions > 0));
        assert!((all - whole).abs() < 1e-9, "{row}");
        assert_eq!((&row["model_calls"], &row["by"]["mind"]), (&0.into(), &0.into()));
        assert!(row["recovery"].is_null() && row["solved_locally"].is_f64(), "{row}");
    }
    let page = std::fs::read_to_string(report).unwrap();
    assert_eq!(page.matches("<svg").count(), 6, "planner, thermostats and limit of each");
    assert!(page.contains("spare the well"));
}

#[test]
fn a_short_run_keeps_its_bounds_and_says_how_long_each_fault_was_felt() {
    let folder = tempfile::tempdir().unwrap();
    let report = folder.path().join("report.html");
    let report = report.to_str().unwrap();
    let what = ["bench", "agent", "--plants", "water-tank", "--days", "0.35", "--seeds", "1"];
    let how = ["--trials", "0", "--faults", "--assert", "--json", "--report", report];
    let output = outpost(&[&what[..], &how].concat());
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let lines = lines(&output);
    let row = lines.iter().find(|row| row["controller"] == "planner").unwrap();
    let kinds = row["recovery"].as_object().unwrap();
    let faults: u64 = kinds.values().map(|one| one["faults"].as_u64().unwrap()).sum();
    // The first begins between the third and the sixth hour and is over after the eighth; the
    // second begins after the ninth.
    assert_eq!(faults, 1, "{row}");
    assert!(kinds.values().all(|one| one["longest_min"].is_f64()), "{row}");
    let page = std::fs::read_to_string(report).unwrap();
    let word = kinds.keys().next().unwrap();
    assert!(page.contains(&format!("<td>{word}")), "the table of recoveries");
    assert!(page.contains(&format!("\n{word}\n")), "the mark in the picture");
}

#[test]
fn a_place_that_is_not_there_is_refused_with_those_that_are() {
    let output = outpost(&["bench", "agent", "--plants", "cold-room,moon"]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("\"moon\"") && text.contains("mast-cabinet"), "{text}");
}

#[test]
fn every_printed_configuration_passes_check() {
    let folder = tempfile::tempdir().unwrap();
    let kinds = ["greenhouse", "cold-room", "water-tank", "office", "fish-basin", "mast-cabinet"];
    for kind in kinds {
        let printed = outpost(&["plant", kind, "--print-config"]);
        let path = folder.path().join(format!("{kind}.toml"));
        std::fs::write(&path, printed.stdout).unwrap();
        let checked = outpost(&["check", "--config", path.to_str().unwrap()]);
        assert!(checked.status.success(), "{kind}: {checked:?}");
    }
}

#[test]
fn the_whole_service_takes_every_reading_on_one_core_and_its_rules_act_meanwhile() {
    // The rule is told of something each 3 s: twice, since a loaded machine may miss the first.
    let few = ["bench", "bus", "--seconds", "8", "--rate", "300", "--sensors", "200", "--json"];
    let output = outpost(&few);
    assert!(output.status.success(), "{output:?}");
    let lines = lines(&output);
    let [line] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((&line["lost"], &line["used"]), (&0.into(), &line["sent"]));
    assert!(line["sent"].as_u64().unwrap() >= 1000, "{line}");
    assert!(line["rule_ms"]["times"].as_u64().unwrap() > 0, "{line}");
    assert!(line["kb_per_sensor"].is_f64() && line["share_of_the_core"].is_f64(), "{line}");

    let output = outpost(&["bench", "bus", "--broker", "nowhere", "--json"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("allowed is mqtt://host"), "{said}");
}
