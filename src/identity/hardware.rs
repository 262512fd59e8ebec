//! On which hardware this board's memory was made: a card that was copied or moved wakes up on
//! another board, under the name and with the key of the first one.
//!
//! Only a digest of the hardware's serial number is kept. Hardware without one is never judged.

use std::path::Path;

use outpost_launcher::manifest::sha256;
use serde_json::{Value as Json, json};

use crate::board::Root;
use crate::disk;

/// In the journal's folder.
const FILE: &str = "hardware.json";
/// Where a Raspberry Pi or a Jetson, and a PC, say their serial numbers.
const SERIALS: [&str; 3] = [
    "proc/device-tree/serial-number",
    "sys/class/dmi/id/product_serial",
    "sys/class/dmi/id/board_serial",
];

/// Whether the memory in this folder was made on other hardware. Said once: from then on it is this
/// hardware's.
#[must_use]
pub fn has_changed(folder: &Path, root: &Root) -> bool {
    let text = |path: &&str| root.text(path);
    let mut texts =
        SERIALS.iter().filter_map(text).map(|text| text.trim_matches(['\0', '\n', ' ']).to_owned());
    let Some(serial) = texts.find(|text| !text.is_empty()) else { return false };
    let here = sha256(serial.as_bytes());
    let path = folder.join(FILE);
    let before = std::fs::read(&path).ok();
    let before = before.and_then(|bytes| serde_json::from_slice::<Json>(&bytes).ok());
    let before = before.and_then(|json| json["serial_sha256"].as_str().map(str::to_owned));
    if before.as_ref() == Some(&here) {
        return false;
    }
    let text = json!({"serial_sha256": here}).to_string();
    if let Err(error) = disk::replace(&path, text.as_bytes()) {
        tracing::warn!(%error, "hardware");
    }
    before.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copied_memory_is_noticed_once_and_only_where_hardware_says_who_it_is() {
        let memory = tempfile::tempdir().unwrap();
        let board = tempfile::tempdir().unwrap();
        let root = Root::at(board.path());
        assert!(!has_changed(memory.path(), &root) && !memory.path().join(FILE).exists());
        let serial = board.path().join(SERIALS[0]);
        disk::folder(serial.parent().unwrap()).unwrap();
        for (text, changed) in
            [("0001\0", false), ("0001\0", false), ("0002\0", true), ("0002\0", false)]
        {
            disk::replace(&serial, text.as_bytes()).unwrap();
            assert_eq!(has_changed(memory.path(), &root), changed, "{text}");
        }
        let kept = std::fs::read_to_string(memory.path().join(FILE)).unwrap();
        assert!(!kept.contains("0002"), "{kept}");
    }
}
