#!/usr/bin/env python3
"""What an adapter does to everything that it was not taught.

  harm.py perplexity --text BOOK.txt --program llama-perplexity --model BASE.gguf --adapter A.gguf [--merged COPY.gguf]
  harm.py irrelevance --cases BFCL_v4_irrelevance.json --url http://127.0.0.1:8080 --voices NAME:none,NAME:A

The first one reads a text with the model alone, with the adapter put on and with the merged copy: how much
less probable it becomes is what the adapter costs. The second one asks a running Outpost questions that
none of the tools offered can answer (BFCL's irrelevance cases, in the wheel of PyPI's `bfcl-eval`), and
counts how often it calls one all the same. A line of JSON for each. Nothing of either text is kept here.
"""

import argparse
import json
import re
import subprocess
import urllib.error
import urllib.request

# What BFCL calls the types of JSON schema.
TYPES = {"dict": "object", "float": "number", "tuple": "array", "any": "string", "bool": "boolean"}
TOKENS_MAX = 48  # of an answer: whether it is a call shows in the first one


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parts = parser.add_subparsers(dest="part", required=True)
    part = parts.add_parser("perplexity")
    part.add_argument("--text", required=True)
    part.add_argument("--program", default="llama-perplexity")
    part.add_argument("--model", required=True)
    part.add_argument("--adapter", required=True)
    part.add_argument("--merged")
    part.add_argument("--chunks", type=int, default=40, help="of 512 tokens each")
    part.add_argument("--threads", type=int, default=2)
    part = parts.add_parser("irrelevance")
    part.add_argument("--cases", required=True)
    part.add_argument("--url", required=True)
    part.add_argument("--voices", required=True, help="names as /v1/models lists them, by commas")
    part.add_argument("--limit", type=int, default=60)
    return parser.parse_args()


def perplexity(args):
    ways = {"alone": ["-m", args.model], "put on": ["-m", args.model, "--lora", args.adapter]}
    if args.merged:
        ways["merged"] = ["-m", args.merged]
    common = ["-f", args.text, "-c", "512", "--chunks", str(args.chunks), "-t", str(args.threads)]
    for way, model in ways.items():
        run = subprocess.run([args.program, *model, *common], capture_output=True, text=True)
        found = re.search(r"Final estimate: PPL = ([\d.]+) \+/- ([\d.]+)", run.stdout + run.stderr)
        if run.returncode or not found:
            raise SystemExit(f"{args.program} says no: {run.stderr[-2000:]}")
        value, error = map(float, found.groups())
        print(json.dumps({"way": way, "perplexity": value, "error": error, "chunks": args.chunks}), flush=True)


def schema(node):
    """A schema of BFCL's in JSON schema's words."""
    if isinstance(node, list):
        return [schema(one) for one in node]
    if not isinstance(node, dict):
        return node
    kept = {key: schema(value) for key, value in node.items() if key not in ("default", "optional")}
    if isinstance(kept.get("type"), str):
        kept["type"] = TYPES.get(kept["type"], kept["type"])
    return kept


def ask(args, voice, case):
    """What came: a call, a text, or nothing because the tools cannot be had as a grammar."""
    tools = [
        {"type": "function", "function": {**one, "parameters": schema(one["parameters"])}}
        for one in case["function"]
    ]
    body = {"model": voice, "messages": case["question"][0], "tools": tools, "tool_choice": "auto"}
    body.update(max_tokens=TOKENS_MAX, temperature=0)
    request = urllib.request.Request(
        f"{args.url}/v1/chat/completions",
        json.dumps(body).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=300) as answer:
            message = json.load(answer)["choices"][0]["message"]
    except urllib.error.HTTPError as error:
        return f"refused {error.code}: {error.read()[:200]!r}"
    return "call" if message.get("tool_calls") else "text"


def irrelevance(args):
    with open(args.cases, encoding="utf-8") as file:
        cases = [json.loads(line) for line in file][: args.limit]
    for voice in args.voices.split(","):
        answers = [ask(args, voice, case) for case in cases]
        calls, texts = answers.count("call"), answers.count("text")
        refused = [one for one in answers if one not in ("call", "text")]
        line = {"voice": voice, "cases": len(cases), "calls": calls, "texts": texts}
        print(json.dumps({**line, "refused": len(refused), "first_refusal": refused[:1]}), flush=True)


if __name__ == "__main__":
    arguments_given = arguments()
    {"perplexity": perplexity, "irrelevance": irrelevance}[arguments_given.part](arguments_given)
