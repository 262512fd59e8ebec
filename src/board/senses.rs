//! What the board feels: temperature, its own slowing down, memory, load, free disk. Reads files;
//! judges nothing. What a board does not have is `None` and counts as no complaint.

use std::path::Path;
use std::time::Duration;

use super::profile::Thermal;
use super::root::Root;
use crate::limits::VCGENCMD_MS_MAX;

/// One look.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Senses {
    /// The hottest zone that counts, in degrees Celsius.
    pub celsius: Option<f64>,
    /// What the firmware or the kernel does about heat or voltage just now, in words.
    pub throttled: Option<String>,
    /// Memory that is available, in per cent of all.
    pub memory_available: Option<f64>,
    /// Share of the last 10 s in which some, and in which all processes waited for memory, in per
    /// cent (pressure stall information; Raspberry Pi OS needs `psi=1` on the kernel's line).
    pub memory_pressure: Option<(f64, f64)>,
    /// Load of the last minute for each core.
    pub load: Option<f64>,
    /// Bytes free for us where the journal lies.
    pub disk_free_bytes: Option<u64>,
}

/// Looks at everything that is a file. May wait some milliseconds for a slow sensor.
#[must_use]
pub fn sense(root: &Root, thermal: &Thermal, journal: &Path) -> Senses {
    Senses {
        celsius: hottest(root, thermal),
        throttled: throttled(root),
        memory_available: memory_available(root),
        memory_pressure: pressure(root),
        load: load(root),
        disk_free_bytes: rustix::fs::statvfs(journal)
            .ok()
            .map(|facts| facts.f_bavail.saturating_mul(facts.f_frsize)),
    }
}

fn hottest(root: &Root, thermal: &Thermal) -> Option<f64> {
    const FOLDER: &str = "sys/class/thermal";
    let zones = root.names(FOLDER, "thermal_zone").into_iter().filter(|zone| {
        let kind = root.text(format!("{FOLDER}/{zone}/type")).unwrap_or_default();
        thermal.zones.iter().any(|name| *name == kind.trim())
    });
    let celsius = zones.filter_map(|zone| {
        // In thousandths. A sensor that is asleep says nonsense far outside of what silicon bears.
        let celsius = root.number(format!("{FOLDER}/{zone}/temp"))? / 1000.0;
        (-40.0..=150.0).contains(&celsius).then_some(celsius)
    });
    celsius.reduce(f64::max)
}

/// Words of the bits of a Raspberry Pi's `get_throttled` that are true now (documentation of
/// `vcgencmd`); those of the past begin at bit 16.
pub(super) fn flags(bits: u32) -> Option<String> {
    let words = ["under-voltage", "clock capped", "throttled", "soft temperature limit"];
    let now = words.iter().enumerate().filter(|(bit, _)| bits & (1 << bit) != 0);
    let now: Vec<&str> = now.map(|(_, word)| *word).collect();
    (!now.is_empty()).then(|| now.join(", "))
}

/// A Raspberry Pi's flags by its firmware's driver. Where that is in the tree differs by kernel.
fn firmware_flags(root: &Root) -> Option<u32> {
    const FOLDER: &str = "sys/devices/platform";
    for chip in root.names(FOLDER, "soc") {
        for device in root.names(format!("{FOLDER}/{chip}"), "soc") {
            if let Some(text) = root.text(format!("{FOLDER}/{chip}/{device}/get_throttled")) {
                return u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok();
            }
        }
    }
    None
}

fn throttled(root: &Root) -> Option<String> {
    firmware_flags(root).and_then(flags).or_else(|| under_voltage(root)).or_else(|| cooling(root))
}

fn under_voltage(root: &Root) -> Option<String> {
    const FOLDER: &str = "sys/class/hwmon";
    let low = root.names(FOLDER, "hwmon").into_iter().any(|one| {
        root.text(format!("{FOLDER}/{one}/name")).as_deref() == Some("rpi_volt")
            && root.number(format!("{FOLDER}/{one}/in0_lcrit_alarm")) == Some(1.0)
    });
    low.then(|| "under-voltage".to_owned())
}

/// The kernel holds the processor's clock down because of heat.
fn cooling(root: &Root) -> Option<String> {
    const FOLDER: &str = "sys/class/thermal";
    let slowed = root.names(FOLDER, "cooling_device").into_iter().any(|one| {
        let kind = root.text(format!("{FOLDER}/{one}/type")).unwrap_or_default();
        let processor = kind.starts_with("cpufreq-") || kind.starts_with("thermal-cpufreq-");
        processor && root.number(format!("{FOLDER}/{one}/cur_state")).is_some_and(|now| now > 0.0)
    });
    slowed.then(|| "the kernel caps the clock".to_owned())
}

fn memory_available(root: &Root) -> Option<f64> {
    let text = root.text("proc/meminfo")?;
    let of = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    let (available, total) = (of("MemAvailable:")?, of("MemTotal:")?);
    (total > 0.0).then_some(100.0 * available / total)
}

fn pressure(root: &Root) -> Option<(f64, f64)> {
    let text = root.text("proc/pressure/memory")?;
    let of = |kind: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(kind))?;
        line.split_whitespace().find_map(|part| part.strip_prefix("avg10=")?.parse::<f64>().ok())
    };
    Some((of("some ")?, of("full ").unwrap_or(0.0)))
}

fn load(root: &Root) -> Option<f64> {
    let text = root.text("proc/loadavg")?;
    let load: f64 = text.split_whitespace().next()?.parse().ok()?;
    let cores = super::Processor::of(root).cores.max(1);
    Some(load / cores as f64)
}

/// Asks the Raspberry Pi's own tool where the kernel has no file for the flags. `None` where there
/// is no such tool, it fails or takes too long.
pub(super) async fn vcgencmd(root: &Root) -> Option<String> {
    let program = root.path("usr/bin/vcgencmd");
    if firmware_flags(root).is_some() || !program.is_file() {
        return None;
    }
    let mut command = tokio::process::Command::new(program);
    command.arg("get_throttled").stdin(std::process::Stdio::null()).kill_on_drop(true);
    let patience = Duration::from_millis(VCGENCMD_MS_MAX);
    let output = tokio::time::timeout(patience, command.output()).await.ok()?.ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let bits = text.trim().strip_prefix("throttled=0x")?;
    flags(u32::from_str_radix(bits, 16).ok()?)
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "nobody reads a test's folder after a power cut")]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    struct Tree(tempfile::TempDir);

    impl Tree {
        fn of(files: &[(&str, &str)]) -> Tree {
            let tree = Tree(tempfile::tempdir().expect("a folder"));
            for (path, text) in files {
                let path = tree.0.path().join(path);
                std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
                std::fs::write(path, text).expect("a file");
            }
            tree
        }

        fn sense(&self, zones: &[&str]) -> Senses {
            let zones = zones.iter().map(|zone| (*zone).to_owned()).collect();
            sense(&Root::at(self.0.path()), &Thermal { zones }, self.0.path())
        }
    }

    #[test]
    fn the_hottest_zone_that_counts_is_taken() {
        let tree = Tree::of(&[
            ("sys/class/thermal/thermal_zone0/type", "PMIC-Die\n"),
            ("sys/class/thermal/thermal_zone0/temp", "100000\n"),
            ("sys/class/thermal/thermal_zone1/type", "CPU-therm\n"),
            ("sys/class/thermal/thermal_zone1/temp", "41500\n"),
            ("sys/class/thermal/thermal_zone2/type", "GPU-therm\n"),
            ("sys/class/thermal/thermal_zone2/temp", "43000\n"),
            ("sys/class/thermal/thermal_zone3/type", "GPU-therm\n"),
            ("sys/class/thermal/thermal_zone3/temp", "-256000\n"),
        ]);
        assert_eq!(tree.sense(&["CPU-therm", "GPU-therm"]).celsius, Some(43.0));
        assert_eq!(tree.sense(&["cpu-thermal"]).celsius, None);
    }

    #[test]
    fn memory_pressure_and_load_are_read() {
        let tree = Tree::of(&[
            ("proc/meminfo", "MemTotal:  1000 kB\nMemFree: 3 kB\nMemAvailable:    125 kB\n"),
            (
                "proc/pressure/memory",
                "some avg10=12.50 avg60=1.00 avg300=0.00 total=9\n\
                 full avg10=3.25 avg60=0.00 avg300=0.00 total=9\n",
            ),
            ("proc/loadavg", "6.00 1.00 1.00 1/2 3\n"),
            ("proc/cpuinfo", "processor : 0\nprocessor : 1\nprocessor : 2\nprocessor : 3\n"),
        ]);
        let senses = tree.sense(&[]);
        assert_eq!(senses.memory_available, Some(12.5));
        assert_eq!(senses.memory_pressure, Some((12.5, 3.25)));
        assert_eq!(senses.load, Some(1.5));
        assert!(senses.disk_free_bytes.is_some_and(|bytes| bytes > 0));
    }

    #[test]
    fn a_tree_without_anything_has_no_complaint() {
        let senses = Tree::of(&[]).sense(&["cpu-thermal"]);
        assert_eq!(Senses { disk_free_bytes: None, ..senses }, Senses::default());
        let broken = Tree::of(&[
            ("sys/class/thermal/thermal_zone0/type", "cpu-thermal"),
            ("sys/class/thermal/thermal_zone0/temp", "hot"),
            ("proc/meminfo", "MemTotal: 0 kB\nMemAvailable: x kB\n"),
            ("proc/pressure/memory", ""),
            ("proc/loadavg", "much"),
        ]);
        let senses = broken.sense(&["cpu-thermal"]);
        assert_eq!(Senses { disk_free_bytes: None, ..senses }, Senses::default());
    }

    #[test]
    fn slowing_down_is_said_in_words() {
        let flags = "sys/devices/platform/soc/soc:firmware/get_throttled";
        assert_eq!(Tree::of(&[(flags, "50000\n")]).sense(&[]).throttled, None, "only in the past");
        let now = Tree::of(&[(flags, "0x50005\n")]).sense(&[]).throttled;
        assert_eq!(now.as_deref(), Some("under-voltage, throttled"));
        let volts = Tree::of(&[
            ("sys/class/hwmon/hwmon1/name", "rpi_volt\n"),
            ("sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n"),
        ]);
        assert_eq!(volts.sense(&[]).throttled.as_deref(), Some("under-voltage"));
        let capped = Tree::of(&[
            ("sys/class/thermal/cooling_device0/type", "thermal-cpufreq-0\n"),
            ("sys/class/thermal/cooling_device0/cur_state", "2\n"),
        ]);
        assert_eq!(capped.sense(&[]).throttled.as_deref(), Some("the kernel caps the clock"));
        let fan = Tree::of(&[
            ("sys/class/thermal/cooling_device0/type", "pwm-fan\n"),
            ("sys/class/thermal/cooling_device0/cur_state", "2\n"),
        ]);
        assert_eq!(fan.sense(&[]).throttled, None, "a fan is no slowing down");
    }

    #[tokio::test]
    async fn the_boards_own_tool_is_asked_where_there_is_no_file() {
        let tree = Tree::of(&[("usr/bin/vcgencmd", "#!/bin/sh\necho throttled=0x4\n")]);
        let root = Root::at(tree.0.path());
        let program = root.path("usr/bin/vcgencmd");
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(program, executable).expect("a program");
        // Another test's child may hold the file open for a moment, and then it cannot be run.
        let mut said = None;
        for _ in 0..100 {
            said = vcgencmd(&root).await;
            if said.is_some() {
                break;
            }
            tokio::task::yield_now().await;
        }
        assert_eq!(said.as_deref(), Some("throttled"));
        assert_eq!(vcgencmd(&Root::at("/nowhere")).await, None);
    }
}
