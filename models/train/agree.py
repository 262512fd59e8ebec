#!/usr/bin/env python3
"""Whether this reading of a base is the program's: `agree.py --model BASE.gguf --program outpost`.

Made-up questions are put to both, and their probabilities compared. The two round differently,
so that a little is left: what it is for a base that is known to be right is the measure.
With `--adapter` both have it put on.
"""

import argparse
import json
import subprocess
import tempfile

import jax
import jax.numpy as jnp
import numpy as np

import model as lm
import notes


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--program", default="outpost")
    parser.add_argument("--adapter")
    parser.add_argument("--notes", type=int, default=8)
    return parser.parse_args()


def questions(count):
    """Prefix, question and what may follow, of so many notes."""
    maker = notes.Maker(7)
    for _ in range(count):
        example = maker.example()
        head = notes.head(example.note)
        yield from ((head, notes.ask_fact(fact), ["yes", "no", "other"]) for fact, _ in example.facts)
        yield from ((head, notes.ask_device(holds), list(example.devices)) for holds in (True, False))


def ours(base, read, prefix, state, candidates):
    """Probabilities where the first tokens of the candidates part; `None` where they part later."""
    firsts = [base.encode(f" {candidate}\n")[0] for candidate in candidates]
    if len(set(firsts)) < len(firsts):
        return None
    ids = base.begin + base.encode(prefix) + base.encode(state)
    length = -(-len(ids) // 64) * 64  # few shapes to compile
    padded = jnp.asarray([ids + [0] * (length - len(ids))])
    segments = jnp.zeros_like(padded)
    hidden = read(padded, jnp.arange(length)[None], segments)
    logits = lm.product(hidden[:, len(ids) - 1], base.output)[0]
    return np.asarray(jax.nn.softmax(logits[jnp.asarray(firsts)]))


def main():
    args = arguments()
    base = lm.Base(args.model)
    scale = 2.0 if args.adapter else 0.0
    adapters = lm.load(args.adapter, base) if args.adapter else base.adapters(1, 1)
    whole = jax.jit(lambda frozen, adapters, *arrays: lm.forward(base, frozen, adapters, scale, *arrays))
    read = lambda *arrays: whole(base.frozen, adapters, *arrays)
    asked = list(questions(args.notes))
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8") as file:
        for number, (prefix, state, candidates) in enumerate(asked):
            case = {"id": number, "prefix": prefix, "state": state, "candidates": candidates}
            file.write(json.dumps(case) + "\n")
        file.flush()
        command = [args.program, "decide", "--json", "--no-memory", "--no-prefix-cache", "--ask", "whole"]
        command += ["--threads", "1", "--temperature", "1", "--model", args.model, "--cases", file.name]
        command += ["--adapter", args.adapter] if args.adapter else []
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    theirs = {line["id"]: line["p"] for line in map(json.loads, told) if "id" in line}
    apart, same = [], []
    for number, question in enumerate(asked):
        p = ours(base, read, *question)
        if p is not None:
            apart.append(float(np.abs(p - theirs[number]).max()))
            same.append(int(p.argmax() == np.argmax(theirs[number])))
    shares = {"mean": np.mean(apart), "median": np.median(apart), "most": np.max(apart), "same": np.mean(same)}
    print(json.dumps({"questions": len(apart), **{key: round(float(v), 4) for key, v in shares.items()}}))


if __name__ == "__main__":
    main()
