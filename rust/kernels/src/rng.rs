//! Random numbers by counter: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011).
//!
//! A number depends on a [`Stream`] and on its place alone, so any thread may draw any part, and a saved run resumes
//! with the same numbers. Element `64 g + 16 w + l` is word `w` of counter `16 g + l`: sixteen counters run side by
//! side in the lanes of whatever vectors there are. No multiplication is fused with an addition here, and nothing is
//! taken from the system's mathematics library: the same bits come out on every instruction set.

use crate::simd::{Kernel, Simd};
use crate::{Isa, threads};
use std::f32::consts::{FRAC_PI_2, LN_2, SQRT_2};

/// Counters side by side, and the numbers that they give.
const LANES: usize = 16;
const GROUP: usize = 4 * LANES;
/// Numbers of one task, and what one of them weighs in multiply-adds.
const TASK: usize = 128 * GROUP;
const WORK: usize = 24;

/// An endless sequence of random numbers: `seed` is the key, `stream` (a step, an epoch, a node) the counter's upper half.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    pub seed: u64,
    pub stream: u64,
}

/// One word in 64-bit lanes: a product of two 32-bit words fits, and its halves need no shuffling.
type Word = [u64; LANES];

const LOW: u64 = 0xffff_ffff;

#[inline(always)]
fn philox(mut c: [Word; 4], key: u64) -> [Word; 4] {
    let (mut k0, mut k1) = (key as u32, (key >> 32) as u32);
    for _ in 0..10 {
        let [c0, c1, c2, c3] = &mut c;
        for (((c0, c1), c2), c3) in c0.iter_mut().zip(c1).zip(c2).zip(c3) {
            let (a, b) = ((*c0 & LOW) * 0xd251_1f53, (*c2 & LOW) * 0xcd9e_8d57);
            // The upper halves may hold rubbish: every use looks at the lower one alone.
            *c0 = (b >> 32) ^ *c1 ^ u64::from(k0);
            *c2 = (a >> 32) ^ *c3 ^ u64::from(k1);
            (*c1, *c3) = (b, a);
        }
        (k0, k1) = (k0.wrapping_add(0x9e37_79b9), k1.wrapping_add(0xbb67_ae85));
    }
    c
}

impl Stream {
    /// Numbers `64 group .. 64 group + 64`, by word.
    #[inline(always)]
    fn group(self, group: u64) -> [[u32; LANES]; 4] {
        let index: Word = std::array::from_fn(|l| group * LANES as u64 + l as u64);
        let words =
            philox([index, index.map(|i| i >> 32), [self.stream & LOW; LANES], [self.stream >> 32; LANES]], self.seed);
        words.map(|word| word.map(|lane| lane as u32))
    }
}

/// What becomes of 64 raw numbers.
trait Draw: Copy + Sync {
    fn draw(self, bits: [[u32; LANES]; 4], out: &mut [[f32; LANES]; 4]);
}

struct Fill<'a, D> {
    draw: D,
    stream: Stream,
    first: usize,
    out: &'a mut [f32],
}

impl<D: Draw> Kernel for Fill<'_, D> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Fill { draw, stream, first, out } = self;
        for (g, out) in out.chunks_mut(GROUP).enumerate() {
            let mut numbers = [[0.0; LANES]; 4];
            draw.draw(stream.group((first + g) as u64), &mut numbers);
            out.copy_from_slice(&numbers.as_flattened()[..out.len()]);
        }
    }
}

fn fill(isa: Isa, stream: Stream, out: &mut [f32], draw: impl Draw) {
    threads::for_each_chunk(out, TASK, TASK * WORK, |i, out| {
        isa.run(Fill { draw, stream, first: i * (TASK / GROUP), out });
    });
}

/// Uniform numbers in [low, high), on a grid of 2^-24 of the range.
pub fn uniform(isa: Isa, stream: Stream, low: f32, high: f32, out: &mut [f32]) {
    #[derive(Clone, Copy)]
    struct Uniform(f32, f32);
    impl Draw for Uniform {
        #[inline(always)]
        fn draw(self, bits: [[u32; LANES]; 4], out: &mut [[f32; LANES]; 4]) {
            for (to, &bits) in out.as_flattened_mut().iter_mut().zip(bits.as_flattened()) {
                let value = self.0 + unit(bits) * (self.1 - self.0);
                // Rounding may reach the upper end, which is not in the range.
                *to = if value < self.1 { value } else { self.0 };
            }
        }
    }
    fill(isa, stream, out, Uniform(low, high));
}

/// Normal numbers (Box and Muller, 1958), up to 6.7 standard deviations out.
pub fn normal(isa: Isa, stream: Stream, mean: f32, deviation: f32, out: &mut [f32]) {
    #[derive(Clone, Copy)]
    struct Normal(f32, f32);
    impl Draw for Normal {
        #[inline(always)]
        fn draw(self, bits: [[u32; LANES]; 4], out: &mut [[f32; LANES]; 4]) {
            for pair in 0..2 {
                for l in 0..LANES {
                    let uniform = (bits[2 * pair][l] as f32 + 0.5) * (1.0 / 4_294_967_296.0);
                    let radius = (-2.0 * ln(uniform)).sqrt();
                    let (sine, cosine) = sin_cos_of_turn(unit(bits[2 * pair + 1][l]));
                    out[2 * pair][l] = self.0 + self.1 * (radius * cosine);
                    out[2 * pair + 1][l] = self.0 + self.1 * (radius * sine);
                }
            }
        }
    }
    fill(isa, stream, out, Normal(mean, deviation));
}

/// Normal numbers within two standard deviations, by the inverse of the distribution function.
pub fn truncated_normal(isa: Isa, stream: Stream, mean: f32, deviation: f32, out: &mut [f32]) {
    #[derive(Clone, Copy)]
    struct Truncated(f32, f32);
    impl Draw for Truncated {
        #[inline(always)]
        fn draw(self, bits: [[u32; LANES]; 4], out: &mut [[f32; LANES]; 4]) {
            for (to, &bits) in out.as_flattened_mut().iter_mut().zip(bits.as_flattened()) {
                *to = self.0 + self.1 * truncated_quantile(unit(bits) + 0.5 / 16_777_216.0);
            }
        }
    }
    fill(isa, stream, out, Truncated(mean, deviation));
}

/// `y = x / (1 - rate)` with probability `1 - rate`, else 0. The same stream drops the same elements, so that the
/// gradient is this function of dy.
pub fn dropout(isa: Isa, stream: Stream, rate: f32, x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len(), "x and y of a dropout");
    assert!((0.0..1.0).contains(&rate), "a dropout rate is in [0, 1)");
    let (threshold, scale) = ((f64::from(rate) * 4_294_967_296.0) as u32, 1.0 / (1.0 - rate));
    threads::for_each_chunk(y, TASK, TASK * WORK, |i, y| {
        let x = &x[i * TASK..i * TASK + y.len()];
        isa.run(Dropout { stream, first: i * TASK, threshold, scale, x, y });
    });
}

/// [`dropout`] of elements `first ..` of a larger whole, on this thread.
pub fn dropout_from(isa: Isa, stream: Stream, first: usize, rate: f32, x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len(), "x and y of a dropout");
    assert!((0.0..1.0).contains(&rate), "a dropout rate is in [0, 1)");
    let (threshold, scale) = ((f64::from(rate) * 4_294_967_296.0) as u32, 1.0 / (1.0 - rate));
    isa.run(Dropout { stream, first, threshold, scale, x, y });
}

struct Dropout<'a> {
    stream: Stream,
    first: usize,
    threshold: u32,
    scale: f32,
    x: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Dropout<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Dropout { stream, first, threshold, scale, x, y } = self;
        // Up to the next group, whole groups, what is left.
        let lead = (first.next_multiple_of(GROUP) - first).min(x.len());
        let ((x_lead, x), (y_lead, y)) = (x.split_at(lead), y.split_at_mut(lead));
        let (x, x_tail) = x.as_chunks::<GROUP>();
        let (y, y_tail) = y.as_chunks_mut::<GROUP>();
        let group = (first + lead).div_ceil(GROUP) as u64;
        for ((x, y), g) in x.iter().zip(y).zip(group..) {
            keep(stream.group(g), threshold, scale, x, y);
        }
        for (x, y, g, at) in
            [(x_lead, y_lead, (first / GROUP) as u64, first % GROUP), (x_tail, y_tail, group + x.len() as u64, 0)]
        {
            if !x.is_empty() {
                let (mut whole, mut kept) = ([0.0; GROUP], [0.0; GROUP]);
                whole[at..at + x.len()].copy_from_slice(x);
                keep(stream.group(g), threshold, scale, &whole, &mut kept);
                y.copy_from_slice(&kept[at..at + y.len()]);
            }
        }
    }
}

#[inline(always)]
fn keep(bits: [[u32; LANES]; 4], threshold: u32, scale: f32, x: &[f32; GROUP], y: &mut [f32; GROUP]) {
    for (k, &bits) in bits.as_flattened().iter().enumerate() {
        y[k] = if bits >= threshold { x[k] * scale } else { 0.0 };
    }
}

/// Fills `order` with a random permutation of its indices: Fisher and Yates's shuffle, each draw unbiased (Lemire, 2019).
pub fn permutation(isa: Isa, stream: Stream, order: &mut [u32]) {
    assert!(order.len() <= u32::MAX as usize, "a permutation of at most 2^32 - 1 elements");
    struct Raw(Stream, u64);
    impl Kernel for Raw {
        type Output = [[u32; LANES]; 4];
        #[inline(always)]
        fn run<S: Simd>(self, _: S) -> [[u32; LANES]; 4] {
            self.0.group(self.1)
        }
    }
    let (mut numbers, mut used) = ([[0; LANES]; 4], GROUP);
    let mut group = 0..;
    let mut next = || {
        if used == GROUP {
            (numbers, used) = (isa.run(Raw(stream, group.next().unwrap_or(0))), 0);
        }
        used += 1;
        numbers.as_flattened()[used - 1]
    };
    order.iter_mut().zip(0..).for_each(|(to, i)| *to = i);
    for i in (1..order.len()).rev() {
        let range = i as u64 + 1;
        let mut product = u64::from(next()) * range;
        if product & LOW < range {
            let unfair = (LOW + 1 - range) % range;
            while product & LOW < unfair {
                product = u64::from(next()) * range;
            }
        }
        order.swap(i, (product >> 32) as usize);
    }
}

/// Upper 24 bits as a fraction of 1: exact.
#[inline(always)]
fn unit(bits: u32) -> f32 {
    (bits >> 8) as f32 * (1.0 / 16_777_216.0)
}

/// For normal `x` in (0, 1]: with x = 2^e m, m about 1, `ln m = 2 artanh s` for `s = (m - 1) / (m + 1)`.
#[inline(always)]
fn ln(x: f32) -> f32 {
    // Taking sqrt(1/2) for 1 brings m into [sqrt(1/2), sqrt(2)).
    let bits = x.to_bits().wrapping_sub((SQRT_2 / 2.0).to_bits());
    let exponent = (bits as i32) >> 23;
    let m = f32::from_bits((bits & 0x7f_ffff) + (SQRT_2 / 2.0).to_bits());
    let s = (m - 1.0) / (m + 1.0);
    let s2 = s * s;
    let series = s2 * (1.0 / 3.0 + s2 * (1.0 / 5.0 + s2 * (1.0 / 7.0 + s2 * (1.0 / 9.0))));
    exponent as f32 * LN_2 + (2.0 * s + 2.0 * s * series)
}

/// Sine and cosine of `2 pi turn` for `turn` in [0, 1), by quarter turns and Taylor's series on half of one.
#[inline(always)]
fn sin_cos_of_turn(turn: f32) -> (f32, f32) {
    let quarter = (turn * 4.0 + 0.5) as i32;
    let x = (turn * 4.0 - quarter as f32) * FRAC_PI_2;
    let x2 = x * x;
    let sine = x + x * x2 * (-1.0 / 6.0 + x2 * (1.0 / 120.0 + x2 * (-1.0 / 5040.0 + x2 * (1.0 / 362_880.0))));
    let cosine = 1.0 + x2 * (-0.5 + x2 * (1.0 / 24.0 + x2 * (-1.0 / 720.0 + x2 * (1.0 / 40_320.0))));
    let (sine, cosine) = if quarter & 1 == 0 { (sine, cosine) } else { (cosine, -sine) };
    if quarter & 2 == 0 { (sine, cosine) } else { (-sine, -cosine) }
}

/// The value that a standard normal number within [-2, 2] stays below with probability `u`.
#[inline(always)]
fn truncated_quantile(u: f32) -> f32 {
    // erf(sqrt 2); the polynomial is a Chebyshev fit of sqrt(2) erfinv(y) / y over w = -ln(1 - y^2), off by 1.3e-8.
    let y = (2.0 * u - 1.0) * 0.954_499_7;
    let w = -ln((1.0 - y) * (1.0 + y));
    let high = -0.000_194_942_58 + w * (7.758_337_6e-5 + w * (-2.270_791_4e-6 + w * -4.989_564_7e-7));
    let ratio = 1.253_314_1 + w * (0.328_117_2 + w * (0.016_330_553 + w * (-0.003_293_585 + w * high)));
    (y * ratio).clamp(-2.0, 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: Stream = Stream { seed: 0x0123_4567_89ab_cdef, stream: 0xfedc_ba98_7654_3210 };

    /// The generator as its paper has it, one counter at a time.
    fn reference(mut c: [u32; 4], mut k: [u32; 2]) -> [u32; 4] {
        for _ in 0..10 {
            let (a, b) = (u64::from(c[0]) * 0xd251_1f53, u64::from(c[2]) * 0xcd9e_8d57);
            c = [(b >> 32) as u32 ^ c[1] ^ k[0], b as u32, (a >> 32) as u32 ^ c[3] ^ k[1], a as u32];
            k = [k[0].wrapping_add(0x9e37_79b9), k[1].wrapping_add(0xbb67_ae85)];
        }
        c
    }

    fn number(stream: Stream, i: usize) -> u32 {
        let counter = (i / GROUP * LANES + i % LANES) as u64;
        let (s, k) = (stream.stream, stream.seed);
        let c = [counter as u32, (counter >> 32) as u32, s as u32, (s >> 32) as u32];
        reference(c, [k as u32, (k >> 32) as u32])[i / LANES % 4]
    }

    #[test]
    fn known_answers_of_random123() {
        let answers = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, want) in answers {
            assert_eq!(reference(counter, key), want);
            let key = u64::from(key[1]) << 32 | u64::from(key[0]);
            let got = philox(counter.map(|word: u32| [u64::from(word); LANES]), key);
            assert_eq!(got.map(|word| word[LANES - 1] as u32), want);
        }
    }

    /// Runs `draw` on every instruction set, odd length and thread count: the bits are those of a prefix of one run.
    fn same_everywhere(draw: impl Fn(Isa, &mut [f32])) -> Vec<f32> {
        let mut all = vec![0.0; 3 * TASK + 7];
        threads::set_count(1);
        draw(Isa::Scalar, &mut all);
        for isa in Isa::available() {
            for threads in [1, 2, 3, 5] {
                threads::set_count(threads);
                for len in [0, 1, 15, 63, 64, 65, 1000, TASK + 1, all.len()] {
                    let mut part = vec![9.0; len];
                    draw(isa, &mut part);
                    assert!(part.iter().zip(&all).all(|(a, b)| a.to_bits() == b.to_bits()), "{isa:?} {threads} {len}");
                }
            }
        }
        threads::set_count(0);
        all
    }

    fn moments(values: &[f32]) -> (f64, f64, f64) {
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / values.len() as f64;
        let central = |p| values.iter().map(|&v| (f64::from(v) - mean).powi(p)).sum::<f64>() / values.len() as f64;
        (mean, central(2), central(4))
    }

    #[test]
    fn uniform_numbers_are_philox_and_level() {
        let all = same_everywhere(|isa, out| uniform(isa, STREAM, 0.0, 1.0, out));
        for (i, &v) in all.iter().enumerate().step_by(37) {
            assert_eq!(v, unit(number(STREAM, i)));
        }
        let (mean, variance, _) = moments(&all);
        assert!((mean - 0.5).abs() < 5e-3 && (variance - 1.0 / 12.0).abs() < 1e-3, "{mean} {variance}");
        let mut boxes = [0usize; 64];
        all.iter().for_each(|v| boxes[(v * 64.0) as usize] += 1);
        let expected = all.len() as f64 / 64.0;
        let chi: f64 = boxes.iter().map(|&n| (n as f64 - expected).powi(2) / expected).sum();
        assert!((30.0..110.0).contains(&chi), "chi squared with 63 degrees of freedom: {chi}");
        let mut narrow = vec![0.0; 1000];
        uniform(Isa::active(), STREAM, 1.0, 1.0 + f32::EPSILON, &mut narrow);
        assert!(narrow.iter().all(|&v| v == 1.0));
    }

    #[test]
    fn normal_numbers_are_normal() {
        let all = same_everywhere(|isa, out| normal(isa, STREAM, 0.0, 1.0, out));
        let (mean, variance, fourth) = moments(&all);
        assert!(mean.abs() < 0.02 && (variance - 1.0).abs() < 0.03 && (fourth - 3.0).abs() < 0.2);
        for (sigmas, share) in [(1.0, 0.682_69), (2.0, 0.954_5), (3.0, 0.997_3)] {
            let within = all.iter().filter(|v| v.abs() < sigmas).count() as f64 / all.len() as f64;
            assert!((within - share).abs() < 0.008, "{within} within {sigmas}");
        }
        for (i, &v) in all.iter().enumerate().step_by(41) {
            let place = i / GROUP * GROUP + i / (2 * LANES) % 2 * 2 * LANES + i % LANES;
            let a = (f64::from(number(STREAM, place)) + 0.5) / 4_294_967_296.0;
            let b = f64::from(unit(number(STREAM, place + LANES))) * std::f64::consts::TAU;
            let want = (-2.0 * a.ln()).sqrt() * if (i / LANES).is_multiple_of(2) { b.cos() } else { b.sin() };
            assert!((f64::from(v) - want).abs() < 2e-6, "{i}: {v} {want}");
        }
    }

    #[test]
    fn truncated_numbers_stay_within_two_deviations() {
        let all = same_everywhere(|isa, out| truncated_normal(isa, STREAM, 0.0, 1.0, out));
        assert!(all.iter().all(|v| v.abs() <= 2.0));
        let (mean, variance, _) = moments(&all);
        assert!(mean.abs() < 0.02 && (variance - 0.773_74).abs() < 0.02, "{mean} {variance}");
        let within = all.iter().filter(|v| v.abs() < 1.0).count() as f64 / all.len() as f64;
        assert!((within - 0.682_69 / 0.954_5).abs() < 0.008, "{within}");
        // Quantiles from tables.
        for (u, z) in [(0.5, 0.0), (0.5 + 0.341_344_75 / 0.954_499_7, 1.0), (1.0, 2.0), (0.0, -2.0)] {
            assert!((truncated_quantile(u) - z).abs() < 2e-6, "{u} {}", truncated_quantile(u));
        }
    }

    #[test]
    fn dropout_keeps_the_right_share_and_scales_it() {
        let len = 2 * TASK + 19;
        let x: Vec<f32> = (0..len).map(|i| if i % 1000 == 3 { f32::NAN } else { 1.0 + i as f32 }).collect();
        for rate in [0.0, 0.1, 0.5, 0.9] {
            let all = same_everywhere(|isa, y| dropout(isa, STREAM, rate, &vec![1.0; y.len()], y));
            let kept = all.iter().filter(|&&v| v != 0.0).count() as f64 / all.len() as f64;
            assert!((kept - f64::from(1.0 - rate)).abs() < 0.01, "{kept} kept at {rate}");
            let mut y = vec![0.0; len];
            dropout(Isa::active(), STREAM, rate, &x, &mut y);
            for i in 0..len {
                let want = if number(STREAM, i) >= (f64::from(rate) * 4_294_967_296.0) as u32 {
                    x[i] * (1.0 / (1.0 - rate))
                } else {
                    0.0
                };
                assert!(y[i] == want || (y[i].is_nan() && want.is_nan()));
            }
        }
    }

    #[test]
    fn permutations_are_fair_and_repeatable() {
        for len in [0usize, 1, 2, 63, 1000] {
            let mut order = vec![7; len];
            permutation(Isa::active(), STREAM, &mut order);
            for isa in Isa::available() {
                let mut again = vec![0; len];
                permutation(isa, STREAM, &mut again);
                assert_eq!(again, order);
            }
            order.sort_unstable();
            assert!(order.iter().enumerate().all(|(i, &v)| v as usize == i));
        }
        let mut counts = [[0usize; 5]; 5];
        for stream in 0..10_000 {
            let mut order = [0; 5];
            permutation(Isa::active(), Stream { seed: 1, stream }, &mut order);
            order.iter().enumerate().for_each(|(i, &v)| counts[i][v as usize] += 1);
        }
        assert!(counts.as_flattened().iter().all(|n| (1800..2200).contains(n)), "{counts:?}");
    }

    #[test]
    fn a_part_of_a_dropout_is_that_part() {
        let (stream, x) = (Stream { seed: 3, stream: 9 }, vec![1.0; 300]);
        for isa in Isa::available() {
            let mut whole = vec![9.0; 300];
            dropout(isa, stream, 0.3, &x, &mut whole);
            for (from, to) in [(0, 300), (1, 300), (63, 65), (64, 128), (70, 75), (100, 299), (5, 5)] {
                let mut part = vec![9.0; to - from];
                dropout_from(isa, stream, from, 0.3, &x[from..to], &mut part);
                assert_eq!(part, whole[from..to]);
            }
        }
    }
}
