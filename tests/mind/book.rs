//! The slow way, by the book: one sequence, one token at a time, every logarithm in `f64`. What the
//! fast ways are held against.

use std::sync::Arc;

use outpost::mind::ggml::{Adapter, Batch, Context, ContextOptions, Model};

use super::THREADS;

pub struct Book {
    model: Arc<Model>,
    context: Context,
    tokens: u32,
}

impl Book {
    /// With nothing read.
    pub fn new(model: &Arc<Model>) -> Self {
        let options = ContextOptions {
            context_tokens: 512,
            batch_tokens: 1,
            ubatch_tokens: 1,
            outputs_max: 1,
            sequences_max: 1,
            threads_decode: THREADS,
            threads_prefill: THREADS,
            kv_unified: true,
        };
        let context = Context::new(model, options).expect("a context");
        Self { model: Arc::clone(model), context, tokens: 0 }
    }

    /// An adapter for what is read from now on.
    pub fn put_on(mut self, adapter: Option<Arc<Adapter>>) -> Self {
        self.context.put_on(adapter).expect("put on");
        self
    }

    /// Reads the beginning of all, as a model's tokenizer marks it.
    pub fn begun(self, text: &str) -> Self {
        self.text(text, true)
    }

    /// Reads what goes on.
    pub fn then(self, text: &str) -> Self {
        self.text(text, false)
    }

    fn text(mut self, text: &str, begins: bool) -> Self {
        for token in self.model.tokenize(text, begins, false).expect("tokens") {
            self.read(token);
        }
        self
    }

    pub fn read(&mut self, token: i32) {
        let mut batch = Batch::new();
        batch.push(token, self.tokens, 0..1, true);
        self.context.decode(&mut batch).expect("read");
        self.tokens += 1;
    }

    /// The scores after the last token.
    pub fn row(&self) -> Vec<f32> {
        self.context.logits(0).expect("asked for").to_vec()
    }

    /// Sums of the logarithms of each candidate's tokens, as a line behind what was read.
    pub fn sums(&mut self, candidates: &[String]) -> Vec<f64> {
        let (begin, after) = (self.tokens, self.row());
        let end = self.context.options().context_tokens;
        let sum = |candidate: &String| {
            assert!(self.context.seq_rm(0, begin..end).expect("a sequence"));
            self.tokens = begin;
            let line = format!(" {candidate}\n");
            let tokens = self.model.tokenize(&line, false, false).expect("tokens");
            let (mut row, mut sum) = (after.clone(), 0.0);
            for token in tokens {
                let total = row.iter().map(|value| f64::from(*value).exp()).sum::<f64>().ln();
                sum += f64::from(row[token as usize]) - total;
                self.read(token);
                row = self.row();
            }
            sum
        };
        candidates.iter().map(sum).collect()
    }
}
