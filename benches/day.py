#!/usr/bin/env python3
"""What a model costs in a day of the demo: `make bench-day`.

    benches/day.py --model MODEL.gguf --server LLAMA_SERVER [--outpost PROGRAM] [--hours 24]

First the demo's greenhouse runs its day with the mind, at 600 times real speed, and the processor's
time of the mind's process is noted, its start and loading included. Then llama-server, which has
the same file, threads and its prompt cache on, is asked for a decision in JSON once for each minute
of that day, as an agent without a planner would: the text is that of the newest decision before
that minute, so where nothing was decided meanwhile it is one that the server has just read, which
is cheaper than the readings of that minute would be. Only answers count, not the server's start.
How well the day went is the demo's: the server's answers are counted and thrown away.
Prints one JSON line.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
from datetime import datetime, timedelta
from pathlib import Path

from mind import Server, processor, processor_ms

SPEED = 600
LOOK_S = 0.02


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--outpost", default="target/release/outpost")
    parser.add_argument("--server", required=True, help="llama-server, built from the same source")
    parser.add_argument("--model", required=True, help="path of a .gguf")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--hours", type=int, default=24)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def children(process):
    """Ids of a program's children, of all its threads."""
    try:
        tasks = list(Path(f"/proc/{process}/task").iterdir())
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]
    except OSError:
        return []


class MindTime(threading.Thread):
    """The processor's time of the demo's children: the mind is its only one."""

    def __init__(self, demo):
        super().__init__()
        self.demo = demo
        self.ms = {}
        self.over = threading.Event()

    def run(self):
        while not self.over.wait(LOOK_S):
            for child in children(self.demo.pid):
                try:
                    self.ms[child] = processor_ms(argparse.Namespace(pid=child))
                except OSError:
                    pass  # it has just ended


def day(args, folder):
    """The demo's summary, its decisions and what the mind took, in milliseconds."""
    journal = os.path.join(folder, "journal")
    command = [args.outpost, "demo", "--headless", "--hours", str(args.hours), "--seed",
               str(args.seed), "--speed", str(SPEED), "--journal", journal, "--json"]
    demo = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    watch = MindTime(demo)
    watch.start()
    lines = demo.stdout.read().splitlines()
    watch.over.set()
    watch.join()
    if demo.wait() != 0:
        sys.exit("the demo failed")
    export = [args.outpost, "log", "export", "--dataset", "--config",
              "src/plant/greenhouse.toml", "--path", journal]
    cases = subprocess.run(export, check=True, stdout=subprocess.PIPE, text=True).stdout
    cases = [json.loads(line) for line in cases.splitlines()]
    return json.loads(lines[-1]), cases, sum(watch.ms.values())


def each_minute(cases, hours):
    """The newest case for each minute from the first one on."""
    at = [datetime.fromisoformat(case["at"]) for case in cases]
    newest = 0
    for minute in range(hours * 60):
        now = at[0] + timedelta(minutes=minute)
        while newest + 1 < len(cases) and at[newest + 1] <= now:
            newest += 1
        yield cases[newest]


def main():
    args = arguments()
    with tempfile.TemporaryDirectory() as folder:
        summary, cases, ours_ms = day(args, folder)
    server = Server(args, "json")
    try:
        before = processor_ms(server.process)
        answered = 0
        for case in each_minute(cases, args.hours):
            _, chosen = server.ask(case)
            answered += chosen is not None
        theirs_ms = processor_ms(server.process) - before
    finally:
        server.end()
    if ours_ms <= 0.0:
        sys.exit("the mind was never seen: is there no model?")
    print(json.dumps({
        "machine": processor(), "load": os.getloadavg()[0], "threads": args.threads,
        "model": os.path.basename(args.model), "hours": args.hours, "seed": args.seed,
        "within_goal": summary["within_goal"], "decisions": summary["decisions"],
        "asked": summary["model_calls"], "mind_cpu_s": round(ours_ms / 1e3, 2),
        "server_asked": args.hours * 60, "server_answers": answered,
        "server_cpu_s": round(theirs_ms / 1e3, 2), "ratio": round(ours_ms / theirs_ms, 4),
        "limit": 0.05}))


if __name__ == "__main__":
    main()
