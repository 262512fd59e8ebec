"""Asks the API as OpenAI's own client does. `client.py URL TOKEN`; a line for each thing that holds."""

import concurrent.futures
import json
import sys
import urllib.error
import urllib.request

import openai
from prometheus_client.openmetrics import parser

URL, TOKEN = sys.argv[1:]
client = openai.OpenAI(base_url=URL + "/v1", api_key=TOKEN, max_retries=0)
FAN = {"type": "function", "function": {
    "name": "set_fan", "description": "Turns the fan on or off.",
    "parameters": {"type": "object", "properties": {"state": {"enum": ["on", "off"]}},
                   "required": ["state"], "additionalProperties": False}}}
HEATER = {"type": "function", "function": {
    "name": "set_heater", "parameters": {"type": "object", "properties": {}}}}
ASK = [{"role": "system", "content": "You look after a greenhouse. Be short."},
       {"role": "user", "content": "It is too hot. What helps?"}]


def holds(what):
    print("holds:", what, flush=True)


model = client.models.list().data[0].id
assert model.startswith("smollm2"), model
holds("the list of models")

answer = client.chat.completions.create(model=model, messages=ASK, max_tokens=20, temperature=0)
text = answer.choices[0].message.content
assert text and answer.choices[0].finish_reason in ("stop", "length"), answer
assert answer.usage.completion_tokens <= 20 and answer.usage.prompt_tokens > 20, answer
holds("a chat")

parts = list(client.chat.completions.create(model=model, messages=ASK, max_tokens=20, temperature=0,
                                            stream=True, stream_options={"include_usage": True}))
assert "".join(p.choices[0].delta.content or "" for p in parts if p.choices) == text, parts
assert len(parts) > 5 and parts[-1].usage.completion_tokens == answer.usage.completion_tokens, parts
assert parts[-2].choices[0].finish_reason == answer.choices[0].finish_reason, parts
holds("the same chat as a stream")

again = [client.chat.completions.create(model=model, messages=ASK, max_tokens=12, temperature=1.5, seed=s)
         .choices[0].message.content for s in (1, 1, 2)]
assert again[0] == again[1] != again[2], again
holds("a seed")

schema = {"type": "object", "properties": {"device": {"enum": ["fan", "heater"]},
                                           "minutes": {"type": "integer", "minimum": 1, "maximum": 60}},
          "required": ["device", "minutes"], "additionalProperties": False}
answer = client.chat.completions.create(
    model=model, messages=ASK, temperature=0,
    response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": schema}})
found = json.loads(answer.choices[0].message.content)
assert found["device"] in ("fan", "heater") and 1 <= found["minutes"] <= 60, found
holds("a schema")

answer = client.chat.completions.create(model=model, messages=ASK, temperature=0, max_tokens=200,
                                        response_format={"type": "json_object"}, seed=1)
if answer.choices[0].finish_reason == "stop":
    assert isinstance(json.loads(answer.choices[0].message.content), dict), answer
holds("any JSON object")

answer = client.chat.completions.create(model=model, messages=ASK, extra_body={"regex": "[a-z]{3}-[0-9]{2}"})
assert len(answer.choices[0].message.content) == 6, answer
holds("a regular expression")

for stream in (False, True):
    made = client.chat.completions.create(model=model, messages=ASK, tools=[FAN, HEATER], temperature=0,
                                          tool_choice="required", stream=stream)
    if stream:
        chunks = [c for c in made if c.choices]
        call = [c.choices[0].delta.tool_calls for c in chunks if c.choices[0].delta.tool_calls][0][0]
        finish = chunks[-1].choices[0].finish_reason
    else:
        call, finish = made.choices[0].message.tool_calls[0], made.choices[0].finish_reason
        assert made.choices[0].message.content is None, made
    assert finish == "tool_calls" and call.function.name in ("set_fan", "set_heater"), made
    json.loads(call.function.arguments)
named = client.chat.completions.create(model=model, messages=ASK, tools=[FAN, HEATER],
                                       tool_choice={"type": "function", "function": {"name": "set_fan"}})
call = named.choices[0].message.tool_calls[0]
assert call.function.name == "set_fan" and json.loads(call.function.arguments)["state"] in ("on", "off"), named
talk = ASK + [{"role": "assistant", "content": None, "tool_calls": [call.model_dump()]},
              {"role": "tool", "tool_call_id": call.id, "content": "done"}]
assert client.chat.completions.create(model=model, messages=talk, tools=[FAN], max_tokens=10).choices
holds("tools, whole and as a stream, and what they answer")

answer = client.completions.create(model=model, prompt="One, two, three,", max_tokens=8, temperature=0, stop=[" six"])
assert " four" in answer.choices[0].text and "six" not in answer.choices[0].text, answer
parts = client.completions.create(model=model, prompt="One, two, three,", max_tokens=8, temperature=0,
                                  stop=" six", stream=True)
assert "".join(p.choices[0].text for p in parts) == answer.choices[0].text
holds("a bare completion, and its stop")

with concurrent.futures.ThreadPoolExecutor(8) as pool:
    one = lambda n: client.completions.create(model=model, prompt=f"{n}, {n + 1},", max_tokens=16, temperature=0)
    texts = [answer.choices[0].text for answer in pool.map(one, range(8))]
assert all(texts) and len(set(texts)) > 1, texts
holds("eight at a time")

for error, wish in (
        (openai.NotFoundError, {"model": "gpt-4"}),
        (openai.BadRequestError, {"max_tokens": 100_000}),
        (openai.BadRequestError, {"messages": [{"role": "user", "content": "word " * 3000}]}),
        (openai.BadRequestError, {"n": 2}),
        (openai.BadRequestError, {"temperature": -1}),
        (openai.BadRequestError, {"response_format": {"type": "json_schema", "json_schema": {
            "name": "x", "schema": {"type": "nothing"}}}}),
        (openai.APIStatusError, {"messages": [{"role": "user", "content": "x" * 300_000}]})):
    try:
        client.chat.completions.create(**({"model": model, "messages": ASK} | wish))
        raise AssertionError(f"{wish} was taken")
    except error as refused:
        assert refused.body["message"], refused
try:
    openai.OpenAI(base_url=URL + "/v1", api_key="wrong", max_retries=0).models.list()
    raise AssertionError("a wrong token was taken")
except openai.AuthenticationError:
    pass
holds("refusals")


def decide(body):
    request = urllib.request.Request(URL + "/v1/decide", json.dumps(body).encode(),
                                     {"Content-Type": "application/json", "Authorization": "Bearer " + TOKEN})
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


CASE = {"prefix": "You look after a greenhouse.\n", "state": "It is 40 °C.\nDo:",
        "candidates": ["heater on", "fan on", "do nothing"]}
first, second = decide(CASE), decide(CASE)
assert abs(sum(first["p"]) - 1) < 1e-5 and first["chosen"] == first["p"].index(max(first["p"])), first
assert second["remembered"] and second["p"] == first["p"], second
holds("a decision, and that it is remembered")

ASKED = {"prefix": CASE["prefix"], "state": "It is 40 °C.", "questions": [
    {"id": "what", "kind": "choose", "text": "Do:", "candidates": CASE["candidates"]},
    {"id": "order", "kind": "rank", "text": "Do:", "candidates": CASE["candidates"]},
    {"id": "hot", "kind": "yes_no", "text": "Is it too hot, yes or no:"},
    {"id": "how", "kind": "score", "text": "How urgent is it, from 1 to 5:", "scale": [1, 5]}]}
told = decide(ASKED)
what, order, hot, how = told["answers"]
assert [one["id"] for one in told["answers"]] == ["what", "order", "hot", "how"], told
assert what["chosen"] == what["p"].index(max(what["p"])) and 0 <= what["margin"] <= 1, what
assert order["order"] == sorted(range(3), key=lambda n: -order["p"][n]) and "chosen" not in order, order
assert hot["yes"] == (hot["p"] > 0.5) and 0 < hot["p"] < 1, hot
assert how["best"] == 1 + how["p"].index(max(how["p"])) and len(how["p"]) == 5, how
assert abs(how["mean"] - sum((1 + n) * p for n, p in enumerate(how["p"]))) < 1e-4, how
assert told["tokens_read"] > 0 and told["mass"] == min(one["mass"] for one in told["answers"]), told
one = decide({**ASKED, "questions": ASKED["questions"][2:3]})
assert one["remembered"] and one["answers"] == [hot], one
for wrong, why in [({**ASKED, "candidates": ["a"]}, "candidates and questions"), ({"state": "x"}, "neither"),
                   ({"state": "x", "questions": []}, "found 0, allowed 1 to 16"),
                   ({**CASE, "adapter": "mine"}, 'found "mine", allowed'),
                   ({**CASE, "adapter": "/etc/passwd"}, "allowed none or a name"),
                   ({"state": "x", "questions": [{"kind": "guess", "text": "x"}]}, "guess"),
                   ({"state": "x", "questions": [{"kind": "score", "text": "x", "scale": [1, 99]}]}, "question 0: steps"),
                   ({"state": "x", "questions": [{"kind": "yes_no", "text": " "}]}, "question 0: the text is empty")]:
    try:
        decide(wrong)
        raise AssertionError(f"not refused: {wrong}")
    except urllib.error.HTTPError as error:
        message = json.load(error)["error"]["message"]
        assert error.code in (400, 422) and why in message, (error.code, message)
holds("typed questions in one pass, remembered one by one, refused by number")

# The adapter of one decision, and a model beside the agent's own: loaded at its first request.
with_adapter = decide({**CASE, "adapter": "edge-operator"})
assert with_adapter["adapter"] == "edge-operator" and with_adapter["p"] != first["p"], with_adapter
again = decide(CASE)
assert again == {**second, "ms": again["ms"]} and second["adapter"] == "none", second
OTHER = "smollm2-135m-instruct-q4_1"
listed = {one.id: one for one in client.models.list().data}
assert listed[model].pinned and not listed[OTHER].pinned and not listed[OTHER].ready, listed
by_other = decide({**CASE, "model": OTHER})
assert by_other["model"] == OTHER and by_other["p"] != first["p"] and not by_other["remembered"], by_other
said = client.chat.completions.create(model=OTHER, messages=ASK, max_tokens=5)
assert said.model == OTHER and said.choices[0].message.content, said
listed = client.models.list().data
assert {one.id for one in listed if one.ready and ":" not in one.id} == {model, OTHER}, listed
holds("an adapter for one decision, and a second model")

# An adapter for one text: behind the model's name, as the list has it, or by itself.
EDGE = model + ":edge-operator"
assert [one.parent for one in listed if one.id == EDGE] == [model], listed
def said(**how):
    made = client.chat.completions.create(messages=ASK, max_tokens=16, temperature=0, **how)
    return made.model, made.choices[0].message.content
bare = said(model=model)
with concurrent.futures.ThreadPoolExecutor(4) as pool:
    beside = [pool.submit(said, model=name) for name in (EDGE, model, EDGE, model)]
    assert [one.result()[0] for one in beside] == [EDGE, model, EDGE, model]
    texts = [one.result() for one in beside]
# Rounding differs by company, so texts need not be the same to the last word.
assert not {texts[0], texts[2]} & {texts[1], texts[3], bare}, (texts, bare)
edge = said(model=EDGE)
assert edge != bare and said(model=model, extra_body={"adapter": "edge-operator"}) == edge
assert said(model=EDGE, extra_body={"adapter": "edge-operator"}) == edge
# What is kept of the prompt was read in company by now, so it is held against the bare one of now.
assert said(model=model + ":none") == said(model=model) != edge
stream = client.completions.create(model=EDGE, prompt="One,", max_tokens=4, stream=True)
assert {part.model for part in stream} == {EDGE}
assert decide({**CASE, "model": EDGE})["p"] == with_adapter["p"]
for wish, why in (({"model": model + ":mine"}, 'found "mine", allowed'),
                  ({"model": model + ":/etc/passwd"}, "allowed none or a name"),
                  ({"model": EDGE, "extra_body": {"adapter": "none"}}, "and adapter")):
    try:
        said(**wish)
        raise AssertionError(f"{wish} was taken")
    except openai.BadRequestError as refused:
        assert why in refused.body["message"], refused
holds("an adapter for one text, beside others without")

# Vectors of texts, by a model whose file says how it pools (of random weights: they mean nothing).
VECTORS = "qwen3-embedding"
texts = ["a fan", "a vent that is open", "a fan"]
made = client.embeddings.create(model=VECTORS, input=texts)
one, two, three = (entry.embedding for entry in made.data)
assert one == three != two and len(one) == 256 and abs(sum(x * x for x in two) - 1) < 1e-4, made
assert made.model == VECTORS and made.usage.prompt_tokens > 20, made.usage
plain = client.embeddings.create(model=VECTORS, input="a fan", encoding_format="float")
assert max(abs(x - y) for x, y in zip(plain.data[0].embedding, one)) < 1e-6
for wish, why in (({"model": model, "input": "x"}, "makes no vectors"),
                  ({"model": VECTORS, "input": "x" * 1000}, "allowed are 256"),
                  ({"model": VECTORS, "input": [""]}, "empty"),
                  ({"model": VECTORS, "input": []}, "found 0 texts"),
                  ({"model": VECTORS, "input": "x", "dimensions": 9}, "allowed 256")):
    try:
        client.embeddings.create(**wish)
        raise AssertionError(f"{wish} was taken")
    except openai.BadRequestError as refused:
        assert why in refused.body["message"], refused
holds("vectors of texts")

# A client that goes away in the middle of its text leaves the mind free.
stream = client.completions.create(model=model, prompt="Once", max_tokens=1500, stream=True)
next(iter(stream))
stream.close()
assert client.completions.create(model=model, prompt="One,", max_tokens=400).choices
holds("a client that goes away")

busy = 0
with concurrent.futures.ThreadPoolExecutor(48) as pool:
    def one(n):
        try:
            client.completions.create(model=model, prompt=f"{n}", max_tokens=24)
            return 0
        except openai.RateLimitError:
            return 1
    busy = sum(pool.map(one, range(48)))
assert 0 < busy < 48, busy
assert client.completions.create(model=model, prompt="One,", max_tokens=4).choices
holds("too many at a time are told so, and the rest is answered")

request = urllib.request.Request(URL + "/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
with urllib.request.urlopen(request) as page:
    assert page.headers["Content-Type"].startswith("application/openmetrics-text"), page.headers
    families = {one.name: one for one in parser.text_string_to_metric_families(page.read().decode())}
states = {s.labels["state"]: s.value for s in families["outpost_mind_state"].samples}
assert states["ready"] == 1 and sum(states.values()) == 1, states
results = {s.labels["result"]: s.value for s in families["outpost_web_requests"].samples}
assert results["busy"] >= busy and results["answered"] > 10 and results["failed"] == 0, results
assert all(one.documentation for one in families.values())
holds("the page of metrics, read by Prometheus' own strict parser")
