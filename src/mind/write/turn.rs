//! Who is in the next pass. All in a pass have one adapter, since the library puts it on the whole
//! of it; adapters take turns, and in the turn of one texts and prompts do.
//!
//! What must never be here: the library's calls, tokens.

use std::sync::{Arc, Weak};

use crate::limits;
use crate::mind::ggml::Adapter;

/// Which adapter something was read with; none is one too. It keeps no adapter in memory, and none
/// that is loaded later is taken for it.
#[derive(Clone, Debug, Default)]
pub(super) struct Worn(Weak<Adapter>);

impl Worn {
    pub(super) fn of(adapter: Option<&Arc<Adapter>>) -> Self {
        Self(adapter.map_or_else(Weak::new, Arc::downgrade))
    }
}

impl PartialEq for Worn {
    fn eq(&self, other: &Self) -> bool {
        self.0.ptr_eq(&other.0)
    }
}

/// A text with something to read.
pub(super) struct Waiting<W> {
    /// Its place.
    pub(super) at: usize,
    /// Tokens that are to be read.
    pub(super) pending: usize,
    /// Its adapter.
    pub(super) worn: W,
    /// When it was in a pass last, or came.
    pub(super) used: u64,
}

/// Whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Turns<W = Worn> {
    /// The adapter whose turn it is, and for how many passes it was.
    worn: W,
    passes: u32,
    /// The last pass read a prompt, and nothing else.
    read_last: bool,
}

impl<W: Clone + PartialEq> Turns<W> {
    /// Places of the next pass: of one adapter all texts that go on by a few tokens, or one prompt,
    /// in turns. The attention works on tiles of queries and cells and leaves a tile out only where
    /// none of its queries looks at any of its cells: a prompt in one pass with texts would be
    /// worked on with the cells of all of them.
    pub(super) fn next(&mut self, mut waiting: Vec<Waiting<W>>) -> Vec<usize> {
        self.choose(&waiting);
        waiting.retain(|one| one.worn == self.worn);
        waiting.sort_by_key(|one| (one.pending, one.at));
        let short = waiting.partition_point(|one| one.pending <= limits::MIND_DRAFT_TOKENS_MAX);
        self.read_last = short == 0 || (short < waiting.len() && !self.read_last);
        if self.read_last {
            waiting.drain(..short);
            waiting.truncate(1);
        } else {
            waiting.truncate(short);
        }
        waiting.into_iter().map(|one| one.at).collect()
    }

    /// Whose adapter is on in the next pass: that of the last one, unless it has nothing to read or
    /// had many passes while another waited. Of the others the one that waited longest.
    fn choose(&mut self, waiting: &[Waiting<W>]) {
        let goes_on = waiting.iter().any(|one| one.worn == self.worn);
        let others = waiting.iter().filter(|one| one.worn != self.worn);
        if let Some(next) = others.min_by_key(|one| one.used)
            && (!goes_on || self.passes >= limits::MIND_ADAPTER_PASSES)
        {
            self.worn = next.worn.clone();
            self.passes = 0;
        }
        self.passes = self.passes.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Passes over texts, each with its adapter and what it has to read in every pass.
    fn passes(turns: &mut Turns<u8>, texts: &[(u8, usize)], count: u64) -> Vec<Vec<usize>> {
        let mut used = vec![0; texts.len()];
        let mut pass = |now: u64| {
            let waiting = texts.iter().enumerate().map(|(at, (worn, pending))| {
                let (worn, pending, used) = (*worn, *pending, used[at]);
                Waiting { at, pending, worn, used }
            });
            let places = turns.next(waiting.collect());
            places.iter().for_each(|at| used[*at] = now);
            places
        };
        (1..=count).map(&mut pass).collect()
    }

    #[test]
    fn texts_go_on_together_and_prompts_alone() {
        let mut turns = Turns::default();
        let texts = [(0, 1), (0, 300), (0, 2)];
        let expected = [vec![1], vec![0, 2], vec![1], vec![0, 2]];
        assert_eq!(passes(&mut turns, &texts, 4), expected);
    }

    #[test]
    fn no_pass_has_two_adapters_and_each_has_its_share() {
        let mut turns = Turns::default();
        let texts = [(0, 1), (7, 1), (0, 1), (9, 500)];
        let rounds = 3 * 4 * u64::from(limits::MIND_ADAPTER_PASSES);
        let places = passes(&mut turns, &texts, rounds);
        let of = |wanted: &[usize]| places.iter().filter(|pass| *pass == wanted).count() as u64;
        // Nothing but these three kinds of passes, and as many of each.
        for wanted in [&[0, 2][..], &[1], &[3]] {
            assert_eq!(of(wanted), rounds / 3, "{wanted:?}");
        }
        let first_of_another = places.iter().position(|pass| *pass != places[0]);
        assert_eq!(first_of_another, Some(limits::MIND_ADAPTER_PASSES as usize));
    }

    #[test]
    fn an_adapter_without_texts_costs_no_pass() {
        let mut turns = Turns::default();
        assert_eq!(passes(&mut turns, &[(5, 1)], 2), [vec![0], vec![0]]);
        assert_eq!(passes(&mut turns, &[(6, 1), (6, 1)], 1), [vec![0, 1]]);
        assert!(passes(&mut turns, &[], 1)[0].is_empty());
    }
}
