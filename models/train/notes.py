"""Notes of an operator, made up: what the specialist learns to read.

An example is a note about two devices with small questions: what a fact of now says of the note's condition,
and which device the note wants where its condition holds and where it does not. All of it comes out of a
seed. The pieces (conditions, wordings, devices, in `conditions.py`) are split by a hash of the piece itself:
what is held out for the evaluation appears in no training example, whatever the seed.

The questions are those of `src/mind/notes.rs`, to the letter.
"""

import dataclasses
import hashlib
import itertools
import json
import random
import re
import sys

import conditions as pieces

# What a fact says of a note's condition, and the word that is read for it.
YES, NO, OTHER = range(3)
ANSWERS = [" yes", " no", " other"]
WEEK = "Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday".split(", ")
# Of a device's question: the note has no wish.
EITHER = -2


def head(note):
    """Stands before each question about a note."""
    return f"Note: {note}\n"


def ask_fact(fact):
    """Asked after the note; one of ANSWERS follows."""
    return f"Now: {fact}.\nThe condition holds:"


def ask_device(holds):
    """Asked after the note; a device's name follows after a space."""
    return f"If the condition {'holds' if holds else 'does not hold'}, use the"


def lines(text):
    return [line.strip() for line in text.strip().split("\n")]


def listed(text, by):
    return [piece.strip() for piece in text.replace("\n", " ").split(by) if piece.strip()]


def sides(line):
    """The two sides of a condition: facts and words of each."""
    both = [side.split("->") for side in line.split("|")]
    return tuple((listed(facts, ","), listed(words, ",")) for facts, words in both)


def held_out(piece, share=0.2):
    """True where a piece belongs to the evaluation: the same for every seed, by its own hash."""
    digest = hashlib.sha256(f"39 {piece}".encode()).digest()
    return int.from_bytes(digest[:4], "big") < share * 2**32


def split(all_pieces, evaluation):
    return [piece for piece in all_pieces if held_out(piece) == evaluation]


@dataclasses.dataclass
class Example:
    """A note about two devices; facts with what they say of its condition; the device that is wanted
    where the condition holds, and where it does not."""

    note: str
    devices: tuple
    facts: list
    wants: list
    # Of a board's own decision: the device that was right in the end. Which question it came of nobody knows.
    outcome: int = -1


def capital(text):
    return text[0].upper() + text[1:]


def sentences(text):
    """Capitals where sentences begin."""
    return re.sub(r"(?:^|(?<=[.!?] ))[a-z]", lambda found: found[0].upper(), text)


class Maker:
    """Makes examples. `evaluation` takes only pieces that are held out of training."""

    def __init__(self, seed, evaluation=False):
        self.rng = random.Random(seed)
        part = lambda all_pieces: split(all_pieces, evaluation)
        self.conditions = [sides(line) for line in part(lines(pieces.CONDITIONS))]
        self.things = part(listed(pieces.THINGS, ","))
        self.states = [tuple(listed(pair, ",")) for pair in listed(pieces.STATES, ";")]
        self.events, self.levels = part(listed(pieces.EVENTS, ",")), part(listed(pieces.LEVELS, ","))
        self.who, self.where = part(listed(pieces.WHO, ",")), part(listed(pieces.WHERE, ","))
        timed = lambda text: [tuple(listed(line, ":")) for line in listed(text, ";")]
        self.days, self.hours = timed(pieces.DAYS), timed(pieces.HOURS)
        self.quantities = [line.split(",") for line in listed(pieces.QUANTITIES, ";")]
        self.clauses = {
            name: part(listed(getattr(pieces, name), ";"))
            for name in ("TAKE", "LEAVE", "USUAL", "ELSE")
        }
        self.forms, self.bans = part(lines(pieces.FORMS)), lines(pieces.BANS)
        self.always = part(lines(pieces.ALWAYS))
        self.nouns, self.kinds = part(listed(pieces.NOUNS, ",")), part(listed(pieces.KINDS, ","))
        self.evaluation = evaluation

    def device(self):
        rng, chance = self.rng, self.rng.random()
        noun = rng.choice(self.nouns)
        if chance < 0.25:
            return noun
        if chance < 0.85:
            return f"{rng.choice(self.kinds)} {noun}"
        return "".join(rng.choice(pieces.SYLLABLES) for _ in range(rng.choice([2, 3]))) + " " + noun

    def devices(self):
        a, b = self.device(), self.device()
        while b.split()[0] == a.split()[0] or a in b or b in a:
            b = self.device()
        return a, b

    def thing(self):
        thing, states = self.rng.choice(self.things), self.rng.choice(self.states)
        facts = lambda state: [form.format(t=thing, s=state) for form in pieces.STATE_FACTS]
        words = listed(pieces.STATE_WORDS, ";")
        said = lambda state: [form.format(t=thing, s=state) for form in words]
        return [(facts(state), said(state)) for state in states]

    def quantity(self):
        """A bound and numbers on either side of it."""
        rng = self.rng
        name, unit, least, most = (part.strip() for part in rng.choice(self.quantities))
        least, most = int(least), int(most)
        bound = rng.randrange(least + 1, most)
        unit = f" {unit}" if unit else ""
        facts = lambda numbers: [f"{name} {n}{unit}" for n in rng.sample(numbers, 1)]
        words = lambda forms: [form.format(q=name, n=bound, u=unit) for form in forms]
        below, above = range(least, bound), range(bound + 1, most + 1)
        return [(facts(above), words(pieces.ABOVE)), (facts(below), words(pieces.BELOW))]

    def event(self):
        """Something that happens, or does not."""
        event = self.rng.choice(self.events)
        bare = re.sub("^an? ", "", event)
        made = lambda forms: [form.format(e=event, n=bare) for form in forms]
        return [(made(facts), made(words)) for facts, words in zip(pieces.EVENT_FACTS, pieces.EVENT_WORDS)]

    def people(self):
        """Somebody who is somewhere, or not."""
        who, where = self.rng.choice(self.who), self.rng.choice(self.where)
        made = lambda forms: [form.format(p=who, w=where) for form in forms]
        return [(made(facts), made(words)) for facts, words in zip(pieces.WHO_FACTS, pieces.WHO_WORDS)]

    def level(self):
        """Something that is high, or low."""
        name = self.rng.choice(self.levels)
        made = lambda forms: [form.format(t=name) for form in forms]
        return [(made(facts), made(words)) for facts, words in zip(pieces.LEVEL_FACTS, pieces.LEVEL_WORDS)]

    def time(self):
        """A part of the week or of the day. The other side has no words of its own."""
        rng = self.rng
        if rng.random() < 0.5:
            words, days = rng.choice(self.days)
            inside = listed(days, ",")
            facts = inside, [day for day in WEEK if day not in inside]
        else:
            words, hours = rng.choice(self.hours)
            first, last = map(int, hours.split("-"))
            clock = lambda hour: f"{hour}:{rng.randrange(60):02}"
            inside = range(first, last + 1)
            # An hour beside the part is left out: where it ends is a matter of taste.
            near = range(first - 1, last + 2)
            facts = [clock(hour) for hour in inside], [clock(h) for h in range(24) if h not in near]
        opposite = [f"not {words}", f"at no time {words}"]
        return [(facts[0], [words]), (facts[1], opposite)][:2]

    def condition(self):
        """Facts and words of a side, and of the other."""
        chance = self.rng.random()
        if chance < 0.4:
            made = list(self.rng.choice(self.conditions))
            self.rng.shuffle(made)
            return made
        for share, kind in (
            (0.65, self.thing),
            (0.75, self.event),
            (0.83, self.people),
            (0.9, self.level),
            (0.95, self.quantity),
        ):
            if chance < share:
                made = kind()
                self.rng.shuffle(made)
                return made
        return self.time()

    def three_conditions(self):
        """Three that speak of different things."""
        made = []
        while len(made) < 3:
            new = self.condition()
            words = {fact for side in new for fact in side[0]}
            if all(words.isdisjoint(fact for side in old for fact in side[0]) for old in made):
                made.append(new)
        return made

    def fill(self, form, a, b, when):
        """A note out of a form."""

        def clause(found):
            piece = self.rng.choice(self.clauses[found[1]])
            return piece.format(x={"a": a, "b": b}[found[2]])

        form = re.sub(r"(TAKE|LEAVE|USUAL)\((.)\)", clause, form)
        form = form.replace("ELSE", self.rng.choice(self.clauses["ELSE"]))
        return sentences(form.format(a=a, b=b, w=when))

    def example(self):
        """A note, facts with what they say of its condition, and the devices."""
        rng = self.rng
        a, b = self.devices()
        both, *others = self.three_conditions()
        fact = lambda side: rng.choice(side[0])
        chance = rng.random()
        if chance < 0.15:
            note, facts, wants = self.fill(rng.choice(self.always), a, b, ""), [], [a, a]
        else:
            form, wants = rng.choice(self.forms), [a, b]
            if chance < 0.25:
                form, wants = rng.choice(self.bans), [a, None]
            note = self.fill(form, a, b, rng.choice(both[0][1]))
            facts = [(fact(both[says]), says) for says in (YES, NO, YES, NO)]
            facts += [(fact(rng.choice(other)), OTHER) for other in others]
        devices = (a, b) if rng.random() < 0.5 else (b, a)
        wants = [EITHER if want is None else devices.index(want) for want in wants]
        return Example(note, devices, facts, wants)


def shared_with(cases):
    """Facts and wordings that are in the cases of a file too: there must be none."""
    found = set()
    ours = {fact for line in lines(pieces.CONDITIONS) for facts, _ in sides(line) for fact in facts}
    clauses = {
        name: "(?:" + "|".join(map(re.escape, listed(getattr(pieces, name), ";"))) + ")"
        for name in ("TAKE", "LEAVE", "USUAL", "ELSE")
    }
    for case in cases:
        names = sorted((device["name"] for device in case["devices"]), key=len, reverse=True)
        found |= ours & set(case["world"])
        for note in case["notes"]:
            named = [name for name in names if name in note.lower()]
            for a, b in itertools.permutations(named, 2):
                for form in lines(pieces.FORMS) + lines(pieces.BANS) + lines(pieces.ALWAYS):
                    pattern = re.escape(form).replace(r"\{w\}", "(?:.+)").replace("ELSE", clauses["ELSE"])
                    for clause in ("TAKE", "LEAVE", "USUAL"):
                        for name, device in (("a", a), ("b", b)):
                            piece = clauses[clause].replace(r"\{x\}", device)
                            pattern = pattern.replace(rf"{clause}\({name}\)", piece)
                    pattern = pattern.replace(r"\{a\}", a).replace(r"\{b\}", b)
                    if re.fullmatch(pattern, note, re.IGNORECASE):
                        found.add((form, note))
    return found


if __name__ == "__main__":
    if len(sys.argv) > 1:
        with open(sys.argv[1], encoding="utf-8") as text:
            same = shared_with([json.loads(line) for line in text])
        print("shared with the cases:", same or "nothing")
        sys.exit(bool(same))
    maker = Maker(1)
    for _ in range(12):
        print(maker.example())
