//! Which profile fits this machine, by what its device tree and its processor say.

use super::processor::Processor;
use super::profile::{Profile, Profiles};
use super::root::Root;

/// What was found out about the machine.
#[derive(Clone, Debug)]
pub struct Recognised {
    /// The profile that fits.
    pub profile: &'static Profile,
    /// By what, for people.
    pub by: String,
    /// `/proc/device-tree/model`, if there is a device tree.
    pub model: Option<String>,
}

/// Finds the profile: by the model's name, else by the first word of `compatible` that a profile
/// names (the tree lists the board before its chip), else by the kind of processor.
#[must_use]
pub fn recognise(root: &Root) -> Recognised {
    let profiles = Profiles::embedded();
    let words = |path: &str| {
        let text = root.text(path)?;
        Some(text.split('\0').map(str::to_owned).collect::<Vec<_>>())
    };
    let model = words("proc/device-tree/model").and_then(|words| words.into_iter().next());
    if let Some(name) = &model
        && let Some(profile) = profiles
            .all()
            .find(|profile| profile.models.iter().any(|beginning| begins(name, beginning)))
    {
        return Recognised { profile, by: "the model in the device tree".into(), model };
    }
    for word in words("proc/device-tree/compatible").unwrap_or_default() {
        if let Some(profile) = profiles.all().find(|profile| profile.compatible.contains(&word)) {
            return Recognised { profile, by: format!("\"{word}\" in the device tree"), model };
        }
    }
    let (name, by) = if Processor::of(root).arm {
        ("generic-aarch64", "an Arm processor, its device tree is not of a known board")
    } else {
        ("host", "no device tree, not an Arm processor")
    };
    let profile = profiles.find(name).unwrap_or_else(|| profiles.host());
    Recognised { profile, by: by.into(), model }
}

/// Serial devices that are there: the board's own, and those by their stable names.
#[must_use]
pub fn serial_ports(root: &Root, profile: &Profile) -> Vec<String> {
    let own = profile.serial_ports.iter();
    let own = own.filter(|port| root.path(port.trim_start_matches('/')).exists()).cloned();
    let folder = "dev/serial/by-id";
    let stable = root.names(folder, "").into_iter().map(|name| format!("/{folder}/{name}"));
    own.chain(stable).collect()
}

/// `text` begins with `beginning`, which ends at a word's end: a Raspberry Pi 500 is no 5.
fn begins(text: &str, beginning: &str) -> bool {
    text.strip_prefix(beginning).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "nobody reads a test's folder after a power cut")]
mod tests {
    use super::*;

    fn named(model: &str, compatible: &str, cpuinfo: &str) -> (String, String) {
        let folder = tempfile::tempdir().expect("a folder");
        let tree = folder.path().join("proc/device-tree");
        std::fs::create_dir_all(&tree).expect("a tree");
        for (file, text) in [("model", model), ("compatible", compatible)] {
            if !text.is_empty() {
                std::fs::write(tree.join(file), format!("{text}\0")).expect("a file");
            }
        }
        std::fs::write(folder.path().join("proc/cpuinfo"), cpuinfo).expect("a file");
        let found = recognise(&Root::at(folder.path()));
        (found.profile.name.clone(), found.by)
    }

    #[test]
    fn boards_are_recognised_by_their_device_tree() {
        for (model, compatible, wanted) in [
            ("Raspberry Pi 5 Model B Rev 1.0", "raspberrypi,5-model-b\0brcm,bcm2712", "rpi5"),
            ("Raspberry Pi 500 Rev 1.0", "", "rpi5"),
            ("Raspberry Pi Compute Module 5 Rev 1.0", "", "rpi5"),
            ("Raspberry Pi 4 Model B Rev 1.4", "raspberrypi,4-model-b\0brcm,bcm2711", "rpi4"),
            ("Raspberry Pi 400 Rev 1.0", "", "rpi4"),
            ("Raspberry Pi Compute Module 4 Rev 1.1", "", "rpi4"),
            ("Raspberry Pi 3 Model B Plus Rev 1.3", "", "rpi3"),
            (
                "Raspberry Pi Zero 2 W Rev 1.0",
                "raspberrypi,model-zero-2-w\0brcm,bcm2837",
                "rpi-zero-2w",
            ),
            // A kernel that writes another name: the list goes from the board to its chip.
            ("Some carrier", "raspberrypi,model-zero-2-w\0brcm,bcm2837", "rpi-zero-2w"),
            ("Some carrier", "acme,carrier\0brcm,bcm2837", "rpi3"),
            (
                "NVIDIA Jetson Nano Developer Kit",
                "nvidia,p3450-0000\0nvidia,tegra210",
                "jetson-nano",
            ),
            ("NVIDIA Jetson Orin Nano Developer Kit", "", "jetson-orin-nano"),
            (
                "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super",
                "",
                "jetson-orin-nano",
            ),
            // Its memory is three times as fast: not an Orin Nano.
            ("Jetson AGX Orin", "nvidia,p3701-0000\0nvidia,tegra234", "generic-aarch64"),
        ] {
            let (name, by) = named(model, compatible, "CPU implementer\t: 0x41\n");
            assert_eq!(name, wanted, "{model} by {by}");
        }
    }

    #[test]
    fn without_a_device_tree_the_processor_decides() {
        assert_eq!(named("", "", "CPU implementer\t: 0x41\n").0, "generic-aarch64");
        if cfg!(target_arch = "x86_64") {
            assert_eq!(named("", "", "vendor_id\t: GenuineIntel\n").0, "host");
            assert_eq!(named("", "", "").0, "host");
        }
    }
}
