//! A profile as its file says it, and what it inherits. No meaning and no checks but of the form:
//! an unknown key is an error.

use serde::Deserialize;

/// One file of `boards/`. Every key may be left out.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Raw {
    pub inherits: Option<String>,
    pub title: Option<String>,
    pub model: Option<Vec<String>>,
    pub compatible: Option<Vec<String>>,
    pub core: Option<String>,
    pub arm_arch: Option<String>,
    pub target_cpu: Option<String>,
    pub bandwidth: Option<RawBandwidth>,
    #[serde(default)]
    pub mind: RawMind,
    #[serde(default)]
    pub thermal: RawThermal,
    #[serde(default)]
    pub memory: RawMemory,
    #[serde(default)]
    pub disk: RawDisk,
    #[serde(default)]
    pub load: RawLoad,
    #[serde(default)]
    pub serial: RawSerial,
}

/// Taken or inherited whole: a figure without its source would be a lie.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBandwidth {
    pub gb_s: f64,
    pub kind: String,
    pub source: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMind {
    pub model: Option<String>,
    pub context: Option<u32>,
    pub threads_decode: Option<u16>,
    pub threads_prefill: Option<u16>,
    pub repack: Option<bool>,
    pub token_cost_us: Option<u64>,
    pub token_cost_source: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawThermal {
    pub zones: Option<Vec<String>>,
    pub saving_c: Option<f64>,
    pub reflex_only_c: Option<f64>,
    pub clear_c: Option<f64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMemory {
    pub sizes: Option<Vec<String>>,
    pub saving_available: Option<f64>,
    pub reflex_only_available: Option<f64>,
    pub saving_some: Option<f64>,
    pub reflex_only_full: Option<f64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDisk {
    pub saving_free: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLoad {
    pub saving_per_core: Option<f64>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSerial {
    pub ports: Option<Vec<String>>,
}

/// Fills each named field that is left out with the parent's.
macro_rules! fill {
    ($child:expr, $parent:expr, $($($field:ident).+),+ $(,)?) => {
        $(if $child.$($field).+.is_none() {
            $child.$($field).+ = $parent.$($field).+.clone();
        })+
    };
}

impl Raw {
    /// This profile with what it does not say taken from `parent`. Name and recognition are its
    /// own.
    pub(super) fn over(mut self, parent: &Raw) -> Raw {
        fill!(
            self,
            parent,
            core,
            arm_arch,
            target_cpu,
            bandwidth,
            mind.model,
            mind.context,
            mind.threads_decode,
            mind.threads_prefill,
            mind.repack,
            mind.token_cost_us,
            mind.token_cost_source,
            thermal.zones,
            thermal.saving_c,
            thermal.reflex_only_c,
            thermal.clear_c,
            memory.sizes,
            memory.saving_available,
            memory.reflex_only_available,
            memory.saving_some,
            memory.reflex_only_full,
            disk.saving_free,
            load.saving_per_core,
            serial.ports,
        );
        self
    }
}
