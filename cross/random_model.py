"""Writes a small GGUF of the llama architecture with seeded random weights.

    python3 cross/random_model.py BASE.gguf OUT.gguf

It is for arithmetic: every row is a multiple of 256 long, so that Q2_K and its kin are really
themselves (those of the default model, 576 long, are not). It says nothing that makes sense.
The vocabulary is BASE's, copied from its header; everything else is ours. Standard library only.
"""

import random
import struct
import sys

WIDTH = 512
LAYERS = 8
FEED_FORWARD = 1536
HEADS = 8
CONTEXT = 2048
ALIGNMENT = 32
F32, F16 = 0, 1
U32, F32_VALUE, STRING, ARRAY = 4, 6, 8, 9
# Bytes of each kind of value (GGUF specification, version 3); text and lists are read apart.
FIXED = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


def text_end(data, at):
    return at + 8 + struct.unpack_from("<Q", data, at)[0]


def value_end(data, at, kind):
    if kind in FIXED:
        return at + FIXED[kind]
    if kind == STRING:
        return text_end(data, at)
    inner, count = struct.unpack_from("<IQ", data, at)
    at += 12
    if inner in FIXED:
        return at + FIXED[inner] * count
    for _ in range(count):
        at = text_end(data, at)
    return at


def tokenizer(data):
    """The key-value pairs of the vocabulary as they are, and how many words it has."""
    magic, version, _, pairs = struct.unpack_from("<4sIQQ", data)
    if magic != b"GGUF" or version != 3:
        sys.exit("BASE is no GGUF of version 3")
    at, kept, words = 24, [], 0
    for _ in range(pairs):
        start = at
        end = text_end(data, at)
        key = data[at + 8 : end].decode()
        (kind,) = struct.unpack_from("<I", data, end)
        at = value_end(data, end + 4, kind)
        if key.startswith("tokenizer."):
            kept.append(data[start:at])
        if key == "tokenizer.ggml.tokens":
            words = struct.unpack_from("<Q", data, end + 8)[0]
    return kept, words


def text(value):
    return struct.pack("<Q", len(value)) + value.encode()


def pair(key, kind, value):
    packed = {U32: lambda: struct.pack("<I", value), F32_VALUE: lambda: struct.pack("<f", value)}
    body = packed[kind]() if kind in packed else text(value)
    return text(key) + struct.pack("<I", kind) + body


def random_halves(generator, count):
    """Numbers of 2^-4 to 2^-3 and either sign, as IEEE half: about 0.1 in size."""
    sign_and_mantissa = bytes((byte & 0x83) | (11 << 2) for byte in range(256))
    low, high = generator.randbytes(count), generator.randbytes(count)
    data = bytearray(2 * count)
    data[0::2] = low
    data[1::2] = high.translate(sign_and_mantissa)
    return bytes(data)


def tensors(words):
    yield "token_embd.weight", F16, (WIDTH, words)
    yield "output_norm.weight", F32, (WIDTH,)
    for layer in range(LAYERS):
        name = f"blk.{layer}."
        for part in ("attn_norm", "ffn_norm"):
            yield f"{name}{part}.weight", F32, (WIDTH,)
        for part in ("attn_q", "attn_k", "attn_v", "attn_output"):
            yield f"{name}{part}.weight", F16, (WIDTH, WIDTH)
        for part in ("ffn_gate", "ffn_up"):
            yield f"{name}{part}.weight", F16, (WIDTH, FEED_FORWARD)
        yield f"{name}ffn_down.weight", F16, (FEED_FORWARD, WIDTH)


def main():
    base, out = sys.argv[1:]
    with open(base, "rb") as file:
        kept, words = tokenizer(file.read(16 << 20))
    pairs = [
        pair("general.architecture", STRING, "llama"),
        pair("general.name", STRING, "random weights, for arithmetic only"),
        pair("general.file_type", U32, 1),
        pair("llama.block_count", U32, LAYERS),
        pair("llama.context_length", U32, CONTEXT),
        pair("llama.embedding_length", U32, WIDTH),
        pair("llama.feed_forward_length", U32, FEED_FORWARD),
        pair("llama.attention.head_count", U32, HEADS),
        pair("llama.attention.head_count_kv", U32, HEADS),
        pair("llama.attention.layer_norm_rms_epsilon", F32_VALUE, 1e-5),
        pair("llama.rope.dimension_count", U32, WIDTH // HEADS),
        pair("llama.vocab_size", U32, words),
    ] + kept
    generator = random.Random(4711)
    infos, bodies, offset = [], [], 0
    for name, kind, shape in tensors(words):
        count = 1
        for side in shape:
            count *= side
        body = random_halves(generator, count) if kind == F16 else struct.pack("<f", 1.0) * count
        sides = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        infos.append(text(name) + sides + struct.pack("<IQ", kind, offset))
        bodies.append(body + bytes(-len(body) % ALIGNMENT))
        offset += len(bodies[-1])
    head = struct.pack("<4sIQQ", b"GGUF", 3, len(infos), len(pairs))
    head += b"".join(pairs) + b"".join(infos)
    with open(out, "wb") as file:
        file.write(head + bytes(-len(head) % ALIGNMENT) + b"".join(bodies))


main()
