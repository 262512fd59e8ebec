//! A model at work: its key-value cache and the scores of the last batch.

use std::ffi::c_void;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use ggml_sys as sys;

use super::threads::Threads;
use super::{Adapter, Batch, GgmlError, Model, Token, bound, fenced};

/// Sizes and threads of a context.
#[derive(Clone, Copy, Debug)]
pub struct ContextOptions {
    /// Tokens that the key-value cache holds, of all sequences together where it is unified.
    pub context_tokens: u32,
    /// Most tokens of one [`Context::decode`].
    pub batch_tokens: u32,
    /// Tokens that are worked on at once. 64 keeps the activations of a large vocabulary small.
    pub ubatch_tokens: u32,
    /// Most rows of scores that one [`Context::decode`] may ask for.
    pub outputs_max: u32,
    /// Number of sequences.
    pub sequences_max: u32,
    /// Threads for a single token. Memory is the limit there: two are best on a Raspberry Pi 5.
    pub threads_decode: u16,
    /// Threads for many tokens, where the cores are the limit. The library's threads wait for each
    /// other by spinning: on two cores that others keep busy, two threads took 1,000 to 2,400 ms
    /// for a decision that one took 185 to 380 ms for. No more of them than cores that are idle.
    pub threads_prefill: u16,
    /// One cache for all sequences, so that a shared prefix is stored once and copied for free.
    pub kv_unified: bool,
}

/// Stops the work of a context from another thread or at a time, at the next step of its graph.
#[derive(Clone, Debug)]
pub struct AbortFlag(Arc<Abort>);

#[derive(Debug)]
struct Abort {
    flag: AtomicBool,
    /// Nanoseconds after `epoch`; `u64::MAX` is never.
    deadline_ns: AtomicU64,
    epoch: Instant,
}

impl AbortFlag {
    fn new() -> Self {
        let (flag, deadline_ns) = (AtomicBool::new(false), AtomicU64::new(u64::MAX));
        Self(Arc::new(Abort { flag, deadline_ns, epoch: Instant::now() }))
    }

    /// Sets or clears it. While it is set, [`Context::decode`] ends in [`GgmlError::Aborted`].
    pub fn set(&self, abort: bool) {
        self.0.flag.store(abort, Ordering::Relaxed);
    }

    /// From this time on it counts as set.
    pub fn set_deadline(&self, deadline: Option<Instant>) {
        let after = deadline.map(|deadline| deadline.saturating_duration_since(self.0.epoch));
        let ns =
            after.map_or(u64::MAX, |after| u64::try_from(after.as_nanos()).unwrap_or(u64::MAX));
        self.0.deadline_ns.store(ns, Ordering::Relaxed);
    }

    /// Whether it was set by hand, not by time.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.flag.load(Ordering::Relaxed)
    }
}

impl Abort {
    fn now(&self) -> bool {
        let deadline_ns = self.deadline_ns.load(Ordering::Relaxed);
        self.flag.load(Ordering::Relaxed)
            || (deadline_ns != u64::MAX && self.epoch.elapsed().as_nanos() >= deadline_ns.into())
    }
}

/// Asked by C between the steps of a graph.
unsafe extern "C" fn should_abort(data: *mut c_void) -> bool {
    // SAFETY: `data` is the pointer that `Context::new` took from the `Arc` that the context
    // keeps, so what it points to outlives every call; its parts are atomics and a constant.
    unsafe { &*data.cast::<Abort>() }.now()
}

/// A model at work: its key-value cache and the scores of the last batch.
#[derive(Debug)]
pub struct Context {
    pointer: NonNull<sys::llama_context>,
    memory: sys::llama_memory_t,
    model: Arc<Model>,
    /// Kept alive as long as the library's context points to it.
    adapter: Option<Arc<Adapter>>,
    options: ContextOptions,
    /// Which rows of the last batch have scores.
    outputs: Vec<bool>,
    abort: AbortFlag,
    /// Behind all else: they end after the library's context, which works with them.
    _threads: Option<Threads>,
}

impl Context {
    /// Makes a context.
    ///
    /// # Errors
    /// [`GgmlError::Bound`] for sizes that make no sense, [`GgmlError::NoMemory`] and
    /// [`GgmlError::Refused`] where the cache cannot be had.
    pub fn new(model: &Arc<Model>, options: ContextOptions) -> Result<Self, GgmlError> {
        Self::made(model, options, false)
    }

    /// Makes a context for [`Context::embedding`] alone.
    ///
    /// # Errors
    /// As [`Context::new`].
    pub fn for_embeddings(model: &Arc<Model>, options: ContextOptions) -> Result<Self, GgmlError> {
        Self::made(model, options, true)
    }

    fn made(
        model: &Arc<Model>,
        options: ContextOptions,
        embeddings: bool,
    ) -> Result<Self, GgmlError> {
        let o = options;
        bound("context tokens", o.context_tokens.into(), 1..1 << 24)?;
        bound("batch tokens", o.batch_tokens.into(), 1..i64::from(o.context_tokens) + 1)?;
        bound("ubatch tokens", o.ubatch_tokens.into(), 1..i64::from(o.batch_tokens) + 1)?;
        bound("rows of scores", o.outputs_max.into(), 1..i64::from(o.batch_tokens) + 1)?;
        // The library keeps a row for each sequence, asked for or not.
        let sequences_max = sys::LLAMA_MAX_SEQ.min(o.outputs_max as usize) as i64;
        bound("sequences", o.sequences_max.into(), 1..sequences_max + 1)?;
        bound("threads for a token", o.threads_decode.into(), 1..513)?;
        bound("threads for many tokens", o.threads_prefill.into(), 1..513)?;
        let abort = AbortFlag::new();
        // SAFETY: takes nothing and returns a struct.
        let mut params = unsafe { sys::llama_context_default_params() };
        params.n_ctx = o.context_tokens;
        params.n_batch = o.batch_tokens;
        params.n_ubatch = o.ubatch_tokens;
        params.n_seq_max = o.sequences_max;
        params.n_outputs_max = o.outputs_max;
        params.n_outputs_max_per_seq = 0;
        params.n_threads = o.threads_decode.into();
        params.n_threads_batch = o.threads_prefill.into();
        params.kv_unified = o.kv_unified;
        params.embeddings = embeddings;
        params.abort_callback = Some(should_abort);
        params.abort_callback_data = Arc::as_ptr(&abort.0).cast_mut().cast();
        let mut context = std::ptr::null_mut();
        let action = "make the context";
        fenced(action, |error, bytes| {
            // SAFETY: the model is alive and kept alive by the `Arc` below; params, context and
            // error are live in this frame; the abort flag is kept by the context.
            unsafe {
                let model = model.pointer.as_ptr();
                sys::outpost_context_init(model, &params, &mut context, error, bytes)
            }
        })?;
        let none = || GgmlError::Refused { action, text: "no context came back".to_owned() };
        let pointer = NonNull::new(context).ok_or_else(none)?;
        let threads = Threads::begin(o.threads_decode.max(o.threads_prefill));
        if let Some(threads) = &threads {
            // SAFETY: the context is alive, and freed before the threads, which it keeps beside it.
            unsafe {
                let none = std::ptr::null_mut();
                sys::llama_attach_threadpool(pointer.as_ptr(), threads.as_ptr(), none);
            }
        }
        // SAFETY: the context was just made and is alive.
        let memory = unsafe { sys::llama_get_memory(pointer.as_ptr()) };
        let model = Arc::clone(model);
        let outputs = Vec::new();
        let adapter = None;
        let context =
            Self { pointer, memory, model, adapter, options, outputs, abort, _threads: threads };
        if memory.is_null() {
            let text = "this architecture has no key-value cache".to_owned();
            return Err(GgmlError::Refused { action, text });
        }
        context.options_as_made()
    }

    /// The library rounds some sizes: what counts is what it says afterwards.
    fn options_as_made(mut self) -> Result<Self, GgmlError> {
        let context = self.pointer.as_ptr();
        // SAFETY: the context is alive; these read numbers.
        let (tokens, batch, ubatch, sequences) = unsafe {
            (
                sys::llama_n_ctx(context),
                sys::llama_n_batch(context),
                sys::llama_n_ubatch(context),
                sys::llama_n_seq_max(context),
            )
        };
        self.options.context_tokens = tokens;
        self.options.batch_tokens = batch;
        self.options.ubatch_tokens = ubatch;
        self.options.sequences_max = sequences;
        Ok(self)
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The model, to be shared with another context.
    #[must_use]
    pub fn shared_model(&self) -> Arc<Model> {
        Arc::clone(&self.model)
    }

    /// The sizes as the library made them.
    #[must_use]
    pub fn options(&self) -> &ContextOptions {
        &self.options
    }

    /// Puts an adapter on, or the one there is off, for what is read from now on. The cache stays
    /// as it is: what another adapter was on for is of use with that one alone, and it is for the
    /// caller to keep it apart.
    ///
    /// # Errors
    /// [`GgmlError::Bound`] for an adapter of another model, [`GgmlError::Refused`],
    /// [`GgmlError::NoMemory`]; the context is as it was then.
    pub fn put_on(&mut self, adapter: Option<Arc<Adapter>>) -> Result<(), GgmlError> {
        if adapter.as_ref().map(Arc::as_ptr) == self.adapter.as_ref().map(Arc::as_ptr) {
            return Ok(());
        }
        if adapter.as_ref().is_some_and(|adapter| !Arc::ptr_eq(&adapter.model, &self.model)) {
            let allowed = "one that was loaded for this model".to_owned();
            return Err(GgmlError::Bound { what: "adapter", found: 1, allowed });
        }
        let mut pointers: Vec<_> = adapter.iter().map(|adapter| adapter.pointer.as_ptr()).collect();
        let mut scales = vec![1.0_f32; pointers.len()];
        fenced("put the adapter on", |error, bytes| {
            // SAFETY: the context and the adapter are alive, the latter as long as the context
            // has it, by the `Arc` kept below; both lists have `len` entries and are copied.
            unsafe {
                sys::outpost_adapters_set(
                    self.pointer.as_ptr(),
                    pointers.as_mut_ptr(),
                    pointers.len(),
                    scales.as_mut_ptr(),
                    error,
                    bytes,
                )
            }
        })?;
        self.adapter = adapter;
        Ok(())
    }

    /// A handle that stops [`Context::decode`] from another thread.
    #[must_use]
    pub fn abort_flag(&self) -> AbortFlag {
        self.abort.clone()
    }

    /// Reads a batch into the cache and computes the scores that it asks for.
    ///
    /// # Errors
    /// [`GgmlError::Bound`] and [`GgmlError::NoSlot`] leave the cache as it was. After
    /// [`GgmlError::Aborted`] and [`GgmlError::Refused`] it holds a part: [`Context::clear`] it.
    pub fn decode(&mut self, batch: &mut Batch) -> Result<(), GgmlError> {
        self.outputs.clear();
        batch.check(&self.options, self.model.vocabulary_tokens)?;
        let tokens = batch.len();
        let raw = batch.raw();
        let result = fenced("read the batch", |error, bytes| {
            // SAFETY: the context is alive and borrowed exclusively; raw's pointers are into
            // `batch`, which is borrowed until after the call and whose lengths were checked.
            unsafe { sys::outpost_decode(self.pointer.as_ptr(), &raw, error, bytes) }
        });
        match result {
            Ok(()) => {
                self.outputs.extend(batch.outputs());
                Ok(())
            }
            Err(GgmlError::NoSlot { .. }) => Err(GgmlError::NoSlot { tokens }),
            Err(error) => Err(error),
        }
    }

    /// The scores after row `row` of the last batch: one number for each word of the vocabulary,
    /// not normalised.
    ///
    /// # Errors
    /// [`GgmlError::Bound`] where that row asked for none.
    pub fn logits(&self, row: usize) -> Result<&[f32], GgmlError> {
        let none = || GgmlError::Bound {
            what: "row of scores",
            found: row as i64,
            allowed: "a row of the last batch that asked for scores".to_owned(),
        };
        if !self.outputs.get(row).copied().unwrap_or(false) {
            return Err(none());
        }
        // SAFETY: the context is alive and the row is one that asked for scores.
        let pointer = unsafe { sys::llama_get_logits_ith(self.pointer.as_ptr(), row as i32) };
        let pointer = NonNull::new(pointer).ok_or_else(none)?;
        // SAFETY: a row has `n_vocab` numbers (llama.h); they stay until the next decode, which
        // needs `&mut self`.
        Ok(unsafe { std::slice::from_raw_parts(pointer.as_ptr(), self.model.vocab_tokens()) })
    }

    /// A text of at most one batch as a vector of length 1, pooled as the model's file says. Only
    /// of a context that was made for it.
    ///
    /// # Errors
    /// Those of [`Context::decode`]; [`GgmlError::Refused`] for a model that pools nothing.
    pub fn embedding(&mut self, tokens: &[Token]) -> Result<Vec<f32>, GgmlError> {
        self.clear();
        let mut batch = Batch::new();
        for (position, token) in (0..).zip(tokens) {
            batch.push(*token, position, 0..1, true);
        }
        self.decode(&mut batch)?;
        // SAFETY: the context is alive; sequence 0 was just read.
        let pointer = unsafe { sys::llama_get_embeddings_seq(self.pointer.as_ptr(), 0) };
        let none = || GgmlError::Refused {
            action: "pool the text",
            text: "this model makes no vector of a text".to_owned(),
        };
        let pointer = NonNull::new(pointer).ok_or_else(none)?;
        // SAFETY: the model is alive as long as the context.
        let numbers = unsafe { sys::llama_model_n_embd_out(self.model.pointer.as_ptr()) };
        let numbers = usize::try_from(numbers).unwrap_or(0);
        // SAFETY: a pooled sequence has `n_embd_out` numbers (llama.h); they stay until the next
        // decode, which needs `&mut self`.
        let vector = unsafe { std::slice::from_raw_parts(pointer.as_ptr(), numbers) };
        let length = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
        if !length.is_finite() || length <= 0.0 {
            return Err(none());
        }
        Ok(vector.iter().map(|x| (f64::from(*x) / length) as f32).collect())
    }

    /// Empties the cache.
    pub fn clear(&mut self) {
        // SAFETY: the memory belongs to the context, which is borrowed exclusively.
        unsafe { sys::llama_memory_clear(self.memory, false) };
        self.outputs.clear();
    }

    /// Gives `to` the tokens of `from` at `positions`. With a unified cache nothing is copied but
    /// a mark.
    ///
    /// # Errors
    /// [`GgmlError::Bound`] for sequences that do not exist or a cache that is not unified.
    pub fn seq_cp(&mut self, from: u32, to: u32, positions: Range<u32>) -> Result<(), GgmlError> {
        self.check_sequence(from)?;
        self.check_sequence(to)?;
        // Separate caches can only be copied whole; the library asserts it.
        bound("unified cache", self.options.kv_unified.into(), 1..2)?;
        let (start, end) = self.check_positions(&positions)?;
        if start < end && from != to {
            // SAFETY: the memory belongs to the context; sequences and positions were checked.
            unsafe { sys::llama_memory_seq_cp(self.memory, from as i32, to as i32, start, end) };
        }
        Ok(())
    }

    /// Removes the tokens of a sequence at `positions`; `false` where this kind of cache cannot.
    ///
    /// # Errors
    /// [`GgmlError::Bound`] for a sequence that does not exist.
    pub fn seq_rm(&mut self, sequence: u32, positions: Range<u32>) -> Result<bool, GgmlError> {
        self.check_sequence(sequence)?;
        let (start, end) = self.check_positions(&positions)?;
        // SAFETY: the memory belongs to the context; sequence and positions were checked.
        Ok(unsafe { sys::llama_memory_seq_rm(self.memory, sequence as i32, start, end) })
    }

    /// Number of tokens of a sequence, from its last position.
    ///
    /// # Errors
    /// [`GgmlError::Bound`] for a sequence that does not exist.
    pub fn seq_len(&self, sequence: u32) -> Result<u32, GgmlError> {
        self.check_sequence(sequence)?;
        // SAFETY: the memory belongs to the context; the sequence was checked.
        let last = unsafe { sys::llama_memory_seq_pos_max(self.memory, sequence as i32) };
        Ok(u32::try_from(i64::from(last) + 1).unwrap_or(0))
    }

    /// The keys and values of a sequence, in a form that [`Context::seq_set_state`] of a context
    /// of the same model, build and options takes.
    ///
    /// # Errors
    /// [`GgmlError::Bound`] for a sequence that does not exist, [`GgmlError::Refused`] where the
    /// library has none to give.
    pub fn seq_state(&mut self, sequence: u32) -> Result<Vec<u8>, GgmlError> {
        self.check_sequence(sequence)?;
        let context = self.pointer.as_ptr();
        // SAFETY: the context is alive; it reads sizes.
        let size = unsafe { sys::llama_state_seq_get_size(context, sequence as i32) };
        let mut state = vec![0_u8; size];
        let mut count = 0;
        fenced("copy a sequence", |error, bytes| {
            // SAFETY: the context is alive and borrowed exclusively; `state` has the length given.
            unsafe {
                let (to, room) = (state.as_mut_ptr(), state.len());
                sys::outpost_state_seq_get(
                    context,
                    sequence as i32,
                    to,
                    room,
                    &mut count,
                    error,
                    bytes,
                )
            }
        })?;
        state.truncate(count);
        Ok(state)
    }

    /// Puts a state in place of a sequence. Only for bytes that [`Context::seq_state`] gave for
    /// the same model, build and options, which the caller proves by a checksum: the library
    /// asserts on others.
    ///
    /// # Errors
    /// [`GgmlError::Bound`] for a sequence that does not exist, [`GgmlError::Refused`] where it
    /// does not fit; the sequence is then empty or holds a part: [`Context::clear`] it.
    pub fn seq_set_state(&mut self, sequence: u32, state: &[u8]) -> Result<(), GgmlError> {
        self.check_sequence(sequence)?;
        fenced("restore a sequence", |error, bytes| {
            // SAFETY: the context is alive and borrowed exclusively; `state` has the length given.
            unsafe {
                let context = self.pointer.as_ptr();
                let (from, length) = (state.as_ptr(), state.len());
                sys::outpost_state_seq_set(context, sequence as i32, from, length, error, bytes)
            }
        })
    }

    fn check_sequence(&self, sequence: u32) -> Result<(), GgmlError> {
        bound("sequence", sequence.into(), 0..self.options.sequences_max.into())
    }

    fn check_positions(&self, positions: &Range<u32>) -> Result<(i32, i32), GgmlError> {
        let end = i64::from(self.options.context_tokens);
        bound("first position", positions.start.into(), 0..end + 1)?;
        bound("end position", positions.end.into(), 0..end + 1)?;
        Ok((positions.start as i32, positions.end as i32))
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: ours, freed once, before the model and the abort flag that it points to.
        unsafe { sys::llama_free(self.pointer.as_ptr()) };
    }
}
