"""Two architectures in JAX with low-rank adapters, over the very weights that the board runs: llama, and
gemma3 (more norms, GELU, heads of a size of their own, two bases of the rotation). The file says which.

The weights are those of the quantised GGUF, dequantised: what is learned is learned on top of the
quantisation. Only the adapters are trained. Several situations share a note in one sequence under
a block mask, as the board reads them.
"""

import functools
import json
import math
import pathlib

import gguf
import jax
import jax.numpy as jnp
import numpy as np
import tokenizers

# The matrices that take an adapter, with their names in the GGUF.
MATRICES = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]
DTYPE = jnp.bfloat16  # of the products; sums, norms and adapters are float32
# The norms of each layer. Those of gemma3 have the 1 in them that its authors add: the converter did that.
NORMS = {
    "llama": ["attn_norm", "ffn_norm"],
    "gemma3": ["attn_norm", "ffn_norm", "attn_q_norm", "attn_k_norm", "post_attention_norm", "post_ffw_norm"],
}
# Of gemma3 every sixth layer sees all; the others see a window, and rotate by a base that no file names.
WHOLE_EVERY = 6
WINDOW_THETA = 10_000.0


def field(reader, name, default=None):
    part = reader.fields.get(name)
    if part is None and default is not None:
        return default
    return part.parts[part.data[0]][0]


def word(reader, name):
    part = reader.fields[name]
    return bytes(part.parts[part.data[0]]).decode()


class Base:
    """Weights, shapes and tokenizer of a GGUF of one of the two architectures."""

    def __init__(self, path):
        reader = gguf.GGUFReader(path)
        self.architecture = word(reader, "general.architecture")
        if self.architecture not in NORMS:
            raise SystemExit(f"{path}: architecture {self.architecture!r}; known: {', '.join(NORMS)}")
        of = lambda key, default=None: field(reader, f"{self.architecture}.{key}", default)
        self.layers = int(of("block_count"))
        self.heads = int(of("attention.head_count"))
        self.kv_heads = int(of("attention.head_count_kv"))
        self.width = int(of("embedding_length"))
        self.epsilon = float(of("attention.layer_norm_rms_epsilon"))
        self.head = int(of("attention.key_length", self.width // self.heads))
        self.window = int(of("attention.sliding_window", 2**31))
        self.gemma = self.architecture == "gemma3"
        theta = float(of("rope.freq_base", 10_000.0))
        whole = lambda layer: not self.gemma or layer % WHOLE_EVERY == WHOLE_EVERY - 1
        thetas = np.array([theta if whole(layer) else WINDOW_THETA for layer in range(self.layers)])
        # How far each pair turns from one token to the next, in each layer.
        self.turns = (thetas[:, None] ** (-np.arange(0, self.head, 2) / self.head)).astype(np.float32)
        weights = {t.name: gguf.dequantize(t.data, t.tensor_type) for t in reader.tensors}
        stack = lambda name: np.stack(
            [weights[f"blk.{i}.{name}.weight"] for i in range(self.layers)]
        )
        self.matrices = {name: jnp.asarray(stack(name), DTYPE) for name in MATRICES}
        self.norms = {
            name: jnp.asarray(stack(name), jnp.float32) for name in NORMS[self.architecture]
        }
        self.embedding = jnp.asarray(weights["token_embd.weight"], DTYPE)
        self.output = jnp.asarray(weights.get("output.weight", weights["token_embd.weight"]), DTYPE)
        self.output_norm = jnp.asarray(weights["output_norm.weight"], jnp.float32)
        self.frozen = (self.matrices, self.norms, self.embedding, self.output, self.output_norm)
        self.encode = encoder_of(reader)
        # What stands before the first token of a text.
        begins = "tokenizer.ggml.add_bos_token"
        self.begin = [int(field(reader, "tokenizer.ggml.bos_token_id"))] if field(reader, begins, False) else []

    def adapters(self, rank, seed):
        """Adapters that change nothing yet: `a` is random, `b` is nought."""
        rng = np.random.default_rng(seed)
        made = {}
        for name, matrix in self.matrices.items():
            layers, out, into = matrix.shape
            a = rng.normal(0, into**-0.5, (layers, rank, into))
            made[name] = {
                "a": jnp.asarray(a, jnp.float32),
                "b": jnp.zeros((layers, out, rank), jnp.float32),
            }
        return made


def encoder_of(reader):
    """Of a text its tokens, without one that begins it."""
    strings = lambda name: [
        bytes(reader.fields[name].parts[i]).decode() for i in reader.fields[name].data
    ]
    vocabulary = {token: i for i, token in enumerate(strings("tokenizer.ggml.tokens"))}
    if word(reader, "tokenizer.ggml.model") == "llama":
        scores = reader.fields["tokenizer.ggml.scores"]
        scores = [float(scores.parts[i][0]) for i in scores.data]
        return functools.lru_cache(100_000)(lambda text: pieces_of(text, vocabulary, scores))
    merges = [tuple(merge.split(" ")) for merge in strings("tokenizer.ggml.merges")]
    made = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=merges))
    split = tokenizers.pre_tokenizers
    made.pre_tokenizer = split.Sequence(
        [
            split.Digits(individual_digits=True),
            split.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    return lambda text: made.encode(text).ids


def pieces_of(text, vocabulary, scores):
    """SentencePiece's way: of all neighbours that make a word together, those with the best score are joined
    first. What is no word in the end is spelt in bytes."""
    parts = list(text.replace(" ", "\u2581"))
    while True:
        joined = [vocabulary.get(a + b) for a, b in zip(parts, parts[1:])]
        best = max((i for i, token in enumerate(joined) if token is not None),
                   key=lambda i: scores[joined[i]], default=None)
        if best is None:
            break
        parts[best : best + 2] = [parts[best] + parts[best + 1]]
    spelt = lambda part: [vocabulary[f"<0x{byte:02X}>"] for byte in part.encode()]
    return [token for part in parts for token in ([vocabulary[part]] if part in vocabulary else spelt(part))]


def product(x, w):
    """`x` times the transpose of `w`, in half precision with sums in full."""
    return jax.lax.dot_general(
        x.astype(DTYPE),
        w.astype(DTYPE),
        (((x.ndim - 1,), (1,)), ((), ())),
        preferred_element_type=jnp.float32,
    )


def forward(base, frozen, adapters, scale, ids, positions, segments):
    """Hidden states after the last norm. A token sees its own segment and segment 0, which all share."""
    matrices, norms, embedding, _, output_norm = frozen
    batch, length = ids.shape
    if length > base.window:
        raise ValueError(f"{length} tokens; a layer of this model sees only {base.window}")
    rms = lambda x, w: x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + base.epsilon) * w

    def rope(x, cosine, sine):
        if base.gemma:  # pairs of one of the first half and one of the second
            first, second = jnp.split(x, 2, -1)
            return jnp.concatenate([first * cosine - second * sine, first * sine + second * cosine], -1)
        even, odd = x[..., 0::2], x[..., 1::2]  # pairs of neighbours, as the GGUF orders them
        return jnp.stack([even * cosine - odd * sine, even * sine + odd * cosine], -1).reshape(
            x.shape
        )

    order = jnp.arange(length)
    same = (segments[:, None, :] == 0) | (segments[:, None, :] == segments[:, :, None])
    mask = jnp.where((order[:, None] >= order[None, :])[None] & same, 0.0, -1e9)[:, None]
    group = base.heads // base.kv_heads

    def heads(x, count):  # batch, heads, length, head
        return x.reshape(batch, length, count, base.head).transpose(0, 2, 1, 3)

    @jax.checkpoint  # reading a layer again is cheaper than keeping all that it computed
    def layer(x, weights):
        frozen, norm, low, turns = weights
        angle = positions[..., None] * turns
        cosine, sine = jnp.cos(angle)[:, None], jnp.sin(angle)[:, None]
        linear = lambda name, x: product(x, frozen[name]) + scale * product(
            product(x, low[name]["a"]), low[name]["b"]
        )
        also = lambda name, x: rms(x, norm[name]) if base.gemma else x  # norms that only gemma3 has
        h = rms(x, norm["attn_norm"])
        q = also("attn_q_norm", heads(linear("attn_q", h), base.heads))
        k = also("attn_k_norm", heads(linear("attn_k", h), base.kv_heads))
        q, k = (rope(x, cosine, sine).astype(DTYPE) for x in (q, k))
        v = heads(linear("attn_v", h), base.kv_heads).astype(DTYPE)
        q = q.reshape(batch, base.kv_heads, group * length, base.head)
        score = jnp.einsum("bhqd,bhkd->bhqk", q, k, preferred_element_type=jnp.float32)
        score = score.reshape(batch, base.heads, length, length) * base.head**-0.5
        weight = jax.nn.softmax(score + mask, -1).astype(DTYPE)
        weight = weight.reshape(batch, base.kv_heads, group * length, length)
        seen = jnp.einsum("bhqk,bhkd->bhqd", weight, v, preferred_element_type=jnp.float32)
        seen = seen.reshape(batch, base.heads, length, base.head).transpose(0, 2, 1, 3)
        seen = linear("attn_output", seen.reshape(batch * length, base.heads * base.head))
        x = x + also("post_attention_norm", seen)
        h = rms(x, norm["ffn_norm"])
        bend = jax.nn.gelu if base.gemma else jax.nn.silu
        h = linear("ffn_down", bend(linear("ffn_gate", h)) * linear("ffn_up", h))
        return x + also("post_ffw_norm", h), None

    x = embedding[ids].astype(jnp.float32).reshape(batch * length, base.width)
    x = x * (math.sqrt(base.width) if base.gemma else 1.0)
    x, _ = jax.lax.scan(layer, x, (matrices, norms, adapters, base.turns))
    return rms(x, output_norm).reshape(batch, length, base.width)


def save(path, base, adapters, scale, temperature):
    """Writes the adapters as a GGUF that llama.cpp loads: `a` and `b` as float16, alpha = scale x rank. The
    temperature of its probabilities goes with it."""
    rank = adapters[MATRICES[0]]["a"].shape[1]
    writer = gguf.GGUFWriter(str(path), base.architecture)
    writer.add_type("adapter")
    writer.add_string("adapter.type", "lora")
    writer.add_float32("adapter.lora.alpha", float(scale * rank))
    writer.add_string("outpost.questions", "notes-2")
    writer.add_uint32("outpost.temperature_percent", round(100 * temperature))
    for i in range(base.layers):
        for name in MATRICES:
            for side in ("a", "b"):
                tensor = np.asarray(adapters[name][side][i], np.float16)
                writer.add_tensor(f"blk.{i}.{name}.weight.lora_{side}", tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def load(path, base):
    """The adapters of a GGUF that `save` wrote."""
    reader = gguf.GGUFReader(path)
    if word(reader, "general.architecture") != base.architecture:
        raise SystemExit(f"{path} is an adapter of another architecture than {base.architecture!r}")
    tensors = {tensor.name: tensor.data for tensor in reader.tensors}
    one = lambda name, side: np.stack(
        [tensors[f"blk.{i}.{name}.weight.lora_{side}"] for i in range(base.layers)]
    )
    return {
        name: {side: jnp.asarray(one(name, side), jnp.float32) for side in ("a", "b")}
        for name in MATRICES
    }


def keep(path, adapters, state, facts):
    """A checkpoint, whole or not at all: adapters, the optimiser's state and what the run knows of itself."""
    leaves = jax.tree_util.tree_leaves((adapters, state))
    half = pathlib.Path(f"{path}.half.npz")
    np.savez(
        half,
        facts=json.dumps(facts),
        **{f"leaf{i}": np.asarray(leaf) for i, leaf in enumerate(leaves)},
    )
    half.replace(path)


def resume(path, adapters, state):
    """What `keep` wrote, in the shape of the adapters and state given."""
    with np.load(path) as kept:
        leaves, tree = jax.tree_util.tree_flatten((adapters, state))
        found = [jnp.asarray(kept[f"leaf{i}"]) for i in range(len(leaves))]
        if [leaf.shape for leaf in found] != [leaf.shape for leaf in leaves]:
            raise SystemExit(f"{path} is of another base, or of another rank: give another --out")
        return *jax.tree_util.tree_unflatten(tree, found), json.loads(str(kept["facts"]))
