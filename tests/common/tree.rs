//! Folders that look like `/sys`, `/proc` and `/dev` of boards that are not here. The files' forms
//! are the kernel's; their values are a test's.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, reason = "a set-up that fails must fail the test")]
#![allow(clippy::disallowed_methods, reason = "nobody reads a test's folder after a power cut")]

use std::path::Path;

use tempfile::TempDir;

/// A tree. Removed where it goes out of scope.
pub struct Tree(TempDir);

const FEATURES: &str = "fp asimd evtstrm crc32 cpuid";
const FEATURES_DOT: &str = "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid \
     asimdrdm lrcpc dcpop asimddp";

impl Tree {
    /// A cool, idle Raspberry Pi 5.
    pub fn pi5() -> Tree {
        let tree =
            Tree::new("Raspberry Pi 5 Model B Rev 1.0", "raspberrypi,5-model-b\0brcm,bcm2712");
        tree.processors(4, "0xd0b", FEATURES_DOT);
        tree.put("dev/ttyAMA0", "");
        tree.put("dev/serial/by-id/usb-one", "");
        tree.put("sys/devices/platform/soc/soc:firmware/get_throttled", "0\n");
        tree
    }

    /// A cool, idle Raspberry Pi 4.
    pub fn pi4() -> Tree {
        let tree =
            Tree::new("Raspberry Pi 4 Model B Rev 1.4", "raspberrypi,4-model-b\0brcm,bcm2711");
        tree.processors(4, "0xd08", FEATURES);
        tree
    }

    /// A cool, idle Jetson Orin Nano.
    pub fn jetson_orin_nano() -> Tree {
        let model = "NVIDIA Jetson Orin Nano Developer Kit";
        let tree =
            Tree::new(model, "nvidia,p3768-0000+p3767-0005\0nvidia,p3767-0005\0nvidia,tegra234");
        tree.processors(6, "0xd42", FEATURES_DOT);
        tree
    }

    fn new(model: &str, compatible: &str) -> Tree {
        let tree = Tree(tempfile::tempdir().unwrap());
        tree.put("proc/device-tree/model", &format!("{model}\0"));
        tree.put("proc/device-tree/compatible", &format!("{compatible}\0"));
        tree.put("sys/class/thermal/thermal_zone0/type", "cpu-thermal\n");
        tree.temperature(50.0);
        tree.memory(2_000_000, 4_000_000);
        tree.put(
            "proc/pressure/memory",
            "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n\
             full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
        );
        tree.put("proc/loadavg", "0.10 0.10 0.10 1/100 1000\n");
        tree
    }

    fn processors(&self, count: usize, part: &str, features: &str) {
        let one = |number| {
            format!(
                "processor\t: {number}\nBogoMIPS\t: 108.00\nFeatures\t: {features}\n\
                 CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x4\n\
                 CPU part\t: {part}\nCPU revision\t: 1\n\n"
            )
        };
        self.put("proc/cpuinfo", &(0..count).map(one).collect::<String>());
    }

    /// The first zone's temperature, in degrees Celsius.
    pub fn temperature(&self, celsius: f64) {
        self.put("sys/class/thermal/thermal_zone0/temp", &format!("{}\n", (celsius * 1e3) as i64));
    }

    /// Available and total memory, in KB.
    pub fn memory(&self, available: u64, total: u64) {
        let text = format!("MemTotal: {total} kB\nMemFree: 1 kB\nMemAvailable: {available} kB\n");
        self.put("proc/meminfo", &text);
    }

    /// A file of the tree, whole at once.
    pub fn put(&self, path: &str, text: &str) {
        let path = self.0.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let near = path.with_extension("coming");
        std::fs::write(&near, text).unwrap();
        std::fs::rename(near, path).unwrap();
    }

    /// Its folder.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}
