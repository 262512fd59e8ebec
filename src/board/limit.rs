//! The physical limit of a model on a board: every token that is written streams the weights
//! through the memory once, so no program writes more tokens a second than bandwidth over bytes.
//! Reading a prompt is not bound by it: many tokens share one pass.

use super::profile::Bandwidth;
use crate::mind::gguf::GgufFacts;

/// What one token streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    /// Bytes of weights that are read for it; its key-value cache comes on top.
    pub bytes: u64,
    /// Whether the file's header was read; else the catalogue's size of the whole file stands in.
    pub exact: bool,
}

/// Bytes of weights that one token reads: all tensors, but the table of embeddings only where it
/// is the output's too (there is no `output.weight` then); else one row of it, which is nothing.
#[must_use]
pub fn streamed(facts: &GgufFacts) -> Stream {
    let own_output = facts.tensors.iter().any(|tensor| tensor.name == "output.weight");
    let counts = |name: &str| !(own_output && name == "token_embd.weight");
    let tensors = facts.tensors.iter().filter(|tensor| counts(&tensor.name));
    Stream { bytes: tensors.map(|tensor| tensor.bytes).sum(), exact: true }
}

/// Most tokens a second that can be written.
#[must_use]
pub fn tokens_per_second(bandwidth: &Bandwidth, stream: Stream) -> f64 {
    bandwidth.gb_s * 1e9 / stream.bytes.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::board::BandwidthKind;

    #[test]
    fn the_limit_is_bandwidth_over_bytes() {
        let bandwidth =
            Bandwidth { gb_s: 12.0, kind: BandwidthKind::Measured, source: "a test".into() };
        // Qwen2.5-0.5B Q4_0 streams 0.346 GB: 34.7 tokens/s were measured on a Pi 5.
        let stream = Stream { bytes: 346_000_000, exact: true };
        assert!((tokens_per_second(&bandwidth, stream) - 34.7).abs() < 0.05);
    }
}
