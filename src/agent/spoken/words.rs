//! The words that plain sentences are read by. What must never be here: names of the configuration,
//! what becomes of a sentence.

/// Words between blanks.
pub(super) type List = &'static str;
/// Words that are said one after the other, such as `let me know`, between commas.
pub(super) type Runs = &'static str;

/// Whether a word is in a list.
pub(super) fn has(list: &str, word: &str) -> bool {
    !word.is_empty() && list.split_ascii_whitespace().any(|one| one == word)
}

/// Words that a question begins with.
pub(super) const ASKING: List = "\
    why why's what what's whats where how how's is are has when which who did does tell show \
    explain reason status state was were isn't aren't hasn't didn't doesn't check report \
    display";
/// Words that may stand before the first that says what it is.
pub(super) const LEADS: List = "\
    please hey hi hello ok okay so well right now and sorry excuse me at in alright just quick \
    question um say oi yo pls but then";
/// Words that begin a request in the form of a question.
pub(super) const POLITE: List = "could can would will please do may might shall should";
/// What asks to be told, wherever it stands.
pub(super) const TELLING: Runs = "\
    tell me, tell us, show me, show us, let me know, to know, may i know, can i know, you \
    know, how come, read out, read me, any idea, wondering, i wonder, to see the, explain, how \
    much, how many, how is, what is, what's, what does, have a look at, the reason";
/// Words that ask for a value, wherever they stand.
pub(super) const READING: List = "\
    reading readings read value level status figure give state get report display current";
/// What a question may have beside names, so that it is still about them.
pub(super) const ABOUT: List = "\
    warm hot cold high low full much many humid wet bright dark noisy loud moment currently \
    current today here on off open closed running start started stop stopped did does has was \
    were been give tell show read out reading readings value values status state explain \
    reason being what what's whats how how's why why's where which who when or and come comes \
    so far still already stand stands standing very say says set left got pulling drawing \
    using use speed position percent know any idea these present presently showing shows \
    sitting sit sits doing turned switched not isn't whether percentage actual exact precise \
    caused cause ever even turn switch shut is are opened up working work works too quite \
    really actually stage degrees degree temperature about check look looking wide quickly \
    fast slow slowly number figure report display measure measuring measured exactly in inside \
    sudden suddenly happened going gone that there remaining remains big strong deep by itself \
    made see enough near some people one latest last long ok okay fine more less down from yet \
    alright normal good bad heavy clean dirty dusty clear saying telling tells hows holding \
    kept keeps always constantly somehow time minute second hour morning afternoon earth hell \
    heck world for than usual normally hard half only fully empty nearly you your on-going \
    wrong with anything matter roughly about approximately outside again since we";
/// What asks for advice, which nothing here gives.
pub(super) const ADVICE: Runs = "\
    should i, should we, shall i, shall we, do i, can i do, how to, how can i, how can we, do \
    you advise, do you suggest, do you recommend, do you think";
/// What comes before a statement about what somebody did.
pub(super) const STATEMENTS: Runs = "\
    i have, we have, you have, they have, he has, i turned, i switched, we turned, we \
    switched, you turned, you switched, i put, we put, you put, i set, we set, you set, i \
    shut, we shut, i cut, we cut, you should have, i run, we run";
/// Words by which a question is about a device, where a sensor shares the name.
pub(super) const ABOUT_A_DEVICE: List = "\
    why why's on off running open closed stopped started start stop run doing come set \
    position working turned switched";
/// Words by which a question is not about now.
pub(super) const AHEAD: List = "\
    tomorrow later tonight yesterday if would will ago week weekend month year forecast \
    predict cost costs price next monday tuesday wednesday thursday friday saturday sunday buy \
    sell";
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
    ("heavy", "weight"),
];
/// Adjectives that only one kind of sensor can answer, whatever they are said of.
pub(super) const INTRINSIC: &[(&str, &str)] = &[
    ("cloudy", "turbidity"),
    ("murky", "turbidity"),
    ("clear", "turbidity"),
    ("dusty", "dust"),
    ("salty", "salinity"),
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
];
pub(super) const ON: List = "\
    on start starting run running open opening enable begin activate pulse going sound fire \
    engage launch resume trigger energise energize firing kick work working blow blowing \
    spinning online rolling moving flowing suck";
/// What starts a device that gives pulses.
pub(super) const PULSES: List = "\
    ring honk toot blow squirt spray shoot blast flash beep buzz dispense inject dose release \
    shot burst puff squirt";
/// What a device is to have become, where it is wished: without a wish it says how it is.
pub(super) const WISHED_ON: List = "started opened runs starts opens";
pub(super) const WISHED_OFF: List = "stopped stops closes killed paused halted";
pub(super) const WISHED: List = "may turned switched is are set put";
pub(super) const WISHING: List = "want need needs like i'd get must should be love make see";
/// Verbs that start with "up" behind them, and end with "down". Of a level they say no number.
pub(super) const UP_OR_DOWN: List = "power heat warm spin fire boot wind start crank";
pub(super) const OFF: List = "\
    off stop stopping close closed closing shut shutting kill cut disable end deactivate halt \
    pause cease quit disengage offline silence mute suspend";
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
    drop nudge take move adjust change back go wind roll";
/// Words that stand before the number of a level.
pub(super) const SCALES: List = "\
    speed stage step level position notch gear setting power output strength brightness \
    opening throttle number intensity way open";
pub(super) const HALF: List = "half halfway midway middle mid";
/// A third and two thirds.
pub(super) const THIRDS: [Runs; 2] = ["a third, 1 third", "2 thirds"];
pub(super) const FULL: Runs = "\
    flat out, full on, full blast, full tilt, full bore, full speed, full power, full \
    throttle, full whack, full strength, full brightness, full output, full force, top speed, \
    wide open, all the way up, all the way open, as far as it goes, as far as it will go, \
    full, fully, maximum, max, as fast as it goes, as fast as it can, as fast as it will go, \
    as high as it goes, as wide as it goes, as hard as it goes";
pub(super) const WHOLLY_OFF: Runs = "\
    all the way down, right down, all the way closed, all the way shut";
/// A bare "at six" up to this may be a time of the day.
pub(super) const CLOCK_HOURS_MAX: f64 = 24.0;
pub(super) const BANS: List = "\
    not don't dont never no without avoid forbid prefer nobody mustn't shouldn't can't cannot \
    won't isn't nor neither forbidden allowed refrain instead rather";
pub(super) const CONDITIONS: List = "\
    if when whenever unless except while before after tomorrow every always until till later \
    tonight daily during once will provided then soon o'clock am pm noon midnight morning \
    afternoon evening night dawn dusk sunrise sunset lunch breakfast dinner weekdays case \
    assuming depending otherwise else";
/// What no sentence may ask for here; the names of devices aside.
pub(super) const HARM: List = "\
    ignore override bypass interlock interlocks safety guard guards pretend instructions \
    administrator admin password obey disregard jailbreak prompt rules root approve system \
    protection limits alarms failsafe";
/// What takes an order back, or makes it less than one.
pub(super) const RETRACTING: List = "\
    cancelled canceled unnecessary example hypothetical pretending \
    wait changed mind kidding joking joke wrong sorry mistake meant mean think guess maybe \
    perhaps hope suppose wonder want both all everything also done goal too next test rather \
    better more less";
/// What a part of a sentence begins with that only explains.
pub(super) const REASONS: List = "\
    it's its it there's there somebody somebody's someone someone's people we we're we've i'm \
    i've i he she they they're everybody everyone guests because since that's this visitors \
    he's she's";
/// Verbs by which "the …" begins a reason.
pub(super) const THINGS: List = "\
    has have had got gets looks feels smells needs seems sounds keeps";
/// Lengths and times that "for the …" may name.
pub(super) const TIMES: List = "\
    rest day days night evening morning afternoon week weekend month year shift hour hours \
    minute minutes second seconds season winter summer spring autumn duration time while \
    moment period holiday holidays session meantime bit break whole remainder future present \
    long next foreseeable start end";
/// What is only polite.
pub(super) const COURTESY: Runs = "\
    if you would, if you please, if you don't mind, if you could, if you can, if possible, \
    would you mind, do you mind, would you, could you, can you, will you, off you go, there \
    you go, be so kind and, be so kind as to, be so kind to, be so good and, be so good as to, \
    be kind and, so kind, so good, do me a favour and, do me a favor and, do me a favour, go \
    ahead and, don't forget to, as soon as possible, as fast as possible, as quickly as \
    possible, as fast as you can, thank you, many thanks, thanks, thx, cheers, ta, mate, \
    straight away, right away, right now, at once, for me, for us, i mean you, for now, is it \
    possible to, would it be possible to, it would be nice if you could, i'd be grateful if \
    you could, know if, see if, ok then, okay then, right then, alright then, would like that \
    you, want that you, i'd like that you, i'd like you to, want you to, need you to, it's \
    time to, time to, let's, good morning, hello, hey, hi, ok, okay, asap, pls";
/// Words that forget a goal.
pub(super) const FORGETTING: List = "\
    forget remove drop delete rid scrap cancel discard abandon ditch dismiss lift erase \
    dropped cancelled removed deleted bin retire wipe clear undo forgotten scrapped discarded";
/// With one of these, a goal is not forgotten.
pub(super) const KEPT: List = "don't dont not never no needn't";
/// What says that a goal is no longer wanted.
pub(super) const LETTING_GO: Runs = "\
    done with, don't care about, do not care about, don't need to, don't have to, don't need, \
    do not need, don't want, do not want, doesn't matter, don't pursue, don't follow, don't \
    bother, not needed, no need, needn't, isn't needed, no longer, any more, any longer, \
    anymore, can go, let go, give up, stop pursuing, stop following, stop chasing, stop \
    keeping, stop worrying about, take away, strike out, throw out, throw away, no more, not \
    interested in, stop trying, stop aiming, not relevant, not necessary, isn't necessary, \
    isn't relevant, enough of, off the list, stop caring about, can stop, may stop, not \
    wanted, not want, don't try";
pub(super) const AROUND_FORGETTING: List = "\
    goal goals target objective stop no any we're we are done with it about you follow more \
    anymore that is can go over one called named from list as on needed bother thing out your \
    keeping keep pursue chase longer care off 1 necessary relevant wanted applies valid \
    required trying try hold holding all right i now interested doing pursuing of been meet \
    meeting have altogether completely after for longer be";
/// Words of a wish for a goal.
pub(super) const KEEPING: List = "\
    keep hold maintain ensure limit stay stays sure must mustn't shall should shouldn't shan't \
    between goes exceed exceeds let may kept keeping stayed needs has have want wants cap \
    capped always never remain remains least most aim prevent held within inside allow allowed \
    ought supposed cannot can't staying need see watch mind target";
/// Words that say how it is, and wish nothing.
pub(super) const STATING: List = "is are was were it's been isn't has have";
/// Words of movement: "from going above" is "not above".
pub(super) const GOING: List = "\
    going getting rising climbing falling dropping exceeding becoming sinking creeping dipping \
    being";
/// Words that turn a bound round: "not below" is "at least".
pub(super) const NOT: List = "\
    not don't dont never no cannot can't mustn't shouldn't doesn't doesnt won't shan't isn't \
    stop prevent avoid nor without";
/// Words of a bound from below; said with a "not" before it, one from above.
pub(super) const ABOVE: List = "\
    above over more higher greater least rise rises rising exceed exceeds exceeding minimum \
    min past beyond warmer hotter climb climbs climbing wetter bigger upwards brighter louder \
    fuller damper floor lowest upward";
/// Words of a bound from above; said with a "not" before it, one from below.
pub(super) const BELOW: List = "\
    below under underneath beneath less lower most fall falls falling drop drops dropping \
    limit limited maximum max colder cooler drier cap capped sink sinks sinking dip dips \
    smaller ceiling darker tops dipping highest";
/// What says that a goal is to hold from now on, as all do.
pub(super) const STANDING: Runs = "\
    from now on, from here on, from today on, at all times, in here, as a standing rule, \
    as a rule, as a standing order";
/// Words that carry nothing in a wish for a goal, beside those that never do.
pub(super) const AROUND_A_GOAL: List = "\
    than see that or from and between always but ever goes go gets get up times time any \
    somewhere lies sits range around only also care band please its value reading on by stays \
    maintain hold keep holding kept happen moment permanently constantly is are fine ok okay \
    target reach thing down no matter what whatever happens anywhere wander hover sit lie come \
    creep end bring it's that's so";
/// Words that carry nothing here.
pub(super) const FILLERS: List = "\
    the a an please to in of my our now could you can would set setting turn turning switch \
    switching put putting make it at for just right away let be get go ahead i i'd like mind \
    we want need will should have this with up down power bring dim completely entirely \
    totally all way there us me do kindly immediately level degrees so well again that inside \
    your back needs good then love stick pop flick flip whack alright someone somebody here \
    throw slam yank knock";

/// Whether a word has a meaning of its own, so that it is no verb of a name.
pub(super) fn is_known(word: &str) -> bool {
    let lists =
        [FILLERS, ASKING, ON, OFF, CONDITIONS, BANS, ABOVE, BELOW, SETTING, KEEPING, POLITE];
    lists.iter().any(|list| has(list, word))
}

/// The words of a unit as people say it.
pub(super) fn unit_words(unit: &str) -> Vec<String> {
    const SAID: &[(&str, &str)] = &[
        ("°c", "degrees degree deg c celsius centigrade"),
        ("%", "percent per cent pct"),
        ("bar", "bars"),
        ("mbar", "millibar millibars"),
        ("w", "watt watts"),
        ("kw", "kilowatt kilowatts"),
        ("kwh", "kilowatt hours"),
        ("ppm", "parts per million"),
        ("lx", "lux"),
        ("db", "decibel decibels"),
        ("v", "volt volts"),
        ("a", "amp amps ampere amperes"),
        ("hz", "hertz"),
        ("m/s", "metre metres meters per second"),
        ("km/h", "kilometres kilometers per hour kph"),
        ("l", "litre litres liter liters"),
        ("l/min", "litre litres liter liters per a minute"),
        ("l/h", "litre litres liter liters per an hour"),
        ("mg/l", "milligram milligrams per litre liter"),
        ("pa", "pascal pascals"),
        ("hpa", "hectopascal hectopascals"),
        ("kpa", "kilopascal kilopascals"),
        ("mm", "millimetre millimetres millimeters"),
        ("mm/s", "millimetre millimetres millimeters per second"),
        ("cm", "centimetre centimetres centimeters"),
        ("m", "metre metres meter meters"),
        ("kg", "kilo kilos kilogram kilograms"),
        ("g", "gram grams"),
        ("t", "ton tons tonne tonnes"),
        ("rpm", "revs revolutions per minute turns"),
        ("ms/cm", "millisiemens per centimetre"),
        ("µg/m³", "micrograms per cubic metre"),
        ("m³/h", "cubic metres meters per hour"),
        ("ntu", "turbidity units"),
    ];
    let unit = unit.to_lowercase();
    let own = unit.split(['/', '°', '%']).filter(|piece| !piece.is_empty()).map(str::to_owned);
    let said = SAID.iter().filter(|(known, _)| *known == unit);
    let said = said.flat_map(|(_, words)| words.split(' ').map(str::to_owned));
    own.chain(said).collect()
}
