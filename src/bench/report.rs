//! The report: a page with a picture of each run, goals with their bands, devices below, and marks
//! that say who decided. It draws what `track` heard; nothing is computed here.

use std::collections::BTreeSet;
use std::fmt::Write;

use plotters::coord::Shift;
use plotters::prelude::*;
use thiserror::Error;

use super::run::PlantResult;
use super::track::Track;
use super::{COST_FLOOR, penalty};
use crate::clock::Tick;
use crate::config::{Aim, Config};
use crate::domain::Decider;

/// Width of a picture, height of a goal's panel and of a device's strip, in pixels.
const WIDTH: u32 = 1100;
const GOAL_HEIGHT: u32 = 130;
const DEVICE_HEIGHT: u32 = 26;
/// What marks the time of a fault.
const FAULT: RGBColor = RGBColor(240, 150, 40);
/// Points of a line; more would not be seen.
const POINTS_MAX: usize = 1500;

/// A picture that could not be drawn.
#[derive(Debug, Error)]
#[error("the report's picture of {place} cannot be drawn: {reason}")]
pub struct ReportError {
    place: String,
    reason: String,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn<'a> = Result<(), DrawingAreaErrorKind<<SVGBackend<'a> as DrawingBackend>::ErrorType>>;

/// The page of all results.
///
/// # Errors
/// [`ReportError`], where the plotting library refuses.
pub fn page(results: &[PlantResult], days: f64, seeds: u64) -> Result<String, ReportError> {
    let mut html = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>Outpost: benchmark</title>\
         <style>body{font:15px sans-serif;max-width:1120px;margin:2em auto;color:#222}\
         td,th{padding:.2em .8em;text-align:right}td:first-child{text-align:left}</style>\
         <h1>The agent on simulated places</h1>",
    );
    let about = format!(
        "<p>{days} days, {seeds} seeds; pictures of seed 1. Green: within the goal. Marks under \
         the devices: red, a rule or an interlock; blue, the planner; purple, the mind. Orange: \
         a fault and its kind. Costs under {COST_FLOOR} an hour are not compared.</p>"
    );
    html.push_str(&about);
    for result in results {
        let place = result.kind.word();
        html.push_str(&format!("<h2>{place}</h2>{}{}", table(result), recoveries(result)));
        for track in &result.tracks {
            html.push_str(&format!("<h3>{place}: {}</h3>", track.controller));
            let mut picture = String::new();
            draw(&mut picture, track, &result.config)
                .map_err(|reason| ReportError { place: place.into(), reason })?;
            html.push_str(&picture);
        }
    }
    html.push_str("</html>\n");
    Ok(html)
}

fn table(result: &PlantResult) -> String {
    let mut text = String::from(
        "<table><tr><th>controller<th>satisfied<th>cost a day<th>penalty an hour<th>switched a \
         day<th>forbidden<th>notes broken</tr>",
    );
    for row in &result.rows {
        let score = &row.score;
        let days = score.samples as f64 / 8640.0;
        // Writing to a string cannot fail.
        let _infallible = write!(
            text,
            "<tr><td>{}<td>{:.4}<td>{:.2}<td>{:.3}<td>{:.1}<td>{}<td>{}</tr>",
            row.controller,
            score.satisfied(),
            row.cost_h() * 24.0,
            penalty(score),
            score.switchings as f64 / days.max(1e-9),
            score.forbidden,
            score.notes_broken,
        );
    }
    text + "</table>"
}

/// How long each controller took after the faults of each kind; nothing where there were none.
fn recoveries(result: &PlantResult) -> String {
    let rows: Vec<_> = result.rows.iter().filter(|row| !row.recoveries.is_empty()).collect();
    let words: BTreeSet<_> = rows.iter().flat_map(|row| row.recoveries.keys()).collect();
    if words.is_empty() {
        return String::new();
    }
    let mut text = String::from(
        "<p>Minutes from a fault's end until all goals are met, median / longest; in brackets \
         how many faults, and how many the place did not get over.</p><table><tr><th>fault",
    );
    rows.iter().for_each(|row| text.push_str(&format!("<th>{}", row.controller)));
    for word in words {
        text.push_str(&format!("</tr><tr><td>{word}"));
        for row in &rows {
            let one = row.recoveries.get(word).cloned().unwrap_or_default();
            let (median, longest) = (one.median_min(), one.longest_min());
            let (count, open) = (one.ms.len(), one.open);
            text.push_str(&format!("<td>{median:.1} / {longest:.1} ({count}, {open})"));
        }
    }
    text + "</tr></table>"
}

fn draw(picture: &mut String, track: &Track, config: &Config) -> Result<(), String> {
    let goals = config.goals.len() as u32 * GOAL_HEIGHT;
    let height = goals + config.actuators.len() as u32 * DEVICE_HEIGHT + 8;
    let root = SVGBackend::with_string(picture, (WIDTH, height)).into_drawing_area();
    let all = || -> Drawn<'_> {
        root.fill(&WHITE)?;
        let (upper, lower) = root.split_vertically(goals as i32);
        let panels = upper.split_evenly((config.goals.len().max(1), 1));
        for (index, panel) in panels.iter().enumerate() {
            draw_goal(panel, track, config, index)?;
        }
        let strips = lower.split_evenly((config.actuators.len().max(1), 1));
        for (index, strip) in strips.iter().enumerate() {
            draw_device(strip, track, config, index)?;
        }
        root.present()
    };
    all().map_err(|error| error.to_string())
}

fn draw_goal<'a>(area: &Area<'a>, track: &Track, config: &Config, index: usize) -> Drawn<'a> {
    let goal = &config.goals[index];
    let Aim::Keep { sensor, min, max } = &goal.aim else { return Ok(()) };
    let sensor = usize::from(sensor.0);
    let hours = track.readings.len() as f64 / 60.0;
    let every = track.readings.len().div_ceil(POINTS_MAX).max(1);
    let points = track.readings.iter().enumerate().step_by(every);
    let points = points.map(|(at, row)| (at as f64 / 60.0, f64::from(row[sensor])));
    let points: Vec<_> = points.filter(|(_, value)| value.is_finite()).collect();
    let bounds = [*min, *max].into_iter().flatten();
    let values = points.iter().map(|(_, value)| *value).chain(bounds);
    let (low, high) =
        values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
    if low >= high {
        return Ok(());
    }
    let room = 0.08 * (high - low);
    let (low, high) = (low - room, high + room);
    let unit = config.sensors[sensor].unit.clone();
    let mut chart = ChartBuilder::on(area)
        .caption(format!("{} ({unit})", goal.name), ("sans-serif", 13))
        .margin(4)
        .x_label_area_size(16)
        .y_label_area_size(52)
        .build_cartesian_2d(0.0..hours, low..high)?;
    chart.configure_mesh().light_line_style(TRANSPARENT).y_labels(4).x_labels(14).draw()?;
    let band = [(0.0, min.unwrap_or(low)), (hours, max.unwrap_or(high))];
    chart.draw_series([Rectangle::new(band, GREEN.mix(0.12).filled())])?;
    let begun = track.faults.iter().filter(|(from, _, _)| hour(*from) < hours);
    chart.draw_series(begun.clone().map(|(from, until, _)| {
        // A restart takes no time and is to be seen.
        let until = hour(*until).max(hour(*from) + hours / f64::from(WIDTH)).min(hours);
        Rectangle::new([(hour(*from), low), (until, high)], FAULT.mix(0.3).filled())
    }))?;
    if index == 0 {
        let text = ("sans-serif", 10).into_text_style(area);
        chart.draw_series(begun.map(|(from, _, word)| {
            Text::new((*word).to_owned(), (hour(*from), high), text.clone())
        }))?;
    }
    chart.draw_series(LineSeries::new(points, &BLACK))?;
    Ok(())
}

fn hour(at: Tick) -> f64 {
    at.0 as f64 / 3_600_000.0
}

fn draw_device<'a>(area: &Area<'a>, track: &Track, config: &Config, index: usize) -> Drawn<'a> {
    let hours = track.levels.len() as f64 / 60.0;
    let text = ("sans-serif", 12).into_text_style(area);
    area.draw_text(&config.actuators[index].name, &text, (2, 6))?;
    let mut chart = ChartBuilder::on(area)
        .margin_left(56 + 40)
        .margin_right(4)
        .build_cartesian_2d(0.0..hours, -0.5..1.2)?;
    let mut runs: Vec<(usize, usize, f32)> = Vec::new();
    for (at, row) in track.levels.iter().enumerate() {
        match runs.last_mut() {
            Some(run) if run.2 == row[index] => run.1 = at + 1,
            _ => runs.push((at, at + 1, row[index])),
        }
    }
    chart.draw_series(runs.into_iter().filter(|run| run.2 > 0.0).map(|(from, to, level)| {
        let corners = [(from as f64 / 60.0, 0.0), (to as f64 / 60.0, f64::from(level))];
        Rectangle::new(corners, RGBColor(90, 90, 90).filled())
    }))?;
    let acts = track.acts.iter().filter(|(_, actuator, _)| *actuator == index);
    chart.draw_series(acts.map(|(at, _, by)| {
        let at = hour(*at);
        let colour = match by {
            Decider::Rule => RED,
            Decider::Mind | Decider::Cloud => RGBColor(150, 40, 180),
            _ => BLUE,
        };
        PathElement::new(vec![(at, -0.45), (at, -0.1)], colour.stroke_width(1))
    }))?;
    Ok(())
}
