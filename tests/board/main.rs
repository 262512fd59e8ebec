//! `outpost board` as its users have it: the real program on trees of `/sys` and `/proc` of boards
//! that are not here (`tree.rs`).
#![allow(clippy::unwrap_used, reason = "a set-up that fails must fail the test")]
#![allow(clippy::disallowed_methods, reason = "nobody reads a test's folder after a power cut")]

#[path = "../common/tree.rs"]
mod tree;

use std::process::{Command, Output};

use serde_json::Value as Json;
use tree::Tree;

fn outpost(tree: &Tree, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_outpost"))
        .args(arguments)
        .env("OUTPOST_BOARD_ROOT", tree.path())
        .env("OUTPOST_MODELS", tree.path())
        .output()
        .unwrap()
}

fn board(tree: &Tree, arguments: &[&str]) -> Json {
    let output = outpost(tree, &[&["board", "--json"], arguments].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_pi_5_is_recognised_with_its_limit_by_the_catalogue() {
    let said = board(&Tree::pi5(), &[]);
    assert_eq!((&said["board"], &said["processor"]), (&"rpi5".into(), &"Cortex-A76".into()));
    assert_eq!(said["device_tree"], "Raspberry Pi 5 Model B Rev 1.0");
    assert_eq!(said["cores"], 4);
    assert_eq!(said["processor_kernels"], serde_json::json!(["NEON", "DOTPROD", "FP16_VA"]));
    assert_eq!(said["fitting_build"], "armv8.2-a+dotprod+fp16");
    assert_eq!(said["serial"], serde_json::json!(["/dev/ttyAMA0", "/dev/serial/by-id/usb-one"]));
    // No model file in this store: 12 GB/s over the catalogue's 91,726,912 bytes.
    assert_eq!((&said["bytes_exact"], &said["tokens_per_s_limit"]), (&false.into(), &130.8.into()));
}

#[test]
fn a_pi_4_has_no_dot_product_and_a_jetson_has_its_own_profile() {
    let said = board(&Tree::pi4(), &[]);
    assert_eq!((&said["board"], &said["core"]), (&"rpi4".into(), &"Cortex-A72".into()));
    assert_eq!(said["processor_kernels"], serde_json::json!(["NEON"]));
    let said = board(&Tree::jetson_orin_nano(), &[]);
    assert_eq!((&said["board"], &said["cores"]), (&"jetson-orin-nano".into(), &6.into()));
    assert_eq!(said["bandwidth"]["kind"], "peak");
}

#[test]
fn a_build_that_does_not_fit_is_warned_of() {
    // This build on the processor of a Pi 4: on a PC everything is lacking, on an Arm machine with
    // dot product that is; a build for the baseline fits.
    let kernels: Json = {
        let output = outpost(&Tree::pi4(), &["version", "--json"]);
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let kernels = kernels["kernels"].as_str().unwrap().to_owned();
    let fits = !kernels.contains("AVX") && !kernels.contains("DOTPROD");
    let said = board(&Tree::pi4(), &[]);
    let warned = said["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .any(|text| text.as_str().unwrap().contains("does not fit this processor"));
    assert_eq!(warned, !fits, "{said}");
    let text = String::from_utf8(outpost(&Tree::pi4(), &["board"]).stdout).unwrap();
    assert_eq!(text.contains("warning     this build does not fit"), !fits, "{text}");
    assert!(text.contains("limit       smollm2-135m-instruct-q4_0: 91.7 MB a token"), "{text}");
}

#[test]
fn a_board_and_a_model_that_nobody_knows_are_refused() {
    for arguments in [["board", "--board", "rpi9"], ["board", "--model", "gpt"]] {
        let output = outpost(&Tree::pi5(), &arguments);
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("allowed: "), "{said}");
    }
    let said = board(&Tree::pi5(), &["--board", "rpi-zero-2w"]);
    assert_eq!((&said["board"], &said["by"]), (&"rpi-zero-2w".into(), &"--board".into()));
}

#[test]
fn init_writes_a_configuration_that_check_accepts_and_overwrites_none() {
    let tree = Tree::pi5();
    tree.put("proc/sys/kernel/hostname", "Barn_2\n");
    let file = tree.path().join("new/outpost.toml").display().to_string();
    let init =
        |more: &[&str]| outpost(&tree, &[&["init", "--output", file.as_str()][..], more].concat());
    let output = init(&[]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = std::fs::read_to_string(&file).unwrap();
    for part in ["name = \"barn-2\"", "recognised here: rpi5", "# threads_prefill = 4", "usb-one"] {
        assert!(text.contains(part), "no {part} in\n{text}");
    }
    let checked = outpost(&tree, &["check", "--config", &file]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));

    std::fs::write(&file, "mine").unwrap();
    let refused = init(&[]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("is there already; --force"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    assert!(init(&["--force", "--name", "shed"]).status.success());
    assert!(std::fs::read_to_string(&file).unwrap().contains("name = \"shed\""));
    assert_eq!(init(&["--force", "--name", "No Name"]).status.code(), Some(1));
    let printed = outpost(&tree, &["init", "--output", "-"]);
    assert!(String::from_utf8_lossy(&printed.stdout).contains("[journal]"));
}
