//! A small model that loads and answers, and the ways in which a file of it goes wrong.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};

const U32: u32 = 4;
const I32: u32 = 5;
const F32: u32 = 6;
const TEXT: u32 = 8;
const LIST: u32 = 9;
/// Values of a layer, layers, tokens.
const WIDTH: u64 = 64;
const LAYERS: u64 = 2;
const FEED_FORWARD: u64 = 128;
const WORDS: u64 = 261;
/// Numbers at which something ends: of layers, heads, words, types, and of their registers.
const NUMBERS: [u32; 24] = [
    0,
    1,
    2,
    3,
    5,
    8,
    15,
    17,
    31,
    63,
    64,
    65,
    100,
    128,
    255,
    256,
    257,
    260,
    261,
    262,
    65_536,
    0x7fff_ffff,
    0x8000_0000,
    u32::MAX,
];
/// Words that stand in such files somewhere.
const TEXTS: [&str; 15] = [
    "",
    "llama",
    "yarn",
    "longrope",
    "none",
    "bert",
    "t5",
    "rwkv",
    "plamo2",
    "llama-bpe",
    "qwen2",
    "gemma",
    "spm",
    "\u{1}",
    "a very long word of no meaning",
];
/// (type, values of a block, bytes of a block) of the tensors that are written.
const KINDS: [(u32, u64, u64); 3] = [(0, 1, 4), (2, 32, 18), (8, 32, 34)];

/// A model file in parts.
#[derive(Clone)]
pub struct File {
    keys: Vec<(String, Vec<u8>)>,
    tensors: Vec<Tensor>,
    /// Filled with these numbers; `None`: with noise, which has infinities in it.
    seed: u64,
    noise: bool,
    /// Bytes that are cut from its end.
    cut: usize,
    /// (place in the header, bytes that stand there)
    patches: Vec<(usize, Vec<u8>)>,
}

#[derive(Clone)]
struct Tensor {
    name: String,
    shape: Vec<u64>,
    kind: u32,
    /// Added to where it lies.
    moved: u64,
    bytes: u64,
}

impl Tensor {
    /// Room for what it says, so that the file is not merely cut off. Not for absurd sizes: the
    /// test itself would need the memory.
    fn make_room(&mut self) {
        let values = self.shape.iter().fold(1_u64, |all, side| all.saturating_mul(*side));
        if values < 1 << 18 {
            self.bytes = self.bytes.max(values * 8);
        }
    }
}

fn text(value: &str) -> Vec<u8> {
    [&(value.len() as u64).to_le_bytes(), value.as_bytes()].concat()
}

fn of_text(value: &str) -> Vec<u8> {
    [TEXT.to_le_bytes().to_vec(), text(value)].concat()
}

fn of_u32(value: u32) -> Vec<u8> {
    [U32.to_le_bytes(), value.to_le_bytes()].concat()
}

fn of_f32(value: f32) -> Vec<u8> {
    [F32.to_le_bytes(), value.to_le_bytes()].concat()
}

fn list(kind: u32, count: u64, body: Vec<u8>) -> Vec<u8> {
    [&LIST.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &body].concat()
}

/// The 256 bytes as the byte-level tokenizers spell them.
fn byte_words() -> Vec<String> {
    let mut next = 256;
    (0_u32..256)
        .map(|byte| {
            let printable = matches!(byte, 33..=126 | 161..=172 | 174..=255);
            let code = if printable {
                byte
            } else {
                next += 1;
                next - 1
            };
            char::from_u32(code).unwrap().to_string()
        })
        .collect()
}

/// The keys of a small model with nothing wrong.
fn keys() -> Vec<(String, Vec<u8>)> {
    let mut words = byte_words();
    words.extend(["<s>", "</s>", "ab", "on", "fan"].map(str::to_owned));
    assert_eq!(words.len() as u64, WORDS);
    let types: Vec<u8> = (0..WORDS as i32)
        .flat_map(|word| if word == 256 || word == 257 { 3 } else { 1_i32 }.to_le_bytes())
        .collect();
    let keys = [
        ("general.architecture", of_text("llama")),
        ("general.name", of_text("small")),
        ("general.file_type", of_u32(2)),
        ("llama.block_count", of_u32(LAYERS as u32)),
        ("llama.context_length", of_u32(512)),
        ("llama.embedding_length", of_u32(WIDTH as u32)),
        ("llama.feed_forward_length", of_u32(FEED_FORWARD as u32)),
        ("llama.attention.head_count", of_u32(4)),
        ("llama.attention.head_count_kv", of_u32(2)),
        ("llama.attention.key_length", of_u32(16)),
        ("llama.attention.value_length", of_u32(16)),
        ("llama.attention.layer_norm_rms_epsilon", of_f32(1e-5)),
        ("llama.rope.dimension_count", of_u32(16)),
        ("llama.rope.freq_base", of_f32(10_000.0)),
        ("llama.rope.scaling.type", of_text("linear")),
        ("llama.rope.scaling.factor", of_f32(1.0)),
        ("llama.vocab_size", of_u32(WORDS as u32)),
        ("llama.expert_count", of_u32(0)),
        ("tokenizer.ggml.model", of_text("gpt2")),
        ("tokenizer.ggml.pre", of_text("default")),
        ("tokenizer.ggml.bos_token_id", of_u32(256)),
        ("tokenizer.ggml.eos_token_id", of_u32(257)),
        ("tokenizer.ggml.unknown_token_id", of_u32(0)),
        ("tokenizer.ggml.padding_token_id", of_u32(257)),
        ("tokenizer.ggml.tokens", list(TEXT, WORDS, words.iter().flat_map(|w| text(w)).collect())),
        ("tokenizer.ggml.token_type", list(I32, WORDS, types)),
        (
            "tokenizer.ggml.merges",
            list(TEXT, 3, ["a b", "o n", "f a"].iter().flat_map(|m| text(m)).collect()),
        ),
        ("tokenizer.ggml.add_bos_token", vec![7, 0, 0, 0, 1]),
        ("tokenizer.chat_template", of_text("{% for m in messages %}<|im_start|>{% endfor %}")),
    ];
    keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// Its tensors: name, shape, type.
fn tensors() -> Vec<(String, Vec<u64>, u32)> {
    let mut tensors = vec![
        ("token_embd.weight".to_owned(), vec![WIDTH, WORDS], 8),
        ("output_norm.weight".to_owned(), vec![WIDTH], 0),
    ];
    for layer in 0..LAYERS {
        for (part, shape, kind) in [
            ("attn_norm", vec![WIDTH], 0),
            ("attn_q", vec![WIDTH, WIDTH], 2),
            ("attn_k", vec![WIDTH, WIDTH / 2], 2),
            ("attn_v", vec![WIDTH, WIDTH / 2], 8),
            ("attn_output", vec![WIDTH, WIDTH], 2),
            ("ffn_norm", vec![WIDTH], 0),
            ("ffn_gate", vec![WIDTH, FEED_FORWARD], 2),
            ("ffn_up", vec![WIDTH, FEED_FORWARD], 2),
            ("ffn_down", vec![FEED_FORWARD, WIDTH], 0),
        ] {
            tensors.push((format!("blk.{layer}.{part}.weight"), shape, kind));
        }
    }
    tensors
}

impl File {
    /// With nothing wrong.
    pub fn right() -> Self {
        let tensors = tensors().into_iter().map(|(name, shape, kind)| {
            let (_, values, bytes) = KINDS.iter().find(|one| one.0 == kind).unwrap();
            let bytes = shape.iter().product::<u64>() / values * bytes;
            Tensor { name, shape, kind, moved: 0, bytes }
        });
        Self {
            keys: keys(),
            tensors: tensors.collect(),
            seed: 1,
            noise: false,
            cut: 0,
            patches: Vec::new(),
        }
    }

    /// An adapter of that model, with nothing wrong.
    pub fn adapter(activated: bool) -> Self {
        let mut keys = vec![
            ("general.type", of_text("adapter")),
            ("general.architecture", of_text("llama")),
            ("adapter.type", of_text("lora")),
            ("adapter.lora.alpha", of_f32(4.0)),
            ("outpost.temperature_percent", of_u32(150)),
        ];
        if activated {
            let tokens = [65_u32, 66].iter().flat_map(|token| token.to_le_bytes()).collect();
            keys.push(("adapter.alora.invocation_tokens", list(U32, 2, tokens)));
        }
        let halves = [("a", vec![WIDTH, 4]), ("b", vec![4, WIDTH])];
        let tensors = halves.into_iter().flat_map(|(half, shape)| {
            (0..LAYERS).map(move |layer| Tensor {
                name: format!("blk.{layer}.attn_q.weight.lora_{half}"),
                bytes: shape.iter().product::<u64>() * 4,
                shape: shape.clone(),
                kind: 0,
                moved: 0,
            })
        });
        let keys = keys.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Self { keys, tensors: tensors.collect(), ..Self::right() }
    }

    /// With something wrong, most often; the same for the same seed. And what, in words.
    pub fn wrong(seed: u64) -> (Self, String) {
        Self::right().spoilt(seed)
    }

    /// The same of an adapter.
    pub fn wrong_adapter(seed: u64) -> (Self, String) {
        Self::adapter(seed.is_multiple_of(2)).spoilt(seed)
    }

    fn spoilt(self, seed: u64) -> (Self, String) {
        let mut random = StdRng::seed_from_u64(seed);
        let mut file = self;
        file.seed = seed;
        let times = random.random_range(1..=3);
        let what: Vec<String> = (0..times).map(|_| file.spoil(&mut random)).collect();
        (file, what.join("; "))
    }

    fn spoil(&mut self, random: &mut StdRng) -> String {
        match random.random_range(0..12) {
            0 => self.flip(random),
            1 => self.patch_number(random),
            2..=4 => self.change_key(random),
            5 => self.drop_key(random),
            6 | 7 => self.change_shape(random),
            8 => self.change_kind(random),
            9 => self.move_or_drop_tensor(random),
            10 => self.change_architecture(random),
            _ if random.random_bool(0.5) => {
                self.cut = random.random_range(1..self.bytes().len().min(60_000));
                format!("cut by {}", self.cut)
            }
            _ => {
                self.noise = true;
                "noise for weights".to_owned()
            }
        }
    }

    fn header_bytes(&self) -> usize {
        self.header().len()
    }

    fn flip(&mut self, random: &mut StdRng) -> String {
        let at = random.random_range(0..self.header_bytes());
        let bytes = (0..random.random_range(1..4)).map(|_| random.next_u32() as u8).collect();
        self.patches.push((at, bytes));
        format!("noise at {at}")
    }

    fn patch_number(&mut self, random: &mut StdRng) -> String {
        let at = random.random_range(0..self.header_bytes());
        let numbers = [0, 1, 255, 1 << 31, u64::from(u32::MAX), 1 << 40, 1 << 63, u64::MAX];
        let number = *numbers.choose(random).unwrap();
        self.patches.push((at, number.to_le_bytes().to_vec()));
        format!("{number} at {at}")
    }

    fn change_key(&mut self, random: &mut StdRng) -> String {
        let at = random.random_range(0..self.keys.len());
        let (key, value) = &mut self.keys[at];
        let number = *NUMBERS.choose(random).unwrap();
        let floats = [0.0, -1.0, 1e-30, 1e30, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0];
        let float = *floats.choose(random).unwrap();
        let word = *TEXTS.choose(random).unwrap();
        let as_it_is = u32::from_le_bytes(value[..4].try_into().unwrap());
        *value = match (random.random_range(0..10), as_it_is) {
            (0, _) => of_text(word),
            (1, _) => of_f32(float),
            (2, _) => of_u32(number),
            (3, _) => list(U32, 2, [number.to_le_bytes(), 4_u32.to_le_bytes()].concat()),
            (4, _) => list(TEXT, 2, [text(word), text("b")].concat()),
            (5, _) => {
                [10_u32.to_le_bytes().to_vec(), u64::from(number).to_le_bytes().to_vec()].concat()
            }
            (_, TEXT) => of_text(word),
            (_, F32) => of_f32(float),
            (_, U32) => of_u32(number),
            (_, _) => value.clone(),
        };
        format!("key {key} as {:02x?}", &value[..value.len().min(16)])
    }

    fn drop_key(&mut self, random: &mut StdRng) -> String {
        let at = random.random_range(0..self.keys.len());
        format!("no key {}", self.keys.remove(at).0)
    }

    fn change_shape(&mut self, random: &mut StdRng) -> String {
        let at = random.random_range(0..self.tensors.len());
        let tensor = &mut self.tensors[at];
        let lengths = [
            0,
            1,
            2,
            16,
            32,
            33,
            63,
            64,
            96,
            128,
            256,
            261,
            262,
            1 << 20,
            1 << 31,
            1 << 32,
            1 << 62,
            u64::MAX,
        ];
        match random.random_range(0..4) {
            0 => tensor.shape.push(*lengths.choose(random).unwrap()),
            1 if tensor.shape.len() > 1 => {
                tensor.shape.pop();
            }
            2 if tensor.shape.len() > 1 => tensor.shape.reverse(),
            _ => {
                let side = random.random_range(0..tensor.shape.len());
                tensor.shape[side] = *lengths.choose(random).unwrap();
            }
        }
        tensor.make_room();
        format!("tensor {} as {:?}", tensor.name, tensor.shape)
    }

    fn change_kind(&mut self, random: &mut StdRng) -> String {
        let at = random.random_range(0..self.tensors.len());
        let tensor = &mut self.tensors[at];
        tensor.kind = random.random_range(0..45);
        tensor.make_room();
        format!("tensor {} of type {}", tensor.name, tensor.kind)
    }

    fn move_or_drop_tensor(&mut self, random: &mut StdRng) -> String {
        let at = random.random_range(0..self.tensors.len());
        if random.random_bool(0.4) {
            return format!("no tensor {}", self.tensors.remove(at).name);
        }
        if random.random_bool(0.3) {
            let name = [
                "output.weight",
                "blk.0.attn_q.bias",
                "rope_freqs.weight",
                "blk.1.ffn_gate_exps.weight",
            ];
            let name = (*name.choose(random).unwrap()).to_owned();
            let old = std::mem::replace(&mut self.tensors[at].name, name);
            return format!("tensor {old} is called {}", self.tensors[at].name);
        }
        self.tensors[at].moved = *[1, 32, 4096, 1 << 40, u64::MAX - 31].choose(random).unwrap();
        format!("tensor {} moved by {}", self.tensors[at].name, self.tensors[at].moved)
    }

    fn change_architecture(&mut self, random: &mut StdRng) -> String {
        let names = [
            "qwen2",
            "qwen3",
            "gemma",
            "gemma2",
            "gemma3",
            "phi2",
            "phi3",
            "mamba",
            "mamba2",
            "rwkv6",
            "bert",
            "t5",
            "gpt2",
            "falcon",
            "starcoder2",
            "stablelm",
            "olmo2",
            "deepseek2",
            "jamba",
            "lfm2",
            "granite",
            "nemotron",
            "mpt",
            "bloom",
            "llama4",
            "dream",
            "wavtokenizer-dec",
            "clip",
            "falcon-h1",
            "minicpm3",
            "command-r",
            "smollm3",
            "exaone4",
        ];
        let name = *names.choose(random).unwrap();
        for (key, value) in &mut self.keys {
            if key == "general.architecture" {
                *value = of_text(name);
            } else if let Some(rest) = key.strip_prefix("llama.") {
                *key = format!("{name}.{rest}");
            }
        }
        format!("architecture {name}")
    }

    fn header(&self) -> Vec<u8> {
        let mut out = b"GGUF".to_vec();
        out.extend(3_u32.to_le_bytes());
        out.extend((self.tensors.len() as u64).to_le_bytes());
        out.extend((self.keys.len() as u64).to_le_bytes());
        for (key, value) in &self.keys {
            out.extend(text(key));
            out.extend(value);
        }
        let mut free = 0_u64;
        for tensor in &self.tensors {
            out.extend(text(&tensor.name));
            out.extend((tensor.shape.len() as u32).to_le_bytes());
            out.extend(tensor.shape.iter().flat_map(|side| side.to_le_bytes()));
            out.extend(tensor.kind.to_le_bytes());
            out.extend(free.wrapping_add(tensor.moved).to_le_bytes());
            free += tensor.bytes.next_multiple_of(32);
        }
        out
    }

    /// The file's bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut out = self.header();
        out.resize(out.len().next_multiple_of(32), 0);
        let mut random = StdRng::seed_from_u64(self.seed);
        for tensor in &self.tensors {
            let begin = out.len();
            out.resize(begin + tensor.bytes.next_multiple_of(32) as usize, 0);
            let body = &mut out[begin..begin + tensor.bytes as usize];
            if self.noise {
                random.fill_bytes(body);
            } else {
                weights(tensor.kind, body, &mut random);
            }
        }
        for (at, bytes) in &self.patches {
            let end = (at + bytes.len()).min(out.len());
            out[*at..end].copy_from_slice(&bytes[..end - at]);
        }
        let length = out.len().saturating_sub(self.cut);
        out.truncate(length);
        out
    }
}

/// Small numbers in the tensor's own form.
fn weights(kind: u32, body: &mut [u8], random: &mut StdRng) {
    let block = match kind {
        2 => 18,
        8 => 34,
        _ => {
            for value in body.as_chunks_mut::<4>().0 {
                *value = random.random_range(-0.5_f32..1.0).to_le_bytes();
            }
            return;
        }
    };
    random.fill_bytes(body);
    for one in body.chunks_mut(block) {
        // The block's scale, as a half of about 0.01.
        one[0] = 0;
        if let Some(high) = one.get_mut(1) {
            *high = 0x21;
        }
    }
}
