//! `outpost version`: what this program is and what it can compute.

use std::process::ExitCode;

use crate::mind::ggml::{self, FileType};

/// Prints the build, the kernels and the quantisations that it writes.
///
/// # Errors
/// Where standard output is closed.
pub fn run(json: bool) -> anyhow::Result<ExitCode> {
    let built_s: i64 = env!("OUTPOST_BUILD_UNIX_S").parse().unwrap_or(0);
    let built = crate::journal::rfc3339(built_s * 1000);
    let kernels = ggml::kernels();
    let quantizations = FileType::ALL.map(FileType::name);
    if json {
        let line = serde_json::json!({
            "version": env!("CARGO_PKG_VERSION"),
            "built": built,
            "target": format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
            "kernels": kernels,
            "quantizations": quantizations,
        });
        println!("{line}");
    } else {
        println!("outpost {}", env!("CARGO_PKG_VERSION"));
        println!("built          {built}");
        println!("target         {}-{}", std::env::consts::ARCH, std::env::consts::OS);
        println!("kernels        {kernels}");
        println!("quantisations  {}", quantizations.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}
