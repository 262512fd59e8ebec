#!/usr/bin/env python3
"""Teaches a model to read notes: `train.py --model BASE.gguf --out FOLDER --minutes 60`.

Goes on from the checkpoint in FOLDER where there is one. Writes a line of JSON for every ten steps into
FOLDER/log.jsonl, and the adapter into FOLDER/adapter.gguf whenever it evaluates. The rate falls to
nought towards the end of the given minutes.
"""

import argparse
import functools
import json
import pathlib
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax

import model as lm
import notes

LENGTH = 192  # tokens a sequence: a note and six situations
SITUATIONS = 6
SEQUENCES = 4  # a step: what two cores do in some seconds
WARM_STEPS = 20  # the rate rises over so many
LANGUAGE = (
    0.3  # share of the loss over the whole vocabulary: keeps the answer the likely continuation
)


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", required=True, help="the base, a GGUF of the llama architecture")
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--evaluate", type=int, default=50, help="notes of an evaluation")
    parser.add_argument("--every", type=int, default=100, help="steps between evaluations")
    return parser.parse_args()


def lay_out(base, example):
    """Token ids, positions, segments; and of each situation the place of the answer and its two tokens,
    the wanted one first. None where it does not fit."""
    head, _ = notes.prompt(example.note, [])
    shared = base.encode(head)
    ids, positions, segments = list(shared), list(range(len(shared))), [0] * len(shared)
    places, wanted, other = [], [], []
    names = [base.encode(f" {name}") for name in example.devices]
    alike = next((i for i, (x, y) in enumerate(zip(*names)) if x != y), None)
    if alike is None:
        return None
    for number, (facts, want) in enumerate(zip(example.situations, example.wants)):
        _, tail = notes.prompt(example.note, facts)
        tokens = base.encode(tail) + names[want][:alike]
        ids += tokens
        positions += range(len(shared), len(shared) + len(tokens))
        segments += [number + 1] * len(tokens)
        places.append(len(ids) - 1)
        wanted.append(names[want][alike])
        other.append(names[1 - want][alike])
    return (ids, positions, segments, places, wanted, other) if len(ids) <= LENGTH else None


def batch(base, maker, sequences):
    """Arrays of so many sequences."""
    whole = lambda fill, width: np.full((sequences, width), fill, np.int32)
    ids, positions, segments = whole(0, LENGTH), whole(0, LENGTH), whole(99, LENGTH)
    places, wanted, other = (whole(0, SITUATIONS) for _ in range(3))
    row = 0
    while row < sequences:
        laid = lay_out(base, maker.example(SITUATIONS))
        if laid is None:
            continue
        for array, values in zip((ids, positions, segments, places, wanted, other), laid):
            array[row, : len(values)] = values
        row += 1
    return ids, positions, segments, places, wanted, other


def margins(base, frozen, adapters, scale, ids, positions, segments, places, wanted, other):
    """By how much the wanted device is the likelier of the two, and its logarithm among all words."""
    hidden = lm.forward(base, frozen, adapters, scale, ids, positions, segments)
    at = jnp.take_along_axis(hidden, places[..., None], 1)
    logits = lm.product(at, frozen[3])
    pick = lambda token: jnp.take_along_axis(logits, token[..., None], -1)[..., 0]
    return pick(wanted) - pick(other), pick(wanted) - jax.nn.logsumexp(logits, -1)


def main():
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    base = lm.Base(args.model)
    scale = 2.0
    adapters = base.adapters(args.rank, args.seed)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.scale_by_adam(b2=0.98))
    state = optimiser.init(adapters)
    facts = {"step": 0, "decisions": 0, "seconds": 0.0}
    checkpoint = args.out / "checkpoint.npz"
    if checkpoint.exists():
        adapters, state, facts = lm.resume(checkpoint, adapters, state)

    see = jax.jit(functools.partial(margins, base))

    def loss(adapters, frozen, *arrays):
        margin, language = margins(base, frozen, adapters, scale, *arrays)
        chosen = jnp.mean(jax.nn.softplus(-margin))
        return chosen - LANGUAGE * jnp.mean(language), jnp.mean(margin > 0)

    @jax.jit
    def step(adapters, state, rate, frozen, *arrays):
        (value, right), gradient = jax.value_and_grad(loss, has_aux=True)(adapters, frozen, *arrays)
        update, state = optimiser.update(gradient, state, adapters)
        adapters = jax.tree_util.tree_map(lambda p, u: p - rate * u, adapters, update)
        return adapters, state, value, right

    def evaluate():
        maker = notes.Maker(1000, evaluation=True)
        right = []
        for _ in range(-(-args.evaluate // SEQUENCES)):
            margin, _ = see(base.frozen, adapters, scale, *batch(base, maker, SEQUENCES))
            right.append(np.asarray(margin) > 0)
        return float(np.mean(np.concatenate(right)))

    maker = notes.Maker(args.seed * 1_000_003 + facts["step"])
    log = open(args.out / "log.jsonl", "a", encoding="utf-8")

    def say(**line):
        print(json.dumps(line), flush=True)
        print(json.dumps(line), file=log, flush=True)

    def write_down():
        held_out = evaluate()
        seconds = round(facts["seconds"])
        say(step=facts["step"], decisions=facts["decisions"], seconds=seconds, held_out=held_out)
        lm.keep(checkpoint, adapters, state, facts)
        lm.save(args.out / "adapter.gguf", base, adapters, scale)

    began, before = time.monotonic(), facts["seconds"]
    recent = []
    while (passed := (time.monotonic() - began) / 60 / args.minutes) < 1:
        if facts["step"] % args.every == 0:
            write_down()
        rate = args.rate * min(1.0, (facts["step"] + 1) / WARM_STEPS, 4 * (1 - passed))
        adapters, state, value, right = step(
            adapters, state, rate, base.frozen, *batch(base, maker, SEQUENCES)
        )
        recent = [*recent[-49:], (float(value), float(right))]
        facts["step"] += 1
        facts["decisions"] += SEQUENCES * SITUATIONS
        facts["seconds"] = before + time.monotonic() - began
        if facts["step"] % 10 == 0:
            mean = np.mean(recent, 0)
            say(
                step=facts["step"],
                loss=round(float(mean[0]), 4),
                right=round(float(mean[1]), 4),
                seconds=round(facts["seconds"]),
            )
    write_down()


if __name__ == "__main__":
    main()
