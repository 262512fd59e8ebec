//! An adapter in memory: low-rank changes to the matrices of a model, which contexts of that model
//! may put on and off without loading it again.

use std::path::Path;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};

use ggml_sys as sys;

use super::{GgmlError, Model, Token, c_path, fenced};

/// The library notes adapters down in their model without a lock of its own.
static NOTING: Mutex<()> = Mutex::new(());

/// An adapter of a model. Contexts that use it keep it alive, and it keeps its model alive.
#[derive(Debug)]
pub struct Adapter {
    pub(super) pointer: NonNull<sys::llama_adapter_lora>,
    pub(super) model: Arc<Model>,
    invocation: Vec<Token>,
}

// SAFETY: nothing changes it after it was loaded; the model's list of adapters, which loading and
// freeing change, is touched under `NOTING` only and read by nothing else than freeing the model.
unsafe impl Send for Adapter {}
// SAFETY: as above.
unsafe impl Sync for Adapter {}

impl Adapter {
    /// Loads an adapter that the caller has checked ([`crate::mind::gguf::check_adapter`]).
    ///
    /// # Errors
    /// [`GgmlError::Path`], [`GgmlError::NoMemory`], [`GgmlError::Refused`].
    pub fn load(model: &Arc<Model>, path: &Path) -> Result<Self, GgmlError> {
        let action = "load the adapter";
        let c_path = c_path(path)?;
        let mut adapter = std::ptr::null_mut();
        let noting = NOTING.lock().unwrap_or_else(PoisonError::into_inner);
        fenced(action, |error, bytes| {
            // SAFETY: the model is alive and kept alive by the `Arc` below; the path is
            // NUL-terminated; path, adapter and error are live in this frame.
            unsafe {
                let model = model.pointer.as_ptr();
                sys::outpost_adapter_load(model, c_path.as_ptr(), &mut adapter, error, bytes)
            }
        })?;
        drop(noting);
        let none = || GgmlError::Refused { action, text: "no adapter came back".to_owned() };
        let pointer = NonNull::new(adapter).ok_or_else(none)?;
        // SAFETY: the adapter was just loaded and is alive.
        let count = unsafe { sys::llama_adapter_get_alora_n_invocation_tokens(pointer.as_ptr()) };
        let mut invocation = Vec::new();
        if count > 0 {
            // SAFETY: as above; the list has as many tokens as were counted, and stays as long as
            // the adapter, which outlives this copy.
            let tokens = unsafe {
                let first = sys::llama_adapter_get_alora_invocation_tokens(pointer.as_ptr());
                std::slice::from_raw_parts(first, usize::try_from(count).unwrap_or(0))
            };
            invocation.extend_from_slice(tokens);
        }
        Ok(Self { pointer, model: Arc::clone(model), invocation })
    }

    /// The tokens from which on an activated adapter (aLoRA) changes the model; what stands before
    /// them is the model's alone. Empty for a plain one, which changes all.
    #[must_use]
    pub fn invocation(&self) -> &[Token] {
        &self.invocation
    }
}

impl Drop for Adapter {
    fn drop(&mut self) {
        let _noting = NOTING.lock().unwrap_or_else(PoisonError::into_inner);
        // SAFETY: ours, freed once and before its model; contexts that use it hold an `Arc` of
        // self and are freed before that, so none is left.
        unsafe { sys::llama_adapter_lora_free(self.pointer.as_ptr()) };
    }
}
