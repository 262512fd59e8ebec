//! What happened in one run, minute by minute, for the report: readings, settings and who decided.
//! It listens like everybody else; it judges nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::agent::{Event, Inbox, level};
use crate::clock::Tick;
use crate::config::Config;
use crate::domain::{Decider, Value};
use crate::plant::Message;

/// Milliseconds between two points of a track: a minute, finer than any picture shows.
const POINT_MS: u64 = 60_000;

/// One run of one controller.
#[derive(Clone, Debug)]
pub struct Track {
    /// Who looked after the place.
    pub controller: &'static str,
    /// Of each minute the last number of each sensor; NaN where it never spoke.
    pub readings: Vec<Vec<f32>>,
    /// Of each minute the level of each actuator, as it says itself, 0 to 1.
    pub levels: Vec<Vec<f32>>,
    /// What the agent began to set: when, which actuator, on whose behalf.
    pub acts: Vec<(Tick, usize, Decider)>,
    /// Faults of the run: begin, end, word of the kind.
    pub faults: Vec<(Tick, Tick, &'static str)>,
    inbox: Inbox,
    config: Arc<Config>,
    now: (Vec<f32>, Vec<f32>),
}

impl Track {
    /// A track of nothing yet.
    #[must_use]
    pub fn new(controller: &'static str, config: Arc<Config>) -> Track {
        let now = (vec![f32::NAN; config.sensors.len()], vec![0.0; config.actuators.len()]);
        Track {
            controller,
            readings: Vec::new(),
            levels: Vec::new(),
            acts: Vec::new(),
            faults: Vec::new(),
            inbox: Inbox::new(config.clone()),
            config,
            now,
        }
    }

    /// Mean reading of each sensor and mean level of each actuator, by name.
    #[must_use]
    pub fn means(&self) -> (BTreeMap<String, f64>, BTreeMap<String, f64>) {
        let mean = |points: &[Vec<f32>], place: usize| {
            let known = points.iter().map(|point| f64::from(point[place]));
            let known: Vec<f64> = known.filter(|value| value.is_finite()).collect();
            known.iter().sum::<f64>() / known.len().max(1) as f64
        };
        let sensors = self.config.sensors.iter().enumerate();
        let actuators = self.config.actuators.iter().enumerate();
        (
            sensors.map(|(at, one)| (one.name.clone(), mean(&self.readings, at))).collect(),
            actuators.map(|(at, one)| (one.name.clone(), mean(&self.levels, at))).collect(),
        )
    }

    /// Listens.
    pub fn hear(&mut self, at: Tick, said: &[Message]) {
        for message in said {
            for event in self.inbox.read(&message.topic, message.payload.as_bytes(), false) {
                match event {
                    Event::Reading { sensor, value: Ok(Value::Number(number)), .. } => {
                        self.now.0[usize::from(sensor.0)] = number as f32;
                    }
                    Event::Echo { actuator, setting: Ok(setting), .. } => {
                        let index = usize::from(actuator.0);
                        self.now.1[index] = level(&self.config.actuators[index], &setting) as f32;
                    }
                    _ => {}
                }
            }
        }
        while (self.readings.len() as u64) * POINT_MS <= at.0 {
            self.readings.push(self.now.0.clone());
            self.levels.push(self.now.1.clone());
        }
    }
}
