//! The arithmetic of scores.

/// Numbers that are worked on side by side: two registers of SSE or NEON.
const LANES: usize = 8;

/// ln(sum(exp(x))) over a row of scores; `None` where one of them is not finite.
///
/// A row is the whole vocabulary (49,152 words) and a decision has some 25 of them, so this is a
/// tenth of its time if done with the C library's `exp`, one number after the other.
pub(super) fn log_sum_exp(row: &[f32]) -> Option<f32> {
    let (chunks, rest) = row.as_chunks::<LANES>();
    let mut most = [f32::MIN; LANES];
    let mut check = [0.0_f32; LANES];
    for chunk in chunks {
        for lane in 0..LANES {
            most[lane] = if chunk[lane] > most[lane] { chunk[lane] } else { most[lane] };
            check[lane] += chunk[lane] * 0.0; // not a number, if this one is not finite
        }
    }
    let mut max = most.into_iter().fold(f32::MIN, f32::max);
    let mut finite = check.iter().all(|lane| *lane == 0.0);
    for value in rest {
        max = max.max(*value);
        finite &= value.is_finite();
    }
    if !finite || row.is_empty() {
        return None;
    }
    // Each lane adds up some 6,000 numbers of at most 1: the error stays below 1e-4 of the sum,
    // and blocks keep it far below that.
    let mut sum = 0.0_f64;
    for block in chunks.chunks(64) {
        let mut lanes = [0.0_f32; LANES];
        for chunk in block {
            for lane in 0..LANES {
                lanes[lane] += exp_not_positive(chunk[lane] - max);
            }
        }
        sum += f64::from(lanes.iter().sum::<f32>());
    }
    sum += rest.iter().map(|value| f64::from(exp_not_positive(value - max))).sum::<f64>();
    Some(max + sum.ln() as f32)
}

/// exp(x) for x <= 0, to 3e-7 of its value; below -87 it is taken for -87.
///
/// exp(x) = 2^n * exp(r), n the nearest integer to x / ln 2, and exp(r) by its Taylor series to
/// the sixth power, |r| <= ln(2) / 2. No branch and no call, so that the compiler does several at
/// once.
fn exp_not_positive(x: f32) -> f32 {
    // Adding and subtracting 1.5 * 2^23 rounds to an integer, which is then in the low bits.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts: the first has few enough bits that n times it is exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    let x = if x > -87.0 { x } else { -87.0 };
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN2_HIGH) - n * LN2_LOW;
    let series = 1.0
        + r * (1.0
            + r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r / 720.0)))));
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127);
    series * f32::from_bits(exponent << 23)
}

/// Probabilities in proportion to exp(score).
pub(super) fn softmax(scores: &[f64]) -> Vec<f32> {
    let max = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = scores.iter().map(|score| (score - max).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.iter().map(|weight| (weight / total) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(row: &[f32]) -> f64 {
        row.iter().map(|value| f64::from(*value).exp()).sum::<f64>().ln()
    }

    #[test]
    fn exp_is_right_to_a_few_parts_in_ten_million() {
        for step in 0..87_000 {
            let x = -(step as f32) / 1000.0;
            let (found, right) = (f64::from(exp_not_positive(x)), f64::from(x).exp());
            assert!((found / right - 1.0).abs() < 4e-7, "exp({x}): {found} for {right}");
        }
        assert_eq!(exp_not_positive(0.0), 1.0);
        assert!(exp_not_positive(-1000.0) < 2e-38);
    }

    #[test]
    fn log_sum_exp_is_that_of_a_careful_sum_for_rows_of_any_length() {
        for length in [1, 7, 8, 9, 500, 513, 49_152] {
            let row: Vec<f32> = (0..length).map(|i| ((i * 37) % 101) as f32 / 9.0 - 5.0).collect();
            let found = log_sum_exp(&row).expect("finite");
            assert!((f64::from(found) - reference(&row)).abs() < 1e-5, "{length}: {found}");
        }
    }

    #[test]
    fn a_row_that_is_not_finite_is_noticed_wherever_it_is() {
        for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for place in [0, 3, 15, 16] {
                let mut row = vec![1.0; 17];
                row[place] = bad;
                assert_eq!(log_sum_exp(&row), None, "{bad} at {place}");
            }
        }
        assert_eq!(log_sum_exp(&[]), None);
    }

    #[test]
    fn softmax_adds_up_to_one_and_stands_large_numbers() {
        let p = softmax(&[-1000.0, -1000.0, -1001.0]);
        assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert_eq!(p[0], p[1]);
        assert!((p[0] / p[2] - std::f32::consts::E).abs() < 1e-5);
    }
}
