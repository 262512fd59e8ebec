//! What a build's kernels need of the processor, for `cpu_check.c`. Names only; what the features
//! are called by the kernel of the operating system stands there.

use std::path::Path;
use std::process::Command;

/// Feature names of GCC's Arm architectures that ggml has kernels for, and what `cpu_check.c`
/// calls them.
const ARM: [(&str, &str); 8] = [
    ("crc", "CRC"),
    ("lse", "LSE"),
    ("rdma", "RDM"),
    ("fp16", "FP16"),
    ("dotprod", "DOTPROD"),
    ("sve", "SVE"),
    ("sve2", "SVE2"),
    ("i8mm", "I8MM"),
];

/// Macros by which compilers say what they may use, and what `cpu_check.c` calls it.
const MACROS: [(&str, &str); 14] = [
    ("__ARM_FEATURE_CRC32", "CRC"),
    ("__ARM_FEATURE_ATOMICS", "LSE"),
    ("__ARM_FEATURE_QRDX", "RDM"),
    ("__ARM_FEATURE_FP16_VECTOR_ARITHMETIC", "FP16"),
    ("__ARM_FEATURE_DOTPROD", "DOTPROD"),
    ("__ARM_FEATURE_SVE", "SVE"),
    ("__ARM_FEATURE_SVE2", "SVE2"),
    ("__ARM_FEATURE_MATMUL_INT8", "I8MM"),
    ("__ARM_FEATURE_BF16_VECTOR_ARITHMETIC", "BF16"),
    ("__AVX2__", "AVX2"),
    ("__FMA__", "FMA"),
    ("__F16C__", "F16C"),
    ("__BMI2__", "BMI2"),
    ("__AVX512F__", "AVX512F"),
];

/// What a build for `cpu` (the value of `OUTPOST_CPU`) needs, as `cpu_check.c` names it.
pub fn of(cpu: &str, arch: &str, compiler: &Path) -> Vec<String> {
    let names: Vec<&str> = match (cpu, arch) {
        ("native", _) => return of_native(compiler),
        ("baseline", "x86_64") => vec!["AVX2", "FMA", "F16C", "BMI2"],
        ("baseline", _) => Vec::new(),
        (name, _) => of_arm(name),
    };
    names.into_iter().map(str::to_owned).collect()
}

/// `armv8.2-a+dotprod+fp16`: the extensions by name, and what the version brings along.
fn of_arm(name: &str) -> Vec<&'static str> {
    let mut parts = name.split('+');
    // Arm ARM (DDI 0487) A2.3: v8.1 made CRC, LSE and RDM mandatory.
    let beyond_v8_0 = parts.next().is_some_and(|base| base != "armv8-a");
    let mut needs = if beyond_v8_0 { vec!["CRC", "LSE", "RDM"] } else { Vec::new() };
    for part in parts {
        let known = ARM.iter().find(|(gcc, _)| *gcc == part).map(|(_, ours)| *ours);
        needs.extend(known.filter(|ours| !needs.contains(ours)));
    }
    needs
}

/// What the compiler may use on this very machine, in its own words.
fn of_native(compiler: &Path) -> Vec<String> {
    let flag = if cfg!(target_arch = "aarch64") { "-mcpu=native" } else { "-march=native" };
    let output = Command::new(compiler).args([flag, "-dM", "-E", "-x", "c", "/dev/null"]).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    let defined = |name: &str| text.lines().any(|line| line.split(' ').nth(1) == Some(name));
    MACROS.iter().filter(|(name, _)| defined(name)).map(|(_, ours)| (*ours).to_owned()).collect()
}
