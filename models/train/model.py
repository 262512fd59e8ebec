"""The llama architecture in JAX with low-rank adapters, over the very weights that the board runs.

The weights are those of the quantised GGUF, dequantised: what is learned is learned on top of the
quantisation. Only the adapters are trained. Several situations share a note in one sequence under
a block mask, as the board reads them.
"""

import json
import pathlib

import gguf
import jax
import jax.numpy as jnp
import numpy as np
import tokenizers

# The matrices that take an adapter, with their names in the GGUF.
MATRICES = ["attn_q", "attn_k", "attn_v", "attn_output", "ffn_gate", "ffn_up", "ffn_down"]
DTYPE = jnp.bfloat16  # of the products; sums, norms and adapters are float32


def field(reader, name):
    part = reader.fields[name]
    return part.parts[part.data[0]][0]


class Base:
    """Weights, shapes and tokenizer of a GGUF of the llama architecture."""

    def __init__(self, path):
        reader = gguf.GGUFReader(path)
        self.layers = int(field(reader, "llama.block_count"))
        self.heads = int(field(reader, "llama.attention.head_count"))
        self.kv_heads = int(field(reader, "llama.attention.head_count_kv"))
        self.width = int(field(reader, "llama.embedding_length"))
        self.theta = float(field(reader, "llama.rope.freq_base"))
        self.epsilon = float(field(reader, "llama.attention.layer_norm_rms_epsilon"))
        self.head = self.width // self.heads
        weights = {t.name: gguf.dequantize(t.data, t.tensor_type) for t in reader.tensors}
        stack = lambda name: np.stack(
            [weights[f"blk.{i}.{name}.weight"] for i in range(self.layers)]
        )
        self.matrices = {name: jnp.asarray(stack(name), DTYPE) for name in MATRICES}
        self.norms = {
            name: jnp.asarray(stack(name), jnp.float32) for name in ("attn_norm", "ffn_norm")
        }
        self.embedding = jnp.asarray(weights["token_embd.weight"], DTYPE)
        self.output = jnp.asarray(weights.get("output.weight", weights["token_embd.weight"]), DTYPE)
        self.output_norm = jnp.asarray(weights["output_norm.weight"], jnp.float32)
        self.frozen = (self.matrices, self.norms, self.embedding, self.output, self.output_norm)
        self.tokenizer = tokenizer_of(reader)

    def encode(self, text):
        return self.tokenizer.encode(text).ids

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


def tokenizer_of(reader):
    strings = lambda name: [
        bytes(reader.fields[name].parts[i]).decode() for i in reader.fields[name].data
    ]
    vocabulary = {token: i for i, token in enumerate(strings("tokenizer.ggml.tokens"))}
    merges = [tuple(merge.split(" ")) for merge in strings("tokenizer.ggml.merges")]
    made = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=merges))
    split = tokenizers.pre_tokenizers
    made.pre_tokenizer = split.Sequence(
        [
            split.Digits(individual_digits=True),
            split.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    return made


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
    inverse = 1.0 / base.theta ** (np.arange(0, base.head, 2) / base.head)
    angle = positions[..., None] * inverse
    cosine, sine = jnp.cos(angle)[:, None], jnp.sin(angle)[:, None]
    rms = lambda x, w: x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + base.epsilon) * w

    def rope(x):  # pairs of neighbours, as the GGUF orders them
        even, odd = x[..., 0::2], x[..., 1::2]
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
        frozen, norm, low = weights
        linear = lambda name, x: product(x, frozen[name]) + scale * product(
            product(x, low[name]["a"]), low[name]["b"]
        )
        h = rms(x, norm["attn_norm"])
        q = rope(heads(linear("attn_q", h), base.heads)).astype(DTYPE)
        k = rope(heads(linear("attn_k", h), base.kv_heads)).astype(DTYPE)
        v = heads(linear("attn_v", h), base.kv_heads).astype(DTYPE)
        q = q.reshape(batch, base.kv_heads, group * length, base.head)
        score = jnp.einsum("bhqd,bhkd->bhqk", q, k, preferred_element_type=jnp.float32)
        score = score.reshape(batch, base.heads, length, length) * base.head**-0.5
        weight = jax.nn.softmax(score + mask, -1).astype(DTYPE)
        weight = weight.reshape(batch, base.kv_heads, group * length, length)
        seen = jnp.einsum("bhqk,bhkd->bhqd", weight, v, preferred_element_type=jnp.float32)
        seen = seen.reshape(batch, base.heads, length, base.head).transpose(0, 2, 1, 3)
        x = x + linear("attn_output", seen.reshape(batch * length, base.width))
        h = rms(x, norm["ffn_norm"])
        return (
            x + linear("ffn_down", jax.nn.silu(linear("ffn_gate", h)) * linear("ffn_up", h)),
            None,
        )

    x = embedding[ids].astype(jnp.float32).reshape(batch * length, base.width)
    x, _ = jax.lax.scan(layer, x, (matrices, norms, adapters))
    return rms(x, output_norm).reshape(batch, length, base.width)


def save(path, base, adapters, scale, temperature):
    """Writes the adapters as a GGUF that llama.cpp loads: `a` and `b` as float16, alpha = scale x rank. The
    temperature of its probabilities goes with it."""
    rank = adapters[MATRICES[0]]["a"].shape[1]
    writer = gguf.GGUFWriter(str(path), "llama")
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
    tensors = {tensor.name: tensor.data for tensor in gguf.GGUFReader(path).tensors}
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
        return *jax.tree_util.tree_unflatten(tree, found), json.loads(str(kept["facts"]))
