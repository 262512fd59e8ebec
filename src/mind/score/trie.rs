//! The candidates of a decision as a tree of tokens: what they share is read once.
//!
//! The root is the end of the state. A node is *asked* where its row of scores is needed: under
//! [`Asked::Partings`] only where candidates part (and at the root, for the mass), since a token
//! that every candidate left continues with says nothing about the choice; under
//! [`Asked::Everywhere`] at each token, for the probability of the whole text. Nodes that no asked
//! node lies behind are not read at all: most decisions end at their first token.
//!
//! Several questions after one state are one tree too: a candidate's way then begins with the
//! tokens of its question, its *stem*, and counts only behind it and among the candidates of the
//! same question, wherever ways of different questions run side by side.
//!
//! What must never be here: the library, scores.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Token;

/// Where scores are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// Where candidates part, and at the root.
    Partings,
    /// At every token that another one follows.
    Everywhere,
}

/// A way on from a node.
#[derive(Clone, Debug)]
pub(super) struct Branch {
    /// The token.
    pub token: Token,
    /// Candidates that go this way.
    pub candidates: Vec<usize>,
    node: usize,
}

#[derive(Clone, Debug)]
struct Node {
    token: Token,
    depth: u32,
    branches: Vec<Branch>,
    asked: bool,
}

/// A node to be read: `token` at `depth` (1 follows the state), for the leaves `first_leaf` to
/// before `end_leaf` that lie at or behind it. Each leaf is a sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub node: usize,
    pub token: Token,
    pub depth: u32,
    pub first_leaf: u32,
    pub end_leaf: u32,
    pub asked: bool,
}

/// A candidate's tokens, those of its question before them.
#[derive(Clone, Debug)]
pub(super) struct Way {
    /// Number of the question.
    pub question: usize,
    /// So many of the tokens are the question's.
    pub stem: usize,
    /// All tokens; one more than the stem at least.
    pub tokens: Vec<Token>,
}

/// The tree.
#[derive(Clone, Debug)]
pub(super) struct Trie {
    nodes: Vec<Node>,
    /// Question and stem of each candidate.
    origins: Vec<(usize, usize)>,
    /// Nodes to be read but for the root, each after its parent, leaves in rising order.
    steps: Vec<Step>,
    leaves: u32,
}

/// Node of the root: the end of the state.
pub(super) const ROOT: usize = 0;

impl Trie {
    /// Makes the tree of the candidates' ways.
    pub(super) fn new(ways: &[Way], asked: Asked) -> Self {
        let root = Node { token: 0, depth: 0, branches: Vec::new(), asked: true };
        let origins = ways.iter().map(|way| (way.question, way.stem)).collect();
        let mut trie = Self { nodes: vec![root], origins, steps: Vec::new(), leaves: 0 };
        for (candidate, way) in ways.iter().enumerate() {
            let mut at = ROOT;
            for token in &way.tokens {
                at = trie.follow(at, *token, candidate);
            }
        }
        for node in 0..trie.nodes.len() {
            let depth = trie.nodes[node].depth as usize;
            // Every candidate of a question has the question's stem.
            let begins = |open: &[Branch]| trie.origins[open[0].candidates[0]].1 == depth;
            let needed = trie.branches(node).iter().any(|open| match asked {
                Asked::Partings => open.len() > 1 || begins(open),
                Asked::Everywhere => true,
            });
            trie.nodes[node].asked |= needed;
        }
        trie.plan(ROOT);
        trie
    }

    fn follow(&mut self, at: usize, token: Token, candidate: usize) -> usize {
        if let Some(branch) = self.nodes[at].branches.iter_mut().find(|b| b.token == token) {
            branch.candidates.push(candidate);
            return branch.node;
        }
        let node = self.nodes.len();
        let depth = self.nodes[at].depth + 1;
        self.nodes.push(Node { token, depth, branches: Vec::new(), asked: false });
        self.nodes[at].branches.push(Branch { token, candidates: vec![candidate], node });
        node
    }

    /// Plans what is read behind `at`, depth first; whether `at` itself is needed. Its depth is
    /// that of a question and a candidate: [`crate::limits::MIND_QUESTION_TOKENS_MAX`] and
    /// [`crate::limits::MIND_CANDIDATE_TOKENS_MAX`] at most.
    fn plan(&mut self, at: usize) -> bool {
        let place = self.steps.len();
        let first = self.leaves;
        if at != ROOT {
            let Node { token, depth, asked, .. } = self.nodes[at];
            let (first_leaf, end_leaf) = (first, first);
            self.steps.push(Step { node: at, token, depth, first_leaf, end_leaf, asked });
        }
        let mut behind = false;
        for index in 0..self.nodes[at].branches.len() {
            let node = self.nodes[at].branches[index].node;
            behind |= self.plan(node);
        }
        let needed = behind || self.nodes[at].asked;
        if !needed {
            self.steps.truncate(place);
            return false;
        }
        if !behind && at != ROOT {
            self.leaves += 1;
        }
        if at != ROOT {
            self.steps[place].end_leaf = self.leaves;
        }
        true
    }

    /// Ways on from a node, those of each question that is open there by themselves.
    pub(super) fn branches(&self, node: usize) -> Vec<Vec<Branch>> {
        let mut questions: BTreeMap<usize, Vec<Branch>> = BTreeMap::new();
        let depth = self.nodes[node].depth as usize;
        for branch in &self.nodes[node].branches {
            let mut own: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for candidate in &branch.candidates {
                let (question, stem) = self.origins[*candidate];
                if stem <= depth {
                    own.entry(question).or_default().push(*candidate);
                }
            }
            for (question, candidates) in own {
                let branch = Branch { candidates, ..branch.clone() };
                questions.entry(question).or_default().push(branch);
            }
        }
        questions.into_values().collect()
    }

    /// Which leaves are read together: as many as there are sequences, and as `room` cells hold.
    /// One leaf alone always makes a round; whether it fits is for the caller to check, with
    /// [`Trie::deepest`].
    pub(super) fn rounds(&self, sequences: u32, room: usize) -> Vec<Range<u32>> {
        let mut rounds = Vec::new();
        let mut start = 0;
        while start < self.leaves {
            let mut end = start + 1;
            while end < self.leaves && end - start < sequences && self.cells(start..end + 1) <= room
            {
                end += 1;
            }
            rounds.push(start..end);
            start = end;
        }
        rounds
    }

    /// Steps of a round.
    pub(super) fn steps_of(&self, round: Range<u32>) -> impl Iterator<Item = Step> + '_ {
        let Range { start, end } = round;
        let inside = move |step: &&Step| step.first_leaf < end && step.end_leaf > start;
        self.steps.iter().filter(inside).copied()
    }

    fn cells(&self, round: Range<u32>) -> usize {
        self.steps_of(round).count()
    }

    /// Tokens of the longest way that is read.
    pub(super) fn deepest(&self) -> usize {
        self.steps.iter().map(|step| step.depth as usize).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(question: usize, stem: usize, tokens: &[Token]) -> Way {
        Way { question, stem, tokens: tokens.to_vec() }
    }

    fn shape(candidates: &[&[Token]], asked: Asked) -> Vec<(Token, u32, Range<u32>, bool)> {
        let ways: Vec<_> = candidates.iter().map(|tokens| way(0, 0, tokens)).collect();
        let trie = Trie::new(&ways, asked);
        let line = |s: &Step| (s.token, s.depth, s.first_leaf..s.end_leaf, s.asked);
        trie.steps.iter().map(line).collect()
    }

    #[test]
    fn candidates_that_part_at_once_need_nothing_but_the_state() {
        assert_eq!(shape(&[&[1, 9], &[2, 9], &[3]], Asked::Partings), []);
        assert_eq!(shape(&[&[1, 2, 3]], Asked::Partings), []);
    }

    #[test]
    fn only_what_lies_before_a_parting_is_read_and_shared_beginnings_once() {
        // 1 2 then 3 or 4; 5 alone.
        let found = shape(&[&[1, 2, 3, 9], &[1, 2, 4, 9], &[5, 9]], Asked::Partings);
        assert_eq!(found, [(1, 1, 0..1, false), (2, 2, 0..1, true)]);
    }

    #[test]
    fn everywhere_reads_all_but_the_last_token_of_each() {
        let found = shape(&[&[1, 2, 9], &[1, 3, 9], &[5, 9]], Asked::Everywhere);
        let right =
            [(1, 1, 0..2, true), (2, 2, 0..1, true), (3, 2, 1..2, true), (5, 1, 2..3, true)];
        assert_eq!(found, right);
    }

    #[test]
    fn two_candidates_that_are_the_same_go_the_same_way() {
        let trie = Trie::new(&[way(0, 0, &[1, 2]), way(0, 0, &[1, 2])], Asked::Partings);
        assert!(trie.steps.is_empty());
        assert_eq!(trie.branches(ROOT)[0][0].candidates, [0, 1]);
    }

    #[test]
    fn ways_of_two_questions_count_behind_their_stems_and_among_their_own() {
        // The first asks with 7; the second with 7 8, which is also a candidate of the first.
        let ways = [way(0, 1, &[7, 8, 9]), way(0, 1, &[7, 5]), way(1, 2, &[7, 8, 6, 9])];
        let trie = Trie::new(&[&ways[..], &[way(1, 2, &[7, 8, 5])]].concat(), Asked::Partings);
        let line = |s: &Step| (s.token, s.depth, s.first_leaf..s.end_leaf, s.asked);
        let steps: Vec<_> = trie.steps.iter().map(line).collect();
        assert_eq!(steps, [(7, 1, 0..1, true), (8, 2, 0..1, true)]);
        let of = |node: usize| -> Vec<Vec<(Token, Vec<usize>)>> {
            let flat = |open: Vec<Branch>| open.into_iter().map(|b| (b.token, b.candidates));
            trie.branches(node).into_iter().map(|open| flat(open).collect()).collect()
        };
        assert!(of(ROOT).is_empty(), "a question's own tokens are no answer");
        assert_eq!(of(trie.steps[0].node), [[(8, vec![0]), (5, vec![1])]]);
        let after = of(trie.steps[1].node);
        assert_eq!(after, [vec![(9, vec![0])], vec![(6, vec![2]), (5, vec![3])]]);
    }

    #[test]
    fn rounds_hold_what_sequences_and_room_hold() {
        let two = |n| [way(0, 0, &[n, 50, 60, 9]), way(0, 0, &[n, 50, 61, 9])];
        let ways: Vec<Way> = (0..3).flat_map(two).collect();
        let trie = Trie::new(&ways, Asked::Partings);
        assert_eq!((trie.leaves, trie.deepest()), (3, 2));
        assert_eq!(trie.rounds(16, 100).first(), Some(&(0..3)));
        assert_eq!(trie.rounds(2, 100), [0..2, 2..3]);
        assert_eq!(trie.rounds(16, 4), [0..2, 2..3]);
        assert_eq!(trie.rounds(16, 1), [0..1, 1..2, 2..3]);
        assert_eq!(trie.steps_of(1..2).map(|step| step.token).collect::<Vec<_>>(), [1, 50]);
        let one = Trie::new(&[way(0, 0, &[1]), way(0, 0, &[2])], Asked::Partings);
        assert!(one.rounds(16, 100).is_empty());
    }
}
