"""Language models once more, in NumPy: what the library's scores are held against.

    reference.py make FOLDER                small models of seeded random weights, one of each
                                            architecture: FOLDER/<architecture>.gguf
    reference.py read 1,2,3 FILE.gguf …     the scores after each of these tokens, rows of float32:
                                            FILE.gguf.scores

    reference.py embed 1,2,3 FILE.gguf      the vector of these tokens: FILE.gguf.vector

Written from the models' papers and configurations. It reads any file of these architectures, the
real ones too: `read` takes the weights to float32 and then computes in float32 throughout.
"""

import math
import sys

import gguf
import numpy as np

WIDTH, FEED_FORWARD, WORDS, CONTEXT = 256, 512, 384, 256
NORM_EPS = 1e-5
# What each made model has that another has not. A head is `head` wide and `turned` of it are
# turned by the position.
SHAPES = {
    "llama": dict(layers=3, heads=4, keys=2, head=64, turned=64, base=500000.0),
    "qwen2": dict(layers=3, heads=4, keys=2, head=64, turned=64, base=1000000.0),
    "qwen3": dict(layers=3, heads=4, keys=2, head=128, turned=128, base=1000000.0),
    "phi3": dict(layers=3, heads=4, keys=2, head=64, turned=48, base=10000.0),
    "nemotron": dict(layers=3, heads=4, keys=2, head=64, turned=32, base=10000.0),
    # Six layers: the sixth is the first that looks at everything.
    # As Qwen3-Embedding: the last token stands for the text.
    "qwen3-embedding": dict(layers=3, heads=4, keys=2, head=64, turned=64, base=1000000.0),
    "gemma3": dict(layers=6, heads=4, keys=1, head=128, turned=128, base=1000000.0),
    # Every second layer is a short convolution.
    "lfm2": dict(layers=4, heads=4, keys=[0, 2, 0, 2], head=64, turned=64, base=1000000.0),
    # No attention at all.
    "mamba": dict(layers=3, heads=0, keys=0, head=64, turned=64, base=10000.0),
}
CONVOLVED = 3  # positions that lfm2's convolution looks at
# Mamba's inner width, numbers of a state, rank of its steps, positions of its convolution.
INNER, STATE, STEPS, CONVOLVED_MAMBA = 2 * WIDTH, 16, 12, 4
WINDOW = 16
PHI_ATTENTION_FACTOR = 1.19


class Maker:
    """One file of random weights."""

    def __init__(self, path, name, seed):
        self.random = np.random.default_rng(seed)
        self.shape = SHAPES[name]
        # What comes behind a hyphen is a use of an architecture.
        self.architecture, _, self.use = name.partition("-")
        self.file = gguf.GGUFWriter(path, self.architecture)

    def matrix(self, name, rows, columns):
        weights = self.random.standard_normal((rows, columns)) / math.sqrt(columns)
        self.file.add_tensor(name, weights.astype(np.float32))

    def vector(self, name, size, around):
        weights = around + 0.1 * self.random.standard_normal(size)
        self.file.add_tensor(name, weights.astype(np.float32))

    def header(self):
        file, shape = self.file, self.shape
        file.add_context_length(CONTEXT)
        file.add_embedding_length(WIDTH)
        file.add_block_count(shape["layers"])
        file.add_feed_forward_length(FEED_FORWARD)
        file.add_head_count(shape["heads"])
        file.add_head_count_kv(shape["keys"])
        file.add_key_length(shape["head"])
        file.add_value_length(shape["head"])
        file.add_rope_dimension_count(shape["turned"])
        file.add_rope_freq_base(shape["base"])
        file.add_vocab_size(WORDS)
        if self.architecture == "nemotron":
            file.add_layer_norm_eps(NORM_EPS)
        else:
            file.add_layer_norm_rms_eps(NORM_EPS)
        if self.use == "embedding":
            file.add_pooling_type(gguf.PoolingType.LAST)
        if self.architecture == "gemma3":
            file.add_sliding_window(WINDOW)
        if self.architecture == "lfm2":
            file.add_shortconv_l_cache(CONVOLVED)
        if self.architecture == "mamba":
            file.add_ssm_conv_kernel(CONVOLVED_MAMBA)
            file.add_ssm_inner_size(INNER)
            file.add_ssm_state_size(STATE)
            file.add_ssm_time_step_rank(STEPS)
        if self.architecture == "phi3":
            file.add_rope_scaling_orig_ctx_len(CONTEXT)
            file.add_rope_scaling_attn_factors(PHI_ATTENTION_FACTOR)
        # The bytes as GPT-2 writes them, and words of no meaning up to the end.
        letters = [*range(33, 127), *range(161, 173), *range(174, 256)]
        others = [byte for byte in range(256) if byte not in letters]
        words = [chr(byte) for byte in letters] + [chr(256 + n) for n in range(len(others))]
        words += [f"<{number}>" for number in range(WORDS - len(words))]
        file.add_tokenizer_model("gpt2")
        file.add_tokenizer_pre("default")
        file.add_token_list(words)
        file.add_token_types([1] * 256 + [3] * (WORDS - 256))
        file.add_token_merges(["a b"])
        file.add_eos_token_id(WORDS - 1)

    def layer(self, number):
        name, shape = self.architecture, self.shape
        here = f"blk.{number}."
        heads = shape["keys"][number] if name == "lfm2" else shape["keys"]
        queries, keys = shape["heads"] * shape["head"], heads * shape["head"]
        self.vector(here + "attn_norm.weight", WIDTH, 1.0)
        if name == "mamba":
            return self.mamba(here)
        self.vector(here + "ffn_norm.weight", WIDTH, 1.0)
        if name == "phi3":
            self.matrix(here + "attn_qkv.weight", queries + 2 * keys, WIDTH)
            self.matrix(here + "ffn_up.weight", 2 * FEED_FORWARD, WIDTH)
        elif heads == 0:
            self.matrix(here + "shortconv.conv.weight", WIDTH, CONVOLVED)
            self.matrix(here + "shortconv.in_proj.weight", 3 * WIDTH, WIDTH)
            self.matrix(here + "shortconv.out_proj.weight", WIDTH, WIDTH)
            self.matrix(here + "ffn_up.weight", FEED_FORWARD, WIDTH)
            self.matrix(here + "ffn_gate.weight", FEED_FORWARD, WIDTH)
        else:
            self.matrix(here + "attn_q.weight", queries, WIDTH)
            self.matrix(here + "attn_k.weight", keys, WIDTH)
            self.matrix(here + "attn_v.weight", keys, WIDTH)
            self.matrix(here + "ffn_up.weight", FEED_FORWARD, WIDTH)
            if name != "nemotron":
                self.matrix(here + "ffn_gate.weight", FEED_FORWARD, WIDTH)
        if heads > 0:
            self.matrix(here + "attn_output.weight", WIDTH, queries)
        self.matrix(here + "ffn_down.weight", WIDTH, FEED_FORWARD)
        if name == "qwen2":
            for part, size in (("q", queries), ("k", keys), ("v", keys)):
                self.vector(f"{here}attn_{part}.bias", size, 0.0)
        if name in ("qwen3", "gemma3", "lfm2") and heads > 0:
            self.vector(here + "attn_q_norm.weight", shape["head"], 1.0)
            self.vector(here + "attn_k_norm.weight", shape["head"], 1.0)
        if name == "gemma3":
            self.vector(here + "post_attention_norm.weight", WIDTH, 1.0)
            self.vector(here + "post_ffw_norm.weight", WIDTH, 1.0)
        if name == "nemotron":
            self.vector(here + "attn_norm.bias", WIDTH, 0.0)
            self.vector(here + "ffn_norm.bias", WIDTH, 0.0)

    def mamba(self, here):
        self.matrix(here + "ssm_in.weight", 2 * INNER, WIDTH)
        self.matrix(here + "ssm_conv1d.weight", INNER, CONVOLVED_MAMBA)
        self.vector(here + "ssm_conv1d.bias", INNER, 0.0)
        self.matrix(here + "ssm_x.weight", STEPS + 2 * STATE, INNER)
        self.matrix(here + "ssm_dt.weight", INNER, STEPS)
        self.vector(here + "ssm_dt.bias", INNER, -1.0)
        rates = -1.0 - 3.0 * self.random.random((INNER, STATE))
        self.file.add_tensor(here + "ssm_a", rates.astype(np.float32))
        self.vector(here + "ssm_d", INNER, 1.0)
        self.matrix(here + "ssm_out.weight", WIDTH, INNER)

    def make(self):
        name, shape = self.architecture, self.shape
        self.header()
        self.matrix("token_embd.weight", WORDS, WIDTH)
        self.vector("token_embd_norm.weight" if name == "lfm2" else "output_norm.weight", WIDTH, 1.0)
        if name in ("qwen2", "nemotron"):  # the others have the one matrix for both ends
            self.matrix("output.weight", WORDS, WIDTH)
        if name == "nemotron":
            self.vector("output_norm.bias", WIDTH, 0.0)
        slower = 1.0 + self.random.random(shape["turned"] // 2).astype(np.float32)
        if name == "llama":
            self.file.add_tensor("rope_freqs.weight", slower)
        if name == "phi3":
            self.file.add_tensor("rope_factors_short.weight", slower)
            self.file.add_tensor("rope_factors_long.weight", 8.0 * slower)
        for number in range(shape["layers"]):
            self.layer(number)
        self.file.write_header_to_file()
        self.file.write_kv_data_to_file()
        self.file.write_tensors_to_file()
        self.file.close()


class Reference:
    """A model of a file, and how it reads."""

    def __init__(self, path):
        self.reader = gguf.GGUFReader(path)
        self.weights = {
            tensor.name: gguf.quants.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
            for tensor in self.reader.tensors
        }
        self.architecture = self.value("general.architecture")
        self.width = self.own("embedding_length")
        self.heads = self.own("attention.head_count")
        self.keys = self.own("attention.head_count_kv", self.heads)
        self.head = self.own("attention.key_length", self.width // max(self.heads, 1))
        self.turned = self.own("rope.dimension_count", self.head)
        rms = self.own("attention.layer_norm_rms_epsilon")
        self.eps = rms if rms is not None else self.own("attention.layer_norm_epsilon")

    def value(self, key, default=None):
        field = self.reader.get_field(key)
        return default if field is None else field.contents()

    def own(self, key, default=None):
        return self.value(f"{self.architecture}.{key}", default)

    def norm(self, x, name):
        """Root mean square; with the mean taken off and a bias where the architecture has them."""
        if f"{name}.weight" not in self.weights:
            return x
        if self.architecture == "nemotron":
            x = x - x.mean(axis=-1, keepdims=True)
        x = x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + self.eps)
        return x * self.weights[f"{name}.weight"] + self.weights.get(f"{name}.bias", 0.0)

    def through(self, x, name):
        return x @ self.weights[f"{name}.weight"].T + self.weights.get(f"{name}.bias", 0.0)

    def turn(self, x, base):
        """Rotary positions on the first `turned` of each head (Su et al. 2021): neighbours are a
        pair in `llama` files, the two halves are in the others."""
        pairs = self.turned // 2
        slower = 1.0
        for name in ("rope_freqs.weight", "rope_factors_short.weight"):
            slower = self.weights.get(name, slower)
        speeds = base ** (-np.arange(pairs) / pairs) / slower
        angles = np.arange(x.shape[0])[:, None] * speeds
        long = self.own("rope.scaling.attn_factor", 1.0)
        cos, sin = (long * np.cos(angles))[:, None], (long * np.sin(angles))[:, None]
        if self.architecture == "llama":
            one, two = slice(0, self.turned, 2), slice(1, self.turned, 2)
        else:
            one, two = slice(0, pairs), slice(pairs, self.turned)
        turned = x.copy()
        turned[..., one] = x[..., one] * cos - x[..., two] * sin
        turned[..., two] = x[..., one] * sin + x[..., two] * cos
        return turned.astype(np.float32)

    def attend(self, x, number):
        here = f"blk.{number}."
        heads = self.keys[number] if isinstance(self.keys, list) else self.keys
        sizes = np.cumsum([self.heads, heads]) * self.head
        if here + "attn_qkv.weight" in self.weights:
            q, k, v = np.split(self.through(x, here + "attn_qkv"), sizes, axis=-1)
        else:
            q, k, v = (self.through(x, f"{here}attn_{part}") for part in "qkv")
        q, k, v = (part.reshape(len(x), -1, self.head) for part in (q, k, v))
        q, k = self.norm(q, here + "attn_q_norm"), self.norm(k, here + "attn_k_norm")
        window, base = 0, self.own("rope.freq_base", 10000.0)
        if self.architecture == "gemma3" and (number + 1) % 6 != 0:
            window, base = self.own("attention.sliding_window", 0), 10000.0
        q, k = self.turn(q, base), self.turn(k, base)
        k, v = (np.repeat(part, self.heads // heads, axis=1) for part in (k, v))
        scores = np.einsum("qhd,khd->hqk", q, k) / math.sqrt(self.head)
        back = np.arange(len(x))[:, None] - np.arange(len(x))[None, :]
        seen = (back >= 0) & ((back < window) if window else True)
        scores = np.where(seen, scores, -np.inf)
        p = np.exp(scores - scores.max(axis=-1, keepdims=True))
        p /= p.sum(axis=-1, keepdims=True)
        joined = np.einsum("hqk,khd->qhd", p, v).reshape(len(x), -1)
        return self.through(joined, here + "attn_output")

    def convolve(self, x, name):
        """Of each value by itself, over the last positions up to now."""
        weights = self.weights[f"{name}.weight"]
        positions = weights.shape[1]
        padded = np.concatenate([np.zeros((positions - 1, x.shape[1]), np.float32), x])
        return sum(padded[at : at + len(x)] * weights[:, at] for at in range(positions))

    def short(self, x, number):
        """A gated convolution, as in LFM2."""
        here = f"blk.{number}.shortconv."
        before, after, inner = np.split(self.through(x, here + "in_proj"), 3, axis=-1)
        return self.through(after * self.convolve(before * inner, here + "conv"), here + "out_proj")

    def select(self, x, number):
        """A selective state space (Gu and Dao 2023), one position after the other."""
        here = f"blk.{number}.ssm_"
        inner, gate = np.split(self.through(x, here + "in"), 2, axis=-1)
        inner = self.convolve(inner, here + "conv1d") + self.weights[here + "conv1d.bias"]
        inner = inner / (1.0 + np.exp(-inner))
        rates, state = self.weights[here + "a"], 0.0
        ranks = self.weights[here + "dt.weight"].shape[1]
        ends = [ranks, ranks + rates.shape[1]]
        steps, take, give = np.split(self.through(inner, here + "x"), ends, axis=-1)
        steps = np.log1p(np.exp(self.through(steps, here + "dt")))
        rows = []
        for step, value, into, out in zip(steps, inner, take, give):
            state = state * np.exp(step[:, None] * rates) + (step * value)[:, None] * into
            rows.append(state @ out + self.weights[here + "d"] * value)
        gate = gate / (1.0 + np.exp(-gate))
        return self.through(np.array(rows, np.float32) * gate, here + "out")

    def mix(self, x, number):
        here = f"blk.{number}."
        if here + "ssm_in.weight" in self.weights:
            return self.select(x, number)
        if here + "shortconv.conv.weight" in self.weights:
            return self.short(x, number)
        return self.attend(x, number)

    def feed(self, x, number):
        here = f"blk.{number}.ffn_"
        up = self.through(x, here + "up")
        if self.architecture == "nemotron":
            return self.through(np.maximum(up, 0.0) ** 2, here + "down")
        if self.architecture == "phi3":
            gate, up = np.split(up, 2, axis=-1)
        else:
            gate = self.through(x, here + "gate")
        if self.architecture == "gemma3":
            inner = math.sqrt(2.0 / math.pi) * (gate + 0.044715 * gate**3)
            gate = 0.5 * gate * (1.0 + np.tanh(inner))
        else:
            gate = gate / (1.0 + np.exp(-gate))
        return self.through(gate * up, here + "down")

    def hidden(self, tokens):
        """What the model makes of each token, before the words."""
        x = self.weights["token_embd.weight"][tokens]
        if self.architecture == "gemma3":
            x = x * np.float32(math.sqrt(self.width))
        for number in range(self.own("block_count")):
            here = f"blk.{number}."
            mixed = self.mix(self.norm(x, here + "attn_norm"), number)
            x = x + self.norm(mixed, here + "post_attention_norm")
            if here + "ffn_down.weight" not in self.weights:
                continue
            fed = self.feed(self.norm(x, here + "ffn_norm"), number)
            x = x + self.norm(fed, here + "post_ffw_norm")
        return self.norm(x, "token_embd_norm" if self.architecture == "lfm2" else "output_norm")

    def scores(self, tokens):
        words = "output" if "output.weight" in self.weights else "token_embd"
        return self.through(self.hidden(tokens), words)


def main():
    match sys.argv[1:]:
        case ["make", folder]:
            for seed, name in enumerate(SHAPES):
                Maker(f"{folder}/{name}.gguf", name, seed).make()
        case ["read", tokens, *paths]:
            tokens = np.array([int(token) for token in tokens.split(",")])
            for path in paths:
                Reference(path).scores(tokens).astype("<f4").tofile(f"{path}.scores")
        case ["embed", tokens, path]:
            tokens = np.array([int(token) for token in tokens.split(",")])
            last = Reference(path).hidden(tokens)[-1]
            (last / np.linalg.norm(last)).astype("<f4").tofile(f"{path}.vector")
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
