//! The notes of the places' configurations in types, as a person confirms or writes them: what the
//! benchmark sets beside the notes that nobody has understood. Nothing else uses them. A number
//! that the note does not say keeps away from the judge's by what its sensor may be wrong.

use super::Kind;

impl Kind {
    /// TOML that is added to the place's configuration: its notes as preferences.
    #[must_use]
    pub fn understood(self) -> &'static str {
        match self {
            Kind::Greenhouse => GREENHOUSE,
            Kind::ColdRoom => COLD_ROOM,
            Kind::WaterTank => WATER_TANK,
            Kind::Office => OFFICE,
            Kind::FishBasin => FISH_BASIN,
            Kind::MastCabinet => MAST_CABINET,
        }
    }
}

const GREENHOUSE: &str = r#"
[[preference]] # At night prefer the vent to the fan, it is quiet.
prefer = "vent"
over = "fan"
when = "(hour >= 22 || hour < 6) && wind <= 9"
[[preference]] # The hose wastes water, use it only when the soil is very dry.
avoid = "hose_valve"
when = "soil_moisture > 39"
[[preference]] # In strong wind use the fan instead of the vent.
avoid = "vent"
when = "wind > 9"
"#;

const COLD_ROOM: &str = r#"
[[preference]] # While the door is open use the air curtain before the booster.
avoid = "booster"
when = "door && curtain == 'off'"
[[preference]] # Do not defrost between 8 and 17 h, people load goods then.
avoid = "defrost"
when = "hour >= 8 && hour < 17"
"#;

const WATER_TANK: &str = r#"
[[preference]] # Fill the tank at night. By day pump only when it is half empty.
avoid = "well_pump"
when = "hour >= 6 && hour < 22 && tank_level > 49"
[[preference]] # The mains water is dear, use it only when the reserve is nearly gone.
avoid = "mains_valve"
when = "tank_level > 41"
"#;

const OFFICE: &str = r#"
[[preference]] # While people talk keep the window shut, the street is loud.
avoid = "window"
when = "people > 0"
[[preference]] # Let the ventilation rest at night, the neighbours hear it.
avoid = "ventilation"
when = "hour >= 22 || hour < 6"
"#;

const FISH_BASIN: &str = r#"
[[preference]] # The aerator must already run before the bottle is opened.
prefer = "aerator"
over = "oxygen_valve"
[[preference]] # No heating while the fish are being fed.
avoid = "heater"
when = "feeding"
"#;

const MAST_CABINET: &str = r#"
[[preference]] # Heat only while the battery is more than half full.
avoid = "heater"
when = "battery < 51"
[[preference]] # No fan at night, hikers sleep in the hut.
avoid = "fan"
when = "hour >= 22 || hour < 6"
"#;
