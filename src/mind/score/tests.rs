//! What needs no model; `tests/mind` compares the scores with reading one token at a time.

use super::*;

fn scored(p: &[f32]) -> Scored {
    Scored { candidates: Vec::new(), p: p.to_vec(), mass: 1.0, tokens_read: 1, ms: 1.0 }
}

#[test]
fn the_margin_is_how_far_the_best_is_before_the_second() {
    assert!((scored(&[0.2, 0.5, 0.3]).margin() - 0.2).abs() < 1e-6);
    assert_eq!(scored(&[1.0]).margin(), 1.0);
    assert_eq!(scored(&[0.5, 0.5]).margin(), 0.0);
}

#[test]
fn the_same_text_twice_has_the_mass_of_one() {
    let way = |token| Way { question: 0, stem: 0, tokens: vec![token] };
    let ways = vec![way(1), way(2), way(1)];
    let trie = Trie::new(&ways, Asked::Partings);
    let plan = Plan { bare: usize::MAX, prompt: vec![0], trie, tokens: vec![1; 3], ways };
    let half = 0.5_f64.ln();
    assert!((plan.mass(&[half, 0.25_f64.ln(), half], 0..3) - 0.75).abs() < 1e-6);
}
