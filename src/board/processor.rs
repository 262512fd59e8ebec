//! What the processor can do, and whether this build fits it. Reads `/proc/cpuinfo` only; the
//! check that ends a build which does not fit (exit code 3) runs earlier and elsewhere.

use super::root::Root;

/// Instruction sets that ggml has kernels for: its name, the kernel's name in `/proc/cpuinfo`, and
/// whether it is worth a warning where a build leaves it unused. The others bring little for
/// weights of four bits, or no board of ours has them.
const KERNELS: [(&str, &str, bool); 19] = [
    ("NEON", "asimd", true),
    ("DOTPROD", "asimddp", true),
    ("FP16_VA", "asimdhp", true),
    ("MATMUL_INT8", "i8mm", false),
    ("SVE", "sve", false),
    ("SME", "sme", false),
    ("SSE3", "pni", true),
    ("SSSE3", "ssse3", true),
    ("AVX", "avx", true),
    ("AVX2", "avx2", true),
    ("F16C", "f16c", true),
    ("FMA", "fma", true),
    ("BMI2", "bmi2", false),
    ("AVX_VNNI", "avx_vnni", false),
    ("AVX512", "avx512f", false),
    ("AVX512_VBMI", "avx512vbmi", false),
    ("AVX512_VNNI", "avx512_vnni", false),
    ("AVX512_BF16", "avx512_bf16", false),
    ("AMX_INT8", "amx_int8", false),
];

/// Arm's part numbers of the cores that our boards have (Arm, Main ID Register of each core).
const PARTS: [(&str, &str); 6] = [
    ("0xd03", "Cortex-A53"),
    ("0xd07", "Cortex-A57"),
    ("0xd08", "Cortex-A72"),
    ("0xd0b", "Cortex-A76"),
    ("0xd0c", "Neoverse-N1"),
    ("0xd42", "Cortex-A78AE"),
];

/// The processor as the kernel describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Processor {
    /// Its name, or the part number where we know no name.
    pub name: Option<String>,
    /// Whether it is an Arm.
    pub arm: bool,
    /// How many of it.
    pub cores: usize,
    /// ggml's names of the instruction sets that it has.
    pub kernels: Vec<&'static str>,
}

impl Processor {
    /// Reads `/proc/cpuinfo`. Where there is none, only the build's own kind is known.
    #[must_use]
    pub fn of(root: &Root) -> Processor {
        let text = root.text("proc/cpuinfo").unwrap_or_default();
        let value = |key: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(':'));
            lines.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim().to_owned())
        };
        let part = value("CPU part");
        let known = value("CPU implementer").is_some() || value("vendor_id").is_some();
        let arm = value("CPU implementer").is_some() || (!known && cfg!(target_arch = "aarch64"));
        let flags = value("Features").or_else(|| value("flags")).unwrap_or_default();
        let flags: Vec<&str> = flags.split_whitespace().collect();
        let has = |(_, flag, _): &&(&str, &str, bool)| flags.contains(flag);
        let name = part.map(|part| {
            let known = PARTS.iter().find(|(number, _)| *number == part);
            known.map_or(part.clone(), |(_, name)| (*name).to_owned())
        });
        Processor {
            name: name.or_else(|| value("model name")),
            arm,
            cores: text.lines().filter(|line| line.starts_with("processor")).count(),
            kernels: KERNELS.iter().filter(has).map(|(name, ..)| *name).collect(),
        }
    }
}

/// How a build fits a processor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fit {
    /// What the build uses and the processor lacks: it would end there.
    pub lacking: Vec<&'static str>,
    /// What the processor has, the build leaves unused and would be worth a faster build.
    pub unused: Vec<&'static str>,
}

/// Compares a build's kernels (`ggml::kernels()`, such as `NEON,DOTPROD,REPACK`) with a processor.
#[must_use]
pub fn fit(build: &str, processor: &Processor) -> Fit {
    let build: Vec<&str> = build.split(',').collect();
    let in_build = |name: &str| build.contains(&name);
    let lacking = KERNELS.iter().map(|(name, ..)| *name);
    let lacking = lacking.filter(|name| in_build(name) && !processor.kernels.contains(name));
    let unused = KERNELS.iter().filter(|(.., worth)| *worth).map(|(name, ..)| *name);
    let unused = unused.filter(|name| processor.kernels.contains(name) && !in_build(name));
    // On another kind of processor nothing of it could be used anyway.
    let same = processor.arm == in_build("NEON");
    Fit { lacking: lacking.collect(), unused: if same { unused.collect() } else { Vec::new() } }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arm(kernels: &[&'static str]) -> Processor {
        Processor { name: None, arm: true, cores: 4, kernels: kernels.to_vec() }
    }

    #[test]
    fn a_build_that_asks_for_more_than_there_is_lacks_it() {
        let a72 = arm(&["NEON"]);
        let found = fit("NEON,ARM_FMA,FP16_VA,DOTPROD,LLAMAFILE,REPACK", &a72);
        assert_eq!(found, Fit { lacking: vec!["DOTPROD", "FP16_VA"], unused: vec![] });
        assert_eq!(fit("NEON,ARM_FMA", &a72), Fit { lacking: vec![], unused: vec![] });
        assert_eq!(fit("SSE3,AVX2", &a72).lacking, ["SSE3", "AVX2"]);
    }

    #[test]
    fn a_build_that_leaves_a_faster_kernel_unused_is_told() {
        let a76 = arm(&["NEON", "DOTPROD", "FP16_VA", "SVE"]);
        assert_eq!(fit("NEON,ARM_FMA", &a76).unused, ["DOTPROD", "FP16_VA"]);
    }
}
