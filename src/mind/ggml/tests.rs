//! What needs no model; `tests/mind` has the rest.

use super::*;
use std::path::Path;

const OPTIONS: ContextOptions = ContextOptions {
    context_tokens: 256,
    batch_tokens: 4,
    ubatch_tokens: 4,
    outputs_max: 2,
    sequences_max: 2,
    threads_decode: 1,
    threads_prefill: 1,
    kv_unified: true,
};

fn refused(batch: &Batch) -> String {
    batch.check(&OPTIONS, 100).expect_err("must be refused").to_string()
}

#[test]
fn a_batch_that_would_end_in_an_assertion_is_refused_before() {
    assert_eq!(refused(&Batch::new()), "tokens of a batch: found 0, allowed 1 to 4");
    for (token, position, sequences, what) in [
        (100, 0, 0..1, "token: found 100, allowed 0 to 99"),
        (-1, 0, 0..1, "token: found -1, allowed 0 to 99"),
        (0, 256, 0..1, "position: found 256, allowed 0 to 255"),
        (0, u32::MAX, 0..1, "position: found -1, allowed 0 to 255"),
        (0, 0, 0..0, "sequences of a token: found 0, allowed 1 to 2"),
        (0, 0, 0..3, "sequences of a token: found 3, allowed 1 to 2"),
        (0, 0, 2..3, "sequence: found 2, allowed 0 to 1"),
    ] {
        let mut batch = Batch::new();
        batch.push(token, position, sequences, false);
        assert_eq!(refused(&batch), what);
    }
    let mut batch = Batch::new();
    for position in 0..5 {
        batch.push(1, position, 0..1, false);
    }
    assert_eq!(refused(&batch), "tokens of a batch: found 5, allowed 1 to 4");
    batch.clear();
    for position in 0..3 {
        batch.push(1, position, 0..1, true);
    }
    assert_eq!(refused(&batch), "rows of scores: found 3, allowed 0 to 2");
}

#[test]
fn a_batch_in_bounds_gives_c_each_token_with_its_own_sequences() {
    let mut batch = Batch::new();
    assert_eq!(batch.push(7, 0, 0..2, false), 0);
    assert_eq!(batch.push(8, 1, 1..2, true), 1);
    batch.check(&OPTIONS, 100).expect("in bounds");
    let raw = batch.raw();
    assert_eq!(raw.n_tokens, 2);
    assert!(raw.embd.is_null());
    // SAFETY: two tokens were pushed, and the batch lives until the end of this test.
    let (first, second) = unsafe { (*raw.seq_id, *raw.seq_id.add(1)) };
    // SAFETY: the first token is in two sequences, the second in one.
    let found = unsafe { [*first, *first.add(1), *second] };
    assert_eq!(found, [0, 1, 1]);
    assert_eq!(batch.outputs().collect::<Vec<_>>(), [false, true]);
}

#[test]
fn kernels_are_a_short_list() {
    let info = "CPU : SSE3 = 1 | AVX512 = 0 | FMA = 1 | SVE_CNT = 32 | REPACK = 1 | ";
    assert_eq!(condense(info), "SSE3,FMA,SVE_CNT=32,REPACK");
    assert_eq!(condense(""), "");
    let kernels = kernels();
    assert!(kernels.contains("REPACK"), "{kernels}");
    assert!(!kernels.contains([' ', '|', ':']), "{kernels}");
}

#[test]
fn file_types_are_read_as_users_write_them() {
    for kind in FileType::ALL {
        assert_eq!(kind.name().to_lowercase().parse(), Ok(kind));
    }
    let error = "Q7_X".parse::<FileType>().expect_err("there is none");
    assert!(error.to_string().contains("\"Q7_X\"; there are F16, Q4_0"), "{error}");
}

#[test]
fn a_file_that_is_not_there_is_an_error_that_names_it() {
    let path = Path::new("/nonexistent/model.gguf");
    let error = Model::load(path, LoadOptions::default()).expect_err("there is none").to_string();
    assert!(error.contains("/nonexistent/model.gguf"), "{error}");
    let error = quantize(path, Path::new("/nonexistent/out.gguf"), FileType::Q4_0, 1);
    let error = error.expect_err("there is none").to_string();
    assert!(error.starts_with("ggml could not quantise the model: "), "{error}");
}

#[test]
fn a_path_that_c_would_cut_is_refused() {
    let path = Path::new("a\0b");
    let error = Model::load(path, LoadOptions::default()).expect_err("NUL");
    assert!(matches!(error, GgmlError::Path { .. }));
}

#[test]
fn rows_of_each_type_come_back_as_near_as_its_bits_allow() {
    // Halves of a bell, as weights are; 256 is a block of every type.
    let values: Vec<f32> =
        (0..1024).map(|n| ((n * 37 % 101) as f32 / 50.0 - 1.0).powi(3) * 0.1).collect();
    let size: f32 = values.iter().map(|value| value * value).sum();
    // The most that may be lost, as a ratio of root mean squares.
    for (kind, most) in [
        (sys::GGML_TYPE_F32, 0.0),
        (sys::GGML_TYPE_F16, 0.001),
        (sys::GGML_TYPE_BF16, 0.005),
        (sys::GGML_TYPE_Q8_0, 0.01),
        (sys::GGML_TYPE_Q6_K, 0.05),
        (sys::GGML_TYPE_Q5_K, 0.08),
        (sys::GGML_TYPE_Q5_1, 0.08),
        (sys::GGML_TYPE_Q5_0, 0.08),
        (sys::GGML_TYPE_Q4_K, 0.15),
        (sys::GGML_TYPE_Q4_1, 0.15),
        (sys::GGML_TYPE_Q4_0, 0.15),
        (sys::GGML_TYPE_IQ4_NL, 0.15),
        (sys::GGML_TYPE_IQ4_XS, 0.15),
        (sys::GGML_TYPE_Q3_K, 0.3),
        (sys::GGML_TYPE_Q2_K, 0.6),
    ] {
        let bytes = quantize_rows(kind, &values, 256).expect("written");
        let back = dequantize(kind, &bytes, values.len()).expect("read");
        let lost: f32 = values.iter().zip(&back).map(|(a, b)| (a - b).powi(2)).sum();
        assert!((lost / size).sqrt() <= most, "type {kind}: {}", (lost / size).sqrt());
        let short = dequantize(kind, &bytes[1..], values.len()).expect_err("bytes are missing");
        assert!(short.to_string().starts_with("bytes of a tensor: found"), "{short}");
    }
    for (kind, values, row, what) in [
        (sys::GGML_TYPE_IQ2_XXS, &values[..], 256, "type of a tensor"),
        (999, &values[..], 256, "type of a tensor"),
        (sys::GGML_TYPE_Q4_K, &values[..], 32, "values of a tensor"),
        (sys::GGML_TYPE_Q4_0, &values[..96], 64, "values beyond the last whole row"),
        (sys::GGML_TYPE_Q4_0, &[f32::NAN; 32][..], 32, "values that are not finite"),
    ] {
        let error = quantize_rows(kind, values, row).expect_err("refused").to_string();
        assert!(error.starts_with(what), "{error}");
    }
}
