//! `outpost model list|pull|quantize|merge|info`: model files on this machine.
//!
//! With `--json` standard output holds JSON lines only, the summary last. Without it, progress and
//! remarks go to standard error, so that the output can still be piped.

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use crate::mind::adapters::AdapterError;
use crate::mind::catalog::{CatalogError, Entry, ModelFile, Store};
use crate::mind::gguf::{self, GgufFacts};
use crate::mind::merge::{self, MergeError};
use crate::mind::pull::{self, Patience, Pip, PullError, Report, Tools};
use crate::mind::quantize::{self, QuantizeError, Request};

/// Least time between two progress lines for a program.
const JSON_LINE_EVERY: Duration = Duration::from_secs(1);
/// Steps of the plain progress lines, per cent.
const PLAIN_LINE_STEP: u64 = 20;

/// Arguments of `outpost model`.
#[derive(Debug, Args)]
pub struct ModelArgs {
    #[command(subcommand)]
    command: ModelCommand,
}

#[derive(Debug, Subcommand)]
enum ModelCommand {
    /// The models that have a name, and which of them are here
    List,
    /// Brings a model here; at once if it is here and right
    Pull {
        /// Name of the catalogue; left out: the default model
        id: Option<String>,
        /// Compute the checksum of a file that is here, whatever was recorded
        #[arg(long)]
        verify: bool,
    },
    /// Writes a model anew with fewer bits, and says what really came of it
    Quantize {
        /// Name of a model that is here, or path of a .gguf file
        model: String,
        /// Q4_0, Q5_1, Q8_0, Q2_K, Q4_K_M, Q5_K_S and others
        #[arg(value_name = "TYPE")]
        file_type: String,
        /// Where the result goes; left out: into the models' folder
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Writes a copy of a model with an adapter's change in its weights
    Merge {
        /// Name of a model that is here, or path of a .gguf file
        model: String,
        /// Name of an adapter of the catalogue, or path of its .gguf file
        adapter: String,
        /// Where the result goes; left out: into the models' folder
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// What the header of a model says
    Info {
        /// Name of a model that is here, or path of a .gguf file; left out: the default model
        model: Option<String>,
    },
}

/// Runs `outpost model …`.
///
/// # Errors
/// What went wrong, for exit code 1; wrong use (an unknown name or type) is printed here and gives
/// exit code 2.
pub fn run(args: ModelArgs, json: bool) -> Result<ExitCode, anyhow::Error> {
    let store = Store::of_environment();
    let mut output = io::stdout();
    match run_in(&store, args, json, &mut output) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) if is_wrong_use(&error) => {
            writeln!(io::stderr(), "error: {error:#}")?;
            Ok(ExitCode::from(2))
        }
        Err(error) => Err(error),
    }
}

fn is_wrong_use(error: &anyhow::Error) -> bool {
    let unknown = |error: &CatalogError| matches!(error, CatalogError::Unknown { .. });
    let catalog = error.downcast_ref::<CatalogError>().is_some_and(unknown);
    let pull = matches!(error.downcast_ref(), Some(PullError::Catalog(inner)) if unknown(inner));
    let quantize = match error.downcast_ref() {
        Some(QuantizeError::Type { .. } | QuantizeError::Same { .. }) => true,
        Some(QuantizeError::Input(inner)) => unknown(inner),
        _ => false,
    };
    let merge = match error.downcast_ref() {
        Some(MergeError::None | MergeError::Activated { .. } | MergeError::Same { .. }) => true,
        Some(MergeError::Model(inner)) => unknown(inner),
        Some(MergeError::Adapter(AdapterError::Unknown { .. })) => true,
        _ => false,
    };
    catalog || pull || quantize || merge
}

fn run_in(
    store: &Store,
    args: ModelArgs,
    json: bool,
    output: &mut dyn Write,
) -> Result<(), anyhow::Error> {
    let default = || store.catalog().default.to_string();
    match args.command {
        ModelCommand::List => list(store, json, output),
        ModelCommand::Pull { id, verify } => {
            let id = id.unwrap_or_else(default);
            let mut report = Progress::new(json);
            let tools = Tools {
                quantizer: &quantize::by_library,
                pip: Pip::default(),
                patience: Patience::default(),
            };
            let pulled = pull::pull(store, &id, verify, &tools, &mut report)?;
            let bytes = pulled.file.path.metadata().map_or(0, |facts| facts.len());
            if json {
                let summary = json!({
                    "id": id, "path": pulled.file.path, "sha256": pulled.file.sha256,
                    "quantization": pulled.file.quantization, "bytes": bytes,
                    "fetched": pulled.from.is_some(), "source": pulled.from,
                });
                return line(output, &summary);
            }
            let how = pulled.from.map_or("was here already".into(), |from| format!("from {from}"));
            let path = pulled.file.path.display();
            writeln!(output, "{id} {how}: {path}, {}", megabytes(bytes)).map_err(Into::into)
        }
        ModelCommand::Quantize { model, file_type, output: target } => {
            let request = Request { model, file_type, output: target };
            let mut report = Progress::new(json);
            let made = quantize::quantize(store, &request, &quantize::by_library, &mut report)?;
            if json {
                let mut summary = serde_json::to_value(&made).context("the summary as JSON")?;
                summary["text"] = made.to_string().into();
                return line(output, &summary);
            }
            let path = made.path.display();
            writeln!(output, "{path}, {}\n{made}", megabytes(made.bytes)).map_err(Into::into)
        }
        ModelCommand::Merge { model, adapter, output: target } => {
            let request = merge::Request { model, adapter, output: target };
            let made = merge::merge(store, &request, &mut Progress::new(json))?;
            if json {
                return line(output, &serde_json::to_value(&made).context("the summary as JSON")?);
            }
            let (path, size) = (made.path.display(), megabytes(made.bytes));
            let kept = format!(
                "{} matrices changed by {:.3} of their size; {:.2} of that is lost to rounding",
                made.matrices, made.change, made.lost
            );
            writeln!(output, "{path}, {size}\n{kept}").map_err(Into::into)
        }
        ModelCommand::Info { model } => info(store, &model.unwrap_or_else(default), json, output),
    }
}

fn line(output: &mut dyn Write, value: &Value) -> Result<(), anyhow::Error> {
    writeln!(output, "{value}").map_err(Into::into)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn list(store: &Store, json: bool, output: &mut dyn Write) -> Result<(), anyhow::Error> {
    let catalog = store.catalog();
    for entry in &catalog.entries {
        let found = store.resolve(entry.id.as_str());
        if json {
            line(output, &list_line(store, entry, &found))?;
            continue;
        }
        let mark = if entry.id == catalog.default { "*" } else { " " };
        let state = match &found {
            Ok(_) => "here".to_owned(),
            Err(CatalogError::Absent { .. }) => "not here".to_owned(),
            Err(error) => error.to_string(),
        };
        let Entry { id, licence, quantization, context_length, .. } = entry;
        let size = entry.bytes.map_or("made here".into(), megabytes);
        let facts = format!("{quantization:<7} {size:>10}  {context_length} tokens  {licence}");
        writeln!(output, "{mark} {id:<36} {facts}  {state}")?;
    }
    if json {
        let folder = store.folder();
        let models = catalog.entries.len();
        line(output, &json!({"models": models, "default": catalog.default, "folder": folder}))
    } else {
        writeln!(output, "(* default) in {}", store.folder().display()).map_err(Into::into)
    }
}

fn list_line(store: &Store, entry: &Entry, found: &Result<ModelFile, CatalogError>) -> Value {
    let (state, reason) = match found {
        Ok(_) => ("present", None),
        Err(CatalogError::Absent { .. }) => ("absent", None),
        Err(error) => ("damaged", Some(error.to_string())),
    };
    json!({
        "id": entry.id, "name": entry.name, "licence": entry.licence,
        "architecture": entry.architecture, "quantization": entry.quantization,
        "context_length": entry.context_length, "bytes": entry.bytes,
        "path": store.path_of(&entry.id), "state": state, "reason": reason,
    })
}

fn info(
    store: &Store,
    model: &str,
    json: bool,
    output: &mut dyn Write,
) -> Result<(), anyhow::Error> {
    let file = store.resolve(model)?;
    let facts = gguf::check(&file.path)?;
    let licence = store.catalog().find(&file.id).map(|entry| entry.licence.clone());
    if json {
        let mut summary = serde_json::to_value(&facts).context("the facts as JSON")?;
        summary["id"] = file.id.into();
        summary["path"] = json!(file.path);
        summary["sha256"] = json!(file.sha256);
        summary["licence"] = json!(licence);
        return line(output, &summary);
    }
    let text = |value: Option<&str>| value.unwrap_or("unknown").to_owned();
    let rows = [
        ("id", file.id.clone()),
        ("path", file.path.display().to_string()),
        ("sha256", text(file.sha256.as_deref())),
        ("licence", text(licence.as_deref())),
    ];
    for (name, value) in rows.into_iter().chain(fact_rows(&facts)) {
        writeln!(output, "{name:<16} {value}")?;
    }
    for used in &facts.tensor_types {
        let size = megabytes(used.bytes);
        writeln!(output, "{:<16} {} tensors, {size}", used.kind.name(), used.tensors)?;
    }
    Ok(())
}

fn fact_rows(facts: &GgufFacts) -> [(&'static str, String); 10] {
    [
        ("name", facts.name.clone().unwrap_or_else(|| "none".into())),
        ("architecture", facts.architecture.clone()),
        ("quantization", facts.quantization.clone()),
        ("parameters", format!("{:.1} million", facts.parameters as f64 / 1e6)),
        ("layers", facts.layers.to_string()),
        ("vocabulary", format!("{} tokens", facts.vocabulary)),
        ("context", format!("{} tokens", facts.context_length)),
        ("KV cache", format!("{} bytes a token in F16", facts.kv_bytes_per_token)),
        ("chat template", if facts.chat_template { "yes" } else { "no" }.into()),
        ("file", megabytes(facts.file_bytes)),
    ]
}

/// Progress for a person at a terminal, for a log, or for a program.
enum Progress {
    Bar(Option<ProgressBar>),
    Plain { step: Step },
    Json { step: Step, said: Option<Instant> },
}

/// What is going on, and how much of it has been told.
#[derive(Default)]
struct Step {
    what: String,
    bytes: Option<u64>,
    told: u64,
}

impl Progress {
    fn new(json: bool) -> Self {
        match (json, io::stderr().is_terminal()) {
            (true, _) => Self::Json { step: Step::default(), said: None },
            (false, true) => Self::Bar(None),
            (false, false) => Self::Plain { step: Step::default() },
        }
    }

    /// A line on standard error. If nobody reads it, the work goes on all the same.
    fn say(text: &str) {
        drop(writeln!(io::stderr(), "{text}"));
    }

    /// A line on standard output, for programs.
    fn tell(value: &Value) {
        drop(writeln!(io::stdout(), "{value}"));
    }
}

impl Report for Progress {
    fn begin(&mut self, what: &str, bytes: Option<u64>) {
        self.end();
        let new = || Step { what: what.into(), bytes, told: 0 };
        match self {
            Self::Bar(bar) => *bar = Some(new_bar(what, bytes)),
            Self::Plain { step } => {
                *step = new();
                let size = bytes.map_or(String::new(), |bytes| format!(" ({})", megabytes(bytes)));
                Self::say(&format!("{what}{size} …"));
            }
            Self::Json { step, said } => {
                *step = new();
                *said = None;
                Self::tell(&json!({"event": "begin", "step": what, "bytes": bytes}));
            }
        }
    }

    fn advance(&mut self, done: u64) {
        match self {
            Self::Bar(bar) => bar.iter().for_each(|bar| bar.set_position(done)),
            Self::Plain { step } => {
                let Some(bytes) = step.bytes.filter(|bytes| *bytes > 0) else { return };
                let percent = (done.saturating_mul(100) / bytes).min(100);
                if percent >= step.told + PLAIN_LINE_STEP {
                    step.told = percent - percent % PLAIN_LINE_STEP;
                    Self::say(&format!("{}: {} %", step.what, step.told));
                }
            }
            Self::Json { step, said } => {
                if said.is_none_or(|said| said.elapsed() >= JSON_LINE_EVERY) {
                    *said = Some(Instant::now());
                    Self::tell(&json!({
                        "event": "progress", "step": step.what, "done": done, "bytes": step.bytes,
                    }));
                }
            }
        }
    }

    fn note(&mut self, text: &str) {
        match self {
            Self::Bar(Some(bar)) => bar.suspend(|| Self::say(text)),
            Self::Bar(None) | Self::Plain { .. } => Self::say(text),
            Self::Json { .. } => Self::tell(&json!({"event": "note", "text": text})),
        }
    }

    fn end(&mut self) {
        if let Self::Bar(bar) = self
            && let Some(bar) = bar.take()
        {
            bar.finish_and_clear();
        }
    }
}

fn new_bar(what: &str, bytes: Option<u64>) -> ProgressBar {
    let (bar, template) = match bytes {
        Some(bytes) => (ProgressBar::new(bytes), "{msg} {wide_bar} {bytes}/{total_bytes} {eta}"),
        None => (ProgressBar::new_spinner(), "{spinner} {msg} {elapsed}"),
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar.with_message(what.to_owned())
}
