#!/usr/bin/env python3
"""Decisions in one pass against a server that writes them: `make bench-mind`.

    benches/mind.py --model MODEL.gguf --cases decisions.jsonl --server LLAMA_SERVER [--rounds 5]

Each round asks both programs the same cases, one after the other in turns of a prefix (ten cases),
so that what else the machine does meets both. Times are taken here, from the line or the request
to the answer. Both start with empty caches in each round and use the same file and threads; the
server keeps its prompt cache on, and is asked by /v1/chat/completions with a schema whose enum are
the candidates (`json`), or with that of a tool call (`tool`). Remembered decisions are off.
Beside the time there is the processor's time of each answer, of all threads of the program: on a
machine that does other work too it is the figure that stays, with one thread, since the library's
threads wait for each other by spinning.
Prints a line for each round and one with medians and ratios last; JSON lines, all of them.
"""
import argparse
import itertools
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--outpost", default="target/release/outpost")
    parser.add_argument("--server", required=True, help="llama-server, built from the same source")
    parser.add_argument("--model", required=True, help="path of a .gguf")
    parser.add_argument("--cases", required=True, help="cases as `outpost decide` reads them")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--limit", type=int, default=0, help="only so many cases; 0: all")
    parser.add_argument("--modes", default="json,tool")
    return parser.parse_args()


def processor_ms(process):
    """What a program's threads have run so far, those that have ended included. The clock of another
    process is named by its id (clock_getcpuclockid, Linux)."""
    return time.clock_gettime((~process.pid << 3) | 2) * 1e3


class Outpost:
    """`outpost decide` on a pipe."""

    def __init__(self, args, folder):
        self.cache = folder
        environment = dict(os.environ, OUTPOST_MODELS=folder)
        command = [args.outpost, "decide", "--model", args.model, "--no-memory", "--cases", "-",
                   "--threads", str(args.threads)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, env=environment)

    def ask(self, case):
        line = json.dumps(case) + "\n"
        start = time.perf_counter()
        self.process.stdin.write(line)
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        ms = (time.perf_counter() - start) * 1e3
        return ms, json.loads(answer)["chosen"]

    def end(self):
        self.process.stdin.close()
        self.process.stdout.read()
        self.process.wait(timeout=30)


def schema(mode, candidates):
    choice = {"type": "string", "enum": candidates}
    if mode == "json":
        properties = {"do": choice}
    else:
        state = {"type": "object", "properties": {"state": {"enum": ["on"]}},
                 "required": ["state"], "additionalProperties": False}
        properties = {"tool": choice, "arguments": state,
                      "reason": {"type": "string", "maxLength": 40}}
    return {"type": "object", "properties": properties, "required": list(properties),
            "additionalProperties": False}


class Server:
    """llama-server, asked as its users do it."""

    def __init__(self, args, mode):
        self.mode = mode
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = [args.server, "-m", args.model, "-t", str(args.threads), "-c", "4096", "--port",
                   str(port), "--host", "127.0.0.1"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while True:
            try:
                with urllib.request.urlopen(self.url + "/health", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit("llama-server does not start")
            time.sleep(0.1)

    def ask(self, case):
        wanted = {"name": "decision", "schema": schema(self.mode, case["candidates"])}
        body = {"messages": [{"role": "system", "content": case["prefix"]},
                             {"role": "user", "content": case["state"]}],
                "temperature": 0, "max_tokens": 80,
                "response_format": {"type": "json_schema", "json_schema": wanted}}
        data = json.dumps(body).encode()
        request = urllib.request.Request(self.url + "/v1/chat/completions", data,
                                         {"Content-Type": "application/json"})
        start = time.perf_counter()
        with urllib.request.urlopen(request, timeout=120) as response:
            answer = json.load(response)
        ms = (time.perf_counter() - start) * 1e3
        try:
            picked = json.loads(answer["choices"][0]["message"]["content"])
            picked = picked["do" if self.mode == "json" else "tool"]
            return ms, case["candidates"].index(picked)
        except (ValueError, KeyError):
            return ms, None

    def end(self):
        self.process.terminate()
        self.process.wait(timeout=30)


def figures(ms):
    ordered = sorted(ms)
    return {"median": round(ordered[len(ms) // 2], 1), "p90": round(ordered[len(ms) * 9 // 10], 1)}


def one_round(args, cases, modes):
    with tempfile.TemporaryDirectory() as folder:
        parties = {"outpost": Outpost(args, folder)}
        parties.update((mode, Server(args, mode)) for mode in modes)
        ms = {name: [] for name in parties}
        cpu = {name: [] for name in parties}
        right = dict.fromkeys(parties, 0)
        try:
            for turn, (_, group) in enumerate(itertools.groupby(cases, lambda c: c["prefix"])):
                group = list(group)
                order = list(parties)
                order = order[turn % len(order):] + order[:turn % len(order)]
                for name in order:
                    for case in group:
                        before = processor_ms(parties[name].process)
                        took, chosen = parties[name].ask(case)
                        cpu[name].append(processor_ms(parties[name].process) - before)
                        ms[name].append(took)
                        right[name] += chosen == case.get("want")
        finally:
            for party in parties.values():
                party.end()
    found = {name: dict(figures(ms[name]), accuracy=round(right[name] / len(cases), 3),
                        processor=figures(cpu[name])) for name in parties}
    ours = found["outpost"]
    ratios = {}
    for mode in modes:
        ratios[f"median_of_{mode}"] = round(ours["median"] / found[mode]["median"], 3)
        ratios[f"p90_of_{mode}"] = round(ours["p90"] / found[mode]["p90"], 3)
        for figure in ("median", "p90"):
            ratio = ours["processor"][figure] / found[mode]["processor"][figure]
            ratios[f"processor_{figure}_of_{mode}"] = round(ratio, 3)
    return found, ratios


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main():
    args = arguments()
    with open(args.cases, encoding="utf-8") as file:
        cases = [json.loads(line) for line in file if line.strip()]
    cases = cases[:args.limit or None]
    modes = args.modes.split(",")
    rounds = []
    for number in range(args.rounds):
        found, ratios = one_round(args, cases, modes)
        rounds.append((found, ratios))
        print(json.dumps({"round": number + 1, "ms": found, "ratios": ratios}), flush=True)
    middle = {name: round(statistics.median(ratios[name] for _, ratios in rounds), 3)
              for name in rounds[0][1]}
    print(json.dumps({"machine": processor(), "cores": os.cpu_count(), "threads": args.threads,
                      "load": os.getloadavg()[0], "model": os.path.basename(args.model),
                      "cases": len(cases), "rounds": len(rounds), "ratios": middle,
                      "limits": {"median_of_json": 0.2, "median_of_tool": 0.125,
                                 "p90_of_json": 0.333}}))


if __name__ == "__main__":
    main()
