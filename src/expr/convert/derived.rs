//! Functions that only the value of a derived sensor takes: those that leave out what is unknown,
//! and those that remember the day.

use cel::parser::Expression as Node;

use super::super::tree::{Middle, Numbers};
use super::super::words::{Described, day, middle, numbers};
use super::{ExprError, Walk, Wanted};
use crate::domain::SensorId;
use crate::limits::FORMULA_DAYS_MAX;

impl Walk<'_> {
    /// `mean` and `median` leave out what is unknown, so that a condition on one of them may turn
    /// once more is known: it is a sensor of its own, and said to be one.
    pub(super) fn middle(
        &mut self,
        id: u64,
        name: &str,
        arguments: &[Node],
        depth: usize,
    ) -> Result<Described, ExprError> {
        self.only_derived(id, name)?;
        if arguments.len() < 2 {
            return Err(self.takes(id, name, "two values or more", arguments));
        }
        let sign = format!("`{name}`");
        let parts = arguments.iter().map(|one| self.number(one, &sign, depth));
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        let mut sensors: Vec<SensorId> = parts.iter().filter_map(Numbers::sensor).collect();
        sensors.sort_unstable();
        sensors.dedup();
        if sensors.len() > 1 {
            self.partners.push(sensors);
        }
        let of = middle(name).unwrap_or(Middle::Mean);
        Ok(numbers(id, Numbers::Middle(of, parts)))
    }

    /// `integral_today`, `min_today`, `max_today`: each has a memory of its own.
    pub(super) fn today(
        &mut self,
        id: u64,
        name: &str,
        arguments: &[Node],
        depth: usize,
    ) -> Result<Described, ExprError> {
        self.only_derived(id, name)?;
        let [inner] = arguments else {
            return Err(self.takes(id, name, "one value", arguments));
        };
        let before = self.days.len();
        let inner = self.number(inner, &format!("`{name}`"), depth)?;
        if self.days.len() > before {
            let message = format!("`{name}` takes a value of now; name a [[derived]] sensor here");
            return Err(self.error(id, message));
        }
        if before >= FORMULA_DAYS_MAX {
            let message = format!("at most {FORMULA_DAYS_MAX} values of the day in one expression");
            return Err(self.error(id, message));
        }
        let Some(day) = day(name) else {
            return Err(self.error(id, format!("there is no function `{name}`")));
        };
        // At midnight it is another one.
        self.depends_on_time = true;
        self.days.push((day, inner.clone()));
        Ok(numbers(id, Numbers::Today(before, Box::new(inner))))
    }

    fn only_derived(&self, id: u64, name: &str) -> Result<(), ExprError> {
        if self.wanted == Wanted::Condition {
            let message = format!("`{name}` stands only in the value of a [[derived]] sensor");
            return Err(self.error(id, message));
        }
        Ok(())
    }
}
