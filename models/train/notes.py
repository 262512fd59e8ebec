"""Notes of an operator, made up: what the specialist learns to read.

An example is a note about two devices, and situations in which it wants the one or the other. All of
it comes out of a seed. The pieces (conditions, wordings, devices) are split by a hash of the piece
itself: what is held out for the evaluation appears in no training example, whatever the seed.

Never here: a wording of the public decision cases; `notes.py CASES` looks.
"""

import dataclasses
import hashlib
import itertools
import json
import random
import re
import sys

# A condition that holds now or does not: for either side the facts that say so, and the words that a
# note says it with. A note may speak of either side.
CONDITIONS = [
    (
        (
            ["dark outside", "night time"],
            ["after dark", "during the night", "once the sun is down"],
        ),
        (
            ["daylight", "the sun is up"],
            ["by day", "as long as there is daylight", "in the daytime"],
        ),
    ),
    (
        (
            ["expensive electricity", "peak price"],
            ["when electricity is expensive", "during peak price hours"],
        ),
        (
            ["cheap electricity", "off-peak price"],
            ["when electricity is cheap", "in off-peak hours"],
        ),
    ),
    (
        (
            ["it is raining", "wet weather"],
            ["in rainy weather", "during rain", "when it is wet outside"],
        ),
        (["no rain", "it is dry outside"], ["in dry spells", "as long as it stays dry"]),
    ),
    (
        (
            ["Saturday", "Sunday"],
            ["on Saturdays and Sundays", "when nobody works at the end of the week"],
        ),
        (["Monday", "Tuesday", "Wednesday", "Thursday"], ["from Monday to Friday", "on workdays"]),
    ),
    (
        (
            ["staff present", "the crew is here"],
            ["while staff are present", "when somebody is working here"],
        ),
        (
            ["no staff", "the crew is away"],
            ["when no one is around", "while the site is unattended"],
        ),
    ),
    (
        (
            ["public holiday", "bank holiday today"],
            ["on public holidays", "when there is a bank holiday"],
        ),
        (
            ["ordinary day", "no public holiday"],
            ["on ordinary days", "when it is not a public holiday"],
        ),
    ),
    (
        (["strong wind", "gale outside"], ["in strong wind", "when a gale blows"]),
        (["calm air", "hardly any wind"], ["in calm weather", "when there is hardly any wind"]),
    ),
    (
        (["frost outside", "freezing weather"], ["in frost", "when it freezes"]),
        (["no frost", "mild weather"], ["when there is no frost", "in mild weather"]),
    ),
    (
        (
            ["visitors on site", "guests present"],
            ["while visitors are on site", "when guests are here"],
        ),
        (
            ["no visitors", "guests gone"],
            ["when there are no visitors", "after the guests have gone"],
        ),
    ),
    (
        (["summer", "July"], ["in summer", "during the warm season"]),
        (["winter", "January"], ["in winter", "during the cold season"]),
    ),
    (
        (["clear sky", "bright sunshine"], ["under a clear sky", "while the sun shines"]),
        (["overcast", "heavy clouds"], ["when the sky is overcast", "under heavy clouds"]),
    ),
    (
        (["harvest under way", "picking today"], ["during the harvest", "on picking days"]),
        (["no harvest", "nothing is picked"], ["outside the harvest", "when nothing is picked"]),
    ),
    (
        (
            ["cleaning in progress", "floor being washed"],
            ["during cleaning", "while the floor is washed"],
        ),
        (["cleaning finished", "no cleaning"], ["when nobody cleans", "after cleaning"]),
    ),
    (
        (["grid down", "power cut"], ["during a power cut", "when the grid is down"]),
        (
            ["grid fine", "mains power available"],
            ["when there is mains power", "while the grid is fine"],
        ),
    ),
    (
        (
            ["animals inside", "the herd is in"],
            ["while the animals are in", "with the herd inside"],
        ),
        (
            ["animals on pasture", "the herd is out"],
            ["while the animals are out", "with the herd on pasture"],
        ),
    ),
    (
        (["noise ban", "quiet hours"], ["during quiet hours", "while the noise ban lasts"]),
        (["no noise ban", "noise allowed"], ["outside quiet hours", "when noise is allowed"]),
    ),
    (
        (
            ["low water in the river", "river nearly dry"],
            ["when the river runs low", "at low water"],
        ),
        (
            ["river high", "plenty of water in the river"],
            ["when the river is high", "with plenty of water in the river"],
        ),
    ),
    (
        (["morning", "early hours"], ["in the morning", "before noon"]),
        (["afternoon", "after lunch"], ["in the afternoon", "after noon"]),
    ),
    (
        (["stock full", "store room full"], ["when the store is full", "with a full stock"]),
        (["stock empty", "store room empty"], ["when the store is empty", "with an empty stock"]),
    ),
    (
        (["school in session", "pupils in class"], ["during lessons", "while pupils are in class"]),
        (
            ["school closed", "no pupils"],
            ["when the school is closed", "without pupils in the house"],
        ),
    ),
    (
        (["fog", "thick mist"], ["in fog", "when mist lies over the yard"]),
        (["good visibility", "no fog"], ["with good visibility", "when there is no fog"]),
    ),
    (
        (
            ["battery charged", "battery full"],
            ["while the battery is full", "with a charged battery"],
        ),
        (
            ["battery weak", "battery nearly empty"],
            ["when the battery is weak", "with a nearly empty battery"],
        ),
    ),
    (
        (
            ["inspection today", "the inspector is here"],
            ["during an inspection", "while the inspector is here"],
        ),
        (
            ["no inspection", "the inspector has left"],
            ["when there is no inspection", "without an inspector"],
        ),
    ),
    (
        (["high season", "fully booked"], ["in the high season", "when we are fully booked"]),
        (["low season", "few bookings"], ["in the low season", "when bookings are few"]),
    ),
    (
        (["snow on the roof", "snowfall"], ["when snow lies on the roof", "during snowfall"]),
        (["roof clear of snow", "no snow"], ["when the roof is clear", "without snow"]),
    ),
    (
        (["heat wave", "scorching heat"], ["during a heat wave", "in scorching heat"]),
        (
            ["cool weather", "pleasant temperatures"],
            ["in cool weather", "when it is pleasant outside"],
        ),
    ),
    (
        (
            ["lorry at the ramp", "delivery arriving"],
            ["while a lorry stands at the ramp", "during a delivery"],
        ),
        (["ramp free", "no delivery"], ["when the ramp is free", "without a delivery"]),
    ),
    (
        (
            ["seedlings young", "freshly sown"],
            ["as long as the seedlings are young", "just after sowing"],
        ),
        (["plants grown", "crop mature"], ["once the plants are grown", "when the crop is mature"]),
    ),
    (
        (["storm warning", "thunderstorm near"], ["under a storm warning", "when thunder is near"]),
        (["no warning", "settled weather"], ["in settled weather", "without a warning"]),
    ),
    (
        (["market day", "stalls are open"], ["on market days", "while the stalls are open"]),
        (
            ["no market", "stalls are shut"],
            ["when there is no market", "while the stalls are shut"],
        ),
    ),
]

# Conditions out of a thing and its state: thousands, so that reading is learned and not a list.
THINGS = """gate|hatch|oven|loading dock|mill|press|skylight|shop|kitchen|workshop|lift|conveyor|greenhouse door
ferry|crane|cistern|sauna|pool|silo|barn|freezer|boiler room|laundry|garage|fuel tank|ice machine|night shift
milk truck|pasture|pond|cellar|tunnel|bakery|cabin|bridge|test bench|hay loft|feed bin|mixer|canteen|reading room
sluice|harbour|solar roof|wind turbine|main road|lower field|upper terrace|east wing|control room""".replace(
    "\n", "|"
).split(
    "|"
)
STATES = [
    ("open", "closed"),
    ("open", "shut"),
    ("full", "empty"),
    ("running", "idle"),
    ("occupied", "free"),
    ("locked", "unlocked"),
    ("in use", "out of use"),
    ("busy", "quiet"),
    ("wet", "dry"),
    ("lit", "dark"),
    ("warm", "cold"),
    ("clean", "dirty"),
    ("switched on", "switched off"),
    ("manned", "unmanned"),
    ("ready", "not ready"),
    ("flooded", "drained"),
    ("crowded", "deserted"),
    ("heated", "unheated"),
]
STATE_FACTS = ["{t} {s}", "the {t} is {s}", "{t} is {s} now", "{t}: {s}"]
STATE_WORDS = [
    "when the {t} is {s}",
    "while the {t} is {s}",
    "as long as the {t} is {s}",
    "if the {t} is {s}",
    "with the {t} {s}",
    "whenever the {t} is {s}",
    "in case the {t} is {s}",
]

# Of devices `a` and `b`: `a` is wanted where the condition `w` holds, `b` where it does not.
CONDITIONAL = [
    "{W} use the {a}, in all other cases the {b}.",
    "Run the {a} {w} and the {b} the rest of the time.",
    "{W} it has to be the {a}, else the {b}.",
    "The {a} is for use {w}; normally we take the {b}.",
    "Normally the {b}. But {w} the {a}.",
    "We use the {b}. Only {w} do we use the {a}.",
    "The {b} must stay off {w}, use the {a} then. Otherwise the {b} comes first.",
    "{W} the {b} is forbidden and the {a} does the work. At any other time the {b} does it.",
    "Please no {b} {w}. The {a} can do that. When that is over, go back to the {b}.",
    "I like the {b} better than the {a}, just not {w}.",
    "The {b} before the {a}, only {w} the other way round.",
    "{W}: {a}. Otherwise: {b}.",
    "Let the {a} do it {w}. If not, let the {b} do it.",
    "Rather the {b} than the {a}, with one exception: {w} it is the {a}.",
    "Except {w}, the {b} is the better choice; then it is the {a}.",
    "{W} start the {a} first. Else start the {b} first.",
    "The {a} is only good {w}. The {b} is good at all other times.",
    "Leave the {b} alone {w} and use the {a}. Otherwise leave the {a} alone and use the {b}.",
    "{W} switch to the {a}; when this no longer holds, switch back to the {b}.",
    "As a rule the {b} is enough, but {w} we need the {a}.",
    "Do use the {b}, but never {w}; for that there is the {a}.",
    "{W} I want the {a} and not the {b}. Apart from that I want the {b} and not the {a}.",
    "The neighbours ask for the {a} {w}. The rest of the time they do not mind the {b}, and it is cheaper.",
    "Put the {b} to work by default. {W} put the {a} to work instead.",
    "Do not touch the {a}, it is only meant for use {w}; the {b} is our everyday choice.",
    "{W} go for the {a}, or else go for the {b}.",
    "Whatever happens {w}, choose the {a}. On all other occasions choose the {b}.",
    "The {b} disturbs {w}, so the {a} is right then. It does not disturb otherwise and is right then.",
    "{W} the {a} has priority over the {b}; when not, the {b} has priority over the {a}.",
]
# Without a condition: `a` is wanted.
ALWAYS = [
    "The {b} is broken, take the {a}.",
    "Always the {a} before the {b}.",
    "The {b} waits for a spare part, so use the {a}.",
    "Use the {a} rather than the {b}.",
    "I do not want to hear the {b}. Use the {a}.",
    "The {a} is cheaper than the {b}, so it comes first.",
    "Hands off the {b} until it has been serviced; the {a} does its work.",
    "Our first choice is the {a}, the {b} is only a reserve.",
    "Keep the {b} for emergencies and work with the {a}.",
    "The {b} leaks. The {a} stands in for it.",
    "The {a} wears less than the {b}, run that one.",
    "The old {b} has been replaced by the {a}.",
    "Spare the {b}, use the {a}.",
    "No {b} please, the {a} instead.",
    "It is better to use the {a} than the {b}.",
]

NOUNS = """pump|fan|heater|valve|cooler|lamp|mixer|feeder|gate|shutter|blower|compressor|burner|boiler|charger|inverter
damper|sprayer|conveyor|motor|filter|drain|inlet|outlet|flap|winch|dryer|mister|louvre|hatch|relay|chiller|sprinkler
radiator|turbine|condenser|agitator|skimmer|washer|curtain|awning|stove|kiln|vent|duct fan|bellows|screen|siphon""".replace(
    "\n", "|"
).split(
    "|"
)
KINDS = """backup|north|south|left|right|small|large|upper|lower|old|new|blue|red|solar|gas|electric|manual|second|first
floor|wall|diesel|steam|oil|inner|outer|front|rear|ceiling|portable|twin|turbo|mini|outdoor|cellar|west|east|spare
grey|green|wooden|copper|rotary|axial|hybrid|booster|auxiliary|central|side|top|bottom|deep|shallow""".replace(
    "\n", "|"
).split(
    "|"
)
SYLLABLES = "ka lo mi ren tos vel dan pir sul gor bex nim tra fo wel zan hep dru cal min ost bra ky ul".split()


def held_out(piece, share=0.2):
    """True where a piece belongs to the evaluation: the same for every seed, by its own hash."""
    digest = hashlib.sha256(f"1 {piece}".encode()).digest()
    return int.from_bytes(digest[:4], "big") < share * 2**32


def split(pieces, evaluation):
    return [piece for piece in pieces if held_out(piece) == evaluation]


@dataclasses.dataclass
class Example:
    """A note about two devices with situations; `wants[i]` is 0 or 1, the device wanted in situation i."""

    note: str
    devices: tuple
    situations: list
    wants: list
    kind: str


def capital(text):
    return text[0].upper() + text[1:]


class Maker:
    """Makes examples. `evaluation` takes only pieces that are held out of training."""

    def __init__(self, seed, evaluation=False):
        self.rng = random.Random(seed)
        self.evaluation = evaluation
        self.conditions = split(CONDITIONS, evaluation)
        self.things, self.states = split(THINGS, evaluation), STATES
        self.conditional, self.always = split(CONDITIONAL, evaluation), split(ALWAYS, evaluation)
        self.nouns, self.kinds = split(NOUNS, evaluation), split(KINDS, evaluation)

    def device(self):
        rng, chance = self.rng, self.rng.random()
        noun = rng.choice(self.nouns)
        if chance < 0.25:
            return noun
        if chance < 0.8:
            return f"{rng.choice(self.kinds)} {noun}"
        return "".join(rng.choice(SYLLABLES) for _ in range(rng.choice([2, 3]))) + " " + noun

    def condition(self):
        """Facts and words of a side, facts of the other."""
        rng = self.rng
        if rng.random() < 0.5:
            sides = list(rng.choice(self.conditions))
        else:
            thing, states = rng.choice(self.things), rng.choice(self.states)
            sides = [
                (
                    [form.format(t=thing, s=state) for form in STATE_FACTS],
                    [form.format(t=thing, s=state) for form in STATE_WORDS],
                )
                for state in states
            ]
        rng.shuffle(sides)
        return sides

    def three_conditions(self):
        """Three that speak of different things."""
        made = []
        while len(made) < 3:
            new = self.condition()
            words = {fact for side in new for fact in side[0]}
            if all(words.isdisjoint(fact for side in old for fact in side[0]) for old in made):
                made.append(new)
        return made

    def example(self, situations=6):
        rng = self.rng
        a, b = self.device(), self.device()
        while b.split()[0] == a.split()[0]:
            b = self.device()
        sides, *others = self.three_conditions()
        fact = lambda side: rng.choice(side[0])
        if rng.random() < 0.2:
            note, kind = rng.choice(self.always).format(a=a, b=b), "always"
        else:
            when = rng.choice(sides[0][1])
            note = rng.choice(self.conditional).format(a=a, b=b, w=when, W=capital(when))
            kind = "conditional"
        note = capital(note)
        nows, wants = [], []
        holds = [True, False] * (situations // 2)
        rng.shuffle(holds)
        for hold in holds:
            facts = [fact(sides[0] if hold else sides[1])]
            facts += [fact(rng.choice(other)) for other in others[: rng.choice([0, 1, 1, 2])]]
            rng.shuffle(facts)
            nows.append(facts)
            wants.append(0 if hold or kind == "always" else 1)
        devices = (a, b)
        if rng.random() < 0.5:
            devices, wants = (b, a), [1 - want for want in wants]
        return Example(note, devices, nows, wants, kind)


def prompt(note, facts):
    """What is read of a note, and of now; the answer is the device's name after a space."""
    return f"Note: {note}\n", f"Now: {'; '.join(facts)}.\nUse the"


def shared_with(cases):
    """Facts and wordings that are in the cases of a file too: there must be none."""
    found = set()
    for case in cases:
        names = sorted((device["name"] for device in case["devices"]), key=len, reverse=True)
        ours = {fact for sides in CONDITIONS for side in sides for fact in side[0]}
        found |= ours & set(case["world"])
        for note in case["notes"]:
            named = [name for name in names if name in note.lower()]
            for a, b in itertools.permutations(named, 2):
                for form in CONDITIONAL + ALWAYS:
                    pattern = re.escape(form).replace(r"\{w\}", "(.+)").replace(r"\{W\}", "(.+)")
                    pattern = pattern.replace(r"\{a\}", a).replace(r"\{b\}", b)
                    if re.fullmatch(pattern, note, re.IGNORECASE):
                        found.add(form)
    return found


if __name__ == "__main__":
    if len(sys.argv) > 1:
        with open(sys.argv[1], encoding="utf-8") as lines:
            same = shared_with([json.loads(line) for line in lines])
        print("shared with the cases:", same or "nothing")
        sys.exit(bool(same))
    maker = Maker(1)
    for _ in range(8):
        print(maker.example(4))
