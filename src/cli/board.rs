//! `outpost board`: which board this is, what the build and the processor can do, and how fast a
//! model can be at most. It only looks; exit code 0 also where the build does not fit.

use std::io::Write;
use std::process::ExitCode;

use clap::Args;
use serde_json::{Value as Json, json};

use crate::board::{self, Fit, Processor, Profile, Recognised, Root, Stream};
use crate::mind::catalog::{Catalog, Store};
use crate::mind::{ggml, gguf};

/// Says what is known of this board.
#[derive(Args, Clone, Debug)]
pub struct BoardArgs {
    /// Model whose limit is computed: an id of the catalogue or a path [default: the board's]
    #[arg(long)]
    model: Option<String>,
    /// As if the board were this one: a name of docs/boards.md
    #[arg(long)]
    board: Option<String>,
}

/// Everything that is said.
struct Report {
    recognised: Recognised,
    processor: Processor,
    build: String,
    fit: Fit,
    model: String,
    /// `Err`: why no limit can be given.
    limit: Result<(Stream, f64), String>,
    serial: Vec<String>,
}

/// Prints the report.
///
/// # Errors
/// Where a board or a model is named that is not known, or standard output is closed.
pub fn run(args: &BoardArgs, json: bool) -> anyhow::Result<ExitCode> {
    let root = Root::of_environment();
    let mut recognised = board::recognise(&root);
    if let Some(name) = &args.board {
        let profiles = board::Profiles::embedded();
        let names = || profiles.all().map(|one| one.name.as_str()).collect::<Vec<_>>().join(", ");
        recognised.profile = profiles
            .find(name)
            .ok_or_else(|| anyhow::anyhow!("there is no board \"{name}\"; allowed: {}", names()))?;
        recognised.by = "--board".into();
    }
    let processor = Processor::of(&root);
    let build = ggml::kernels();
    let model = args.model.clone().unwrap_or_else(|| recognised.profile.mind.model.clone());
    let report = Report {
        fit: board::fit(&build, &processor),
        limit: limit(recognised.profile, &model)?,
        serial: board::serial_ports(&root, recognised.profile),
        recognised,
        processor,
        build,
        model,
    };
    let mut out = std::io::stdout().lock();
    if json {
        writeln!(out, "{}", report.json())?;
    } else {
        report.print(&mut out)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The most tokens a second, or why that cannot be said.
fn limit(profile: &Profile, model: &str) -> anyhow::Result<Result<(Stream, f64), String>> {
    let located = Store::of_environment().locate(model)?;
    let stream = if located.path.is_file() {
        board::streamed(&gguf::check(&located.path)?)
    } else {
        let bytes = Catalog::embedded().find(model).and_then(|entry| entry.bytes);
        match bytes {
            Some(bytes) => Stream { bytes, exact: false },
            None => return Ok(Err(format!("{} is not there", located.path.display()))),
        }
    };
    Ok(match &profile.bandwidth {
        Some(bandwidth) => Ok((stream, board::tokens_per_second(bandwidth, stream))),
        None => Err("how fast this machine's memory is, nobody measured for us".into()),
    })
}

impl Report {
    /// What a person should know before they trust this build on this board.
    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if !self.fit.lacking.is_empty() {
            warnings.push(format!(
                "this build does not fit this processor: it uses {}, which the processor lacks",
                self.fit.lacking.join(", ")
            ));
        }
        if !self.fit.unused.is_empty() {
            warnings.push(format!(
                "a faster build fits this processor: {} {} not used by this one",
                self.fit.unused.join(", "),
                if self.fit.unused.len() == 1 { "is" } else { "are" }
            ));
        }
        if self.recognised.profile.bandwidth.is_none() && self.recognised.model.is_some() {
            warnings.push("this board has no profile: threads and limits are general ones".into());
        }
        warnings
    }

    fn json(&self) -> Json {
        let profile = self.recognised.profile;
        let bandwidth = profile
            .bandwidth
            .as_ref()
            .map(|one| json!({"gb_s": one.gb_s, "kind": one.kind.word(), "source": one.source}));
        let (bytes, exact, most) = match &self.limit {
            Ok((stream, most)) => (Some(stream.bytes), stream.exact, Some(round(*most))),
            Err(_) => (None, false, None),
        };
        json!({
            "board": profile.name,
            "title": profile.title,
            "by": self.recognised.by,
            "device_tree": self.recognised.model,
            "processor": self.processor.name,
            "core": profile.core,
            "cores": self.processor.cores,
            "build": {"target": std::env::consts::ARCH, "cpu": ggml_sys::CPU,
                "kernels": self.build.split(',').collect::<Vec<_>>()},
            "fitting_build": profile.arm_arch,
            "processor_kernels": self.processor.kernels,
            "lacking": self.fit.lacking,
            "unused": self.fit.unused,
            "bandwidth": bandwidth,
            "model": self.model,
            "bytes_per_token": bytes,
            "bytes_exact": exact,
            "tokens_per_s_limit": most,
            "mind": {"model": profile.mind.model, "context": profile.mind.context_tokens,
                "threads_decode": profile.mind.threads_decode,
                "threads_prefill": profile.mind.threads_prefill},
            "limits": {"saving_c": profile.limits.saving_c,
                "reflex_only_c": profile.limits.reflex_only_c},
            "serial": self.serial,
            "warnings": self.warnings(),
        })
    }

    fn print(&self, out: &mut impl Write) -> std::io::Result<()> {
        let profile = self.recognised.profile;
        writeln!(
            out,
            "board       {} ({}), by {}",
            profile.title, profile.name, self.recognised.by
        )?;
        if let Some(model) = &self.recognised.model {
            writeln!(out, "device tree {model}")?;
        }
        let name = self.processor.name.as_deref().unwrap_or("unknown");
        writeln!(out, "processor   {name}, {} cores", self.processor.cores)?;
        writeln!(out, "could run   {}", list(&self.processor.kernels))?;
        writeln!(
            out,
            "this build  {} for {}: {}",
            std::env::consts::ARCH,
            ggml_sys::CPU,
            self.build
        )?;
        if let Some(arch) = &profile.arm_arch {
            writeln!(out, "best build  {arch}")?;
        }
        let threads = |count: Option<u16>| count.map_or("by cores".into(), |n| n.to_string());
        writeln!(
            out,
            "mind        context {} tokens; threads: {} for a token, {} for many",
            profile.mind.context_tokens,
            threads(profile.mind.threads_decode),
            threads(profile.mind.threads_prefill)
        )?;
        if let Some(one) = &profile.bandwidth {
            writeln!(out, "memory      {} GB/s, {} ({})", one.gb_s, one.kind.word(), one.source)?;
        }
        match &self.limit {
            Ok((stream, most)) => writeln!(
                out,
                "limit       {}: {:.1} MB a token{}, so at most {} tokens/s are written",
                self.model,
                stream.bytes as f64 / 1e6,
                if stream.exact { "" } else { " (the whole file, it is not here)" },
                round(*most)
            )?,
            Err(reason) => writeln!(out, "limit       {}: not known, {reason}", self.model)?,
        }
        writeln!(
            out,
            "heat        the mind takes less from {} °C on, pauses from {} °C on",
            profile.limits.saving_c, profile.limits.reflex_only_c
        )?;
        writeln!(out, "serial      {}", list(&self.serial))?;
        for warning in self.warnings() {
            writeln!(out, "warning     {warning}")?;
        }
        Ok(())
    }
}

fn list<T: AsRef<str>>(words: &[T]) -> String {
    if words.is_empty() {
        return "none".into();
    }
    words.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}

fn round(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}
