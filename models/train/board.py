"""What a board has lived through, as examples: the lines of `outpost log export --dataset`.

A decision teaches where a note was asked about (`among`) and a person said which device was right, by a
correction or a rating. Which answer was wrong, about which note, its condition or its devices, nobody said:
the probability that all answers about all its notes together give to the right device is what is learned from.
"""

import json

import notes

FACTS = 6  # that fit into a sequence
NOTES = 3  # that fit into a step, each a sequence; decisions with more are left
BANDS = ("low", "ok", "high")


def is_banded(fact):
    """A quantity with its state: matter of arithmetic, which no note is asked about."""
    return any(part.split(" ")[-1] in BANDS for part in fact.split(", ")) and ", " in fact


def examples(case):
    """The wanted device beside each other one: for each a list of examples, one for each of the notes that
    speak of them. None where the case teaches nothing."""
    names = sorted((device["name"] for device in case["devices"]), key=len, reverse=True)
    named = {}
    for index in case.get("among") or []:
        found = [name for name in names if case["candidates"][index].lower().startswith(name.lower())]
        named[index] = found[0] if found else None
    want = case.get("want")
    if want is None and len(named) == 2 and case.get("not") in named:
        want = next(index for index in named if index != case["not"])
    of = [note for note in case["notes"] if any(name and name in note.lower() for name in named.values())]
    if want not in named or None in named.values() or not 1 <= len(of) <= NOTES:
        return []
    facts = [(fact, -1) for fact in case["facts"] if not is_banded(fact)][:FACTS]
    pairs = [(named[want], other) for index, other in named.items() if index != want]
    joint = lambda pair, outcome: [notes.Example(note, pair, facts, [-1, -1], outcome=outcome) for note in of]
    return [joint(pair, 0) for pair in pairs] + [joint(pair[::-1], 1) for pair in pairs]


def read(path):
    """Examples of the first four fifths of the decisions that teach, and the lines of the rest."""
    with open(path, encoding="utf-8") as file:
        cases = [json.loads(line) for line in file if line.strip()]
    teaching = [case for case in cases if "id" in case and examples(case)]
    first = len(teaching) * 4 // 5
    return [one for case in teaching[:first] for one in examples(case)], teaching[first:]
