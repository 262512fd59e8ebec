"""The pieces that notes are made of: conditions, wordings, devices. Data only; `notes.py` puts them together.

Never here: a wording of the public decision cases; `notes.py CASES` looks.
"""

# A condition that holds now or does not. For either side, the facts that say so, then the words that
# a note says it with; a note may speak of either side.
CONDITIONS = """
dark outside, night time -> after dark, during the night, once the sun is down | daylight, the sun is up -> by day, as long as there is daylight, in the daytime
expensive electricity, peak price -> when electricity is expensive, during peak price hours | cheap electricity, off-peak price -> when electricity is cheap, in off-peak hours
it is raining, wet weather -> in rainy weather, during rain, when it is wet outside | no rain, it is dry outside -> in dry spells, as long as it stays dry
Saturday, Sunday -> on Saturdays and Sundays, when nobody works at the end of the week | Monday, Tuesday, Wednesday, Thursday -> from Monday to Friday, on workdays
staff present, the crew is here -> while staff are present, when somebody is working here | no staff, the crew is away -> when no one is around, while the site is unattended
public holiday, bank holiday today -> on public holidays, when there is a bank holiday | ordinary day, no public holiday -> on ordinary days, when it is not a public holiday
strong wind, gale outside -> in strong wind, when a gale blows | calm air, hardly any wind -> in calm weather, when there is hardly any wind
frost outside, freezing weather -> in frost, when it freezes | no frost, mild weather -> when there is no frost, in mild weather
visitors on site, guests present -> while visitors are on site, when guests are here | no visitors, guests gone -> when there are no visitors, after the guests have gone
summer, July -> in summer, during the warm season | winter, January -> in winter, during the cold season
clear sky, bright sunshine -> under a clear sky, while the sun shines | overcast, heavy clouds -> when the sky is overcast, under heavy clouds
harvest under way, picking today -> during the harvest, on picking days | no harvest, nothing is picked -> outside the harvest, when nothing is picked
cleaning in progress, floor being washed -> during cleaning, while the floor is washed | cleaning finished, no cleaning -> when nobody cleans, after cleaning
grid down, power cut -> during a power cut, when the grid is down | grid fine, mains power available -> when there is mains power, while the grid is fine
animals inside, the herd is in -> while the animals are in, with the herd inside | animals on pasture, the herd is out -> while the animals are out, with the herd on pasture
noise ban, quiet hours -> during quiet hours, while the noise ban lasts | no noise ban, noise allowed -> outside quiet hours, when noise is allowed
low water in the river, river nearly dry -> when the river runs low, at low water | river high, plenty of water in the river -> when the river is high, with plenty of water in the river
morning, early hours -> in the morning, before noon | afternoon, after lunch -> in the afternoon, after noon
stock full, store room full -> when the store is full, with a full stock | stock empty, store room empty -> when the store is empty, with an empty stock
school in session, pupils in class -> during lessons, while pupils are in class | school closed, no pupils -> when the school is closed, without pupils in the house
fog, thick mist -> in fog, when mist lies over the yard | good visibility, no fog -> with good visibility, when there is no fog
battery charged, battery full -> while the battery is full, with a charged battery | battery weak, battery nearly empty -> when the battery is weak, with a nearly empty battery
inspection today, the inspector is here -> during an inspection, while the inspector is here | no inspection, the inspector has left -> when there is no inspection, without an inspector
high season, fully booked -> in the high season, when we are fully booked | low season, few bookings -> in the low season, when bookings are few
snow on the roof, snowfall -> when snow lies on the roof, during snowfall | roof clear of snow, no snow -> when the roof is clear, without snow
heat wave, scorching heat -> during a heat wave, in scorching heat | cool weather, pleasant temperatures -> in cool weather, when it is pleasant outside
lorry at the ramp, delivery arriving -> while a lorry stands at the ramp, during a delivery | ramp free, no delivery -> when the ramp is free, without a delivery
seedlings young, freshly sown -> as long as the seedlings are young, just after sowing | plants grown, crop mature -> once the plants are grown, when the crop is mature
storm warning, thunderstorm near -> under a storm warning, when thunder is near | no warning, settled weather -> in settled weather, without a warning
market day, stalls are open -> on market days, while the stalls are open | no market, stalls are shut -> when there is no market, while the stalls are shut
half past two at night, the night shift has begun -> from dusk till dawn, as soon as it gets dark | noon, the morning sun is out -> from dawn till dusk, while it is light outside
power costs 41 cents, the price of power is up -> when power costs a lot, as long as the price is up | power costs 9 cents, the price of power is down -> when power costs little, as long as the price is down
drizzle, a shower passes -> when it drizzles, if it pours | not a drop, dry ground -> when no rain falls, on dry ground
a free day, day off -> on a free day, when we have the day off | day of work, everyone works today -> on a day of work, when everyone works
somebody is in the room, two persons present -> with somebody in the room, as long as anyone is there | the room is deserted, no one present -> with the room deserted, as soon as everyone has left
the baby sleeps, nap time -> while the baby sleeps, at nap time | the baby is awake, play time -> while the baby is awake, at play time
school holidays, summer break -> in the school holidays, over the summer break | term time, school is on -> in term time, when school is on
mist on the field, damp air outside -> in damp air, when mist lies on the field | dry air outside, clear field -> in dry air, when the field is clear
stiff breeze, gusts -> in gusts, when a stiff breeze comes up | no breeze, still air -> in still air, without a breeze
ice on the pipes, minus six outside -> when it is below zero, with ice on the pipes | plus nine outside, no ice -> when it is above zero, without ice
the tank is being cleaned, tank cleaning today -> on days of tank cleaning, while the tank is cleaned | no tank cleaning, the tank is in service -> while the tank is in service, without tank cleaning
the mechanic is here, maintenance under way -> during maintenance, as long as the mechanic is here | maintenance is over, the mechanic has gone -> after maintenance, once the mechanic has gone
alarm on, the alarm has gone off -> during an alarm, once the alarm has gone off | alarm off, no alarm -> without an alarm, as long as there is no alarm
wedding in the hall, party tonight -> during a party, when there is a wedding | no party, the hall is empty tonight -> without a party, when nobody celebrates
the sun is strong, blazing sun -> in blazing sun, when the sun is strong | the sun is weak, pale sun -> in pale sun, when the sun is weak
the filter is clogged, dirty filter -> with a dirty filter, when the filter is clogged | the filter is new, clean filter -> with a clean filter, when the filter is new
diesel is short, little diesel left -> when diesel is short, with little diesel left | enough diesel, diesel topped up -> with enough diesel, after diesel was topped up
the well is dry, hardly any water in the well -> when the well is dry, with hardly any water in the well | the well is full, much water in the well -> when the well is full, with much water in the well
the fish are fed, feeding time -> at feeding time, while the fish are fed | not feeding time, feeding is over -> outside feeding time, when feeding is over
lambing season, ewes are lambing -> in the lambing season, while the ewes lamb | no lambing, the lambing season is over -> outside the lambing season, when no ewe lambs
blossom, the trees are in bloom -> during the blossom, while the trees are in bloom | no blossom, the bloom is over -> when the bloom is over, without blossom
spring, April -> in spring, in April | autumn, October -> in autumn, in October
first shift, day shift -> in the first shift, during the day shift | second shift, late shift -> in the second shift, during the late shift
lunch break, everybody is at lunch -> in the lunch break, over lunch | no break, work goes on -> outside the break, while work goes on
gate guard on duty, the guard is at the gate -> while the guard is on duty, with a guard at the gate | no guard on duty, the gate is unguarded -> when no guard is on duty, with the gate unguarded
the van is parked, engine off -> while parked, when the engine is off | the van is on the road, engine on -> on the road, when the engine is on
the line is down, no internet -> without internet, when the line is down | the line is up, internet works -> with internet, when the line is up
export pays, feed-in price good -> when export pays, with a good feed-in price | export does not pay, feed-in price poor -> when export does not pay, with a poor feed-in price
curfew, curfew has begun -> during the curfew, once the curfew has begun | no curfew, the curfew has ended -> outside the curfew, once the curfew has ended
the pool is open, swimmers in the pool -> when the pool is open, with swimmers in the pool | the pool is closed, no swimmers -> when the pool is closed, without swimmers
eggs in the hatcher, hatching -> during hatching, with eggs in the hatcher | no eggs, hatching is over -> when hatching is over, without eggs
spraying today, the field is sprayed -> on spraying days, while the field is sprayed | no spraying, not sprayed today -> when nothing is sprayed, on days without spraying
pollen is high, much pollen -> with much pollen, when pollen is high | pollen is low, no pollen -> without pollen, when pollen is low
smog warning, bad air in town -> under a smog warning, when the air in town is bad | no smog, good air in town -> without smog, when the air in town is good
high tide, flood tide -> at high tide, with the flood | low tide, ebb -> at low tide, with the ebb
the ship is loading, cargo coming aboard -> during loading, while cargo comes aboard | nothing is loaded, loading finished -> after loading, while nothing is loaded
fully stocked with hay, much hay -> with much hay, while there is hay enough | hay nearly gone, little hay -> with little hay, when hay runs out
milking, the cows are being milked -> at milking time, while the cows are milked | no milking, milking is done -> outside milking time, when milking is done
moulting hens, the hens moult -> while the hens moult, in the moult | the hens lay, laying period -> while the hens lay, in the laying period
the church is full, mass today -> during mass, when the church is full | the church is empty, no mass -> without mass, when the church is empty
exhibition on, visitors in the hall -> while the exhibition is on, with visitors in the hall | no exhibition, the hall is shut -> without an exhibition, when the hall is shut
server busy, heavy load -> under heavy load, when the server is busy | server idle, light load -> under light load, when the server is idle
new moon, dark sky -> at new moon, under a dark sky | full moon, bright night sky -> at full moon, under a bright night sky
the doctor is in, surgery hours -> in surgery hours, while the doctor is in | the doctor is out, the surgery is closed -> while the doctor is out, when the surgery is closed
children in the garden, the playground is in use -> with children in the garden, while the playground is used | no children, the playground is empty -> without children, while the playground is empty
it pours, showers all day -> when rain sets in, as long as it rains outside | sunshine and dry air, everything is dry -> when everything is dry, as long as no rain comes
wet day, rainy spell -> on wet days, in a rainy spell | dry day, dry spell -> on dry days, in a dry spell
storm outside, wild weather -> in a storm, when the weather is wild | fair weather, mild breeze -> in fair weather, when the weather is kind
the moon is up, stars are out -> under the stars, when the moon is up | the sun stands high, full daylight -> when the sun stands high, in full daylight
sundown has passed, evening gloom -> after sundown, in the gloom | early light, sunrise has passed -> after sunrise, in the early light
everybody is asleep, the house sleeps -> while everybody is asleep, during sleeping hours | everybody is up, the house is awake -> while everybody is up, during waking hours
rest day, nobody works today -> on rest days, when no work is done | ordinary workday, work as usual -> on ordinary workdays, when work goes on as usual
peak rate, power is dear -> at the peak rate, while power is dear | low rate, power is cheap now -> at the low rate, while power is cheap
someone is at home, the family is in -> while the family is in, when someone is at home | all are out, the house is empty -> while all are out, when the house is empty
"""

# Conditions out of a thing and its state: thousands, so that reading is learned and not a list.
THINGS = """
gate, hatch, oven, loading dock, mill, press, skylight, shop, kitchen, workshop, lift, conveyor, greenhouse door, ferry, crane, cistern,
sauna, pool, silo, barn, freezer, boiler room, laundry, garage, fuel tank, ice machine, night shift, milk truck, pasture, pond, cellar,
tunnel, bakery, cabin, bridge, test bench, hay loft, feed bin, mixer, canteen, reading room, sluice, harbour, solar roof, wind turbine,
main road, lower field, upper terrace, east wing, control room, car park, pump room, chapel, stable, library, cold store, rain barrel,
jetty, hangar, tower, kiln, lab, court, arena, nursery, ticket office, waiting room, roof garden, drying room, brewery
"""
STATES = """
open, closed; open, shut; full, empty; running, idle; occupied, free; locked, unlocked; in use, out of use; busy, quiet; wet, dry; lit, dark;
warm, cold; clean, dirty; switched on, switched off; manned, unmanned; ready, not ready; flooded, drained; crowded, deserted;
heated, unheated; high, low; hot, cool; blocked, clear; noisy, silent; active, inactive; on, off; covered, uncovered; loaded, unloaded;
connected, disconnected; sunny, shady; windy, calm; in service, out of service
"""
STATE_FACTS = ["{t} {s}", "the {t} is {s}", "{t} is {s} now", "{t}: {s}"]
STATE_WORDS = """
when the {t} is {s}; while the {t} is {s}; as long as the {t} is {s}; if the {t} is {s}; with the {t} {s}; whenever the {t} is {s};
in case the {t} is {s}; provided the {t} is {s}; any time the {t} is {s}
"""

# A number beside its bound: `{q}` a quantity, `{n}` a number, `{u}` its unit.
QUANTITIES = """
outside temperature, °C, -10, 35; wind speed, km/h, 0, 90; battery level, %, 5, 100; river level, cm, 20, 300; power price, ct, 5, 60;
number of guests, , 1, 80; solar power, kW, 0, 12; line pressure, bar, 1, 9; grain moisture, %, 8, 30; light outside, klx, 0, 90
"""
ABOVE = ["when the {q} is above {n}{u}", "while the {q} exceeds {n}{u}", "if the {q} is over {n}{u}", "at a {q} of more than {n}{u}"]
BELOW = ["when the {q} is below {n}{u}", "while the {q} stays under {n}{u}", "if the {q} is under {n}{u}", "at a {q} of less than {n}{u}"]

# What a clause may say: take a device, leave a device, take it all the time. `{x}` the device.
TAKE = """
use the {x}; run the {x}; take the {x}; let the {x} do it; go for the {x}; rely on the {x}; start the {x}; choose the {x}; we want the {x};
the {x} has priority; the {x} does the work; the {x} is to be used; the {x} should run; it has to be the {x}; turn to the {x};
the {x} is the right one; pick the {x}; the {x} it is; make use of the {x}; the {x} takes over; I would like the {x}; the {x} comes first;
prefer the {x}; give preference to the {x}; favour the {x}; employ the {x}; switch on the {x}; put the {x} on; the {x} is preferred; the {x} is wanted;
work with the {x}; operate the {x}; the {x} is best; the {x} goes first
"""
LEAVE = """
the {x} must stay off; no {x}; the {x} is forbidden; keep the {x} off; do not start the {x}; the {x} may not run; hands off the {x};
the {x} has to rest; leave the {x} alone; the {x} is banned; never run the {x}; the {x} is out of the question; do without the {x};
the {x} disturbs; the {x} is a nuisance; the {x} would do harm; avoid the {x};
the {x} is not permitted; the {x} is not to be used; the {x} must not run; we do not want the {x}; the {x} should stay silent; spare us the {x};
refrain from using the {x}; the {x} stays out of it; stop the {x}
"""
USUAL = """
normally we take the {x}; as a rule the {x} is enough; the {x} is our everyday choice; by default the {x} runs; usually it is the {x};
the {x} is what we use; ordinarily the {x} does it; in general we go with the {x}; most of the time it is the {x}; the {x} is our standard
"""
ELSE = """
otherwise; else; in all other cases; the rest of the time; at any other time; on all other occasions; if not; when that is over;
apart from that; when this no longer holds; or else; at other times; under other circumstances; failing that
"""

# Of devices `a` and `b`: `a` is wanted where the condition `w` holds, `b` where it does not. The
# pieces above stand for themselves in capitals, with their device.
FORMS = """
{w} TAKE(a), ELSE TAKE(b).
{w} TAKE(a). ELSE TAKE(b).
TAKE(a) {w} and TAKE(b) ELSE.
TAKE(a) {w}; USUAL(b).
USUAL(b). But {w} TAKE(a).
USUAL(b), but {w} TAKE(a).
USUAL(b). Only {w} TAKE(a).
LEAVE(b) {w}, TAKE(a) then. ELSE TAKE(b).
LEAVE(b) {w}; TAKE(a) instead. ELSE LEAVE(a) and TAKE(b).
{w} LEAVE(b) and TAKE(a). ELSE TAKE(b).
{w} LEAVE(b). TAKE(a) then. USUAL(b).
I like the {b} better than the {a}, just not {w}.
The {b} before the {a}, only {w} the other way round.
{w}: {a}. ELSE: {b}.
Rather the {b} than the {a}, with one exception: {w} TAKE(a).
Except {w}, TAKE(b); then TAKE(a).
The {a} is only good {w}. The {b} is good at all other times.
The {a} is meant for use {w} and for nothing else. USUAL(b).
TAKE(b), but never {w}; for that there is the {a}.
{w} I want the {a} and not the {b}. ELSE I want the {b} and not the {a}.
The neighbours ask for the {a} {w}. ELSE they do not mind the {b}, and it is cheaper.
{w} the {a} has priority over the {b}; ELSE the {b} has priority over the {a}.
The {b} is cheaper than the {a}, so TAKE(b). Not so {w}: TAKE(a) then.
{w} LEAVE(b), the {a} will do. ELSE TAKE(b).
There are two ways: {w} TAKE(a), ELSE TAKE(b).
What to do {w}: TAKE(a). What to do ELSE: TAKE(b).
USUAL(b), since the {a} costs more. {w} that does not matter: TAKE(a).
The rule is simple. {w} TAKE(a). ELSE TAKE(b).
LEAVE(a), unless it is a matter of this: {w} TAKE(a). USUAL(b).
My wish: TAKE(b). One exception, {w}: TAKE(a).
We bought the {a} for one thing: {w} it spares the {b}. ELSE TAKE(b).
TAKE(a), but only {w}. ELSE LEAVE(a) and TAKE(b).
I prefer the {b} over the {a}, {w} however the {a}.
The {b} is to be preferred to the {a}, with the exception of one thing: {w} it is the reverse.
TAKE(b) by preference; {w} TAKE(a).
{w} the {b} is not permitted. ELSE the {b} is preferable to the {a}.
It is not permitted to run the {b} {w}. ELSE the {b} is better than the {a}.
The {a} over the {b} {w}, the {b} over the {a} ELSE.
{w} the {a} replaces the {b}.
{w} swap the {b} for the {a}.
Save the {a} for one case: {w} it runs instead of the {b}.
First the {b}, then the {a}; {w} first the {a}, then the {b}.
The {b} is our favourite, the {a} its stand-in {w}.
When in doubt TAKE(b). {w} there is no doubt: TAKE(a).
{w} it is better to use the {a} than the {b}. ELSE it is better to use the {b} than the {a}.
TAKE(b), with this exception: {w} TAKE(a).
TAKE(b). Exception: {w}, then TAKE(a).
LEAVE(b) {w}. TAKE(b) ELSE, ahead of the {a}.
The {b} has precedence, but not {w}; the {a} has it then.
TAKE(b) ahead of the {a}, save {w}.
We favour the {b} over the {a}, excepting this: {w}.
Better the {b} than the {a}, though not {w}.
The {b} outranks the {a}. It is the other way about {w}.
{w} LEAVE(b). When that has passed, LEAVE(a).
TAKE(a) {w}. TAKE(b) ELSE.
{w}, the {a}. ELSE, the {b}.
{w} TAKE(a), not the {b}.
{w} TAKE(a) and not the {b}.
TAKE(a) instead of the {b} {w}.
{w} rather the {a} than the {b}.
{w} the {a} instead of the {b}.
{w} we want the {a} more than the {b}.
{w} favour the {a} over the {b}.
"""
# A note that says only what must not run: `a` is wanted where the condition holds, and where it does
# not the note has no wish.
BANS = """
{w} LEAVE(b).
LEAVE(b) {w}.
Please remember: {w} LEAVE(b).
{w} LEAVE(b), whatever it costs.
"""
# Without a condition: `a` is wanted.
ALWAYS = """
The {b} is broken, TAKE(a).
TAKE(a) before the {b}, always.
The {b} waits for a spare part, so TAKE(a).
TAKE(a) rather than the {b}.
I do not want to hear the {b}. TAKE(a).
The {a} is cheaper than the {b}, so TAKE(a).
LEAVE(b) until it has been serviced; TAKE(a).
Our first choice is the {a}, the {b} is only a reserve.
Keep the {b} for emergencies and work with the {a}.
The {b} leaks. The {a} stands in for it.
The {a} wears less than the {b}, run that one.
The old {b} has been replaced by the {a}.
Spare the {b}, TAKE(a).
LEAVE(b) please, TAKE(a) instead.
It is better to run the {a} than the {b}.
LEAVE(b). TAKE(a).
The {a} ahead of the {b}, day and night.
Of the two, the {a} is the better one, not the {b}.
The {b} is out of order. TAKE(a) meanwhile.
The {b} was sent away for inspection; until it is back TAKE(a).
The {b} is the second choice after the {a}.
Give the {a} preference over the {b}.
I prefer the {a} over the {b}.
The {a} is to be preferred to the {b}.
The {a} is preferable to the {b}.
We favour the {a} over the {b}.
The {a} suits us better than the {b}.
Better the {a} than the {b}.
The {b} only where the {a} cannot do it.
The {a} is the first to be used, the {b} the last.
Always begin with the {a}, not with the {b}.
For us the {a} beats the {b}.
The {a} outranks the {b}.
Having both, TAKE(a) ahead of the {b}.
The {b} makes too much noise, TAKE(a).
The {a} saves money, the {b} does not. TAKE(a).
"""

NOUNS = """
pump, fan, heater, valve, cooler, lamp, mixer, feeder, gate, shutter, blower, compressor, burner, boiler, charger, inverter, damper, sprayer,
conveyor, motor, filter, drain, inlet, outlet, flap, winch, dryer, mister, louvre, hatch, relay, chiller, sprinkler, radiator, turbine,
condenser, agitator, skimmer, washer, curtain, awning, stove, kiln, vent, duct fan, bellows, screen, siphon, aerator, doser, humidifier,
extractor, lift pump, bypass, heat pump, ventilator, fogger, grow light, sluice gate, roof flap, generator, circulator
"""
KINDS = """
backup, north, south, left, right, small, large, upper, lower, old, new, blue, red, solar, gas, electric, manual, second, first, floor, wall,
diesel, steam, oil, inner, outer, front, rear, ceiling, portable, twin, turbo, mini, outdoor, cellar, west, east, spare, grey, green,
wooden, copper, rotary, axial, hybrid, booster, auxiliary, central, side, top, bottom, deep, shallow, main, quiet, loud, fast, slow, city
"""
SYLLABLES = "ka lo mi ren tos vel dan pir sul gor bex nim tra fo wel zan hep dru cal min ost bra ky ul".split()

# Conditions out of lists, as above: something that happens or does not, somebody who is somewhere or
# not, something that is high or low, days and hours.
EVENTS = """
maintenance work, a party, a festival, a wedding, an inspection, a delivery, a strike, a visit, a class, a concert, a match, a fire drill,
a test run, a power failure, a water shortage, a frost warning, a storm alert, a heat alert, a vacation, a fair, a funeral, a training,
a meeting, a show, roadworks, a race, a flood, a drought, a hailstorm, a snowstorm, a night market, a harvest festival, an exam,
an election, a parade, a rehearsal, a tour, a calving, a repair, a fumigation, an audit, a stocktaking, a siesta
"""
EVENT_FACTS = ["{e}", "{e} today", "{e} is going on", "there is {e}"], ["no {n}", "no {n} today", "there is no {n}", "the {n} is over"]
EVENT_WORDS = (
    ["during {e}", "when there is {e}", "on days with {e}", "in case of {e}", "as long as there is {e}", "while {e} is going on"],
    ["without {e}", "when there is no {n}", "on days without {e}", "as long as there is no {n}", "when the {n} is over"],
)
WHO = """
visitors, guests, workers, children, customers, students, residents, staff, passengers, patients, tenants, drivers, cleaners, tourists, pupils,
cows, sheep, hens, horses, dogs, fans, swimmers, players
"""
WHERE = """
in the building, in the hall, on site, in the office, upstairs, in the shop, in the barn, in the room, on board, in the yard, at the desk,
in the cabin, on the terrace, in the gym, at the pool, indoors, at the gate, in the corridor
"""
WHO_FACTS = ["{p} {w}", "{p} are {w}", "there are {p} {w}", "some {p} {w}"], ["nobody {w}", "no {p} {w}", "no one is {w}", "not a soul {w}", "there are no {p} {w}"]
WHO_WORDS = (
    ["when {p} are {w}", "while there are {p} {w}", "with {p} {w}", "as long as somebody is {w}", "if any {p} are {w}"],
    ["when nobody is {w}", "while there are no {p} {w}", "without {p} {w}", "as long as no one is {w}", "if no {p} are {w}"],
)
LEVELS = """
demand, humidity, pressure, noise level, water level, traffic, load, supply, dust, price of gas, feed-in rate, power price, UV index, groundwater,
flow, turbidity, pollen count, grid frequency, occupancy, sap flow, oil level, salt content, nitrate, river, dew point, radiation
"""
LEVEL_FACTS = ["{t} high", "high {t}", "{t} is high now", "{t} up"], ["{t} low", "low {t}", "{t} is low now", "{t} down"]
LEVEL_WORDS = (
    ["when {t} is high", "at high {t}", "while {t} stays high", "as long as {t} is up", "with high {t}"],
    ["when {t} is low", "at low {t}", "while {t} stays low", "as long as {t} is down", "with low {t}"],
)
DAYS = """
on Mondays: Monday; on Tuesdays: Tuesday; on Fridays: Friday; on Saturdays and Sundays: Saturday, Sunday; from Monday to Friday: Monday, Tuesday,
Wednesday, Thursday, Friday; at the end of the week: Saturday, Sunday; early in the week: Monday, Tuesday; in the middle of the week: Wednesday;
from Friday to Sunday: Friday, Saturday, Sunday; on market days, which are Tuesday and Saturday: Tuesday, Saturday; on Sundays: Sunday
"""
HOURS = """
before noon: 6-11; after noon: 13-18; in the small hours: 0-4; late in the evening: 21-23; between 8 and 17 o'clock: 9-16; before 7 in the morning: 0-6;
after 20 o'clock: 21-23; between midnight and 6 o'clock: 1-5; in the morning: 6-10; from 12 to 14 o'clock: 12-13; overnight: 22-23; in daytime: 8-17
"""
