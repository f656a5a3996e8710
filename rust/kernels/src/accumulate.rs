//! Sums of many numbers, one after another: a float32 and, beside it, what it lacks.

/// Adds `x` to the sums `total + rest`, element by element, and keeps what rounding would lose: `total` is the sum
/// rounded to float32, `rest` the remainder. So sums of whole numbers are exact up to 2^48, where float32 stops at 2^24.
///
/// A total that is infinite or NaN stays what it would be without the rest, which then is 0.
pub fn accumulate(total: &mut [f32], rest: &mut [f32], x: &[f32]) {
    assert!(total.len() == x.len() && rest.len() == x.len(), "accumulate: lengths");
    for ((total, rest), &x) in total.iter_mut().zip(rest).zip(x) {
        // The error of total + x is a float32 (Knuth); with the old rest it is brought below half a unit of the total.
        let sum = *total + x;
        let of_total = sum - x;
        let error = (*total - of_total) + (x - (sum - of_total));
        let left = *rest + error;
        let rounded = sum + left;
        let remainder = left - (rounded - sum);
        (*total, *rest) = if remainder.is_finite() { (rounded, remainder) } else { (sum, 0.0) };
    }
}

#[cfg(test)]
mod tests {
    use super::accumulate;

    fn sum(numbers: &[f32]) -> (f32, f32) {
        let (mut total, mut rest) = ([0.0], [0.0]);
        numbers.iter().for_each(|&x| accumulate(&mut total, &mut rest, &[x]));
        (total[0], rest[0])
    }

    #[test]
    fn counts_go_on_where_float32_stops() {
        let (mut total, mut rest) = ([16_777_216.0_f32, 16_777_215.0], [0.0_f32, 0.0]);
        (0..1001).for_each(|_| accumulate(&mut total, &mut rest, &[1.0, 1.0]));
        assert_eq!(total.map(f64::from)[0] + rest.map(f64::from)[0], 16_778_217.0);
        assert_eq!(total.map(f64::from)[1] + rest.map(f64::from)[1], 16_778_216.0);
        let far = 2.0_f32.powi(40);
        let (mut total, mut rest) = ([far], [0.0]);
        (0..100_000).for_each(|_| accumulate(&mut total, &mut rest, &[1.0]));
        assert_eq!(f64::from(total[0]) + f64::from(rest[0]), f64::from(far) + 100_000.0);
    }

    #[test]
    fn sums_of_fractions_are_those_of_float64_rounded_once() {
        let numbers: Vec<f32> = (0..200_000).map(|i| ((i * 37 + 11) % 1013) as f32 * 0.01 - 2.0).collect();
        let exact: f64 = numbers.iter().map(|&x| f64::from(x)).sum();
        let (total, rest) = sum(&numbers);
        assert!((f64::from(total) + f64::from(rest) - exact).abs() < 1e-9 * exact.abs(), "{total} {rest} {exact}");
        assert_eq!(total, exact as f32);
        // What cancels leaves what is left.
        assert_eq!(sum(&[1.0, 1e8, 1.0, -1e8]), (2.0, 0.0));
    }

    #[test]
    fn infinity_and_nan_stay() {
        let inf = f32::INFINITY;
        assert_eq!(sum(&[1.0, inf, 2.0, 3.0]), (inf, 0.0));
        assert_eq!(sum(&[1.0, -inf, 2.0]), (-inf, 0.0));
        assert_eq!(sum(&[f32::MAX, f32::MAX, 1.0]), (inf, 0.0));
        assert!(sum(&[inf, -inf, 1.0]).0.is_nan() && sum(&[f32::NAN, 1.0]).0.is_nan());
        assert_eq!(sum(&[1.0, f32::NAN]).1, 0.0);
    }
}
