//! Many decisions one after the other, with what changes on a board: the state each time, the
//! prefix now and then. The process must not grow by it.

use std::time::Instant;

use anyhow::bail;
use serde_json::{Value, json};

use super::{Bench, Child, decide, round3};
use crate::limits;
use crate::mind::protocol::{Reply, Request};

/// Parts of the run, after each of which memory is looked at. The first one fills what is bounded:
/// the cache's pages, the remembered decisions.
const LOOKS: u32 = 10;
/// Decisions with the same prefix: an operator's note changes less often.
const OF_ONE_PREFIX: u32 = 25;
const PREFIX_TOKENS: u32 = 200;

impl Bench<'_> {
    /// Memory after each tenth of the decisions, and the growth from the first look to the last.
    pub(super) fn soak(&self) -> anyhow::Result<Value> {
        let model = self.vocabulary()?;
        let mut child = Child::start()?;
        child.load(self.load("", true))?;
        // Nearly the whole cache once, so that its pages have been touched.
        let whole = self.text(&model, limits::MIND_CONTEXT_TOKENS - 200, 0)?;
        answered(&child.ask(&Request::Decide(decide(9, &whole, 0)))?)?;
        let begin = Instant::now();
        let mut looks = Vec::new();
        let mut prefix = String::new();
        for number in 0..self.args.soak {
            if number % OF_ONE_PREFIX == 0 {
                prefix = self.text(&model, PREFIX_TOKENS, number / OF_ONE_PREFIX)?;
            }
            let request = decide(u64::from(number) + 10, &prefix, number as usize);
            answered(&child.ask(&Request::Decide(request))?)?;
            if (number + 1) % (self.args.soak / LOOKS) == 0 {
                let report = child.memory()?;
                let mb = |bytes: u64| round3(bytes as f64 / 1e6);
                self.print(&json!({"part": "soak", "decisions": number + 1,
                    "anonymous_mb": mb(report.anonymous_bytes), "pss_mb": mb(report.pss_bytes)}));
                looks.push(report.anonymous_bytes as f64 / 1e6);
            }
        }
        child.end()?;
        let seconds = begin.elapsed().as_secs_f64();
        let (Some(first), Some(last)) = (looks.first(), looks.last()) else {
            bail!("no look at memory");
        };
        Ok(json!({"soak_decisions": self.args.soak,
            "soak_decisions_per_s": round3(f64::from(self.args.soak) / seconds),
            "soak_growth_mb": round3(last - first)}))
    }
}

fn answered(reply: &Reply) -> anyhow::Result<()> {
    match reply {
        Reply::Decided(_) => Ok(()),
        other => bail!("no decision: {other:?}"),
    }
}
