#!/usr/bin/env python3
"""Teaches a model to read notes: `train.py --model BASE.gguf --out FOLDER --minutes 60`.

Goes on from the checkpoint in FOLDER where there is one. Writes a line of JSON for every ten steps into
FOLDER/log.jsonl, and the adapter into FOLDER/adapter.gguf whenever it evaluates. The rate falls to
nought in the last quarter of the given minutes. `plot.py FOLDER...` draws the logs.
"""

import argparse
import functools
import json
import pathlib
import random
import time

import jax
import jax.numpy as jnp
import numpy as np
import optax

import board
import model as lm
import notes

LENGTH = 176  # tokens a sequence: a note and its questions
QUESTIONS = 8  # six facts and the two ways a condition may stand
SEQUENCES = 4  # a step: what two cores do in some seconds
WARM_STEPS = 20  # the rate rises over so many
NOT_ASKED = -1  # what a question wants that a note does not have
# A condition of which no fact speaks, as `src/mind/notes.rs` has it.
SILENT = (0.02, 0.06)
LANGUAGE = (
    0.1  # share of the loss over the whole vocabulary: keeps the answer the likely continuation
)


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--model", required=True, help="the base, a GGUF of the architectures llama or gemma3")
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--rank", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--temperature",
        type=float,
        default=1.0,
        help="what the adapter says of its probabilities; the held-out pieces are harder than notes are,"
        " so the one that fits them, in the log, makes it too unsure",
    )
    parser.add_argument(
        "--data",
        type=pathlib.Path,
        help="a board's own decisions, from `outpost log export --dataset`; the last fifth is held out",
    )
    parser.add_argument("--begin", help="an adapter to go on from where there is no checkpoint")
    parser.add_argument("--evaluate", type=int, default=50, help="notes of an evaluation")
    parser.add_argument("--every", type=int, default=100, help="steps between evaluations")
    return parser.parse_args()


def lay_out(base, example):
    """Token ids, positions, segments; and of each question the place of its answer, the tokens that may
    stand there and which of them should. None where it does not fit."""
    shared = base.begin + base.encode(notes.head(example.note))
    ids, positions, segments = list(shared), list(range(len(shared))), [0] * len(shared)
    places, options, wants = [], [], []
    names = [base.encode(f" {name}") for name in example.devices]
    alike = next((i for i, (x, y) in enumerate(zip(*names)) if x != y), None)
    if alike is None:
        return None

    def ask(tokens, allowed, want):
        ids.extend(tokens)
        positions.extend(range(len(shared), len(shared) + len(tokens)))
        segments.extend([len(places) + 1] * len(tokens))
        places.append(len(ids) - 1)
        options.append(allowed)
        wants.append(want)

    answers = [base.encode(answer)[0] for answer in notes.ANSWERS]
    for fact, says in example.facts:
        ask(base.encode(notes.ask_fact(fact)), answers, says)
    for holds, want in zip((True, False), example.wants):
        ask(
            base.encode(notes.ask_device(holds)) + names[want][:alike],
            [names[0][alike], names[1][alike], -1],
            want,
        )
    return (ids, positions, segments, places, options, wants) if len(ids) <= LENGTH else None


def batch(base, maker, sequences, own=()):
    """Arrays of so many sequences, and of each the device that a board's own decision wanted: where there
    are such decisions, one a step, its notes in the first rows; the rest is made up."""
    whole = lambda fill, *width: np.full((sequences, *width), fill, np.int32)
    ids, positions, segments = whole(0, LENGTH), whole(0, LENGTH), whole(99, LENGTH)
    places, options = whole(0, QUESTIONS), whole(-1, QUESTIONS, 3)
    wants = whole(NOT_ASKED, QUESTIONS)
    outcomes = np.full(sequences, -1, np.int32)
    lived = [(lay_out(base, example), example) for example in random.choice(own)] if own else []
    if any(laid is None for laid, _ in lived):
        lived = []  # all its notes count, or none
    row = 0
    while row < sequences:
        laid, example = lived[row] if row < len(lived) else made_up(base, maker)
        for array, values in zip((ids, positions, segments), laid):
            array[row, : len(values)] = values
        last = slice(QUESTIONS - len(laid[3]), QUESTIONS)
        for array, values in zip((places, options, wants), laid[3:]):
            array[row, last] = values
        outcomes[row] = example.outcome
        row += 1
    return ids, positions, segments, places, options, wants, outcomes


def made_up(base, maker):
    """A note that fits, with what it is made of."""
    while (laid := lay_out(base, example := maker.example())) is None:
        pass
    return laid, example


def by_logic(among, options):
    """Logarithms of the two devices' probabilities out of all answers, as the board puts them together."""
    p = jnp.exp(among)
    says = lambda which: jnp.sum(p[:, :6, which] * (options[:, :6, 0] >= 0), -1) + SILENT[which]
    holds = (says(0) / (says(0) + says(1)))[:, None]
    return jnp.log(holds * p[:, 6, :2] + (1 - holds) * p[:, 7, :2] + 1e-9)


def answers(base, frozen, adapters, scale, ids, positions, segments, places, options, wants):
    """Logarithms of the options' probabilities among each other, and of the wanted one among all words."""
    hidden = lm.forward(base, frozen, adapters, scale, ids, positions, segments)
    at = jnp.take_along_axis(hidden, places[..., None], 1)
    logits = lm.product(at, frozen[3])
    of = jnp.take_along_axis(logits, jnp.maximum(options, 0), -1)
    among = jax.nn.log_softmax(jnp.where(options < 0, -1e9, of), -1)
    either = wants == notes.EITHER

    def pick(table):  # of a question without a wish, both options halfway
        one = jnp.take_along_axis(table, jnp.maximum(wants, 0)[..., None], -1)[..., 0]
        return jnp.where(either, jnp.mean(table[..., :2], -1), one)

    return among, pick(among), pick(of) - jax.nn.logsumexp(logits, -1)


def fitted_temperature(judged):
    """The divisor of the logarithms under which the right answers are most probable, of 0.5 to 5."""
    logs = np.array([log for log, _ in judged])
    wants = np.array([want for _, want in judged])

    def surprise(temperature):
        scaled = logs / temperature
        scaled -= scaled.max(-1, keepdims=True)
        normal = np.log(np.exp(scaled).sum(-1))
        return float(np.mean(normal - scaled[np.arange(len(wants)), wants]))

    return round(min(np.geomspace(0.5, 5.0, 93), key=surprise), 2)


def main():
    args = arguments()
    args.out.mkdir(parents=True, exist_ok=True)
    base = lm.Base(args.model)
    scale = 2.0
    adapters = base.adapters(args.rank, args.seed)
    optimiser = optax.chain(optax.clip_by_global_norm(1.0), optax.scale_by_adam(b2=0.98))
    state = optimiser.init(adapters)
    facts = {"step": 0, "questions": 0, "seconds": 0.0}
    checkpoint = args.out / "checkpoint.npz"
    if checkpoint.exists():
        adapters, state, facts = lm.resume(checkpoint, adapters, state)
    elif args.begin:
        adapters = lm.load(args.begin, base)
    random.seed(args.seed)
    own, held_out_cases = board.read(args.data) if args.data else ([], [])
    if args.data:
        with open(args.out / "held_out.jsonl", "w", encoding="utf-8") as file:
            file.writelines(json.dumps(case) + "\n" for case in held_out_cases)
        print(json.dumps({"own_examples": len(own), "held_out_decisions": len(held_out_cases)}))

    see = jax.jit(functools.partial(answers, base))

    def loss(adapters, frozen, *arrays):
        *arrays, outcomes = arrays
        among, wanted, language = answers(base, frozen, adapters, scale, *arrays)
        asked, counted = arrays[-1] != NOT_ASKED, arrays[-1] >= 0
        mean = lambda values: jnp.sum(values * asked) / jnp.sum(asked)
        right = jnp.argmax(among, -1) == arrays[-1]
        parts = lambda part: jnp.sum((right & counted)[:, part]) / jnp.maximum(jnp.sum(counted[:, part]), 1)
        rights = jnp.array([parts(slice(0, 6)), parts(slice(6, 8))])
        # The notes of the one decision that was lived through are multiplied, as the board does.
        is_own = outcomes >= 0
        joint = jax.nn.log_softmax(jnp.sum(by_logic(among, arrays[4]) * is_own[:, None], 0))
        own_loss = -joint[jnp.maximum(outcomes[0], 0)] * is_own[0]
        return own_loss - mean(wanted) - LANGUAGE * mean(language), rights

    @jax.jit
    def step(adapters, state, rate, frozen, *arrays):
        (value, right), gradient = jax.value_and_grad(loss, has_aux=True)(adapters, frozen, *arrays)
        update, state = optimiser.update(gradient, state, adapters)
        adapters = jax.tree_util.tree_map(lambda p, u: p - rate * u, adapters, update)
        return adapters, state, value, right

    def evaluate():
        """Shares right of facts, of devices, and of situations by both together; and the temperature that
        makes the probabilities of the first two fit."""
        maker = notes.Maker(1000, evaluation=True)
        facts, devices, both, judged = [], [], [], []
        for _ in range(-(-args.evaluate // SEQUENCES)):
            arrays = batch(base, maker, SEQUENCES)[:-1]
            among = np.asarray(see(base.frozen, adapters, scale, *arrays)[0])
            for logs, p, wants in zip(among, np.exp(among), arrays[-1]):
                counted, right = wants >= 0, p.argmax(-1) == wants
                facts += list(right[:6][counted[:6]])
                devices += list(right[6:][counted[6:]])
                judged += [(log, want) for log, want in zip(logs, wants) if want >= 0]
                for one, says in zip(p[:4], wants[:4]):
                    wanted = wants[7 if says == notes.NO else 6]
                    if wanted >= 0:
                        holds = one[0] / (one[0] + one[1]) if says >= 0 else 0.5
                        scores = holds * p[6, :2] + (1 - holds) * p[7, :2]
                        both.append(scores.argmax() == wanted)
        shares = [round(float(np.mean(part)), 4) for part in (facts, devices, both)]
        return dict(zip(("facts", "devices", "both"), shares)), fitted_temperature(judged)

    maker = notes.Maker(args.seed * 1_000_003 + facts["step"])
    log = open(args.out / "log.jsonl", "a", encoding="utf-8")

    def say(**line):
        print(json.dumps(line), flush=True)
        print(json.dumps(line), file=log, flush=True)

    def write_down():
        held_out, temperature = evaluate()
        say(
            step=facts["step"],
            questions=facts["questions"],
            seconds=round(facts["seconds"]),
            held_out=held_out,
            temperature=temperature,
        )
        lm.keep(checkpoint, adapters, state, facts)
        lm.save(args.out / "adapter.gguf", base, adapters, scale, args.temperature)

    began, before = time.monotonic(), facts["seconds"]
    recent = []
    while (passed := (time.monotonic() - began) / 60 / args.minutes) < 1:
        if facts["step"] % args.every == 0:
            write_down()
        rate = args.rate * min(1.0, (facts["step"] + 1) / WARM_STEPS, 4 * (1 - passed))
        adapters, state, value, right = step(
            adapters, state, rate, base.frozen, *batch(base, maker, SEQUENCES, own)
        )
        recent = [*recent[-49:], (float(value), *map(float, right))]
        facts["step"] += 1
        facts["questions"] += SEQUENCES * QUESTIONS
        facts["seconds"] = before + time.monotonic() - began
        if facts["step"] % 10 == 0:
            mean = np.mean(recent, 0)
            say(
                step=facts["step"],
                loss=round(float(mean[0]), 4),
                right_facts=round(float(mean[1]), 4),
                right_devices=round(float(mean[2]), 4),
                seconds=round(facts["seconds"]),
            )
    write_down()


if __name__ == "__main__":
    main()
