//! Tests of expressions: words of refusals, the unknown, and properties over random expressions.

use std::time::Duration;

use proptest::prelude::*;

use super::{Environment, ExprError, Expression, Formula, Names, Truth, compile};
use crate::config::{ActuatorKind, SensorKind};
use crate::domain::{ActuatorId, SensorId, Value};

fn names() -> Names {
    let mut names = Names::new();
    names.add_sensor("tank_level", SensorId(0), SensorKind::Number);
    names.add_sensor("smoke", SensorId(1), SensorKind::Number);
    names.add_sensor("door_open", SensorId(2), SensorKind::Bool);
    names.add_sensor("sky", SensorId(3), SensorKind::Text);
    names.add_actuator("pump", ActuatorId(0), &ActuatorKind::Switch);
    names.add_actuator(
        "vent",
        ActuatorId(1),
        &ActuatorKind::Level { min: 0.0, max: 100.0, step: 1.0 },
    );
    let options = vec!["low".into(), "high".into()];
    names.add_actuator("fan", ActuatorId(2), &ActuatorKind::Choice { options });
    names.add_faulty("broken");
    names
}

/// Everything is unknown unless it is set; four sensors and three actuators.
#[derive(Clone, Debug, Default)]
struct World {
    sensors: [Option<Value>; 4],
    actuators: [Option<Value>; 3],
    age_s: [f64; 4],
    hour: Option<f64>,
    weekday: Option<f64>,
}

impl Environment for World {
    fn sensor(&self, id: SensorId) -> Option<Value> {
        self.sensors[usize::from(id.0)].clone()
    }
    fn actuator(&self, id: ActuatorId) -> Option<Value> {
        self.actuators[usize::from(id.0)].clone()
    }
    fn age(&self, id: SensorId) -> Duration {
        Duration::from_secs_f64(self.age_s[usize::from(id.0)])
    }
    fn hour(&self) -> Option<f64> {
        self.hour
    }
    fn weekday(&self) -> Option<f64> {
        self.weekday
    }
}

fn known() -> World {
    World {
        sensors: [
            Some(Value::Number(8.0)),
            Some(Value::Number(0.1)),
            Some(Value::Bool(true)),
            Some(Value::Text("cloudy".into())),
        ],
        actuators: [
            Some(Value::Text("on".into())),
            Some(Value::Number(40.0)),
            Some(Value::Text("low".into())),
        ],
        age_s: [1.0, 2.0, 3.0, 400.0],
        hour: Some(22.5),
        weekday: Some(7.0),
    }
}

fn truth(source: &str, world: &World) -> Truth {
    compile(source, &names()).unwrap_or_else(|e| panic!("{source}: {e}")).truth(world)
}

fn refusal(source: &str) -> String {
    match compile(source, &names()) {
        Ok(expression) => panic!("{source} was taken: {expression:?}"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_value_is_a_number_or_a_yes_or_no_made_of_sensors() {
    let mut names = names();
    names.add_later("dew_point");
    let value =
        |source: &str, world: &World| Formula::compile(source, &names).unwrap().value(world);
    let number = |number: f64| Some(Value::Number(number));
    let known = known();
    assert_eq!(value("sqrt(tank_level * 2) + 1", &known), number(5.0));
    assert_eq!(value("ln(exp(3))", &known), number(3.0));
    assert_eq!(value("tank_level > 3 && door_open", &known), Some(Value::Bool(true)));
    for unknown in ["ln(0 - tank_level)", "ln(0)", "sqrt(-1)", "exp(1000)"] {
        assert_eq!(value(unknown, &known), None, "{unknown}");
    }
    assert_eq!(value("tank_level + smoke", &World::default()), None);
    // Of several that mean the same, those that are known.
    let mut half = World { sensors: known.sensors.clone(), ..World::default() };
    assert_eq!(value("median(tank_level, smoke, 3)", &half), number(3.0));
    assert_eq!(value("mean(tank_level, 4)", &half), number(6.0));
    half.sensors[0] = None;
    assert_eq!(value("median(tank_level, tank_level / smoke, 3, 4)", &half), number(3.5));
    assert_eq!(value("mean(tank_level, tank_level)", &half), None);
    let refused = |source: &str| Formula::compile(source, &names).unwrap_err();
    assert_eq!(refused("sky").message, "a value is a number or a yes or no; `sky` is text");
    assert_eq!(refused("pump == 'on'").message, "a value is made of sensors, not actuators");
    assert_eq!(refused("ln(sky)").message, "`ln` takes numbers; `sky` is text");
    assert_eq!(refused("mean(smoke)").message, "`mean` takes two values or more, found 1");
    let condition = compile("median(smoke, tank_level) > 3", &names).unwrap_err();
    assert!(condition.message.contains("[[derived]]"), "{condition}");
    assert_eq!(refused("ln()").message, "`ln` takes one value, found 0");
    assert!(refused("log(3)").message.contains("sqrt(x), ln(x)"));
    assert_eq!(refused("1 + dew_point").waits_for.as_deref(), Some("dew_point"));
    assert_eq!(refused("age(\"dew_point\")").waits_for.as_deref(), Some("dew_point"));
    let time = |source: &str| Formula::compile(source, &names).unwrap().depends_on_time();
    assert!(time("age(\"smoke\")") && time("hour") && !time("smoke"));
}

#[test]
fn known_values_give_known_truths() {
    for (source, wanted) in [
        ("pump == 'on' && tank_level < 10", true),
        ("hour >= 22 || hour < 6", true),
        ("weekday in [6, 7]", true),
        ("weekday == 7u", true),
        ("tank_level + 1 == 9", true),
        ("tank_level * 2 - 1 > 14.5", true),
        ("tank_level % 3 == 2", true),
        ("-tank_level < -7", true),
        ("abs(-3) == 3 && min(1, 2) == 1 && max(1, 2.5) == 2.5", true),
        ("age(\"sky\") > 300", true),
        ("age('smoke') > 300", false),
        ("door_open", true),
        ("!door_open", false),
        ("door_open == false", false),
        ("door_open != (tank_level > 100)", true),
        ("sky == \"cloudy\"", true),
        ("sky in ['clear', 'rain']", false),
        ("sky.startsWith('clo') && sky.endsWith('dy') && sky.contains('ou')", true),
        ("fan == 'low' ? vent > 30 : vent > 50", true),
        ("(door_open ? 'low' : 'high') == fan", true),
        ("(tank_level > 5 ? 10 : 20) == 10", true),
        ("vent == 40", true),
        ("!(vent != 40)", true),
        ("pump in ['on']", true),
        ("-1 in [-1, 2]", true),
        ("true", true),
        ("// a comment\n tank_level\n < 10", true),
    ] {
        assert_eq!(truth(source, &known()), Truth::from(Some(wanted)), "{source}");
    }
}

#[test]
fn the_unknown_follows_kleene() {
    let world = World::default();
    for (source, wanted) in [
        ("door_open && false", Truth::False),
        ("false && door_open", Truth::False),
        ("door_open && true", Truth::Unknown),
        ("door_open || true", Truth::True),
        ("door_open || false", Truth::Unknown),
        ("!door_open", Truth::Unknown),
        ("tank_level > 3", Truth::Unknown),
        ("tank_level == tank_level", Truth::Unknown),
        ("tank_level * 0 == 0", Truth::Unknown),
        ("min(tank_level, 1) < 2", Truth::Unknown),
        ("pump == 'on'", Truth::Unknown),
        ("pump in ['on', 'off']", Truth::Unknown),
        ("hour < 6", Truth::Unknown),
        ("weekday == 1", Truth::Unknown),
        ("age('smoke') < 1", Truth::True),
        ("door_open ? true : true", Truth::True),
        ("door_open ? true : false", Truth::Unknown),
        ("(door_open ? 3 : 3) == 3", Truth::True),
        ("door_open == true", Truth::Unknown),
        ("sky.contains('a')", Truth::Unknown),
    ] {
        assert_eq!(truth(source, &world), wanted, "{source}");
    }
}

#[test]
fn what_is_no_finite_number_is_unknown() {
    let mut world = known();
    for source in ["1 / 0 > 0", "tank_level / 0 > 1", "0 / 0 == 0", "tank_level % 0 == 1"] {
        assert_eq!(truth(source, &world), Truth::Unknown, "{source}");
    }
    assert_eq!(truth("1e308 * 10 > 1", &world), Truth::Unknown);
    world.sensors[0] = Some(Value::Number(f64::NAN));
    assert_eq!(truth("tank_level != 1", &world), Truth::Unknown);
    world.sensors[0] = Some(Value::Text("8".into()));
    assert_eq!(truth("tank_level != 1", &world), Truth::Unknown);
    world.sensors[2] = Some(Value::Number(1.0));
    assert_eq!(truth("door_open", &world), Truth::Unknown);
}

#[test]
fn a_refusal_says_where_what_and_what_is_allowed() {
    for (source, wanted) in [
        (
            "pump == 3",
            "line 1, column 1: `pump` is text ('on' or 'off'), compared with the number 3",
        ),
        (
            "3 == pump",
            "line 1, column 6: `pump` is text ('on' or 'off'), compared with the number 3",
        ),
        ("tank_level > 1 &&\n  pump == 3", "line 2, column 3: `pump` is text"),
        ("tank_level == 'low'", "`tank_level` is a number, compared with the text 'low'"),
        ("pump == 'ON'", "column 9: `pump` is text ('on' or 'off'), it is never 'ON'"),
        ("'medium' != fan", "`fan` is text ('low' or 'high'), it is never 'medium'"),
        ("pump in ['on', 'OFF']", "column 16: `pump` is text ('on' or 'off'), it is never 'OFF'"),
        ("pump == on", "`on` is no sensor or actuator; a word stands in quotes: 'on'"),
        ("tank_levle < 10", "`tank_levle` is no sensor or actuator; is `tank_level` meant?"),
        ("humidity < 10", "`humidity` is no sensor or actuator; there are: tank_level, smoke"),
        ("pump", "a condition is a yes or no; `pump` is text ('on' or 'off')"),
        ("tank_level + 1", "a condition is a yes or no; this is a number"),
        ("tank_level && true", "`&&` takes yes or no; `tank_level` is a number"),
        ("!pump", "`!` takes yes or no; `pump` is text"),
        ("pump + 1 > 2", "`+` takes numbers; `pump` is text"),
        ("pump < 'on'", "`<` takes numbers; `pump` is text ('on' or 'off'), use `==` or `!=`"),
        ("1 < tank_level < 5", "write `a < x && x < b` for a range"),
        ("tank_level = 3", "one `=` does not compare; write `==`"),
        ("door_open and true", "`and` is written `&&`"),
        ("not door_open", "`not` is written `!`"),
        ("door_open & true", "write `&&` for and"),
        ("tank_level > 10cm", "`cm` after a number"),
        ("tank_level >", "ends too early"),
        ("(tank_level > 1", "ends too early"),
        ("tank_level > 1)", "`)` cannot stand here"),
        ("pump == 'on", "closing quote"),
        ("", "the expression is empty"),
        ("tank_level == null", "there is no `null`"),
        ("now() > 3", "there is no function `now`; allowed: age(\"sensor\")"),
        ("sky.matches('a')", "there is no function `.matches`"),
        ("abs(1, 2) > 1", "`abs` takes one value, found 2"),
        ("min(1) > 1", "`min` takes two values, found 1"),
        ("age(smoke) > 1", "`age` takes the sensor's name in quotes: age(\"smoke\")"),
        ("age('pump') > 1", "`pump` is an actuator; only sensors have an age"),
        ("age('smok') > 1", "is `smoke` meant?"),
        ("[1, 2] == [1, 2]", "a list stands only behind `in`"),
        ("tank_level in [1, pump]", "the list holds numbers written out"),
        ("door_open in [true]", "`in` takes a number or a text"),
        ("tank_level in smoke", "`in` takes a list behind it"),
        ("smoke.value > 1", "`.value` is not known here"),
        ("has(smoke.value)", "`.value` is not known here"),
        ("[1, 2].all(x, x > 0)", "`all`, `exists`, `map` and `filter` are not taken here"),
        ("{'a': 1} == {'a': 1}", "maps and structures are not taken here"),
        ("b'a' == b'a'", "bytes are not taken here"),
        ("sky[0] == 'c'", "`[...]` behind a name is not taken here"),
        ("door_open ? 1 : 'a'", "both ends of `? :` must have one type"),
        ("smoke > 99999999999999999999", "is not a number that fits"),
        ("smoke > 1e999", "is not a number that fits"),
        ("while > 3", "`while` is a word that CEL keeps for itself"),
    ] {
        let said = refusal(source);
        assert!(said.contains(wanted), "{source}\n said: {said}\n not:  {wanted}");
    }
}

#[test]
fn a_faulty_declaration_is_not_reported_twice() {
    let error = compile("broken > 3", &names()).expect_err("faulty name");
    assert!(error.follows_from_other);
    let error = compile("age('broken') > 3", &names()).expect_err("faulty name");
    assert!(error.follows_from_other);
    assert!(!compile("brokken > 3", &names()).expect_err("unknown").follows_from_other);
}

#[test]
fn it_names_what_it_reads() {
    let source = "vent > 3 && age('sky') > 3 && smoke > tank_level && pump == 'on' && smoke > 1";
    let expression = compile(source, &names()).expect("valid");
    assert_eq!(expression.sensors(), [SensorId(0), SensorId(1), SensorId(3)]);
    assert_eq!(expression.actuators(), [ActuatorId(0), ActuatorId(1)]);
    assert!(expression.depends_on_time());
    assert!(!compile("smoke > 1", &names()).expect("valid").depends_on_time());
    assert_eq!(expression.source(), source);
}

#[test]
fn depth_and_length_are_bounded_before_the_parser() {
    fn nested(open: &str, inner: &str, close: &str, times: usize) -> String {
        open.repeat(times) + inner + &close.repeat(times)
    }
    for source in [
        nested("(", "door_open", ")", 200),
        nested("[", "1", "]", 200),
        nested("!(", "door_open", ")", 100),
        nested("door_open ? ", "true", " : true", 50),
        nested("door_open ? true : ", "true", "", 50),
        nested("abs(", "1", ")", 100) + " > 0",
        nested("", "(", "", 1) + &"(".repeat(900),
        "tank_level + ".repeat(60) + "1 > 3",
        // A raw text hides its end from our own count; then the parser's count refuses.
        "r'\\' + ".to_owned() + &"(".repeat(900),
    ] {
        let said = refusal(&source);
        assert!(said.contains("nested deeper than 32"), "{source}\n said: {said}");
    }
    assert_eq!(truth(&nested("(", "door_open", ")", 32), &known()), Truth::True);
    assert_eq!(truth(&("!".repeat(900) + "door_open"), &known()), Truth::True);
    let many = vec!["tank_level == 8"; 50].join(" || ");
    assert_eq!(truth(&many, &known()), Truth::True);
    assert!(refusal(&"a".repeat(1025)).contains("has 1025 bytes; at most 1024"));
}

#[test]
fn an_expression_crosses_threads() {
    fn crosses<T: Clone + std::fmt::Debug + Send + Sync + 'static>() {}
    crosses::<Expression>();
    crosses::<ExprError>();
}

// ---- properties ----

fn number_text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("tank_level".to_owned()),
        Just("smoke".to_owned()),
        Just("vent".to_owned()),
        Just("hour".to_owned()),
        Just("weekday".to_owned()),
        Just("age('smoke')".to_owned()),
        (-20_i32..20).prop_map(|n| n.to_string()),
        (-4.0_f64..4.0).prop_map(|n| format!("{n:.2}")),
    ]
    .prop_recursive(3, 12, 2, |inner| {
        let signs = prop::sample::select(vec!["+", "-", "*", "/", "%"]);
        prop_oneof![
            (inner.clone(), signs, inner.clone()).prop_map(|(a, s, b)| format!("({a} {s} {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("min({a}, {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("(door_open ? {a} : {b})")),
            inner.prop_map(|a| format!("abs({a})")),
        ]
    })
}

fn condition_text() -> impl Strategy<Value = String> {
    let orders = prop::sample::select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let equalities = prop::sample::select(vec!["==", "!="]);
    let words = prop::sample::select(vec!["pump == 'on'", "fan in ['low']", "sky.contains('o')"]);
    prop_oneof![
        (number_text(), orders, number_text()).prop_map(|(a, o, b)| format!("{a} {o} {b}")),
        number_text().prop_map(|a| format!("{a} in [1, 2.5, -3]")),
        words.prop_map(str::to_owned),
        Just("sky == 'cloudy'".to_owned()),
        Just("door_open".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
    ]
    .prop_recursive(3, 16, 3, move |inner| {
        let equalities = equalities.clone();
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) && ({b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) || ({b})")),
            (inner.clone(), equalities, inner.clone())
                .prop_map(|(a, s, b)| format!("({a}) {s} ({b})")),
            (inner.clone(), inner.clone(), inner.clone())
                .prop_map(|(a, b, c)| format!("(({a}) ? ({b}) : ({c}))")),
            inner.prop_map(|a| format!("!({a})")),
        ]
    })
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![(-5_i32..5).prop_map(f64::from), any::<f64>()]
}

prop_compose! {
    fn any_world()(
        a in prop::option::of(any_number()),
        b in prop::option::of(any_number()),
        c in prop::option::of(any::<bool>()),
        d in prop::option::of(prop::sample::select(vec!["cloudy", "clear", ""])),
        pump in prop::option::of(prop::sample::select(vec!["on", "off"])),
        vent in prop::option::of(0.0_f64..100.0),
        fan in prop::option::of(prop::sample::select(vec!["low", "high"])),
        hour in prop::option::of(0.0_f64..24.0),
        weekday in prop::option::of((1_u8..8).prop_map(f64::from)),
        age in 0.0_f64..1e6,
    ) -> World {
        World {
            sensors: [
                a.map(Value::Number),
                b.map(Value::Number),
                c.map(Value::Bool),
                d.map(|d| Value::Text(d.to_owned())),
            ],
            actuators: [
                pump.map(|p| Value::Text(p.to_owned())),
                vent.map(Value::Number),
                fan.map(|f| Value::Text(f.to_owned())),
            ],
            age_s: [age; 4],
            hour,
            weekday,
        }
    }
}

/// `world` with everything forgotten that `mask` does not keep.
fn forget(world: &World, mask: u16) -> World {
    let mut less = world.clone();
    let keeps = |bit: usize| mask & (1 << bit) != 0;
    for (bit, slot) in less.sensors.iter_mut().chain(&mut less.actuators).enumerate() {
        if !keeps(bit) {
            *slot = None;
        }
    }
    less.hour = less.hour.filter(|_| keeps(7));
    less.weekday = less.weekday.filter(|_| keeps(8));
    less
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn what_becomes_known_never_flips_a_known_truth(
        source in condition_text(), world in any_world(), mask in any::<u16>()
    ) {
        let Ok(expression) = compile(&source, &names()) else {
            // Only too long or too deep ones are refused.
            let said = refusal(&source);
            prop_assert!(said.contains("deeper") || said.contains("bytes"), "{} {}", source, said);
            return Ok(());
        };
        let less = expression.truth(&forget(&world, mask));
        let more = expression.truth(&world);
        prop_assert!(less == Truth::Unknown || less == more, "{} {:?} {:?}", source, less, more);
        prop_assert_eq!(more, expression.truth(&world));
    }

    #[test]
    fn any_text_is_taken_or_refused_and_never_panics(source in "\\PC{0,60}") {
        let known = names();
        if let Err(error) = compile(&source, &known) {
            prop_assert!(!error.message.is_empty());
            prop_assert!(!error.message.contains("parser failed"), "{}: {}", source, error);
        }
    }

    #[test]
    fn any_tokens_are_taken_or_refused_and_never_panic(
        tokens in prop::collection::vec(prop::sample::select(vec![
            "(", ")", "[", "]", "{", "}", "&&", "||", "!", "-", "+", "?", ":", ".", ",", "in", "==",
            "<", "'on'", "pump", "tank_level", "door_open", "1", "2.5", "age", "'smoke'", "has",
            "all", "x", "null", "b'x'", "r'\\'", "//", "\n", "\"", "1u", "0x1f", "1e9", "`a`",
        ]), 0..24)
    ) {
        let source = tokens.join(" ");
        match compile(&source, &names()) {
            Ok(expression) => {
                let _ = expression.truth(&World::default());
                let _ = expression.truth(&known());
            }
            Err(error) => prop_assert!(!error.message.contains("parser failed"), "{}", error),
        }
    }
}
