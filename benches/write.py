#!/usr/bin/env python3
"""Texts of a form against a server that writes them token by token: `make bench-write`.

    benches/write.py --model MODEL.gguf --cases decisions.jsonl --server LLAMA_SERVER [--rounds 5]

Both programs are asked by /v1/chat/completions with the same messages and the same schema, that of
a tool call (enum keys, 30 to 60 tokens), in turns of five cases; times are taken here. Then eight
clients at a time ask both for free texts, and what counts is tokens a second of all together.
Prints a line for each round and one with medians and ratios last; JSON lines, all of them.
"""
import argparse
import concurrent.futures
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

from mind import processor, schema

TURN = 5
CLIENTS = 8
TOKENS = 48


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--outpost", default="target/release/outpost")
    parser.add_argument("--server", required=True, help="llama-server, built from the same source")
    parser.add_argument("--model", required=True, help="path of a .gguf")
    parser.add_argument("--cases", required=True, help="cases as `outpost decide` reads them")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--limit", type=int, default=30, help="cases of a round")
    return parser.parse_args()


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


class Party:
    """A program with an API of OpenAI's form."""

    def __init__(self, command, port, environment=None):
        self.url = f"http://127.0.0.1:{port}"
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env=environment)
        deadline = time.monotonic() + 120
        while True:
            try:
                self.ask("Hello", 1, None)
                return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                pass
            if self.process.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"{command[0]} does not answer")
            time.sleep(0.2)

    def ask(self, messages, tokens, form):
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        body = {"messages": messages, "temperature": 0, "max_tokens": tokens}
        if form:
            body["response_format"] = {"type": "json_schema", "json_schema": {"name": "call", "schema": form}}
        request = urllib.request.Request(self.url + "/v1/chat/completions", json.dumps(body).encode(),
                                         {"Content-Type": "application/json"})
        start = time.perf_counter()
        with urllib.request.urlopen(request, timeout=120) as response:
            answer = json.load(response)
        return (time.perf_counter() - start) * 1e3, answer

    def end(self):
        self.process.terminate()
        self.process.wait(timeout=30)


def outpost(args, folder):
    port = free_port()
    config = os.path.join(folder, "outpost.toml")
    with open(config, "w", encoding="utf-8") as file:
        file.write(f'[device]\nname = "bench"\n[bus]\nlisten = "127.0.0.1:{free_port()}"\n[mind]\n'
                   f'model = "{args.model}"\ncontext = 4096\nthreads_decode = {args.threads}\n'
                   f'threads_prefill = {args.threads}\n[web]\nlisten = "127.0.0.1:{port}"\n'
                   f'[journal]\npath = "{folder}/journal"\n')
    # An empty folder of the board's figures: no governor takes threads away on a busy machine.
    environment = dict(os.environ, OUTPOST_BOARD_ROOT=folder)
    return Party([args.outpost, "run", "--config", config], port, environment)


def server(args):
    port = free_port()
    return Party([args.server, "-m", args.model, "-t", str(args.threads), "-c", "4096", "-np", str(CLIENTS),
                  "--kv-unified", "--port", str(port), "--host", "127.0.0.1"], port)


def calls(parties, cases):
    ms, tokens = {name: [] for name in parties}, {name: 0 for name in parties}
    for turn in range(0, len(cases), TURN):
        order = list(parties) if turn // TURN % 2 == 0 else list(parties)[::-1]
        for name in order:
            for case in cases[turn:turn + TURN]:
                messages = [{"role": "system", "content": case["prefix"]},
                            {"role": "user", "content": case["state"]}]
                form = schema("tool", case["candidates"])
                took, answer = parties[name].ask(messages, 100, form)
                json.loads(answer["choices"][0]["message"]["content"])
                ms[name].append(took)
                tokens[name] += answer["usage"]["completion_tokens"]
    return {name: {"median_ms": round(statistics.median(ms[name]), 1),
                   "tokens": round(tokens[name] / len(cases), 1)} for name in parties}


def together(party, cases):
    ask = lambda case: party.ask(case["prefix"] + "Tell what to do.", TOKENS, None)[1]["usage"]["completion_tokens"]
    start = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        tokens = sum(pool.map(ask, cases))
    return tokens / (time.perf_counter() - start)


def main():
    args = arguments()
    with open(args.cases, encoding="utf-8") as file:
        cases = [json.loads(line) for line in file if line.strip()]
    step = max(1, len(cases) // args.limit)
    cases = cases[::step][:args.limit]
    rounds = []
    for number in range(args.rounds):
        with tempfile.TemporaryDirectory() as folder:
            parties = {"outpost": outpost(args, folder), "llama_server": server(args)}
            try:
                found = calls(parties, cases)
                order = list(parties) if number % 2 == 0 else list(parties)[::-1]
                for name in order:
                    found[name]["clients_tokens_per_s"] = round(together(parties[name], cases[:16]), 1)
            finally:
                for party in parties.values():
                    party.end()
        ours, theirs = found["outpost"], found["llama_server"]
        ratios = {"call_of_llama_server": round(ours["median_ms"] / theirs["median_ms"], 3),
                  "clients_of_llama_server": round(ours["clients_tokens_per_s"] / theirs["clients_tokens_per_s"], 3)}
        rounds.append(ratios)
        print(json.dumps({"round": number + 1, "found": found, "ratios": ratios}), flush=True)
    middle = {name: round(statistics.median(ratios[name] for ratios in rounds), 3) for name in rounds[0]}
    print(json.dumps({"machine": processor(), "cores": os.cpu_count(), "threads": args.threads,
                      "load": os.getloadavg()[0], "model": os.path.basename(args.model), "cases": len(cases),
                      "rounds": len(rounds), "ratios": middle,
                      "limits": {"call_of_llama_server": 0.5, "clients_of_llama_server": 1.0}}))


if __name__ == "__main__":
    main()
