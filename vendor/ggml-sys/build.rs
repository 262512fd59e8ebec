//! Builds ggml (CPU backend) and llama.cpp once per set of flags, and generates the bindings.
//!
//! The source comes from the registry package that `Cargo.toml` pins; nothing of it is copied
//! here. The libraries go into one folder that debug, release and cross builds share, since they
//! take minutes and do not depend on the Rust profile: `<target>/ggml/<hash>/`, where the hash
//! covers source version, flags, compiler and target. A file lock keeps two builds apart, and a
//! stamp that is written last says that the folder is whole; without it cmake continues there.
//!
//! Environment, all optional:
//! - `OUTPOST_CPU`: `native` (default where host = target), `baseline` (default of a cross build:
//!   any AVX2 PC, or any 64-bit Arm), or an Arm architecture such as `armv8.2-a+dotprod+fp16`.
//! - `OUTPOST_GGML_CACHE`: folder to use in place of `<target>/ggml`.
//! - `CC`, `CXX`, `CFLAGS`, `CXXFLAGS` and their forms with a target name, as the `cc` crate reads
//!   them; `CMAKE` names another cmake, `CMAKE_TOOLCHAIN_FILE` a toolchain file.

use std::env;
use std::error::Error;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, UNIX_EPOCH};

#[path = "build/needs.rs"]
mod needs;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The registry package that carries the source; `Cargo.toml` pins its version.
const SOURCE_PACKAGE: &str = "llama-cpp-sys-2";

/// Static libraries in link order: each may use only those after it.
const LIBRARIES: [&str; 4] = ["llama", "ggml", "ggml-cpu", "ggml-base"];

/// What the result depends on, beside the environment.
const FILES: [&str; 7] =
    ["build.rs", "build/needs.rs", "Cargo.toml", "wrapper.h", "shim.h", "shim.cpp", "cpu_check.c"];

/// Functions that Outpost calls, or will; everything else stays out of the bindings. Those that
/// can throw are reached only through `outpost_*` of the shim and are left out on purpose.
const FUNCTIONS: [&str; 13] = [
    "outpost_.*",
    "llama_(model|context|model_quantize)_default_params",
    "llama_backend_(init|free)",
    "llama_(max_parallel_sequences|print_system_info|version|ftype_name|supports_mmap)",
    "llama_model_(free|get_vocab|n_.*|desc|ftype|size|chat_template|has_.*|is_.*|meta_.*)",
    "llama_vocab_.*",
    "llama_(free|n_ctx|n_batch|n_ubatch|n_seq_max|get_memory|set_n_threads)",
    "llama_attach_threadpool|ggml_threadpool_(params_default|new|free)",
    "llama_(get_logits_ith|get_embeddings_seq|set_abort_callback)",
    "llama_memory_.*",
    "llama_adapter_(lora_free|get_alora_.*|meta_.*)",
    "llama_state_seq_get_size",
    "ggml_(type_name|type_size|blck_size|row_size|version|commit|get_type_traits|quantize_chunk)",
];

fn main() -> Result<()> {
    for path in FILES {
        println!("cargo:rerun-if-changed={path}");
    }
    for name in ["OUTPOST_CPU", "OUTPOST_GGML_CACHE", "CMAKE", "CMAKE_TOOLCHAIN_FILE"] {
        println!("cargo:rerun-if-env-changed={name}");
    }
    let source = Source::locate()?;
    println!("cargo:rerun-if-changed={}", source.root.join("CMakeLists.txt").display());
    let plan = Plan::new(&source)?;
    let libraries = plan.build(&source)?;
    compile_shim(&source)?;
    compile_cpu_check(&plan.cpu)?;
    link(&libraries);
    write_bindings(&source)?;
    println!("cargo:rustc-env=OUTPOST_GGML_SOURCE={SOURCE_PACKAGE} {}", source.version);
    println!("cargo:rustc-env=OUTPOST_GGML_CPU={}", plan.cpu);
    Ok(())
}

/// Reads a variable that cargo always sets for a build script.
fn cargo_variable(name: &str) -> Result<String> {
    env::var(name).map_err(|error| format!("cargo did not set {name}: {error}").into())
}

/// Where the unpacked source lies.
struct Source {
    root: PathBuf,
    version: String,
}

impl Source {
    /// Asks cargo, offline first; fetches what Cargo.lock names when something is not there yet.
    fn locate() -> Result<Self> {
        let metadata = match cargo(&["metadata", "--locked", "--offline", "--format-version", "1"])
        {
            Ok(bytes) => bytes,
            Err(_) => {
                cargo(&["fetch", "--locked"])?;
                cargo(&["metadata", "--locked", "--offline", "--format-version", "1"])?
            }
        };
        let metadata: serde_json::Value = serde_json::from_slice(&metadata)?;
        let package = metadata["packages"]
            .as_array()
            .into_iter()
            .flatten()
            .find(|package| package["name"] == SOURCE_PACKAGE)
            .ok_or_else(|| format!("cargo metadata does not list {SOURCE_PACKAGE}"))?;
        let manifest =
            package["manifest_path"].as_str().ok_or("a package without manifest_path")?;
        let version = package["version"].as_str().ok_or("a package without version")?.to_owned();
        let root = Path::new(manifest).with_file_name("llama.cpp");
        if !root.join("include/llama.h").is_file() {
            return Err(format!("no llama.cpp source in {}", root.display()).into());
        }
        Ok(Self { root, version })
    }
}

/// Runs the cargo that runs us and returns its standard output.
fn cargo(arguments: &[&str]) -> Result<Vec<u8>> {
    let output = Command::new(cargo_variable("CARGO")?)
        .args(arguments)
        .current_dir(cargo_variable("CARGO_MANIFEST_DIR")?)
        .output()?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(format!("cargo {} failed: {stderr}", arguments.join(" ")).into())
}

/// One build of the libraries: its flags, and the folder that they are the name of.
struct Plan {
    cpu: String,
    flags: Vec<OsString>,
    /// Put behind `CFLAGS` and `CXXFLAGS` of whoever builds.
    without: Vec<&'static str>,
    folder: PathBuf,
}

impl Plan {
    fn new(source: &Source) -> Result<Self> {
        let target = cargo_variable("TARGET")?;
        let cross = target != cargo_variable("HOST")?;
        let cpu = env::var("OUTPOST_CPU").ok().filter(|cpu| !cpu.is_empty());
        let cpu = cpu.unwrap_or_else(|| if cross { "baseline" } else { "native" }.to_owned());
        let mut flags = fixed_flags(&source.version);
        flags.extend(cpu_flags(&cpu, cross)?.into_iter().map(OsString::from));

        let c = cc::Build::new().opt_level(2).get_compiler();
        let cxx = cc::Build::new().cpp(true).opt_level(2).get_compiler();
        let mut identity = format!("{SOURCE_PACKAGE} {}\n{target}\n", source.version);
        for (variable, tool) in [("CMAKE_C_COMPILER", &c), ("CMAKE_CXX_COMPILER", &cxx)] {
            let mut flag = OsString::from(format!("-D{variable}="));
            flag.push(tool.path());
            flags.push(flag);
            identity += &compiler_version(tool.path())?;
        }
        if cross {
            let processor = cargo_variable("CARGO_CFG_TARGET_ARCH")?;
            flags.push("-DCMAKE_SYSTEM_NAME=Linux".into());
            flags.push(format!("-DCMAKE_SYSTEM_PROCESSOR={processor}").into());
        }
        for name in ["CFLAGS", "CXXFLAGS", "LDFLAGS", "CMAKE_TOOLCHAIN_FILE"] {
            identity += &format!("{name}={}\n", env::var(name).unwrap_or_default());
        }
        let without = if cpu == "native" { broken_features(&c, &cxx)? } else { Vec::new() };
        if cpu == "native" {
            identity += &host_features();
            identity += &format!("{}\n", without.join(" "));
        }
        for flag in &flags {
            identity += &format!("{}\n", flag.to_string_lossy());
        }
        let mut hasher = DefaultHasher::new();
        identity.hash(&mut hasher);
        let folder = cache_folder()?.join(format!("{:016x}", hasher.finish()));
        Ok(Self { cpu, flags, without, folder })
    }

    /// Builds what is not built yet and returns the folder of the libraries.
    fn build(&self, source: &Source) -> Result<PathBuf> {
        let libraries = self.folder.join("lib");
        let stamp = self.folder.join("done");
        fs::create_dir_all(&self.folder)?;
        // The folder's lock, so that a second cargo waits for the first one's result. The kernel
        // frees it with the process: nothing is left behind by a build that was killed.
        let lock = File::create(self.folder.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => lock.lock()?,
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        println!("cargo:rerun-if-changed={}", stamp.display());
        if stamp.is_file() {
            return Ok(libraries);
        }
        let cmake = env::var_os("CMAKE").unwrap_or_else(|| "cmake".into());
        let work = self.folder.join("build");
        let mut archive = OsString::from("-DCMAKE_ARCHIVE_OUTPUT_DIRECTORY=");
        archive.push(&libraries);
        let mut configure = Command::new(&cmake);
        configure.arg("-S").arg(&source.root).arg("-B").arg(&work).args(&self.flags).arg(archive);
        for name in ["CFLAGS", "CXXFLAGS"].into_iter().filter(|_| !self.without.is_empty()) {
            let given = env::var(name).unwrap_or_default();
            configure.env(name, format!("{given} {}", self.without.join(" ")));
        }
        run(&mut configure)?;
        let jobs = env::var("NUM_JOBS").unwrap_or_else(|_| "1".to_owned());
        run(Command::new(&cmake)
            .arg("--build")
            .arg(&work)
            .args(["--config", "Release", "--target", "llama", "--parallel", &jobs])
            // The jobserver's pipe of cargo is not passed on to make in a form it can use.
            .env_remove("MAKEFLAGS")
            .env_remove("CARGO_MAKEFLAGS"))?;
        for library in LIBRARIES {
            let path = libraries.join(format!("lib{library}.a"));
            if !path.is_file() {
                return Err(format!("cmake ended well but left no {}", path.display()).into());
            }
        }
        fs::write(&stamp, format!("{SOURCE_PACKAGE} {}\n{}\n", source.version, self.cpu))?;
        // Cargo runs this script again where a file that it names is younger than its own start,
        // and then links everything anew: the second `make demo` took minutes. An old stamp is
        // missed when it is removed, and that is all that is asked of it.
        File::options().write(true).open(&stamp)?.set_modified(UNIX_EPOCH + STAMP_AGE)?;
        Ok(libraries)
    }
}

/// After 1970: a day, so that no time zone makes it earlier.
const STAMP_AGE: Duration = Duration::from_secs(24 * 3600);

/// Flags that no environment changes.
fn fixed_flags(version: &str) -> Vec<OsString> {
    let mut flags: Vec<OsString> = [
        "-DCMAKE_BUILD_TYPE=Release",
        "-DCMAKE_POSITION_INDEPENDENT_CODE=ON",
        "-DBUILD_SHARED_LIBS=OFF",
        // ggml's own thread pool: OpenMP would be one more library on the board, and its threads
        // keep spinning after a decision.
        "-DGGML_OPENMP=OFF",
        "-DGGML_CCACHE=OFF",
        "-DLLAMA_BUILD_COMMON=OFF",
        "-DLLAMA_BUILD_TOOLS=OFF",
        "-DLLAMA_BUILD_TESTS=OFF",
        "-DLLAMA_BUILD_EXAMPLES=OFF",
        "-DLLAMA_BUILD_SERVER=OFF",
        "-DLLAMA_BUILD_APP=OFF",
        "-DLLAMA_BUILD_UI=OFF",
        "-DLLAMA_OPENSSL=OFF",
        "-DLLAMA_SUBPROCESS=OFF",
        // Otherwise cmake asks git, and would find whatever repository lies around the source.
        "-DLLAMA_BUILD_NUMBER=0",
    ]
    .map(OsString::from)
    .into();
    flags.push(format!("-DLLAMA_BUILD_COMMIT={SOURCE_PACKAGE}-{version}").into());
    flags
}

/// What `OUTPOST_CPU` means to cmake.
fn cpu_flags(cpu: &str, cross: bool) -> Result<Vec<String>> {
    let arch = cargo_variable("CARGO_CFG_TARGET_ARCH")?;
    let arm = arch == "aarch64" || arch == "arm";
    match cpu {
        "native" if cross => Err("OUTPOST_CPU=native is for a build on the board itself: name \
             the architecture, for example armv8.2-a+dotprod+fp16"
            .into()),
        "native" => Ok(vec!["-DGGML_NATIVE=ON".to_owned()]),
        "baseline" if arch == "x86_64" => {
            // x86-64-v3: every PC since 2015. Set one by one, since ggml turns them off when it
            // believes that it is cross-compiled.
            let mut flags = vec!["-DGGML_NATIVE=OFF".to_owned()];
            let features = ["SSE42", "AVX", "AVX2", "BMI2", "FMA", "F16C"];
            flags.extend(features.map(|feature| format!("-DGGML_{feature}=ON")));
            Ok(flags)
        }
        "baseline" if arch == "aarch64" => Ok(arm_flags("armv8-a")),
        "baseline" => Ok(vec!["-DGGML_NATIVE=OFF".to_owned()]),
        name if arm && name.starts_with("armv") => Ok(arm_flags(name)),
        other => Err(format!(
            "OUTPOST_CPU={other} does not fit {arch}: use native, baseline or, for Arm, an \
             architecture such as armv8.2-a+dotprod+fp16"
        )
        .into()),
    }
}

fn arm_flags(name: &str) -> Vec<String> {
    vec!["-DGGML_NATIVE=OFF".to_owned(), format!("-DGGML_CPU_ARM_ARCH={name}")]
}

/// The parent of the shared folders.
fn cache_folder() -> Result<PathBuf> {
    if let Some(folder) = env::var_os("OUTPOST_GGML_CACHE").filter(|folder| !folder.is_empty()) {
        let folder = PathBuf::from(folder);
        if folder.is_relative() {
            return Err(format!("OUTPOST_GGML_CACHE={} is relative", folder.display()).into());
        }
        return Ok(folder);
    }
    // Cargo marks its target folder with this file, wherever CARGO_TARGET_DIR or its own
    // configuration put it; between it and OUT_DIR lie the profile and perhaps the target.
    let out = PathBuf::from(cargo_variable("OUT_DIR")?);
    let target = out.ancestors().skip(1).find(|folder| folder.join("CACHEDIR.TAG").is_file());
    let target = target.or_else(|| out.ancestors().nth(4)).ok_or("OUT_DIR is not in a target")?;
    Ok(target.join("ggml"))
}

/// First line of the compiler's `--version`.
fn compiler_version(path: &Path) -> Result<String> {
    let output = Command::new(path).arg("--version").output().map_err(|error| {
        format!("cannot run the compiler {}: {error} (install g++)", path.display())
    })?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(format!("{}\n", text.lines().next().unwrap_or_default()))
}

/// The processor's feature line: a target folder that moves to another machine (a container's
/// cache) must not bring along code that this one cannot run.
fn host_features() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("flags") || line.starts_with("Features"));
    format!("{}\n", line.unwrap_or_default())
}

/// Compiler flags that keep ggml's AMX kernels out of a native build.
///
/// ggml fills the tile configuration on the stack and hands its address to `_tile_loadconfig`,
/// which GCC 12 does not know to read memory: the stores are dropped, and the first tile
/// instruction that follows ends the process with SIGILL (llama.cpp's pull request 26954). No
/// board has AMX; AVX-512 stays on. Compilers that do not know the flags have no AMX either.
fn broken_features(c: &cc::Tool, cxx: &cc::Tool) -> Result<Vec<&'static str>> {
    if cargo_variable("CARGO_CFG_TARGET_ARCH")? != "x86_64" {
        return Ok(Vec::new());
    }
    let known = |tool: &cc::Tool, flag: &str| {
        let mut command = Command::new(tool.path());
        command.args([flag, "-E", "-x", "c", "/dev/null"]);
        command.output().is_ok_and(|output| output.status.success())
    };
    let flags = ["-mno-amx-tile", "-mno-amx-int8", "-mno-amx-bf16"];
    Ok(flags.into_iter().filter(|flag| known(c, flag) && known(cxx, flag)).collect())
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| {
        format!("cannot run {}: {error} (install cmake)", command.get_program().display())
    })?;
    if status.success() {
        return Ok(());
    }
    Err(format!("{command:?} failed: {status}").into())
}

fn include_folders(source: &Source) -> [PathBuf; 2] {
    [source.root.join("include"), source.root.join("ggml/include")]
}

fn compile_shim(source: &Source) -> Result<()> {
    cc::Build::new()
        .cpp(true)
        .std("c++17")
        .opt_level(2)
        .cpp_link_stdlib(None) // by link() below, after the libraries that need it
        .includes(include_folders(source))
        .file("shim.cpp")
        .try_compile("outpost_shim")?;
    Ok(())
}

/// The check that runs before everything else. All of it is linked in, since nothing names it.
fn compile_cpu_check(cpu: &str) -> Result<()> {
    let arch = cargo_variable("CARGO_CFG_TARGET_ARCH")?;
    let fits_all = if arch == "aarch64" { "armv8-a" } else { "baseline (AVX2)" };
    let mut build = cc::Build::new();
    build.cargo_metadata(false).opt_level(2).file("cpu_check.c");
    build.define("OUTPOST_BUILT_FOR", format!("\"{cpu}\"").as_str());
    build.define("OUTPOST_FITS_ALL", format!("\"{fits_all}\"").as_str());
    for need in needs::of(cpu, &arch, build.get_compiler().path()) {
        build.define(&format!("OUTPOST_NEEDS_{need}"), None);
    }
    build.try_compile("outpost_cpu_check")?;
    println!("cargo:rustc-link-search=native={}", cargo_variable("OUT_DIR")?);
    println!("cargo:rustc-link-lib=static:-bundle,+whole-archive=outpost_cpu_check");
    Ok(())
}

fn link(libraries: &Path) {
    println!("cargo:rustc-link-search=native={}", libraries.display());
    for library in LIBRARIES {
        println!("cargo:rustc-link-lib=static={library}");
    }
    // The C++ library goes in statically where the compiler has it: one file to copy to a board,
    // whatever its distribution's age.
    let cxx = cc::Build::new().cpp(true).get_compiler();
    let answer = Command::new(cxx.path()).arg("-print-file-name=libstdc++.a").output();
    let path = answer.ok().map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    match path.as_deref().map(Path::new).filter(|path| path.is_absolute()) {
        Some(path) => {
            let folder = path.parent().unwrap_or(path);
            println!("cargo:rustc-link-search=native={}", folder.display());
            println!("cargo:rustc-link-lib=static:-bundle=stdc++");
        }
        None => println!("cargo:rustc-link-lib=stdc++"),
    }
    println!("cargo:rustc-link-lib=m");
}

fn write_bindings(source: &Source) -> Result<()> {
    let mut builder = bindgen::Builder::default()
        .header("wrapper.h")
        .allowlist_var("LLAMA_(MAX_SEQ|STATE_SEQ_(MAGIC|VERSION)|TOKEN_NULL)|GGML_(MAX_.*|VERSION)")
        .allowlist_type(
            "llama_ftype|ggml_type|outpost_status|ggml_log_level|llama_model_quantize_params",
        )
        .default_enum_style(bindgen::EnumVariation::Consts)
        .prepend_enum_name(false)
        .derive_default(false)
        .generate_comments(false)
        .use_core()
        .parse_callbacks(Box::new(bindgen::CargoCallbacks::new()));
    for function in FUNCTIONS {
        builder = builder.allowlist_function(function);
    }
    for folder in include_folders(source) {
        builder = builder.clang_arg(format!("-I{}", folder.display()));
    }
    // A cross compiler's C headers, where Debian puts them; libclang alone does not look there.
    let (arch, host) = (cargo_variable("CARGO_CFG_TARGET_ARCH")?, cargo_variable("HOST")?);
    let headers = format!("/usr/{arch}-linux-gnu/include");
    if cargo_variable("TARGET")? != host && Path::new(&headers).is_dir() {
        builder = builder.clang_arg(format!("-isystem{headers}"));
    }
    let bindings = builder.generate()?;
    bindings.write_to_file(PathBuf::from(cargo_variable("OUT_DIR")?).join("bindings.rs"))?;
    Ok(())
}
