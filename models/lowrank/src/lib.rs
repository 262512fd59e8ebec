//! Sums over the matrices of a model. A hundred million numbers sixteen times over take a second as
//! optimised code and a minute otherwise, so they are in a crate of their own, which is optimised
//! in every profile. What must never be here: files, formats.

/// Adds to a matrix the product of two thin ones, times `scale`: `a` has `rank` rows as long as the
/// matrix's, `b` a row of `rank` numbers for each row of the matrix. What does not fit is left.
pub fn add_product(matrix: &mut [f32], row: usize, a: &[f32], b: &[f32], scale: f32) {
    let row = row.max(1);
    let rank = (a.len() / row).max(1);
    for (values, weights) in matrix.chunks_exact_mut(row).zip(b.chunks_exact(rank)) {
        for (weight, direction) in weights.iter().zip(a.chunks_exact(row)) {
            let weight = weight * scale;
            for (value, step) in values.iter_mut().zip(direction) {
                *value += weight * step;
            }
        }
    }
}

/// Sum of the squares of the differences.
#[must_use]
pub fn squared_difference(left: &[f32], right: &[f32]) -> f64 {
    left.iter().zip(right).map(|(left, right)| f64::from(left - right).powi(2)).sum()
}

/// Sum of the squares.
#[must_use]
pub fn squares(values: &[f32]) -> f64 {
    values.iter().map(|value| f64::from(*value).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_is_added_row_by_row() {
        let mut matrix = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]; // two rows of three
        let (a, b) = ([1.0, 0.0, 2.0, 0.0, 1.0, 0.0], [1.0, 2.0, 3.0, 0.0]);
        add_product(&mut matrix, 3, &a, &b, 0.5);
        assert_eq!(matrix, [1.5, 3.0, 4.0, 5.5, 5.0, 9.0]);
    }

    #[test]
    fn sums_are_of_squares() {
        assert_eq!(
            (squares(&[3.0, -4.0]), squared_difference(&[1.0, 5.0], &[4.0, 1.0])),
            (25.0, 25.0)
        );
    }
}
