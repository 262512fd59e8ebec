//! Speed of expressions: compiled once when the configuration is read, evaluated at every reading.

use std::time::Duration;

use outpost::config::{ActuatorKind, SensorKind};
use outpost::domain::{ActuatorId, SensorId, Value};
use outpost::expr::{Environment, Expression, Names, Truth};

fn main() {
    divan::main();
}

/// A condition as an operator writes it, with number, text, time and the unknown.
const CONDITIONS: [&str; 4] = [
    "smoke > 0.2",
    "pump == 'on' && tank_level < 10",
    "hour >= 22 || hour < 6",
    "(smoke + tank_level) / 2 > abs(vent - 30) && age('smoke') < 60 && pump in ['on', 'off']",
];

struct World;

impl Environment for World {
    fn sensor(&self, _: SensorId) -> Option<Value> {
        Some(Value::Number(8.0))
    }
    fn actuator(&self, id: ActuatorId) -> Option<Value> {
        Some(if id.0 == 0 { Value::Text("on".into()) } else { Value::Number(30.0) })
    }
    fn age(&self, _: SensorId) -> Duration {
        Duration::from_secs(3)
    }
    fn hour(&self) -> Option<f64> {
        Some(12.5)
    }
    fn weekday(&self) -> Option<f64> {
        None
    }
}

fn compiled(source: &str) -> Expression {
    let mut names = Names::new();
    names.add_sensor("tank_level", SensorId(0), SensorKind::Number);
    names.add_sensor("smoke", SensorId(1), SensorKind::Number);
    names.add_actuator("pump", ActuatorId(0), &ActuatorKind::Switch);
    let level = ActuatorKind::Level { min: 0.0, max: 100.0, step: 1.0 };
    names.add_actuator("vent", ActuatorId(1), &level);
    Expression::compile(source, &names).expect("the conditions above are valid")
}

#[divan::bench(args = CONDITIONS)]
fn evaluate(bencher: divan::Bencher, source: &str) {
    let expression = compiled(source);
    bencher.bench_local(|| -> Truth { divan::black_box(&expression).truth(&World) });
}

#[divan::bench(args = CONDITIONS)]
fn compile(source: &str) -> Expression {
    compiled(divan::black_box(source))
}
