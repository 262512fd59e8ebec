"""Compares two outputs of `outpost decide --json`: every p within 0.02, and the same choice wherever
the margin is larger than that (design §6). Prints the largest difference; exit code 1 on a fault.

    python3 cross/compare_decisions.py REFERENCE OTHER [TEMPERATURE]

With the temperature that the probabilities were made with, it says beside that how far apart they
are without one, which is more and is not judged: at 1 a difference of 0.1 between two scores, the
rounding of activations to 8 bits in thirty layers, may be 0.025 in p.
"""

import json
import sys

ALLOWED = 0.02


def answers(path):
    with open(path) as file:
        lines = [json.loads(line) for line in file]
    return {line["id"]: line for line in lines if "p" in line}


def farthest(one, two):
    return max(abs(a - b) for a, b in zip(one, two, strict=True))


def without(p, temperature):
    """The same scores at temperature 1."""
    raised = [value**temperature for value in p]
    return [value / sum(raised) for value in raised]


def main():
    reference, other = (answers(path) for path in sys.argv[1:3])
    temperature = float(sys.argv[3]) if len(sys.argv) > 3 else 1.0
    if not reference or reference.keys() != other.keys():
        sys.exit(f"{len(reference)} cases in the one, {len(other)} in the other")
    largest, plain, same, near, faults = 0.0, 0.0, 0, 0, []
    for case, one in reference.items():
        two = other[case]
        largest = max(largest, farthest(one["p"], two["p"]))
        plain = max(plain, farthest(*(without(p["p"], temperature) for p in (one, two))))
        best = sorted(one["p"], reverse=True)
        if one["chosen"] == two["chosen"]:
            same += 1
        elif best[0] - best[1] > ALLOWED:
            faults.append(f"case {case}: {one['chosen']} in the one, {two['chosen']} in the other")
        else:
            near += 1
    print(
        f"{len(reference)} cases: largest difference of a p {largest:.5f} "
        f"({plain:.5f} without its temperature of {temperature}), "
        f"same choice in {same}, another within the margin in {near}"
    )
    if largest > ALLOWED:
        faults.append(f"a p differs by {largest:.5f}, allowed is {ALLOWED}")
    if faults:
        sys.exit("\n".join(faults))


main()
