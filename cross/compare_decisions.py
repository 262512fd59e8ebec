"""Compares two outputs of `outpost decide --json`: every p within 0.02, and the same choice wherever
the margin is larger than that (design §6). Prints the largest difference; exit code 1 on a fault.

    python3 cross/compare_decisions.py REFERENCE OTHER
"""

import json
import sys

ALLOWED = 0.02


def answers(path):
    with open(path) as file:
        lines = [json.loads(line) for line in file]
    return {line["id"]: line for line in lines if "p" in line}


def main():
    reference, other = (answers(path) for path in sys.argv[1:])
    if not reference or reference.keys() != other.keys():
        sys.exit(f"{len(reference)} cases in the one, {len(other)} in the other")
    largest, same, near, faults = 0.0, 0, 0, []
    for case, one in reference.items():
        two = other[case]
        largest = max(largest, *(abs(a - b) for a, b in zip(one["p"], two["p"], strict=True)))
        best = sorted(one["p"], reverse=True)
        if one["chosen"] == two["chosen"]:
            same += 1
        elif best[0] - best[1] > ALLOWED:
            faults.append(f"case {case}: {one['chosen']} in the one, {two['chosen']} in the other")
        else:
            near += 1
    print(
        f"{len(reference)} cases: largest difference of a p {largest:.5f}, "
        f"same choice in {same}, another within the margin in {near}"
    )
    if largest > ALLOWED:
        faults.append(f"a p differs by {largest:.5f}, allowed is {ALLOWED}")
    if faults:
        sys.exit("\n".join(faults))


main()
