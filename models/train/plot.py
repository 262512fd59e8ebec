#!/usr/bin/env python3
"""Draws learning curves: `plot.py --out curves.svg NAME=log.jsonl...`.

Of each run the share of held-out situations that it is right in, by questions seen, and the loss.
"""

import argparse
import io
import json
import pathlib

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt


def points(log, key):
    """Questions seen and a figure, of every line that has it."""
    found = [(line["questions"], line[key]) for line in log if key in line and "questions" in line]
    return list(zip(*found)) or [(), ()]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", required=True, type=pathlib.Path)
    parser.add_argument("runs", nargs="+", help="NAME=log.jsonl")
    args = parser.parse_args()
    plt.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "outpost", "font.size": 11})
    figure, axes = plt.subplots(figsize=(8, 4.2))
    for run in args.runs:
        name, path = run.split("=", 1)
        log = [json.loads(line) for line in pathlib.Path(path).read_text().splitlines()]
        for line in log:
            if isinstance(line.get("held_out"), dict):
                line["held_out"] = line["held_out"]["both"]
        seen, right = points(log, "held_out")
        axes.plot(seen, right, marker="o", markersize=4, label=name)
    axes.axhline(0.5, color="grey", linewidth=1, linestyle=":", label="a coin")
    axes.set(xlabel="questions seen", ylabel="held-out situations right", ylim=(0.4, 1.0))
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right", frameon=False)
    figure.tight_layout()
    drawn = io.StringIO()
    figure.savefig(drawn, metadata={"Date": None})
    lines = [line.rstrip() for line in drawn.getvalue().splitlines()]
    args.out.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
