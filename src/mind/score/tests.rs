//! What needs no model; `tests/mind.rs` compares the scores with reading one token at a time.

use super::*;

fn plan(prefix: u32, state: usize, candidates: &[usize]) -> Plan {
    Plan {
        prefix: PrefixPlan::Cached(prefix),
        state: vec![1; state],
        candidates: candidates.iter().map(|tokens| vec![1; *tokens]).collect(),
    }
}

#[test]
fn a_candidate_begins_with_a_blank_and_ends_its_line() {
    assert_eq!(continuation("Do:", 0, "fan on").expect("a text"), " fan on\n");
    assert_eq!(continuation("Do: ", 0, " fan on ").expect("a text"), "fan on\n");
}

#[test]
fn a_candidate_without_words_or_with_two_lines_is_refused_by_number() {
    let error = continuation("Do:", 3, " ").expect_err("empty").to_string();
    assert_eq!(error, "candidate 3 is empty");
    let error = continuation("Do:", 4, "a\nb").expect_err("two lines").to_string();
    assert_eq!(error, "candidate 4 has more than one line");
}

/// Sizes of the rounds, after a check that they follow each other.
fn sizes(plan: &Plan, sequences: u32, context_tokens: u32) -> Vec<usize> {
    let rounds = rounds(plan, sequences, context_tokens);
    assert_eq!(rounds.first().map(|round| round.start), Some(0));
    assert_eq!(rounds.last().map(|round| round.end), Some(plan.candidates.len()));
    assert!(rounds.windows(2).all(|pair| pair[0].end == pair[1].start));
    rounds.into_iter().map(|round| round.len()).collect()
}

#[test]
fn rounds_hold_what_sequences_and_context_hold() {
    assert_eq!(sizes(&plan(10, 5, &[4, 4, 4]), 16, 256), [3]);
    assert_eq!(sizes(&plan(10, 5, &[4, 4, 4]), 2, 256), [2, 1]);
    // Three cells each, and room for seven: two candidates a round.
    assert_eq!(sizes(&plan(10, 5, &[4, 4, 4]), 16, 22), [2, 1]);
    assert_eq!(sizes(&plan(10, 5, &[4, 4, 4]), 16, 18), [1, 1, 1]);
    // A candidate of one token needs no cell: it is only asked for.
    assert_eq!(sizes(&plan(10, 5, &[1, 1]), 16, 15), [2]);
}
