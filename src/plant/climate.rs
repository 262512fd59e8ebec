//! The air, the soil and the tank of a small glasshouse: heat, water vapour and water in balance.
//! Pure: weather and what the devices do come in, the next state comes out. No noise lives here.
//!
//! One volume of well-mixed air with plants and structure, one layer of soil, one tank:
//!
//! ```text
//! C_air dT/dt  = sun + heater - (U A + rho c Q) (T - T_out) + h (T_soil - T) - L (E + fog)
//! C_soil dT/dt = sun_on_soil - h (T_soil - T) - k (T_soil - T_deep) - L E_soil
//! V dx/dt      = E + E_soil + fog - Q (x - x_out) - condensation on the glass
//! W dm/dt      = drip + hose - E - E_soil - drainage
//! ```
//!
//! Constants are those of textbooks for a single-glazed house of 60 m²; each names its source.

use super::weather::{Outside, saturated_vapour_kg_m3, saturation_pa};

/// Floor, in m²: 6 m by 10 m.
const FLOOR_M2: f64 = 60.0;
/// Air, in m³: 3 m mean height.
const VOLUME_M3: f64 = 180.0;
/// Glass of roof and walls, in m².
const GLASS_M2: f64 = 136.0;
/// Heat through single glass with its frames, in W/m²K (ASHRAE: 5.8 to 6.4 by wind).
const GLASS_U: f64 = 5.8;
/// Share of the sun that comes in through single glass and frames (von Zabeltitz, 2011: 0.6-0.7).
const TRANSMITTANCE: f64 = 0.62;
/// Share of the sun inside that lights the soil rather than leaves and structure (LAI near 1).
const SUN_ON_SOIL: f64 = 0.3;
/// Heat capacity of air, in J/m³K: 1.2 kg/m³ of 1005 J/kgK.
const AIR_J_M3K: f64 = 1206.0;
/// Heat held by leaves, benches and frames, in J/K: 15 kJ a m² of floor, 3.5 kg of water's worth.
const STRUCTURE_J_K: f64 = 15_000.0 * FLOOR_M2;
/// Heat held by the upper 12 cm of moist soil, in J/K (2.2 MJ/m³K, Hillel 1998).
const SOIL_J_K: f64 = 2.2e6 * 0.12 * FLOOR_M2;
/// Heat between soil surface and air, in W/K (7 W/m²K, Bot 1983).
const SOIL_AIR_W_K: f64 = 7.0 * FLOOR_M2;
/// Heat between that layer and the ground below, in W/K, and the ground's temperature, in °C.
const SOIL_DEEP_W_K: f64 = 1.0 * FLOOR_M2;
const DEEP_C: f64 = 12.0;
/// Heat that evaporates a kilogram of water, in J (FAO-56: 2.45 MJ/kg).
const EVAPORATION_J_KG: f64 = 2.45e6;

/// Air that comes in through gaps in a closed house: changes an hour, and more for each m/s of
/// wind (ASABE EP406.4: 0.75 for new glass to 4 for an old house in the wind).
const LEAK_CHANGES_H: f64 = 0.8;
const LEAK_CHANGES_H_WIND: f64 = 0.25;
/// The fan, in m³/s: 30 changes an hour, half of what ASABE EP406.4 asks in a hot summer.
const FAN_M3_S: f64 = 1.5;
/// The roof vent, fully open, in m², and the constants of the vent's flow
/// (Boulard and Baille, 1995: discharge 0.64, wind effect 0.09).
const VENT_M2: f64 = 5.0;
const VENT_DISCHARGE: f64 = 0.64;
const VENT_WIND: f64 = 0.09;
const VENT_HEIGHT_M: f64 = 1.0;
/// Gas heater, in W.
const HEATER_W: f64 = 18_000.0;
/// High-pressure fogger on the mains, in kg/s: 18 kg/h, 300 g/m²h.
const FOGGER_KG_S: f64 = 18.0 / 3600.0;

/// Transpiration, in the form of Baille, Baille and Laury (1994), A f(LAI) G + B LAI D, for a young
/// crop of LAI 1: share of the sun inside that evaporates water, and W/m² for each kPa of deficit
/// by day and by night. They found A 0.2 to 0.7 and B 10 to 40 for nine plants.
const CANOPY_SUN_SHARE: f64 = 0.22;
const CANOPY_DAY_W_KPA: f64 = 25.0;
const CANOPY_NIGHT_W_KPA: f64 = 8.0;
/// Soil between the plants, in W/m² for each kPa when it is wet.
const SOIL_W_KPA: f64 = 6.0;
/// Vapour to cold glass, in m/s (free convection, after Bot 1983), and how far the inner face of
/// the glass lies between outside (0) and inside (1).
const GLASS_VAPOUR_M_S: f64 = 0.005;
const GLASS_FACE: f64 = 0.4;
/// Leaves and wood hold a film of water that follows the air: as if the house were twice as large.
const VAPOUR_BUFFER: f64 = 2.0;

/// Water in the substrate at 100 %, in mm (kg/m²): slabs and pots of 9 l/m².
const SUBSTRATE_MM: f64 = 9.0;
/// Above this the substrate drains, in %, and its time constant, in s.
const DRAINS_ABOVE: f64 = 65.0;
const DRAIN_S: f64 = 3600.0;
/// Below this plants close their leaves step by step, in %.
const DRY_BELOW: f64 = 35.0;
/// Drip line: 180 l/h. Hose: 600 l/h, and a third runs past the pots.
const DRIP_KG_S: f64 = 180.0 / 3600.0;
const HOSE_KG_S: f64 = 600.0 / 3600.0;
const HOSE_REACHES: f64 = 0.67;
/// What an hour of the drip line adds to the substrate, in %.
pub(crate) const DRIP_PERCENT_H: f64 = DRIP_KG_S * 3600.0 * 100.0 / (FLOOR_M2 * SUBSTRATE_MM);
/// Tank of 400 l; a float valve lets in 40 l/h from the mains up to 95 %; the roof's gutter gives
/// the rain of 70 m². Below 4 % the pumps draw air.
const TANK_KG: f64 = 400.0;
const MAINS_KG_S: f64 = 40.0 / 3600.0;
const MAINS_UP_TO: f64 = 95.0;
const ROOF_M2: f64 = 70.0;
const TANK_SUCTION: f64 = 4.0;

/// What the devices do to the house.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Work {
    /// The fan blows.
    pub fan: bool,
    /// The roof vent's opening, 0 to 1.
    pub vent: f64,
    /// The heater burns.
    pub heater: bool,
    /// The fogger sprays.
    pub fogger: bool,
    /// The drip line's pump runs.
    pub drip_pump: bool,
    /// The hose's valve is open.
    pub hose_valve: bool,
}

/// The state of the house.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Climate {
    /// Air, plants and structure, in °C.
    pub air_c: f64,
    /// Upper soil, in °C.
    pub soil_c: f64,
    /// Water vapour in the air, in kg/m³.
    pub vapour_kg_m3: f64,
    /// Water in the substrate, in % of what it can hold.
    pub soil_moisture: f64,
    /// Water in the tank, in %.
    pub tank_level: f64,
}

impl Climate {
    /// Relative humidity, in %.
    #[must_use]
    pub fn humidity(&self) -> f64 {
        (100.0 * self.vapour_kg_m3 / saturated_vapour_kg_m3(self.air_c)).clamp(0.0, 100.0)
    }

    /// Sets the vapour so that the humidity is `percent`.
    pub fn set_humidity(&mut self, percent: f64) {
        self.vapour_kg_m3 = saturated_vapour_kg_m3(self.air_c) * percent / 100.0;
    }

    /// The state `seconds` later; steps above some 10 s would overshoot at full ventilation.
    pub fn step(&mut self, outside: &Outside, work: &Work, seconds: f64) {
        let still = self.still(outside);
        self.step_from(&still, outside, work, seconds);
    }

    /// A step out of what `still` has found for this very state and weather: who tries many
    /// choices of the devices need not find it for each.
    pub fn step_from(&mut self, still: &Still, outside: &Outside, work: &Work, seconds: f64) {
        let exchange_m3_s = still.exchange_m3_s(work);
        let irrigation_kg_s = self.irrigate(outside, work, seconds);
        // Fog evaporates the slower the more humid the air is; the rest falls as drops.
        let fog_kg_s =
            if work.fogger { FOGGER_KG_S * (3.0 * (1.0 - still.humid)).min(1.0) } else { 0.0 };

        let heater_w = if work.heater { HEATER_W } else { 0.0 };
        let air_w = (1.0 - SUN_ON_SOIL) * still.sun_w + heater_w + still.soil_to_air_w
            - GLASS_U * GLASS_M2 * still.warmer_k
            - AIR_J_M3K * exchange_m3_s * still.warmer_k
            - EVAPORATION_J_KG * (still.canopy_kg_s + fog_kg_s);
        let soil_w = SUN_ON_SOIL * still.sun_w
            - still.soil_to_air_w
            - SOIL_DEEP_W_K * (self.soil_c - DEEP_C)
            - EVAPORATION_J_KG * still.soil_kg_s;
        let vapour_kg_s = still.canopy_kg_s + still.soil_kg_s + fog_kg_s
            - still.condensed_kg_s
            - exchange_m3_s * (self.vapour_kg_m3 - outside.vapour_kg_m3);

        self.air_c += air_w * seconds / (AIR_J_M3K * VOLUME_M3 + STRUCTURE_J_K);
        self.soil_c += soil_w * seconds / SOIL_J_K;
        self.vapour_kg_m3 += vapour_kg_s * seconds / (VOLUME_M3 * VAPOUR_BUFFER);
        // What the air cannot hold falls out as dew.
        self.vapour_kg_m3 = self.vapour_kg_m3.clamp(0.0, saturated_vapour_kg_m3(self.air_c));

        let drained = ((self.soil_moisture - DRAINS_ABOVE) / DRAIN_S).max(0.0);
        let gained_kg_s = irrigation_kg_s - still.canopy_kg_s - still.soil_kg_s;
        let gained = 100.0 * gained_kg_s / (FLOOR_M2 * SUBSTRATE_MM);
        self.soil_moisture = (self.soil_moisture + (gained - drained) * seconds).clamp(0.0, 100.0);
    }

    /// What moves heat and water at this moment, whatever the devices do.
    #[must_use]
    pub fn still(&self, outside: &Outside) -> Still {
        let warmer_k = self.air_c - outside.temperature_c;
        let sun_w = TRANSMITTANCE * outside.sun_w_m2 * FLOOR_M2;
        let humid = self.humidity() / 100.0;
        let deficit_kpa = saturation_pa(self.air_c) * (1.0 - humid) / 1000.0;
        let wet = (self.soil_moisture / DRY_BELOW).clamp(0.0, 1.0);
        let canopy_w_kpa = if sun_w > 0.0 { CANOPY_DAY_W_KPA } else { CANOPY_NIGHT_W_KPA };
        let canopy_w = CANOPY_SUN_SHARE * sun_w + canopy_w_kpa * deficit_kpa * FLOOR_M2;
        let soil_w = SOIL_W_KPA * deficit_kpa * FLOOR_M2;
        let face_c = outside.temperature_c + GLASS_FACE * (self.air_c - outside.temperature_c);
        let above_dew = (self.vapour_kg_m3 - saturated_vapour_kg_m3(face_c)).max(0.0);
        let wind_m_s = outside.wind_m_s;
        // Boulard and Baille (1995): S/2 C sqrt(2 g dT/T H/4 + Cw u²).
        let buoyancy = 2.0 * 9.81 * warmer_k.max(0.0) / 293.0 * VENT_HEIGHT_M / 4.0;
        Still {
            warmer_k,
            sun_w,
            soil_to_air_w: SOIL_AIR_W_K * (self.soil_c - self.air_c),
            humid,
            canopy_kg_s: wet * canopy_w / EVAPORATION_J_KG,
            soil_kg_s: wet * soil_w / EVAPORATION_J_KG,
            condensed_kg_s: GLASS_VAPOUR_M_S * GLASS_M2 * above_dew,
            leak_m3_s: (LEAK_CHANGES_H + LEAK_CHANGES_H_WIND * wind_m_s) * VOLUME_M3 / 3600.0,
            draught_m_s: (buoyancy + VENT_WIND * wind_m_s * wind_m_s).sqrt(),
        }
    }

    /// Moves water between mains, rain, tank and substrate; gives what reaches the roots, in kg/s.
    fn irrigate(&mut self, outside: &Outside, work: &Work, seconds: f64) -> f64 {
        let draws = self.tank_level > TANK_SUCTION;
        let drip_kg_s = if work.drip_pump && draws { DRIP_KG_S } else { 0.0 };
        let hose_kg_s = if work.hose_valve && draws { HOSE_KG_S } else { 0.0 };
        let mains_kg_s = if self.tank_level < MAINS_UP_TO { MAINS_KG_S } else { 0.0 };
        let rain_kg_s = outside.rain_mm_h * ROOF_M2 / 3600.0;
        let gained_kg_s = mains_kg_s + rain_kg_s - drip_kg_s - hose_kg_s;
        self.tank_level =
            (self.tank_level + 100.0 * gained_kg_s * seconds / TANK_KG).clamp(0.0, 100.0);
        drip_kg_s + hose_kg_s * HOSE_REACHES
    }
}

/// What moves heat and water in a house at one moment, whatever the devices do.
#[derive(Clone, Copy, Debug)]
pub struct Still {
    /// How much warmer than outside, in K.
    warmer_k: f64,
    /// Sun that comes in, and heat from the soil, in W.
    sun_w: f64,
    soil_to_air_w: f64,
    /// Relative humidity, 0 to 1.
    humid: f64,
    /// Water that becomes vapour or dew, in kg/s.
    canopy_kg_s: f64,
    soil_kg_s: f64,
    condensed_kg_s: f64,
    /// Air through gaps, and how fast it moves through an open vent.
    leak_m3_s: f64,
    draught_m_s: f64,
}

impl Still {
    /// Air that changes with the outside, in m³/s.
    fn exchange_m3_s(&self, work: &Work) -> f64 {
        let fan = if work.fan { FAN_M3_S } else { 0.0 };
        self.leak_m3_s + fan + VENT_M2 * work.vent / 2.0 * VENT_DISCHARGE * self.draught_m_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn house() -> Climate {
        let mut house = Climate {
            air_c: 20.0,
            soil_c: 18.0,
            vapour_kg_m3: 0.0,
            soil_moisture: 55.0,
            tank_level: 50.0,
        };
        house.set_humidity(65.0);
        house
    }

    fn outside() -> Outside {
        Outside {
            sun_w_m2: 400.0,
            temperature_c: 12.0,
            vapour_kg_m3: 0.007,
            wind_m_s: 3.0,
            rain_mm_h: 0.0,
        }
    }

    /// The house after ten minutes of `work`.
    fn after(work: Work) -> Climate {
        let mut house = house();
        for _ in 0..300 {
            house.step(&outside(), &work, 2.0);
        }
        house
    }

    #[test]
    fn every_device_does_what_its_configuration_says() {
        let idle = after(Work::default());
        let fan = after(Work { fan: true, ..Work::default() });
        let vent = after(Work { vent: 1.0, ..Work::default() });
        let heater = after(Work { heater: true, ..Work::default() });
        let fogger = after(Work { fogger: true, ..Work::default() });
        let drip = after(Work { drip_pump: true, ..Work::default() });
        let hose = after(Work { hose_valve: true, ..Work::default() });
        for airing in [fan, vent] {
            assert!(airing.air_c < idle.air_c - 1.0, "{airing:?} against {idle:?}");
            assert!(airing.humidity() < idle.humidity() - 2.0);
        }
        assert!(heater.air_c > idle.air_c + 3.0 && heater.humidity() < idle.humidity());
        assert!(fogger.air_c < idle.air_c - 1.0 && fogger.humidity() > idle.humidity() + 5.0);
        assert!(drip.soil_moisture > idle.soil_moisture + 3.0);
        assert!(hose.soil_moisture > drip.soil_moisture + 3.0);
        assert!(hose.tank_level < drip.tank_level && drip.tank_level < idle.tank_level);
    }

    #[test]
    fn steps_of_one_and_of_five_seconds_agree() {
        let run = |seconds: f64| {
            let mut house = house();
            for _ in 0..(3600.0 / seconds) as usize {
                house.step(&outside(), &Work { fan: true, vent: 0.5, ..Work::default() }, seconds);
            }
            house
        };
        let (fine, coarse) = (run(1.0), run(5.0));
        assert!((fine.air_c - coarse.air_c).abs() < 0.02);
        assert!((fine.humidity() - coarse.humidity()).abs() < 0.1);
    }

    #[test]
    fn an_empty_tank_waters_nothing_and_fills_again() {
        let mut house = Climate { tank_level: 0.0, ..house() };
        let start = house.soil_moisture;
        house.step(&outside(), &Work { hose_valve: true, ..Work::default() }, 2.0);
        assert!(house.soil_moisture <= start && house.tank_level > 0.0);
    }
}
