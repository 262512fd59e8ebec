//! On which hardware this board's memory was made: a card that was copied or moved wakes up on
//! another board, under the name and with the key of the first one.
//!
//! Only a digest of the hardware's serial number is kept. Hardware without one is never judged.

use std::path::{Path, PathBuf};

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

/// The hardware that we run on, beside the one that the memory knows.
pub struct Hardware {
    path: PathBuf,
    here: String,
    before: Option<String>,
}

impl Hardware {
    /// Of the memory in this folder; `None` where the hardware does not say who it is.
    #[must_use]
    pub fn of(folder: &Path, root: &Root) -> Option<Hardware> {
        let text = |path: &&str| root.text(path);
        let texts = SERIALS.iter().filter_map(text);
        let mut texts = texts.map(|text| text.trim_matches(['\0', '\n', ' ']).to_owned());
        let here = sha256(texts.find(|text| !text.is_empty())?.as_bytes());
        let path = folder.join(FILE);
        let before = std::fs::read(&path).ok();
        let before = before.and_then(|bytes| serde_json::from_slice::<Json>(&bytes).ok());
        let before = before.and_then(|json| json["serial_sha256"].as_str().map(str::to_owned));
        Some(Hardware { path, here, before })
    }

    /// Whether the memory was made on other hardware.
    #[must_use]
    pub fn has_changed(&self) -> bool {
        self.before.as_ref().is_some_and(|before| *before != self.here)
    }

    /// Makes the memory this hardware's: from then on nothing has changed. For when all that
    /// follows from a change is done, since nobody will know of it again.
    pub fn keep(&self) {
        if self.before.as_ref() == Some(&self.here) {
            return;
        }
        let text = json!({"serial_sha256": self.here}).to_string();
        if let Err(error) = disk::replace(&self.path, text.as_bytes()) {
            tracing::warn!(%error, "hardware");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copied_memory_is_noticed_once_and_only_where_hardware_says_who_it_is() {
        let memory = tempfile::tempdir().unwrap();
        let board = tempfile::tempdir().unwrap();
        let root = Root::at(board.path());
        assert!(Hardware::of(memory.path(), &root).is_none());
        let serial = board.path().join(SERIALS[0]);
        disk::folder(serial.parent().unwrap()).unwrap();
        for (text, changed) in
            [("0001\0", false), ("0001\0", false), ("0002\0", true), ("0002\0", false)]
        {
            disk::replace(&serial, text.as_bytes()).unwrap();
            // As often as one looks, until what follows is done.
            for _ in 0..2 {
                let hardware = Hardware::of(memory.path(), &root).unwrap();
                assert_eq!(hardware.has_changed(), changed, "{text}");
            }
            Hardware::of(memory.path(), &root).unwrap().keep();
        }
        let kept = std::fs::read_to_string(memory.path().join(FILE)).unwrap();
        assert!(!kept.contains("0002"), "{kept}");
    }
}
