//! The places that can be simulated: name, example configuration, description. No laws live here.

use clap::ValueEnum;

use super::cold_room::COLD_ROOM;
use super::fish_basin::FISH_BASIN;
use super::greenhouse::Greenhouse;
use super::mast_cabinet::MAST_CABINET;
use super::office::OFFICE;
use super::site::Site;
use super::spec::Spec;
use super::water_tank::WATER_TANK;
use super::{Place, greenhouse_config};

/// A kind of place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// A glasshouse of 60 m² with fan, vent, heater, fogger and two ways to water
    Greenhouse,
    /// A walk-in cold room with door openings, deliveries and frost
    ColdRoom,
    /// A water tank with a slow well, the mains and electricity on a tariff
    WaterTank,
    /// A meeting room: breath, warmth, rain at the window
    Office,
    /// A fish basin: oxygen, warmth, feedings
    FishBasin,
    /// A radio mast's cabinet on solar power
    MastCabinet,
}

impl Kind {
    /// Every kind, in the order of the command line.
    pub const ALL: [Kind; 6] = [
        Kind::Greenhouse,
        Kind::ColdRoom,
        Kind::WaterTank,
        Kind::Office,
        Kind::FishBasin,
        Kind::MastCabinet,
    ];

    /// The place of a seed.
    #[must_use]
    pub fn build(self, seed: u64) -> Box<dyn Place> {
        match self.spec() {
            None => Box::new(Greenhouse::new(seed)),
            Some(spec) => Box::new(Site::new(spec, seed)),
        }
    }

    /// The `outpost.toml` that belongs to it.
    #[must_use]
    pub fn config(self) -> &'static str {
        match self {
            Kind::Greenhouse => greenhouse_config(),
            Kind::ColdRoom => include_str!("cold_room.toml"),
            Kind::WaterTank => include_str!("water_tank.toml"),
            Kind::Office => include_str!("office.toml"),
            Kind::FishBasin => include_str!("fish_basin.toml"),
            Kind::MastCabinet => include_str!("mast_cabinet.toml"),
        }
    }

    /// Its description; `None` for the greenhouse, which is code of its own.
    #[must_use]
    pub fn spec(self) -> Option<&'static Spec> {
        match self {
            Kind::Greenhouse => None,
            Kind::ColdRoom => Some(&COLD_ROOM),
            Kind::WaterTank => Some(&WATER_TANK),
            Kind::Office => Some(&OFFICE),
            Kind::FishBasin => Some(&FISH_BASIN),
            Kind::MastCabinet => Some(&MAST_CABINET),
        }
    }

    /// Its name on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self.spec() {
            None => "greenhouse",
            Some(spec) => spec.name,
        }
    }
}
