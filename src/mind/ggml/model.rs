//! A model in memory, and its vocabulary.

use std::ffi::{CStr, CString};
use std::path::Path;
use std::ptr::NonNull;

use ggml_sys as sys;

use super::{Backend, GgmlError, Token, bound, c_path, c_text, fenced};

/// How a model is loaded.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    /// Map the file: pages that are not repacked stay the kernel's, shared and reclaimable.
    pub use_mmap: bool,
    /// Copy the weights into the layout of the fastest kernels, where there is one: about twice
    /// the speed of reading, for a second copy of the weights in anonymous memory.
    pub repack: bool,
    /// Only the vocabulary, no weights: enough to count tokens.
    pub vocabulary_only: bool,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self { use_mmap: true, repack: true, vocabulary_only: false }
    }
}

/// What a loaded model says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Architecture, size and quantisation in the library's words.
    pub description: String,
    /// Quantisation of most tensors, such as `Q4_0`.
    pub quantization: String,
    /// Bytes of all tensors.
    pub size_bytes: u64,
    /// Number of weights.
    pub parameters: u64,
    /// Longest context that it was trained on, in tokens.
    pub context_train_tokens: u32,
    /// Words of its vocabulary.
    pub vocabulary: u32,
    /// Bytes of key-value cache for each token of context, at 16 bits a number.
    pub kv_bytes_per_token: u64,
    /// Whether it reads a text from left to right and says what follows: encoders do not.
    pub continues_texts: bool,
    /// Whether every layer is plain attention over the whole context. Only then may sequences
    /// share a prefix, be cut back and be restored; those with a sliding window, recurrent and
    /// hybrid ones fail at it silently.
    pub plain_attention: bool,
}

/// A model in memory. Contexts keep it alive, and threads may share it: nothing changes it.
#[derive(Debug)]
pub struct Model {
    pub(super) pointer: NonNull<sys::llama_model>,
    vocabulary: NonNull<sys::llama_vocab>,
    pub(super) vocabulary_tokens: i32,
}

// SAFETY: every method takes `&self` and reads what loading has made; the library's tokenisation
// says of itself that it is thread-safe (llama.h), and its other getters read members. Adapters,
// which would change a model, are not bound. Freed once, by whoever drops the last `Arc`.
unsafe impl Send for Model {}
// SAFETY: as above.
unsafe impl Sync for Model {}

impl Model {
    /// Loads a GGUF file. The caller has checked the file: the library aborts on some corrupt ones.
    ///
    /// # Errors
    /// [`GgmlError::Path`], [`GgmlError::Refused`] with the library's words,
    /// [`GgmlError::NoMemory`].
    pub fn load(path: &Path, options: LoadOptions) -> Result<Self, GgmlError> {
        let _backend = Backend::init();
        let c_path = c_path(path)?;
        // SAFETY: takes nothing and returns a struct.
        let mut params = unsafe { sys::llama_model_default_params() };
        params.load_mode =
            if options.use_mmap { sys::LLAMA_LOAD_MODE_MMAP } else { sys::LLAMA_LOAD_MODE_NONE };
        params.use_extra_bufts = options.repack;
        params.vocab_only = options.vocabulary_only;
        params.n_gpu_layers = 0;
        let mut model = std::ptr::null_mut();
        fenced("load the model", |error, bytes| {
            // SAFETY: the path is NUL-terminated; params, model and error are live in this frame;
            // no pointer of params is set but the defaults.
            unsafe { sys::outpost_model_load(c_path.as_ptr(), &params, &mut model, error, bytes) }
        })?;
        let action = "load the model";
        let refused = |text: &str| GgmlError::Refused { action, text: text.to_owned() };
        let pointer = NonNull::new(model).ok_or_else(|| refused("no model came back"))?;
        // SAFETY: the model was just loaded and is alive.
        let vocabulary = unsafe { sys::llama_model_get_vocab(pointer.as_ptr()) };
        let Some(vocabulary) = NonNull::new(vocabulary.cast_mut()) else {
            // SAFETY: ours, and freed once: `Self` does not exist yet.
            unsafe { sys::llama_model_free(pointer.as_ptr()) };
            return Err(refused("the file has no vocabulary"));
        };
        // SAFETY: the vocabulary is a part of the model, which is alive.
        let vocabulary_tokens = unsafe { sys::llama_vocab_n_tokens(vocabulary.as_ptr()) };
        let model = Self { pointer, vocabulary, vocabulary_tokens };
        if vocabulary_tokens < 1 {
            return Err(refused("the file has an empty vocabulary"));
        }
        Ok(model)
    }

    /// Whether its file says how the tokens of a text become one vector: means, the first one, the
    /// last one (`pooling_type` 1 to 3 in llama.cpp's words).
    #[must_use]
    pub fn embeds(&self) -> bool {
        let architecture = self.meta("general.architecture").unwrap_or_default();
        let pooling = self.meta(&format!("{architecture}.pooling_type"));
        matches!(pooling.as_deref(), Some("1" | "2" | "3"))
    }

    /// Number of words of the vocabulary.
    #[must_use]
    pub fn vocab_tokens(&self) -> usize {
        usize::try_from(self.vocabulary_tokens).unwrap_or(0)
    }

    /// Tokens of a text. `add_bos` puts the model's own first token before it, where it has one;
    /// with `parse_special` words such as `<|im_start|>` become control tokens, so it is only for
    /// texts of ours, never for one that holds an operator's or a device's words.
    ///
    /// # Errors
    /// [`GgmlError::Bound`] beyond 2 GB, [`GgmlError::Refused`] where the vocabulary lacks a byte.
    pub fn tokenize(
        &self,
        text: &str,
        add_bos: bool,
        parse_special: bool,
    ) -> Result<Vec<Token>, GgmlError> {
        self.tokenize_bytes(text.as_bytes(), add_bos, parse_special)
    }

    /// The same for bytes that need not be UTF-8.
    ///
    /// # Errors
    /// As [`Model::tokenize`].
    pub fn tokenize_bytes(
        &self,
        text: &[u8],
        add_bos: bool,
        parse_special: bool,
    ) -> Result<Vec<Token>, GgmlError> {
        if text.is_empty() && !add_bos {
            return Ok(Vec::new());
        }
        bound("bytes of a text", text.len() as i64, 0..i64::from(i32::MAX) - 8)?;
        // No tokenizer makes more tokens than bytes, but for the ends and a space it may put first.
        let mut tokens = vec![0; text.len() + 8];
        let mut count = 0;
        fenced("tokenize", |error, bytes| {
            // SAFETY: the vocabulary lives as long as self; text and tokens have the lengths
            // given, both of which were bounded above.
            unsafe {
                sys::outpost_tokenize(
                    self.vocabulary.as_ptr(),
                    text.as_ptr().cast(),
                    text.len() as i32,
                    tokens.as_mut_ptr(),
                    tokens.len() as i32,
                    add_bos,
                    parse_special,
                    &mut count,
                    error,
                    bytes,
                )
            }
        })?;
        tokens.truncate(usize::try_from(count).unwrap_or(0));
        Ok(tokens)
    }

    /// The bytes that a token stands for: not always UTF-8 by itself. Control tokens are empty
    /// unless `special`.
    ///
    /// # Errors
    /// [`GgmlError::Bound`] for a token that is not in the vocabulary.
    pub fn token_to_piece(&self, token: Token, special: bool) -> Result<Vec<u8>, GgmlError> {
        bound("token", token.into(), 0..self.vocabulary_tokens.into())?;
        let mut piece = vec![0_u8; 64];
        loop {
            let mut count = 0;
            let result = fenced("read a token", |error, bytes| {
                // SAFETY: the vocabulary lives as long as self, the token is in it, and piece has
                // the length given.
                unsafe {
                    sys::outpost_token_to_piece(
                        self.vocabulary.as_ptr(),
                        token,
                        piece.as_mut_ptr().cast(),
                        piece.len() as i32,
                        special,
                        &mut count,
                        error,
                        bytes,
                    )
                }
            });
            let count = usize::try_from(count).unwrap_or(0);
            if count > piece.len() {
                piece.resize(count, 0); // a piece longer than the first guess: once more
                continue;
            }
            result?;
            piece.truncate(count);
            return Ok(piece);
        }
    }

    /// Whether a text ends with this token.
    #[must_use]
    pub fn is_end(&self, token: Token) -> bool {
        let known = (0..self.vocabulary_tokens).contains(&token);
        // SAFETY: the vocabulary lives as long as self and the token is in it.
        known && unsafe { sys::llama_vocab_is_eog(self.vocabulary.as_ptr(), token) }
    }

    /// Whether it is a word of a template, such as `<|im_start|>`, and none of a text.
    #[must_use]
    pub fn is_control(&self, token: Token) -> bool {
        let known = (0..self.vocabulary_tokens).contains(&token);
        // SAFETY: the vocabulary lives as long as self and the token is in it.
        known && unsafe { sys::llama_vocab_is_control(self.vocabulary.as_ptr(), token) }
    }

    /// A chat (who speaks, and what) in the model's own form; with `form` in that of another
    /// template or by its name, such as `chatml`.
    ///
    /// # Errors
    /// [`GgmlError::Refused`] where the library does not know the template,
    /// [`GgmlError::Bound`] for a NUL in a text.
    pub fn chat(&self, form: &str, messages: &[(&str, &str)]) -> Result<String, GgmlError> {
        let nul = |_| GgmlError::Bound {
            what: "bytes of a chat",
            found: 0,
            allowed: "1 to 255".to_owned(),
        };
        let text = |text: &str| CString::new(text).map_err(nul);
        let form = text(form)?;
        let mut texts = Vec::new();
        for (role, content) in messages {
            texts.push((text(role)?, text(content)?));
        }
        let raw: Vec<_> = texts
            .iter()
            .map(|(role, content)| sys::llama_chat_message {
                role: role.as_ptr(),
                content: content.as_ptr(),
            })
            .collect();
        let mut prompt = vec![0_u8; 4096];
        loop {
            let mut length = 0;
            let result = fenced("lay out a chat", |error, bytes| {
                // SAFETY: the texts live in this frame and are NUL-terminated; raw and prompt have
                // the lengths given.
                unsafe {
                    sys::outpost_chat(
                        form.as_ptr(),
                        raw.as_ptr(),
                        raw.len(),
                        true,
                        prompt.as_mut_ptr().cast(),
                        prompt.len() as i32,
                        &mut length,
                        error,
                        bytes,
                    )
                }
            });
            let length = usize::try_from(length).unwrap_or(0);
            if length > prompt.len() {
                prompt.resize(length, 0); // longer than the first guess: once more
                continue;
            }
            result?;
            prompt.truncate(length);
            return Ok(String::from_utf8_lossy(&prompt).into_owned());
        }
    }

    /// The model's own chat template (Jinja), where it has one.
    #[must_use]
    pub fn chat_template(&self) -> Option<String> {
        // SAFETY: the model is alive; NULL asks for the default template.
        let text =
            unsafe { sys::llama_model_chat_template(self.pointer.as_ptr(), std::ptr::null()) };
        (!text.is_null()).then(|| c_text(text))
    }

    /// What the model says of itself.
    #[must_use]
    pub fn facts(&self) -> Facts {
        let model = self.pointer.as_ptr();
        let mut description = [0_u8; 256];
        // SAFETY: the model is alive; description has the length given, and the rest takes the
        // model alone and reads numbers.
        unsafe {
            sys::llama_model_desc(model, description.as_mut_ptr().cast(), description.len());
            let description = CStr::from_bytes_until_nul(&description).unwrap_or_default();
            let quantization = c_text(sys::llama_ftype_name(sys::llama_model_ftype(model)));
            let continues_texts = !sys::llama_model_is_diffusion(model)
                && !sys::llama_model_has_encoder(model)
                && sys::llama_model_has_decoder(model);
            let plain_attention = continues_texts
                && !sys::llama_model_is_recurrent(model)
                && !sys::llama_model_is_hybrid(model)
                && sys::llama_model_n_swa(model) == 0;
            Facts {
                description: description.to_string_lossy().into_owned(),
                quantization: quantization.trim_start_matches("(guessed) ").to_owned(),
                size_bytes: sys::llama_model_size(model),
                parameters: sys::llama_model_n_params(model),
                context_train_tokens: sys::llama_model_n_ctx_train(model).max(0) as u32,
                vocabulary: self.vocabulary_tokens.max(0) as u32,
                kv_bytes_per_token: self.kv_bytes_per_token(),
                continues_texts,
                plain_attention,
            }
        }
    }

    /// From the header: layers * key and value heads * their width * 2 bytes. Models whose layers
    /// differ have a little less.
    fn kv_bytes_per_token(&self) -> u64 {
        let model = self.pointer.as_ptr();
        // SAFETY: the model is alive, and these read numbers of its header.
        let (layers, heads, heads_kv, width) = unsafe {
            (
                sys::llama_model_n_layer(model),
                sys::llama_model_n_head(model),
                sys::llama_model_n_head_kv(model),
                sys::llama_model_n_embd(model),
            )
        };
        let number = |value: i32| u64::try_from(value).unwrap_or(0);
        let arch = self.meta("general.architecture").unwrap_or_default();
        let length = |name: &str| {
            let value = self.meta(&format!("{arch}.attention.{name}_length"));
            let value = value.and_then(|value| value.parse().ok());
            value.unwrap_or_else(|| number(width) / number(heads).max(1))
        };
        number(layers) * number(heads_kv) * (length("key") + length("value")) * 2
    }

    /// A value of the file's header as text; arrays have none.
    #[must_use]
    pub fn meta(&self, key: &str) -> Option<String> {
        let key = CString::new(key).ok()?;
        let mut value = [0_u8; 512];
        // SAFETY: the model is alive, the key NUL-terminated, value of the length given.
        let length = unsafe {
            sys::llama_model_meta_val_str(
                self.pointer.as_ptr(),
                key.as_ptr(),
                value.as_mut_ptr().cast(),
                value.len(),
            )
        };
        let text = CStr::from_bytes_until_nul(&value).ok()?;
        (length >= 0).then(|| text.to_string_lossy().into_owned())
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: ours, freed once; contexts hold an `Rc` of self, so none is left.
        unsafe { sys::llama_model_free(self.pointer.as_ptr()) };
    }
}
