//! What is said about a result, and that no half of one ever gets its name.

use super::*;
use crate::mind::catalog::Catalog;
use crate::mind::gguf::tests::Writer;

struct Silent;

impl Report for Silent {
    fn begin(&mut self, _: &str, _: Option<u64>) {}
    fn advance(&mut self, _: u64) {}
    fn note(&mut self, _: &str) {}
    fn end(&mut self) {}
}

type Answer = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// What llama.cpp does with rows of 64 values: no K-quant fits.
fn falls_back(_: &Path, output: &Path, _: FileType) -> Answer {
    Ok(disk::replace(output, &Writer::small().bytes())?)
}

fn breaks_off(_: &Path, output: &Path, _: FileType) -> Answer {
    disk::replace(output, &Writer::small().bytes()[..900])?;
    Ok(())
}

fn refuses(_: &Path, _: &Path, _: FileType) -> Answer {
    Err("requires an importance matrix".into())
}

fn place() -> (tempfile::TempDir, Store, String) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path().join("models"), Catalog::embedded().clone());
    let input = folder.path().join("small-q4_0.gguf");
    disk::replace(&input, &Writer::small().bytes()).unwrap();
    let input = input.to_str().unwrap().to_owned();
    (folder, store, input)
}

fn request(model: &str, file_type: &str) -> Request {
    Request { model: model.into(), file_type: file_type.into(), output: None }
}

#[test]
fn the_outcome_says_what_was_written_instead() {
    let (_folder, store, input) = place();
    let made = quantize(&store, &request(&input, "q2_k"), &falls_back, &mut Silent).unwrap();
    assert_eq!(made.path, store.folder().join("small-q2_k.gguf"));
    assert_eq!((made.matrices, made.as_asked, made.misfits), (3, 0, 3));
    assert_eq!(made.misfit_rows, [64]);
    let text = made.to_string();
    assert!(text.starts_with("0 of 3 matrices are Q2_K (0.0 %"), "{text}");
    assert!(text.contains("2 Q4_0") && text.contains("1 Q8_0"), "{text}");
    assert!(text.contains("rows of 64 values, no multiple of the 256"), "{text}");
    assert!(text.contains("Most of this \"Q2_K\" is therefore not Q2_K"), "{text}");
    assert_eq!(store.resolve("small-q2_k").unwrap().sha256, Some(made.sha256));
}

#[test]
fn a_result_as_asked_is_said_without_a_warning() {
    let (folder, store, input) = place();
    let output = folder.path().join("out.gguf");
    let request = Request { output: Some(output.clone()), ..request(&input, "Q4_0") };
    let made = quantize(&store, &request, &falls_back, &mut Silent).unwrap();
    assert_eq!(made.path, output);
    assert_eq!((made.as_asked, made.misfits), (2, 0));
    let text = made.to_string();
    assert!(text.contains("The others: 1 Q8_0"), "{text}");
    assert!(!text.contains("therefore"), "{text}");
}

#[test]
fn a_failed_run_leaves_nothing() {
    let (_folder, store, input) = place();
    let error = quantize(&store, &request(&input, "Q8_0"), &breaks_off, &mut Silent).unwrap_err();
    assert!(matches!(error, QuantizeError::Result(_)), "{error}");
    let error = quantize(&store, &request(&input, "Q8_0"), &refuses, &mut Silent).unwrap_err();
    let cause = std::error::Error::source(&error).unwrap().to_string();
    assert_eq!(cause, "requires an importance matrix");
    let left: Vec<_> = std::fs::read_dir(store.folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .filter(|name| name != ".lock")
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn wrong_types_and_the_input_as_output_are_refused() {
    let (_folder, store, input) = place();
    for wrong in ["Q9", "IQ1_S", ""] {
        let error = quantize(&store, &request(&input, wrong), &refuses, &mut Silent).unwrap_err();
        assert!(error.to_string().contains("allowed: F16, Q4_0"), "{error}");
    }
    let same = Request { output: Some(input.clone().into()), ..request(&input, "Q4_0") };
    let error = quantize(&store, &same, &falls_back, &mut Silent).unwrap_err();
    assert!(matches!(error, QuantizeError::Same { .. }), "{error}");
}

#[test]
fn the_result_of_a_catalogue_step_gets_the_catalogue_name() {
    let store = Store::new("/nowhere".into(), Catalog::embedded().clone());
    let id = |kind| {
        let kind = file_type(kind).unwrap();
        result_id(&store, "smollm2-135m-instruct-q4_1", "Q4_1", kind).unwrap().to_string()
    };
    assert_eq!(id("Q4_0"), "smollm2-135m-instruct-q4_0");
    assert_eq!(id("Q5_K_S"), "smollm2-135m-instruct-q5_k_s");
}

#[test]
fn every_type_that_we_offer_is_one_that_the_library_writes() {
    let offered: Vec<_> = FileType::all_writable().map(FileType::name).collect();
    let mut written = ggml::FileType::ALL.map(ggml::FileType::name).to_vec();
    written.sort_unstable();
    let mut sorted = offered.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, written);
}
