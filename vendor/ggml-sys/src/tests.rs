//! What Outpost relies on: a new version that changes one of these must be noticed here, not on a
//! board. `UPGRADE.md` says what to do then.

use super::*;
use std::ffi::{CStr, CString};
use std::mem::size_of;

/// Calls `outpost_throw` and returns its status and message.
fn throw(text: Option<&CStr>, error_bytes: usize) -> (u32, String) {
    let mut error = vec![0x55_u8; error_bytes];
    let text = text.map_or(std::ptr::null(), CStr::as_ptr);
    // SAFETY: `text` is NULL or NUL-terminated, `error` has `error_bytes` bytes.
    let status = unsafe { outpost_throw(text, error.as_mut_ptr().cast(), error.len()) };
    let message = CStr::from_bytes_until_nul(&error).expect("the shim ends its text");
    (status as u32, message.to_str().expect("ASCII").to_owned())
}

/// A name that the library returns for a number.
fn name(pointer: *const core::ffi::c_char) -> &'static str {
    assert!(!pointer.is_null());
    // SAFETY: not NULL, and these functions return string literals.
    unsafe { CStr::from_ptr(pointer) }.to_str().expect("ASCII")
}

#[test]
fn integers_have_the_widths_that_the_safe_side_assumes() {
    assert_eq!(size_of::<llama_token>(), 4);
    assert_eq!(size_of::<llama_pos>(), 4);
    assert_eq!(size_of::<llama_seq_id>(), 4);
}

#[test]
#[cfg(target_pointer_width = "64")]
fn structs_have_the_sizes_of_the_pinned_version() {
    assert_eq!(size_of::<llama_batch>(), 56);
    assert_eq!(size_of::<llama_model_params>(), 80);
    assert_eq!(size_of::<llama_context_params>(), 160);
    assert_eq!(size_of::<llama_model_quantize_params>(), 64);
}

#[test]
fn most_sequences_is_what_the_private_header_says() {
    // SAFETY: takes nothing and reads a constant.
    assert_eq!(unsafe { llama_max_parallel_sequences() }, LLAMA_MAX_SEQ);
}

#[test]
fn tensor_types_have_the_numbers_of_the_gguf_format() {
    let expected = [
        (GGML_TYPE_F32, 0, "f32"),
        (GGML_TYPE_F16, 1, "f16"),
        (GGML_TYPE_Q4_0, 2, "q4_0"),
        (GGML_TYPE_Q4_1, 3, "q4_1"),
        (GGML_TYPE_Q5_0, 6, "q5_0"),
        (GGML_TYPE_Q5_1, 7, "q5_1"),
        (GGML_TYPE_Q8_0, 8, "q8_0"),
        (GGML_TYPE_Q2_K, 10, "q2_K"),
        (GGML_TYPE_Q3_K, 11, "q3_K"),
        (GGML_TYPE_Q4_K, 12, "q4_K"),
        (GGML_TYPE_Q5_K, 13, "q5_K"),
        (GGML_TYPE_Q6_K, 14, "q6_K"),
        (GGML_TYPE_IQ4_NL, 20, "iq4_nl"),
        (GGML_TYPE_BF16, 30, "bf16"),
    ];
    for (constant, number, text) in expected {
        assert_eq!(constant, number, "{text}");
        // SAFETY: a number of a type that exists.
        assert_eq!(name(unsafe { ggml_type_name(constant) }), text);
    }
}

#[test]
fn file_types_have_the_numbers_that_quantize_passes() {
    let expected = [
        (LLAMA_FTYPE_MOSTLY_Q4_0, 2),
        (LLAMA_FTYPE_MOSTLY_Q8_0, 7),
        (LLAMA_FTYPE_MOSTLY_Q5_1, 9),
        (LLAMA_FTYPE_MOSTLY_Q2_K, 10),
        (LLAMA_FTYPE_MOSTLY_Q4_K_M, 15),
        (LLAMA_FTYPE_MOSTLY_Q5_K_S, 16),
    ];
    for (constant, number) in expected {
        assert_eq!(constant, number);
    }
}

#[test]
fn block_sizes_give_the_bytes_of_a_row() {
    for (kind, block, bytes) in
        [(GGML_TYPE_Q4_0, 32, 18), (GGML_TYPE_Q8_0, 32, 34), (GGML_TYPE_Q2_K, 256, 84)]
    {
        // SAFETY: numbers of types that exist.
        let found = unsafe { (ggml_blck_size(kind), ggml_type_size(kind)) };
        assert_eq!(found, (block, bytes));
    }
}

#[test]
fn defaults_are_those_that_the_safe_side_builds_on() {
    // SAFETY: these three take nothing and return a struct.
    let (model, context, quantize) = unsafe {
        (
            llama_model_default_params(),
            llama_context_default_params(),
            llama_model_quantize_default_params(),
        )
    };
    assert_eq!(model.load_mode, LLAMA_LOAD_MODE_AUTO);
    assert!(model.use_extra_bufts && !model.vocab_only && !model.check_tensors);
    assert!(!context.kv_unified && context.swa_full && context.no_perf && !context.embeddings);
    assert_eq!((context.n_seq_max, context.n_outputs_max), (1, 0));
    assert_eq!((context.type_k, context.type_v), (GGML_TYPE_F16, GGML_TYPE_F16));
    assert!(context.abort_callback.is_none());
    assert!(!quantize.allow_requantize && !quantize.pure_ && quantize.quantize_output_tensor);
    assert_eq!(quantize.output_tensor_type, GGML_TYPE_COUNT);
}

#[test]
fn the_source_is_the_pinned_one() {
    // SAFETY: both take nothing and return string literals.
    let (llama, ggml) = unsafe { (name(llama_version()), name(ggml_version())) };
    assert_eq!(SOURCE, "llama-cpp-sys-2 0.1.161");
    assert_eq!(llama, "0.6.0-dev");
    assert!(ggml.starts_with("0.26.0"), "{ggml}");
}

#[test]
fn an_exception_becomes_a_status_and_a_text() {
    let (status, text) = throw(Some(c"the tensor is wrong"), 256);
    assert_eq!((status, text.as_str()), (OUTPOST_EXCEPTION, "the tensor is wrong"));
    let (status, text) = throw(None, 256);
    assert_eq!((status, text.as_str()), (OUTPOST_NO_MEMORY, "out of memory"));
}

#[test]
fn a_text_longer_than_the_buffer_is_cut_and_ended() {
    let (status, text) = throw(Some(c"123456789"), 5);
    assert_eq!((status, text.as_str()), (OUTPOST_EXCEPTION, "1234"));
    assert_eq!(throw(Some(c"123456789"), 1).1, "");
}

#[test]
fn a_missing_model_is_an_error_with_the_logged_cause() {
    let path = CString::new("/nonexistent/model.gguf").expect("no NUL");
    let mut error = [0_u8; 512];
    let mut model = std::ptr::null_mut();
    // SAFETY: the pointers are to live values of this frame; `error` has the length given.
    let status = unsafe {
        outpost_log_init(None);
        llama_backend_init();
        let params = llama_model_default_params();
        outpost_model_load(path.as_ptr(), &params, &mut model, error.as_mut_ptr().cast(), 512)
    };
    let text = CStr::from_bytes_until_nul(&error).expect("the shim ends its text");
    assert_eq!(status as u32, OUTPOST_FAILED);
    assert!(model.is_null());
    assert!(text.to_str().expect("UTF-8").contains("/nonexistent/model.gguf"), "{text:?}");
}
