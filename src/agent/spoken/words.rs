//! The words that plain sentences are read by. What must never be here: names of the configuration,
//! what becomes of a sentence.

/// Words between blanks.
pub(super) type List = &'static str;
/// Words that are said one after the other, such as `let me know`, between commas.
pub(super) type Runs = &'static str;

/// Whether a word is in a list.
pub(in crate::agent) fn has(list: &str, word: &str) -> bool {
    !word.is_empty() && list.split_ascii_whitespace().any(|one| one == word)
}

/// Words that a question begins with.
pub(super) const ASKING: List = "\
    why why's what what's whats where where's why're how're why'd who's how how's is are has \
    when which who did does tell show explain reason status state was were isn't aren't hasn't \
    didn't doesn't check report display list enumerate recite";
/// Words that may stand before the first that says what it is.
pub(super) const LEADS: List = "\
    for on to from with by of about up please hey hi hello ok okay so well right now and sorry \
    excuse me at in alright just quick question um say oi yo pls but then";
/// Words that begin a request in the form of a question.
pub(super) const POLITE: List = "could can would will please do may might shall should";
/// What asks to be told, wherever it stands.
pub(super) const TELLING: Runs = "\
    what reason, which reason, what cause, for what, tell me, tell us, show me, show us, let \
    me know, to know, may i know, can i know, you know, how come, read out, read me, any idea, \
    wondering, i wonder, explain, remind me which, remind me what, remind me how, remind me \
    why, how much, how many, how is, what is, what's, what does, have a look at, telling me, \
    telling us, the reason";
/// Words that ask for a value, wherever they stand.
pub(super) const READING: List = "\
    reading readings read value level status figure give state get report display current";
/// What a question may have beside names, so that it is still about them.
pub(super) const ABOUT: List = "\
    bin tank silo hopper container bucket box stock store do burn burns draw draws pull pulls \
    weigh use uses consume consumes carry carries hold holds contain contains produce produces \
    board aboard onboard warm hot cold high low full much many humid wet bright dark noisy \
    loud moment currently current today here on off open closed running start started stop \
    stopped did does has was were been give tell show read out reading readings value values \
    status state explain reason being what what's whats how how's why why's where which who \
    when or and come comes so far still already stand stands standing very say says set left \
    got pulling drawing using use speed position percent know any idea these present presently \
    showing shows where's why're sitting sit sits doing turned switched not isn't whether \
    percentage actual exact precise caused cause ever even turn switch shut is are opened up \
    working work works too quite really actually stage degrees degree temperature about check \
    look looking wide quickly fast slow slowly number figure report display measure measuring \
    measured exactly in inside sudden suddenly happened going gone that there remaining \
    remains big strong deep by itself made see enough near some people one latest last long ok \
    okay fine more less down from yet alright normal good bad heavy clean dirty dusty clear \
    saying telling tells hows holding kept keeps always constantly somehow time minute second \
    hour morning afternoon earth hell heck world for than usual normally hard half only fully \
    empty nearly you your on-going wrong with anything matter roughly about approximately \
    outside again since we makes making angle setting height stage way like this they them us \
    have get make take site place moving turning spinning brings brought led cause behind \
    reasons explanation explain see to put leave our my it's its his all both also only just \
    then than got come coming came waiting present total altogether count number altogether \
    amount room keep";
/// What asks for advice, which nothing here gives.
pub(super) const ADVICE: Runs = "\
    should i, should we, shall i, shall we, do i, can i do, how to, how can i, how can we, do \
    you advise, do you suggest, do you recommend, do you think, would it be all right to, \
    would it be alright to, would it be ok to, would it be okay to, would it be fine to, would \
    it be wise to, would it be good to";
/// Words by which a question is about a device, where a sensor shares the name.
pub(super) const ABOUT_A_DEVICE: List = "\
    why why's on off running open closed stopped started start stop run doing come set \
    position working turned switched fast slow quick strong";
/// Words by which a question is not about now.
pub(super) const AHEAD: List = "\
    tomorrow later if would will weekend month year forecast predict cost costs price next buy \
    sell";
/// Words by which it is not about now either: only what was done with a device is known of then.
/// An order that has one of either list is for another time.
pub(super) const BEFORE: List = "\
    tonight yesterday ago week monday tuesday wednesday thursday friday saturday sunday";
/// Words by which such a question asks what was done.
pub(super) const DONE: List = "did was were who";
/// Adjectives, and the noun that a sensor which they ask for has in its name.
pub(super) const QUALITIES: &[(&str, &str)] = &[
    ("warm", "temperature"),
    ("hot", "temperature"),
    ("cold", "temperature"),
    ("cool", "temperature"),
    ("warmer", "temperature"),
    ("hotter", "temperature"),
    ("colder", "temperature"),
    ("cooler", "temperature"),
    ("degrees", "temperature"),
    ("humid", "humidity"),
    ("damp", "humidity"),
    ("damp", "moisture"),
    ("damper", "humidity"),
    ("moist", "humidity"),
    ("moist", "moisture"),
    ("wet", "moisture"),
    ("wetter", "moisture"),
    ("dry", "moisture"),
    ("drier", "moisture"),
    ("bright", "brightness"),
    ("brighter", "brightness"),
    ("dark", "brightness"),
    ("darker", "brightness"),
    ("bright", "light"),
    ("dark", "light"),
    ("noisy", "noise"),
    ("loud", "noise"),
    ("louder", "noise"),
    ("full", "level"),
    ("fuller", "level"),
    ("high", "level"),
    ("deep", "depth"),
    ("deep", "level"),
    ("windy", "wind"),
    ("fast", "speed"),
    ("fast", "flow"),
    ("strong", "wind"),
    ("strong", "current"),
    ("long", "length"),
    ("tall", "height"),
    ("high", "height"),
    ("high", "pressure"),
    ("wide", "width"),
    ("far", "distance"),
    ("thick", "thickness"),
    ("steep", "slope"),
    ("steep", "tilt"),
    ("weigh", "weight"),
    ("weighs", "weight"),
    ("weighing", "weight"),
    ("frosty", "temperature"),
    ("chilly", "temperature"),
    ("freezing", "temperature"),
    ("muggy", "humidity"),
    ("heavy", "weight"),
];
/// Adjectives that only one kind of sensor can answer, whatever they are said of.
pub(super) const INTRINSIC: &[(&str, &str)] = &[
    ("cloudy", "turbidity"),
    ("cloudy", "cloud"),
    ("murky", "turbidity"),
    ("clear", "turbidity"),
    ("dusty", "dust"),
    ("salty", "salinity"),
    ("hard", "hardness"),
    ("sweet", "sugar"),
    ("sweet", "brix"),
    ("sticky", "viscosity"),
    ("thick", "viscosity"),
    ("sour", "acidity"),
    ("acidic", "acidity"),
    ("alkaline", "ph"),
    ("shaky", "vibration"),
    ("shaking", "vibration"),
    ("vibrating", "vibration"),
    ("stuffy", "co2"),
    ("smelly", "ammonia"),
    ("dirty", "turbidity"),
    ("dirty", "dust"),
    ("bright", "brightness"),
    ("bright", "lux"),
    ("loud", "noise"),
    ("heavy", "weight"),
    ("acid", "acidity"),
    ("acidic", "ph"),
    ("acid", "ph"),
    ("sour", "ph"),
    ("windy", "wind"),
    ("noisy", "noise"),
    ("smoky", "smoke"),
    ("foggy", "fog"),
    ("rainy", "rain"),
    ("raining", "rain"),
];
/// Words of names that people say of anything.
pub(super) const GENERIC: List = "level levels power speed rate";
/// What words of a mode begin with.
pub(super) const OF_A_MODE: List = "\
    advi recommend suggest observ watch monitor look act auto propos passiv own yourself hint \
    consult control manual hands touch approv confirm";
/// What is measured under several names, each as a name of the configuration has it.
pub(super) const SAME: &[(&str, &str)] = &[
    ("co2", "carbon dioxide"),
    ("co", "carbon monoxide"),
    ("nox", "nitrogen oxides"),
    ("no2", "nitrogen dioxide"),
    ("h2s", "hydrogen sulphide"),
    ("o2", "oxygen"),
    ("nh3", "ammonia"),
    ("ch4", "methane"),
    ("rh", "humidity"),
    ("ph", "acidity"),
    ("lamp", "light"),
    ("lamps", "lights"),
    ("lighting", "lights"),
    ("lighting", "lamps"),
    ("thermometer", "temperature"),
    ("barometer", "pressure"),
    ("hygrometer", "humidity"),
    ("dampness", "humidity"),
    ("moisture", "humidity"),
    ("warmth", "temperature"),
    ("loudness", "noise"),
    ("ventilator", "fan"),
];
/// What a name's word is shortened to.
pub(super) const ABBREVIATIONS: &[(&str, &str)] = &[
    ("temp", "temperature"),
    ("temps", "temperature"),
    ("hum", "humidity"),
    ("humid", "humidity"),
    ("volt", "voltage"),
    ("volts", "voltage"),
    ("vent", "ventilator"),
    ("aux", "auxiliary"),
    ("circ", "circulation"),
    ("spot", "spotlight"),
    ("spots", "spotlights"),
    ("flood", "floodlight"),
    ("floods", "floodlights"),
    ("rad", "radiator"),
    ("comp", "compressor"),
    ("gen", "generator"),
    ("conv", "conveyor"),
    ("press", "pressure"),
    ("o2", "oxygen"),
    ("moist", "moisture"),
    ("batt", "battery"),
    ("fridge", "refrigerator"),
    ("louver", "louvre"),
    ("louvers", "louvres"),
    ("windspeed", "wind"),
    ("carbonic", "carbon"),
    ("draft", "draught"),
    ("gray", "grey"),
    ("sulfur", "sulphur"),
];
pub(super) const ON: List = "\
    on start starting run running open opening enable begin activate pulse going sound fire \
    engage launch resume trigger energise energize firing kick work working blow blowing \
    spinning online rolling moving flowing suck spin rotate revolve play playing restart \
    unmute unpause reactivate reopen operate operating";
/// Runs that say the same.
pub(super) const ON_RUNS: Runs = "\
    in motion, into motion, in operation, into operation, in service, into service, in action, \
    into action, to work, up and running, to life, back to life, in gear, into gear, do its \
    thing, do its job, do its work, do their thing, do their job, do their work";
pub(super) const OFF_RUNS: Runs = "\
    out of operation, out of service, out of action, to a stop, to a halt, to a standstill, to \
    rest, to sleep, off line";
/// What a device does that runs, where it is said right behind its name: `let the brush turn`.
pub(super) const RUNS: List =
    "burn glow shine flow bubble go goes turn spin rotate roll work operate";
/// What starts a device that gives pulses.
pub(super) const PULSES: List = "\
    ring honk toot blow squirt spray shoot blast flash beep buzz dispense inject dose release \
    shot burst puff bang strike hit beat clang toll chime peal ding knock shake sift feed \
    throw scatter spread spit spurt gush drip pour top fill flush rinse wash soak sprinkle \
    splash jet hose lubricate grease oil purge bleed hoot whistle scare rattle vibrate refill \
    add drop tap clean pump water";
/// What a device is to have become, where it is wished: without a wish it says how it is.
pub(super) const WISHED_ON: List = "started opened runs starts opens";
pub(super) const WISHED_OFF: List = "stopped stops closes killed paused halted";
pub(super) const WISHED: List =
    "sure certain ensure makes may turned switched is are set put must shall ought been";
pub(super) const WISHING: List = "\
    want need needs like i'd get must shall should ought be love make see";
/// Verbs that start with "up" behind them, and end with "down". Of a level they say no number.
pub(super) const UP_OR_DOWN: List = "power heat warm spin fire boot wind start crank";
pub(super) const OFF: List = "\
    off stop stopping close closed closing shut shutting kill cut disable end deactivate halt \
    pause cease quit disengage offline silence mute suspend";
/// Last words of names that say nothing of what a device does.
pub(super) const OF_ANY: List = "system machine unit device motor drive line";
/// Verbs that set a device to what follows.
pub(super) const SETTING: List = "\
    turn turning switch switching set setting put putting make let get give bring keep hold \
    leave take go i i'd we need want crank raise lower increase reduce decrease ramp dial \
    throttle crack dim drop move adjust pull push power";
/// Those of them that no reason has.
pub(super) const ORDERING: List = "\
    turn turning switch switching set setting put putting keep hold leave crank raise lower \
    increase reduce decrease ramp dial throttle dim drop adjust let's make";
/// Verbs that need the number that they go to.
pub(super) const MOVES: List = "\
    crack raise lower bring ramp dial throttle ease crank increase decrease reduce slow speed \
    drop nudge take move adjust change back go wind roll brighten tilt angle swing slide shift \
    position place cut trim lift boost bump pop run stand sit rest stay regulate tune jump \
    knock hoist pull push swivel fix lighten darken step setting blow reset fade soften give";
/// Words that stand before the number of a level.
pub(super) const SCALES: List = "\
    speed stage step level position notch gear setting power output strength brightness \
    opening throttle number intensity way open current";
pub(super) const HALF: List = "half halfway midway middle mid";
/// Pieces of devices' names, and the verbs that such devices run for: "warm the mat".
pub(super) const DEEDS: &[(&str, List)] = &[
    ("heat", "heat warm preheat"),
    ("warm", "heat warm preheat"),
    ("radiator", "heat warm preheat"),
    ("boiler", "heat warm"),
    ("cool", "cool chill"),
    ("chill", "cool chill"),
    ("compressor", "cool chill"),
    ("fan", "ventilate air blow extract"),
    ("vent", "ventilate air"),
    ("blow", "ventilate air blow"),
    ("extract", "ventilate air extract suck"),
    ("exhaust", "ventilate air extract suck"),
    ("mix", "mix stir agitate knead"),
    ("stir", "mix stir agitate"),
    ("agitat", "mix stir agitate"),
    ("dry", "dry"),
    ("dehumid", "dry"),
    ("mist", "mist spray moisten humidify"),
    ("fog", "fog mist moisten humidify"),
    ("humid", "moisten"),
    ("sprinkl", "water irrigate sprinkle"),
    ("irrigat", "water irrigate"),
    ("drip", "water irrigate"),
    ("speaker", "play"),
    ("conveyor", "convey move"),
    ("belt", "convey move"),
    ("filter", "filter clean"),
    ("pump", "pump circulate"),
    ("aerat", "aerate air"),
];
/// A third and two thirds.
pub(super) const THIRDS: [Runs; 2] = ["a third, 1 third", "2 thirds"];
/// Of a share these say how much more or less.
pub(super) const RELATIVE: List = "\
    raise lower increase decrease reduce lift drop boost trim cut add subtract by";
pub(super) const FULL: Runs = "\
    flat out, full on, full blast, full tilt, full bore, full speed, full power, full \
    throttle, full whack, full strength, full brightness, full output, full force, top speed, \
    wide open, all the way up, all the way open, as far up as it goes, as far up as it will \
    go, as high up as it goes, as far as it goes, as far as it will go, full, fully, maximum, \
    max, as fast as it goes, as fast as it can, as fast as it will go, as high as it goes, as \
    wide as it goes, as hard as it goes, highest, utmost, the top, its top, everything it's \
    got, everything it has got, everything it has, all it's got, all it has got, all it has, \
    everything you've got, all you've got";
/// What a share is one of.
pub(super) const OF_FULL: Runs = "\
    of what it can do, of what it can, of what it has, of its range, of its power, of full, of \
    its full, of the full, of maximum, of its maximum, of the maximum, of max, of top";
/// The same in more words: "turn it down to nothing".
pub(super) const TO_NOTHING: Runs = "\
    down to nothing, to nothing, down to nought, to nought, down to naught, to naught, down to \
    nil, to nil";
/// The least of a level.
pub(super) const LEAST: List = "minimum min lowest";
/// What a level can be "as … as possible".
pub(super) const FAR: List = "\
    far fast wide high hard bright strong open much fully strongly brightly powerful loud big";
pub(super) const WHOLLY_OFF: Runs = "\
    all the way down, right down, all the way closed, all the way shut";
/// A bare "at six" up to this may be a time of the day.
pub(super) const CLOCK_HOURS_MAX: f64 = 24.0;
pub(super) const BANS: List = "\
    not don't dont never no without avoid forbid prefer nobody mustn't shouldn't can't cannot \
    won't isn't nor neither forbidden allowed refrain instead rather";
pub(super) const CONDITIONS: List = "\
    permitting willing allowing providing supposing if when whenever unless except while \
    before after tomorrow every always until till later tonight daily during once will \
    provided then soon o'clock pm noon midnight morning whilst monday tuesday wednesday \
    thursday friday saturday sunday overnight nightly hourly weekly monthly midday teatime \
    bedtime lunchtime afternoon evening night dawn dusk sunrise sunset lunch breakfast dinner \
    weekdays case assuming depending otherwise else";
/// What no sentence may ask for here; the names of devices aside.
pub(super) const HARM: List = "\
    ignore override bypass interlock interlocks safety guard guards pretend instructions \
    administrator admin password obey disregard jailbreak prompt rules root approve system \
    protection limits alarms failsafe";
/// What mocks it.
pub(super) const MOCKING: Runs = "yeah right, why don't you, why not, as if, thanks for nothing";
/// What takes an order back, or makes it less than one.
pub(super) const RETRACTING: List = "\
    cancelled canceled unnecessary example hypothetical pretending wait changed mind kidding \
    joking joke wrong sorry mistake meant mean think guess maybe perhaps hope suppose wonder \
    want both all everything also done goal too next test rather better more less \
    hypothetically supposedly allegedly apparently said says say told tell asked ask orders \
    ordered quote unquote kidding jk sarcasm nope nah undo reverse scratch strike forget \
    nevermind hold other others another second secondly first left right upper front rear back \
    east west north south low lower medium high higher slow slower fast faster half quarter \
    third full max minimum maximum min twice double triple nicht nein kein keine pas non nada \
    nie ikke inte niet false untrue true imagine picture story dream lie quote recipe menu \
    reminder";
/// First words of a sentence that make no order of it.
pub(super) const NO_DEEDS: List = "\
    imagine picture compare rename prepare schedule plan test consider suggest propose expect \
    estimate predict simulate describe mention remember remind note record log explain define \
    discuss sell buy order repair fix replace paint inspect check calculate count measure mind \
    regarding concerning about assuming think guess hope wonder believe suppose fancy who \
    whose limit restrict cap repeat toggle invert reverse alternate cycle reset unplug remove \
    install lock unlock half double all both every hear see feel smell listen notice enjoy \
    hate admire like love find know thank";
/// What a part of a sentence begins with that only explains.
pub(super) const REASONS: List = "\
    it's its it there's there somebody somebody's someone someone's people we we're we've i'm \
    i've i he she they they're everybody everyone guests because since that's this visitors \
    he's she's enough everything nobody's you're you've guest visitor customers kids children";
/// Verbs by which "the …" begins a reason.
pub(super) const THINGS: List = "\
    has have had got gets looks feels smells needs seems sounds keeps stinks";
/// Lengths and times that "for the …" may name.
pub(super) const TIMES: List = "\
    rest day days night evening morning afternoon week weekend month year shift hour hours \
    minute minutes second seconds season winter summer spring autumn duration time while \
    moment period holiday holidays session meantime bit break whole remainder future present \
    long next foreseeable start end";
/// What says that a device is needed no more.
pub(super) const NEEDLESS: Runs = "\
    i've had enough of, i have had enough of, we've had enough of, we have had enough of, \
    that's enough of, that is enough of, had enough of, enough of, that's enough, that is \
    enough, enough, no more, no need for, i'm done with, we're done with, done with, finished \
    with, want no, can do without, could do without, can manage without";
/// What does with a word of [`NO_MORE`] behind it.
pub(super) const NO_NEED: Runs = "\
    don't need, do not need, don't want, do not want, no longer need, no longer want, isn't \
    needed, is not needed, no longer needed, not needed";
pub(super) const NO_MORE: Runs = "any more, anymore, any longer, no more, right now, just now, now";
/// Words that forget a goal.
pub(super) const FORGETTING: List = "\
    forget remove drop delete rid scrap cancel discard abandon ditch dismiss lift erase axe \
    obsolete strike struck abolish annul revoke withdraw eliminate skip relinquish waive \
    outdated dropped cancelled removed deleted bin retire wipe clear undo bury forgotten \
    scrapped discarded";
/// With one of these, a goal is not forgotten.
pub(super) const KEPT: List = "don't dont not never no needn't";
/// What says that a goal is no longer wanted.
pub(super) const LETTING_GO: Runs = "\
    don't care for, do not care for, not more needed, no more needed, release you from, \
    relieved of, off your plate, do without, trouble yourself with, of any interest, stop \
    looking after, stop minding, stop guarding, stop watching over, not chasing, not pursuing, \
    not following, not tracking, not aiming for, not after, done with, don't care about, do \
    not care about, don't need to, don't have to, don't need, do not need, don't want, do not \
    want, doesn't matter, don't pursue, don't follow, don't bother, not needed, no need, \
    needn't, isn't needed, no longer, any more, any longer, anymore, can go, let go, give up, \
    stop pursuing, stop following, stop chasing, stop keeping, stop worrying about, take away, \
    strike out, throw out, throw away, no more, not interested in, stop trying, stop aiming, \
    not relevant, not necessary, isn't necessary, isn't relevant, enough of, off the list, \
    stop caring about, can stop, may stop, not wanted, not want, don't try, off your list, off \
    my list, no use for, gave up, given up, giving up, stop bothering, stop holding, stop \
    enforcing, stop maintaining, is history, is over, has had its day, not a goal, isn't a \
    goal, no goal, is finished, doesn't count, quit trying, cease trying, quit pursuing, cease \
    pursuing, quit worrying about, may go, doesn't apply, does not apply, does not matter, not \
    valid, not required, out of the list, won't be needing, off the table, matters no, no \
    longer matters, don't require, do not require, no further need of, no further need for, no \
    further use for";
pub(super) const AROUND_FORGETTING: List = "\
    goal goals target objective stop no any we're we are done with it about you follow more \
    anymore that is can go over one called named from list as on needed bother thing out your \
    keeping keep pursue chase longer care off 1 necessary relevant wanted applies valid \
    required trying try hold holding all right i now interested doing pursuing of been meet \
    meeting have altogether completely after for longer be isn't i've we've use has had been \
    with also its this anything bothering enforcing entirely an up because us me my am were \
    was set please so as take off list changed mind served require requires purpose reached \
    achieved fulfilled met outlived usefulness away kept look looking trouble yourself quietly \
    consider dont things chase interest day release from plate matters may ours needing won't \
    will now just can could";
/// Words of a wish for a goal.
pub(super) const KEEPING: List = "\
    keep hold maintain ensure limit stay stays sure must mustn't shall should shouldn't shan't \
    between goes exceed exceeds let may kept keeping stayed needs has have want wants cap \
    capped always never remain remains least most aim prevent held within inside allow allowed \
    ought supposed cannot can't staying need see watch mind target restrict restricted limited \
    insist important required tolerate accept guarantee";
/// Words that say how it is, and wish nothing.
pub(super) const STATING: List = "is are was were it's been isn't has have";
/// Words of movement: "from going above" is "not above".
pub(super) const GOING: List = "\
    going getting rising climbing falling dropping exceeding becoming sinking creeping dipping \
    being sliding slipping leaving drifting running creeping become becomes turn turns";
/// Words that turn a bound round: "not below" is "at least".
pub(super) const NOT: List = "\
    didn't wouldn't not don't dont never no cannot can't mustn't shouldn't doesn't doesnt \
    won't shan't isn't stop prevent avoid nor without";
/// Words of a bound from below; said with a "not" before it, one from above.
pub(super) const ABOVE: List = "\
    above over more higher greater least rise rises rising exceed exceeds exceeding minimum \
    min past beyond warmer hotter climb climbs climbing wetter bigger upwards brighter louder \
    fuller damper floor lowest upward longer heavier faster stronger deeper taller thicker \
    saltier larger surpass surpasses sweeter moister overshoot surpassing";
/// Words of a bound from above; said with a "not" before it, one from below.
pub(super) const BELOW: List = "\
    below under underneath beneath less lower most fall falls falling drop drops dropping \
    limit limited maximum max colder cooler drier cap capped sink sinks sinking dip dips \
    smaller ceiling darker tops dipping highest fewer shorter lighter slower weaker shallower \
    thinner quieter calmer limiting restrict restricted softer undershoot slip slips slide \
    slides emptier";
/// What a wish for a goal may begin with.
pub(super) const WANTING: Runs = "\
    see to it that, see to it, see that, watch that, watch out that, take care that, be \
    careful that, mind that, look that, look to it that, i insist that, i insist, it is \
    important that, it's important that, make certain that, make certain, be sure that, be \
    sure to, make sure that, make sure, i can live with, i'd be happy with, i'm fine with, new \
    rule, the rule is, set a limit of, set a goal of, set a target of, set the goal of, set \
    the target to, as a goal, as a new goal, new goal, goal is, the goal is, your goal is, \
    your job is, see if, we need, i need, we have to, you have to, has got to, have got to, \
    got to, please note that, aim for, aim at, shoot for, i'd say";
/// Words beside a name that say what it is measured of.
pub(super) const COMPANIONS: &[(&str, &str)] = &[
    (
        "water",
        "hardness turbidity chlorine ph salinity conductivity tank trough shower showers pool \
         boiler pond basin flow cistern reservoir bath pipe well river creek level sump moat lake \
         kettle",
    ),
    ("air", "temperature humidity co2 dust ammonia oxygen smoke co quality methane"),
    ("wind", "speed gust gusts"),
    ("sound", "noise"),
    ("noise", "noise sound"),
    ("co2", "carbon dioxide"),
];
/// What says that a goal is to hold from now on, as all do.
pub(super) const STANDING: Runs = "\
    from now on, from here on, from today on, at all times, in here, as a standing rule, as a \
    rule, as a standing order, never ever, at any time, at any moment, at any one time, at \
    once, at a time, all the time, round the clock, around the clock, day and night, from this \
    moment on, from today, as of now, as of today, at the same time, for good, no exceptions, \
    from this moment, from now onwards, starting now, with immediate effect, effective \
    immediately, standing order, standing rule, in future, in the future";
/// Words that carry nothing in a wish for a goal, beside those that never do.
pub(super) const AROUND_A_GOAL: List = "\
    very take takes rather than see that or from and between always but ever goes go gets get \
    up times time any somewhere lies sits range around only also care band please its value \
    reading on by stays maintain hold keep holding kept happen moment permanently constantly \
    is are fine ok okay target reach thing down no matter what whatever happens anywhere \
    wander hover sit lie come creep end bring it's that's so try trying aim wants important \
    required rule goal itself run runs draw draws pull pulls use uses contain contains read \
    reads show shows insist guarantee tolerate accept constant steady stable new full left \
    they there's short become becomes turn turns reach reaches touch touches hit hits in \
    inside";
/// What is looked after as a whole, and what its name ends in.
pub(super) const PLACES: List = "\
    room house hall place plant building site greenhouse cellar barn rink hut shed depot pool \
    farm cave shop tower chamber stable tent van boat cabin studio kitchen hangar";
/// Words that carry nothing here.
pub(super) const FILLERS: List = "\
    the a an please to in of my our now could you can would set setting turn turning switch \
    switching put putting make it at for just right away let be get go ahead i i'd we'd like \
    mind we want need will should have this with up down power bring dim completely entirely \
    totally all way there us me do kindly immediately level degrees so well again that inside \
    your back needs good then love stick pop flick flip whack alright someone somebody here \
    throw slam yank knock dear darling sweetheart honey buddy pal mate sir boss chief friend \
    man dude bro lad guys folks quick quickly fast hurry promptly pronto instantly yes yeah \
    yep actually really simply carefully along beside near behind everybody everyone their its \
    also too properly straight directly slap hit shove button quietly plz pls swiftly thanks \
    ta quiet room place area site building facility premises some them give bitte danke merci \
    gracias grazie prego alstublieft tack colleague colleagues comrade everyone girls ladies \
    gents gentlemen sunshine champ doc coach hall thingy gadget contraption skipper captain \
    understood ok okay roger onto c'mon oi yo omg btw tbh";

/// Whether a word has a meaning of its own, so that it is no verb of a name.
pub(super) fn is_known(word: &str) -> bool {
    let lists =
        [FILLERS, ASKING, ON, OFF, CONDITIONS, BANS, ABOVE, BELOW, SETTING, KEEPING, POLITE];
    lists.iter().any(|list| has(list, word))
}
