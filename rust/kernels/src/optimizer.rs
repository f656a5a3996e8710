//! Optimizer steps: each updates a variable and its slots in place, in one pass over memory.
//!
//! A [`Rule`] is the arithmetic of one element, [`update`] the pass. Formulas and their order of operations are
//! Keras's; powers of beta are taken in f64, so that step 100 000 is as exact as step 1.
//!
//! Rules that keep squares or sizes of gradients take a finite gradient beyond [`LARGEST`] for one of that size, whose
//! square is finite: one outlier leaves no infinity in a slot, from which no later step would recover. An infinite
//! gradient makes NaN. An epsilon of 0 counts as the least that keeps 0 / 0 from being computed.

use crate::layout::{BadIndex, gather};
use crate::simd::{Kernel, Simd};
use crate::{Isa, scratch, threads};

/// Elements of one task: far beyond the cost of a hand-over, and four or five slices of it stay in L2.
const CHUNK: usize = 8192;
/// What a square root, a division and 28 bytes an element weigh, in multiply-adds.
const WORK: usize = 24;

/// The largest gradient whose square, and a mean of such squares with its bias taken out, is finite.
const LARGEST: f32 = 1.8e19;
/// The least divisor, and its square: what takes the place of an epsilon of 0.
const LEAST: f64 = 1.1e-19;
const LEAST_SQUARE: f32 = 1.2e-38;

/// `g` within the largest that can be squared; NaN where it is not finite.
#[inline(always)]
fn squarable<S: Simd>(s: S, g: S::F) -> S::F {
    let held = s.min_raw(s.splat(LARGEST), s.max_raw(s.splat(-LARGEST), g));
    s.mul_add(s.splat(0.0), g, held)
}

/// One optimizer's arithmetic over `N` arrays: the variable first, then its slots.
pub trait Rule<const N: usize>: Copy + Sync {
    /// The new variable and slots for gradient `g`. Must be `#[inline(always)]`.
    fn step<S: Simd>(self, s: S, state: [S::F; N], g: S::F) -> [S::F; N];
}

/// Takes one step in place. `decay` (learning rate times weight decay; 0 for none) shrinks the variable beforehand.
pub fn update<const N: usize>(isa: Isa, rule: impl Rule<N>, state: [&mut [f32]; N], gradient: &[f32], decay: f32) {
    assert!(N > 0 && state[0].len() == gradient.len(), "a gradient must be as long as its variable");
    threads::for_each_chunks(state, CHUNK, CHUNK * WORK, |i, state| {
        let gradient = &gradient[i * CHUNK..i * CHUNK + state[0].len()];
        isa.run(Update { rule, state, gradient, decay });
    });
}

/// Takes one step for the rows that `indices` names and for no others: a row's gradient is the sum of the rows of `dy`
/// whose index it is, in their order.
pub fn update_rows<const N: usize>(
    isa: Isa,
    rule: impl Rule<N>,
    state: [&mut [f32]; N],
    indices: &[i32],
    dy: &[f32],
    inner: usize,
) -> Result<(), BadIndex> {
    assert!(N > 0 && dy.len() == indices.len() * inner, "a row of dy for each index");
    if dy.is_empty() {
        return Ok(());
    }
    gather::check(indices, state[0].len() / inner)?;
    let mut order: Vec<(i32, u32)> = scratch::list(indices.len());
    order.extend(indices.iter().copied().zip(0..));
    order.sort_unstable();
    let (mut rows, mut ends) = (scratch::list(order.len()), scratch::list(order.len()));
    for same in order.chunk_by(|a, b| a.0 == b.0) {
        rows.push(same[0].0 as usize);
        ends.push(ends.last().copied().unwrap_or(0) + same.len());
    }
    let work = inner * (WORK + order.len() / rows.len());
    threads::for_each_row(state, inner, &rows, work, |k, state| {
        let places = &order[if k == 0 { 0 } else { ends[k - 1] }..ends[k]];
        scratch::with(inner, |gradient| isa.run(UpdateRow { rule, state, places, dy, gradient }));
    });
    Ok(())
}

struct UpdateRow<'a, R, const N: usize> {
    rule: R,
    state: [&'a mut [f32]; N],
    /// The row's index and the places in dy where it occurs.
    places: &'a [(i32, u32)],
    dy: &'a [f32],
    gradient: &'a mut [f32],
}

impl<R: Rule<N>, const N: usize> Kernel for UpdateRow<'_, R, N> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let UpdateRow { rule, state, places, dy, gradient } = self;
        gradient.fill(0.0);
        for &(_, place) in places {
            let dy = &dy[place as usize * gradient.len()..][..gradient.len()];
            gradient.iter_mut().zip(dy).for_each(|(sum, dy)| *sum += dy);
        }
        Update { rule, state, gradient, decay: 0.0 }.run(s);
    }
}

struct Update<'a, R, const N: usize> {
    rule: R,
    state: [&'a mut [f32]; N],
    gradient: &'a [f32],
    decay: f32,
}

impl<R: Rule<N>, const N: usize> Kernel for Update<'_, R, N> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Update { rule, state, gradient, decay } = self;
        let whole = gradient.len() / S::LANES * S::LANES;
        for at in (0..whole).step_by(S::LANES) {
            let mut now = [s.splat(0.0); N];
            for k in 0..N {
                now[k] = s.load(&state[k][at..]);
            }
            let next = decayed(s, rule, now, s.load(&gradient[at..]), decay);
            for k in 0..N {
                s.store(&mut state[k][at..], next[k]);
            }
        }
        if whole < gradient.len() {
            let mut now = [s.splat(0.0); N];
            for k in 0..N {
                now[k] = s.load_head(&state[k][whole..]);
            }
            let next = decayed(s, rule, now, s.load_head(&gradient[whole..]), decay);
            for k in 0..N {
                s.store_head(&mut state[k][whole..], next[k]);
            }
        }
    }
}

#[inline(always)]
fn decayed<S: Simd, R: Rule<N>, const N: usize>(s: S, rule: R, mut now: [S::F; N], g: S::F, decay: f32) -> [S::F; N] {
    if decay != 0.0 {
        now[0] = s.sub(now[0], s.mul(now[0], s.splat(decay)));
    }
    rule.step(s, now, g)
}

/// `w -= lr * g`.
#[derive(Clone, Copy, Debug)]
pub struct Sgd {
    pub learning_rate: f32,
}

impl Rule<1> for Sgd {
    #[inline(always)]
    fn step<S: Simd>(self, s: S, [w]: [S::F; 1], g: S::F) -> [S::F; 1] {
        [s.mul_add(s.splat(-self.learning_rate), g, w)]
    }
}

/// `m = momentum * m - lr * g; w += m`, or, with Nesterov's look ahead, `w += momentum * m - lr * g`.
/// State: w, m.
#[derive(Clone, Copy, Debug)]
pub struct Momentum {
    pub learning_rate: f32,
    pub momentum: f32,
    pub nesterov: bool,
}

impl Rule<2> for Momentum {
    #[inline(always)]
    fn step<S: Simd>(self, s: S, [w, m]: [S::F; 2], g: S::F) -> [S::F; 2] {
        let (push, keep) = (s.mul(s.splat(-self.learning_rate), g), s.splat(self.momentum));
        let m = s.mul_add(m, keep, push);
        [s.add(w, if self.nesterov { s.mul_add(m, keep, push) } else { m }), m]
    }
}

/// `v = rho v + (1 - rho) g^2; w -= lr g / sqrt(v + eps)`, where `centered` takes the square of the mean gradient from
/// v, and with `momentum` the step goes through a moving sum. State: w, v, then the mean and the momentum, as used.
#[derive(Clone, Copy, Debug)]
pub struct RmsProp {
    pub learning_rate: f32,
    pub rho: f64,
    pub epsilon: f32,
    pub momentum: f32,
    pub centered: bool,
}

impl<const N: usize> Rule<N> for RmsProp {
    #[inline(always)]
    fn step<S: Simd>(self, s: S, mut state: [S::F; N], g: S::F) -> [S::F; N] {
        let (rho, rest) = (s.splat(self.rho as f32), s.splat((1.0 - self.rho) as f32));
        let (g, epsilon) = (squarable(s, g), s.splat(self.epsilon.max(LEAST_SQUARE)));
        let v = s.mul_add(rho, state[1], s.mul(rest, s.mul(g, g)));
        state[1] = v;
        let denominator = if self.centered {
            let mean = s.mul_add(rho, state[2], s.mul(rest, g));
            state[2] = mean;
            // Of gradients that are all alike the difference is 0, which rounding may put below.
            s.add(s.max_raw(s.splat(0.0), s.sub(v, s.mul(mean, mean))), epsilon)
        } else {
            s.add(v, epsilon)
        };
        let mut step = s.div(s.mul(s.splat(self.learning_rate), g), s.sqrt(denominator));
        if N > 2 + usize::from(self.centered) {
            step = s.mul_add(s.splat(self.momentum), state[N - 1], step);
            state[N - 1] = step;
        }
        state[0] = s.sub(state[0], step);
        state
    }
}

/// Adam (Kingma and Ba, 2015, the reordered form of section 2): `m += (g - m)(1 - b1); v += (g^2 - v)(1 - b2);
/// w -= alpha m / (sqrt(v) + eps)`. State: w, m, v, and for AMSGrad the largest v so far.
#[derive(Clone, Copy, Debug)]
pub struct Adam {
    alpha: f32,
    rest_1: f32,
    rest_2: f32,
    epsilon: f32,
}

impl Adam {
    /// `t` counts steps from 1: `alpha = lr sqrt(1 - b2^t) / (1 - b1^t)`.
    pub fn new(learning_rate: f64, beta_1: f64, beta_2: f64, epsilon: f64, t: u64) -> Adam {
        let alpha = learning_rate * (1.0 - power(beta_2, t)).sqrt() / (1.0 - power(beta_1, t));
        let (rest_1, rest_2) = ((1.0 - beta_1) as f32, (1.0 - beta_2) as f32);
        Adam { alpha: alpha as f32, rest_1, rest_2, epsilon: epsilon.max(LEAST) as f32 }
    }
}

impl<const N: usize> Rule<N> for Adam {
    #[inline(always)]
    fn step<S: Simd>(self, s: S, mut state: [S::F; N], g: S::F) -> [S::F; N] {
        let g = squarable(s, g);
        let m = s.mul_add(s.sub(g, state[1]), s.splat(self.rest_1), state[1]);
        let mut v = s.mul_add(s.sub(s.mul(g, g), state[2]), s.splat(self.rest_2), state[2]);
        (state[1], state[2]) = (m, v);
        if N == 4 {
            v = s.max(state[N - 1], v);
            state[N - 1] = v;
        }
        let step = s.div(s.mul(m, s.splat(self.alpha)), s.add(s.sqrt(v), s.splat(self.epsilon)));
        state[0] = s.sub(state[0], step);
        state
    }
}

/// Adam with Nesterov's momentum (Dozat, 2016). State: w, m, v.
#[derive(Clone, Copy, Debug)]
pub struct Nadam {
    of_m: f32,
    of_g: f32,
    of_v: f32,
    rest_1: f32,
    rest_2: f32,
    epsilon: f32,
}

impl Nadam {
    /// `u_product` is the product of `u(k) = b1 (1 - 0.96^k / 2)` for k = 1..=t.
    pub fn new(learning_rate: f64, beta_1: f64, beta_2: f64, epsilon: f64, t: u64, u_product: f64) -> Nadam {
        let (u, next) = (Nadam::u(beta_1, t), Nadam::u(beta_1, t + 1));
        Nadam {
            of_m: (learning_rate * next / (1.0 - u_product * next)) as f32,
            of_g: (learning_rate * (1.0 - u) / (1.0 - u_product)) as f32,
            of_v: (1.0 / (1.0 - power(beta_2, t))) as f32,
            rest_1: (1.0 - beta_1) as f32,
            rest_2: (1.0 - beta_2) as f32,
            epsilon: epsilon.max(LEAST) as f32,
        }
    }
    /// The momentum of step `t`, warmed up from half of beta_1.
    pub fn u(beta_1: f64, t: u64) -> f64 {
        beta_1 * (1.0 - 0.5 * power(0.96, t))
    }
}

impl Rule<3> for Nadam {
    #[inline(always)]
    fn step<S: Simd>(self, s: S, [w, m, v]: [S::F; 3], g: S::F) -> [S::F; 3] {
        let g = squarable(s, g);
        let m = s.mul_add(s.sub(g, m), s.splat(self.rest_1), m);
        let v = s.mul_add(s.sub(s.mul(g, g), v), s.splat(self.rest_2), v);
        let ahead = s.mul_add(s.splat(self.of_m), m, s.mul(s.splat(self.of_g), g));
        let scale = s.add(s.sqrt(s.mul(v, s.splat(self.of_v))), s.splat(self.epsilon));
        [s.sub(w, s.div(ahead, scale)), m, v]
    }
}

/// Adam by the infinity norm: `u = max(b2 u, |g|); w -= lr m / ((1 - b1^t)(u + eps))`. State: w, m, u.
#[derive(Clone, Copy, Debug)]
pub struct Adamax {
    alpha: f32,
    rest_1: f32,
    beta_2: f32,
    epsilon: f32,
}

impl Adamax {
    pub fn new(learning_rate: f64, beta_1: f64, beta_2: f64, epsilon: f64, t: u64) -> Adamax {
        let alpha = (learning_rate / (1.0 - power(beta_1, t))) as f32;
        Adamax { alpha, rest_1: (1.0 - beta_1) as f32, beta_2: beta_2 as f32, epsilon: epsilon.max(LEAST) as f32 }
    }
}

impl Rule<3> for Adamax {
    #[inline(always)]
    fn step<S: Simd>(self, s: S, [w, m, u]: [S::F; 3], g: S::F) -> [S::F; 3] {
        let g = squarable(s, g);
        let m = s.mul_add(s.sub(g, m), s.splat(self.rest_1), m);
        let u = s.max(s.mul(u, s.splat(self.beta_2)), s.abs(g));
        [s.sub(w, s.div(s.mul(m, s.splat(self.alpha)), s.add(u, s.splat(self.epsilon)))), m, u]
    }
}

/// `a += g^2; w -= lr g / sqrt(a + eps)`, where a stops at the largest float. State: w, a.
#[derive(Clone, Copy, Debug)]
pub struct Adagrad {
    pub learning_rate: f32,
    pub epsilon: f32,
}

impl Rule<2> for Adagrad {
    #[inline(always)]
    fn step<S: Simd>(self, s: S, [w, a]: [S::F; 2], g: S::F) -> [S::F; 2] {
        let (g, epsilon) = (squarable(s, g), s.splat(self.epsilon.max(LEAST_SQUARE)));
        let a = s.min_raw(s.splat(f32::MAX), s.mul_add(g, g, a));
        let step = s.div(s.mul(s.splat(self.learning_rate), g), s.sqrt(s.add(a, epsilon)));
        [s.sub(w, step), a]
    }
}

/// `a = rho a + (1 - rho) g^2; d = -g sqrt(b + eps) / sqrt(a + eps); b = rho b + (1 - rho) d^2; w += lr d`
/// (Zeiler, 2012). State: w, a (squared gradients), b (squared steps).
#[derive(Clone, Copy, Debug)]
pub struct Adadelta {
    pub learning_rate: f32,
    pub rho: f64,
    pub epsilon: f32,
}

impl Rule<3> for Adadelta {
    #[inline(always)]
    fn step<S: Simd>(self, s: S, [w, a, b]: [S::F; 3], g: S::F) -> [S::F; 3] {
        let (rho, rest) = (s.splat(self.rho as f32), s.splat((1.0 - self.rho) as f32));
        let (g, epsilon) = (squarable(s, g), s.splat(self.epsilon.max(LEAST_SQUARE)));
        let a = s.mul_add(rho, a, s.mul(rest, s.mul(g, g)));
        let d = s.div(s.mul(s.sqrt(s.add(b, epsilon)), g), s.sqrt(s.add(a, epsilon)));
        let b = s.mul_add(rho, b, s.mul(rest, s.mul(d, d)));
        [s.mul_add(s.splat(-self.learning_rate), d, w), a, b]
    }
}

/// `w -= lr sign(b1 m + (1 - b1) g); m = b2 m + (1 - b2) g` (Chen et al., 2023). State: w, m.
#[derive(Clone, Copy, Debug)]
pub struct Lion {
    pub learning_rate: f32,
    pub beta_1: f64,
    pub beta_2: f64,
}

impl Rule<2> for Lion {
    #[inline(always)]
    fn step<S: Simd>(self, s: S, [w, m]: [S::F; 2], g: S::F) -> [S::F; 2] {
        let way = s.mul_add(m, s.splat(self.beta_1 as f32), s.mul(g, s.splat((1.0 - self.beta_1) as f32)));
        let next = s.mul_add(m, s.splat(self.beta_2 as f32), s.mul(g, s.splat((1.0 - self.beta_2) as f32)));
        let (zero, rate) = (s.splat(0.0), s.splat(self.learning_rate));
        // What is neither below nor above zero is zero or NaN, and stays so.
        let step = s.select(s.lt(way, zero), s.neg(rate), s.select(s.lt(zero, way), rate, way));
        [s.sub(w, step), next]
    }
}

fn power(base: f64, exponent: u64) -> f64 {
    base.powf(exponent as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Three steps over five elements, against Keras 3.15 on NumPy.
    const W: [f32; 5] = [0.5, -1.25, 0.0, 2.0, -0.03];
    const G: [[f32; 5]; 3] = [[0.1, -2.0, 0.0, 1e-4, 3.0], [-0.3, 1.5, 0.7, 2e-4, 0.5], [0.2, 0.4, -0.7, -1e-3, -8.0]];

    fn noise(len: usize, salt: u32) -> Vec<f32> {
        let mut seed = salt.wrapping_mul(2_654_435_761).wrapping_add(12345);
        let mut next = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..len).map(|_| next()).collect()
    }

    /// Checks `rule(t)` on every instruction set: against Keras on five elements, against `step` in f64 on many sizes,
    /// and for equal bits on any number of threads.
    fn check<const N: usize, R: Rule<N>>(
        rule: impl Fn(u64) -> R,
        decay: f32,
        slot: f32,
        keras: [f64; 5],
        step: impl Fn(&mut [f64; N], f64, u64),
    ) {
        for isa in Isa::available() {
            let mut state = [const { Vec::new() }; N].map(|_: Vec<f32>| vec![slot; 5]);
            state[0] = W.to_vec();
            for (t, g) in G.iter().enumerate() {
                update(isa, rule(t as u64 + 1), state.each_mut().map(|v| &mut v[..]), g, decay);
            }
            for (got, want) in state[0].iter().zip(keras) {
                assert!((f64::from(*got) - want).abs() <= 2e-6 * want.abs().max(0.1), "{isa:?}: {got} {want}");
            }
            for len in [0, 1, 7, 17, 31, 131, 3 * CHUNK + 5] {
                let mut state = [const { Vec::new() }; N].map(|_: Vec<f32>| vec![slot; len]);
                state[0] = noise(len, 1);
                let mut exact: Vec<[f64; N]> = (0..len).map(|i| std::array::from_fn(|k| state[k][i].into())).collect();
                for t in 1..=3 {
                    let g = noise(len, 10 + t as u32);
                    let before = state.clone();
                    update(isa, rule(t), state.each_mut().map(|v| &mut v[..]), &g, decay);
                    for threads in [1, 2, 5] {
                        threads::set_count(threads);
                        let mut again = before.clone();
                        update(isa, rule(t), again.each_mut().map(|v| &mut v[..]), &g, decay);
                        assert!(again == state, "{threads} threads");
                    }
                    threads::set_count(0);
                    for (x, &g) in exact.iter_mut().zip(&g) {
                        x[0] -= x[0] * f64::from(decay);
                        step(x, g.into(), t);
                    }
                }
                for (i, x) in exact.iter().enumerate() {
                    for k in 0..N {
                        let got = f64::from(state[k][i]);
                        assert!((got - x[k]).abs() <= 1e-5 * x[k].abs().max(0.1), "{isa:?} {len} {i} {got} {}", x[k]);
                    }
                }
            }
            let mut state = [const { Vec::new() }; N].map(|_: Vec<f32>| vec![1.0; 17]);
            let g: Vec<f32> = (0..17).map(|i| if i % 4 == 0 { f32::NAN } else { 1.0 }).collect();
            update(isa, rule(1), state.each_mut().map(|v| &mut v[..]), &g, 0.0);
            assert!(state[0].iter().enumerate().all(|(i, w)| w.is_nan() == (i % 4 == 0)), "{isa:?}: NaN must stay");
        }
    }

    #[test]
    fn sgd() {
        let plain = |_| Sgd { learning_rate: 0.1 };
        check(plain, 0.0, 0.0, [0.5, -1.24, 0.0, 2.0000699, 0.42], |[w], g, _| *w -= 0.1 * g);
        check(plain, 0.005, 0.0, [0.49248716, -1.2225884, 0.00035, 1.97022, 0.42369026], |[w], g, _| *w -= 0.1 * g);
        let rule = |nesterov| move |_| Momentum { learning_rate: 0.1, momentum: 0.9, nesterov };
        check(rule(false), 0.0, 0.0, [0.50990003, -1.033, -0.063, 2.0000348, -0.13800007], |[w, m], g, _| {
            *m = 0.9 * *m - 0.1 * g;
            *w += *m;
        });
        check(rule(true), 0.0, 0.0, [0.50891, -1.0447, -0.0567, 2.0001013, 0.32279992], |[w, m], g, _| {
            *m = 0.9 * *m - 0.1 * g;
            *w += 0.9 * *m - 0.1 * g;
        });
    }

    #[test]
    fn rmsprop() {
        let rule =
            |centered| move |_| RmsProp { learning_rate: 0.01, rho: 0.9, epsilon: 1e-7, momentum: 0.8, centered };
        fn step(w: &mut f64, v: &mut f64, mean: Option<&mut f64>, momentum: Option<&mut f64>, g: f64) {
            *v = 0.9 * *v + 0.1 * g * g;
            let square = mean.map_or(0.0, |mean| {
                *mean = 0.9 * *mean + 0.1 * g;
                *mean * *mean
            });
            let step = 0.01 * g / (*v - square + 1e-7).sqrt();
            *w -= momentum.map_or(step, |m| {
                *m = 0.8 * *m + step;
                *m
            });
        }
        let plain = [0.48092768, -1.2434195, -0.0086811855, 2.0127966, -0.03717937];
        check::<2, _>(rule(false), 0.0, 0.0, plain, |[w, v], g, _| step(w, v, None, None, g));
        let moved = [0.45951393, -1.213572, -0.033979382, 2.0033255, -0.08709358];
        check::<3, _>(rule(false), 0.0, 0.0, moved, |[w, v, m], g, _| step(w, v, None, Some(m), g));
        let centered = [0.4799114, -1.2417251, -0.010385694, 2.0130715, -0.03869599];
        check::<3, _>(rule(true), 0.0, 0.0, centered, |[w, v, a], g, _| step(w, v, Some(a), None, g));
        let both = [0.45659071, -1.2094264, -0.03705233, 2.0035782, -0.09136931];
        check::<4, _>(rule(true), 0.0, 0.0, both, |[w, v, a, m], g, _| step(w, v, Some(a), Some(m), g));
    }

    #[test]
    fn adam() {
        fn step(w: &mut f64, m: &mut f64, v: &mut f64, top: Option<&mut f64>, beta_2: f64, g: f64, t: u64) {
            *m = 0.9 * *m + 0.1 * g;
            *v = beta_2 * *v + (1.0 - beta_2) * g * g;
            let v = top.map_or(*v, |top| {
                *top = top.max(*v);
                *top
            });
            let alpha = 0.01 * (1.0 - beta_2.powi(t as i32)).sqrt() / (1.0 - 0.9f64.powi(t as i32));
            *w -= alpha * *m / (v.sqrt() + 1e-7);
        }
        let rule = |beta_2| move |t| Adam::new(0.01, 0.9, beta_2, 1e-7, t);
        let plain = [0.4947543, -1.2394352, -0.0069894407, 1.9853826, -0.04401109];
        check::<3, _>(rule(0.999), 0.0, 0.0, plain, |[w, m, v], g, t| step(w, m, v, None, 0.999, g, t));
        let decayed = [0.49327087, -1.2357098, -0.0069819996, 1.9794174, -0.04389336];
        check::<3, _>(rule(0.999), 0.001, 0.0, decayed, |[w, m, v], g, t| step(w, m, v, None, 0.999, g, t));
        let ams = [0.49421766, -1.2393698, -0.0060474533, 1.9847747, -0.04380803];
        check::<4, _>(rule(0.5), 0.0, 0.0, ams, |[w, m, v, top], g, t| step(w, m, v, Some(top), 0.5, g, t));
    }

    #[test]
    fn nadam() {
        let u = |k: u64| 0.9 * (1.0 - 0.5 * 0.96f64.powi(k as i32));
        let product = |t| (1..=t).map(u).product::<f64>();
        let want = [0.49360454, -1.2465152, -0.0032653427, 1.9901114, -0.033350836];
        check(
            |t| Nadam::new(0.01, 0.9, 0.999, 1e-7, t, product(t)),
            0.0,
            0.0,
            want,
            |[w, m, v], g, t| {
                *m = 0.9 * *m + 0.1 * g;
                *v = 0.999 * *v + 0.001 * g * g;
                let ahead = u(t + 1) * *m / (1.0 - product(t + 1)) + (1.0 - u(t)) * g / (1.0 - product(t));
                *w -= 0.01 * ahead / ((*v / (1.0 - 0.999f64.powi(t as i32))).sqrt() + 1e-7);
            },
        );
    }

    #[test]
    fn adamax() {
        let want = [0.4935488, -1.2394501, -0.004894152, 1.985109, -0.04325803];
        check(
            |t| Adamax::new(0.01, 0.9, 0.999, 1e-7, t),
            0.0,
            0.0,
            want,
            |[w, m, u], g, t| {
                *m = 0.9 * *m + 0.1 * g;
                *u = (0.999 * *u).max(g.abs());
                *w -= 0.01 * *m / ((1.0 - 0.9f64.powi(t as i32)) * (*u + 1e-7));
            },
        );
    }

    #[test]
    fn adagrad_and_adadelta() {
        let want = [0.49961063, -1.247643, -0.0023774705, 2.0000222, -0.032239154];
        check(
            |_| Adagrad { learning_rate: 0.01, epsilon: 1e-7 },
            0.0,
            0.1,
            want,
            |[w, a], g, _| {
                *a += g * g;
                *w -= 0.01 * g / (*a + 1e-7).sqrt();
            },
        );
        let want = [0.49899286, -1.2501874, 1.801597e-5, 2.0005221, -0.029867187];
        check(
            |_| Adadelta { learning_rate: 1.0, rho: 0.95, epsilon: 1e-7 },
            0.0,
            0.0,
            want,
            |[w, a, b], g, _| {
                *a = 0.95 * *a + 0.05 * g * g;
                let d = -g * (*b + 1e-7).sqrt() / (*a + 1e-7).sqrt();
                *b = 0.95 * *b + 0.05 * d * d;
                *w += d;
            },
        );
    }

    #[test]
    fn lion() {
        let want = [0.49, -1.26, 0.0, 1.99, -0.04];
        check(
            |_| Lion { learning_rate: 0.01, beta_1: 0.9, beta_2: 0.99 },
            0.0,
            0.0,
            want,
            |[w, m], g, _| {
                let way = 0.9 * *m + 0.1 * g;
                *w -= if way == 0.0 { 0.0 } else { 0.01 * way.signum() };
                *m = 0.99 * *m + 0.01 * g;
            },
        );
    }

    #[test]
    fn only_rows_that_are_named_change_and_they_as_in_a_whole_step() {
        for isa in Isa::available() {
            for (rows, inner, count) in [(1, 1, 3), (5, 7, 4), (900, 33, 2_000), (40_000, 16, 700), (3, 2, 0)] {
                let indices: Vec<i32> = (0..count).map(|k| (k * 7919 % 1013 * 31 % rows) as i32).collect();
                let dy = noise(count * inner, 4);
                let mut gradient = vec![9.0; rows * inner];
                gather::gather_gradient(isa, [1, rows, inner], &indices, &dy, &mut gradient).unwrap();
                let before: [Vec<f32>; 3] =
                    std::array::from_fn(|k| noise(rows * inner, k as u32).iter().map(|v| v * v).collect());
                let rule = Adam::new(0.01, 0.9, 0.999, 1e-7, 3);
                let mut whole = before.clone();
                update(isa, rule, whole.each_mut().map(|v| &mut v[..]), &gradient, 0.0);
                for threads in [1, 2, 3, 5] {
                    threads::set_count(threads);
                    let mut state = before.clone();
                    update_rows(isa, rule, state.each_mut().map(|v| &mut v[..]), &indices, &dy, inner).unwrap();
                    for k in 0..3 {
                        for row in 0..rows {
                            let named = indices.contains(&(row as i32));
                            let want = if named { &whole[k] } else { &before[k] };
                            let part = row * inner..(row + 1) * inner;
                            assert!(state[k][part.clone()] == want[part], "{isa:?} {rows} x {inner}, row {row}");
                        }
                    }
                }
                threads::set_count(0);
            }
            let mut state = [vec![0.0; 4], vec![0.0; 4]];
            let rule = Adagrad { learning_rate: 0.1, epsilon: 1e-7 };
            let found = update_rows(isa, rule, state.each_mut().map(|v| &mut v[..]), &[1, 2], &[1.0; 4], 2);
            assert_eq!(found, Err(BadIndex { position: 1, value: 2 }));
        }
    }

    /// Four steps under `rule`, the second with a gradient that is an outlier, on every instruction set.
    fn outlier<const N: usize, R: Rule<N>>(rule: impl Fn(u64) -> R, g: f32) -> Vec<[f32; N]> {
        let run = |isa| {
            let mut state = [const { Vec::new() }; N].map(|_: Vec<f32>| vec![0.0; 19]);
            state[0] = vec![1.0; 19];
            for (t, g) in [1.0, g, 1.0, -1.0].into_iter().enumerate() {
                update(isa, rule(t as u64 + 1), state.each_mut().map(|v| &mut v[..]), &[g; 19], 0.0);
            }
            assert!((0..N).all(|k| state[k].iter().all(|v| v.to_bits() == state[k][0].to_bits())), "{isa:?}");
            std::array::from_fn(|k| state[k][0])
        };
        Isa::available().into_iter().map(run).collect()
    }

    #[test]
    fn one_huge_gradient_leaves_everything_finite_and_an_infinite_one_makes_nan() {
        macro_rules! every {
            ($g:expr, $check:expr) => {
                let (g, check) = ($g, $check);
                let rms = |centered, momentum| {
                    move |_| RmsProp { learning_rate: 0.1, rho: 0.9, epsilon: 1e-7, momentum, centered }
                };
                outlier::<3, _>(|t| Adam::new(0.1, 0.9, 0.999, 1e-7, t), g).iter().for_each(|s| check("adam", s));
                outlier::<4, _>(|t| Adam::new(0.1, 0.9, 0.999, 1e-7, t), g).iter().for_each(|s| check("amsgrad", s));
                let nadam = |t| Nadam::new(0.1, 0.9, 0.999, 1e-7, t, 0.5f64.powi(t as i32));
                outlier::<3, _>(nadam, g).iter().for_each(|s| check("nadam", s));
                outlier::<3, _>(|t| Adamax::new(0.1, 0.9, 0.999, 1e-7, t), g).iter().for_each(|s| check("adamax", s));
                outlier::<2, _>(rms(false, 0.0), g).iter().for_each(|s| check("rmsprop", s));
                outlier::<3, _>(rms(true, 0.0), g).iter().for_each(|s| check("centered", s));
                outlier::<4, _>(rms(true, 0.9), g).iter().for_each(|s| check("centered, momentum", s));
                let adagrad = |_| Adagrad { learning_rate: 0.1, epsilon: 1e-7 };
                outlier::<2, _>(adagrad, g).iter().for_each(|s| check("adagrad", s));
                let adadelta = |_| Adadelta { learning_rate: 0.1, rho: 0.95, epsilon: 1e-7 };
                outlier::<3, _>(adadelta, g).iter().for_each(|s| check("adadelta", s));
            };
        }
        for g in [1e15, 1e20, -1e20, 3e38, -f32::MAX] {
            // Steps of these are bounded, by the outlier's sign and by the learning rate of 0.1.
            every!(g, |name: &str, state: &[f32]| {
                assert!(state.iter().all(|v| v.is_finite()), "{name} {g:e}: {state:?}");
                assert!((state[0] - 1.0).abs() < 10.0, "{name} {g:e}: {state:?}");
            });
        }
        for g in [f32::INFINITY, f32::NEG_INFINITY, f32::NAN] {
            every!(g, |name: &str, state: &[f32]| assert!(state[0].is_nan(), "{name} {g:e}: {state:?}"));
        }
    }

    #[test]
    fn no_epsilon_and_no_gradient_is_no_step() {
        fn resting<const N: usize>(rule: impl Rule<N>) {
            let mut state = [const { Vec::new() }; N].map(|_: Vec<f32>| vec![0.0; 5]);
            state[0].fill(1.0);
            update(Isa::active(), rule, state.each_mut().map(|v| &mut v[..]), &[0.0; 5], 0.0);
            assert_eq!(state[0], [1.0; 5]);
        }
        resting::<3>(Adam::new(0.1, 0.9, 0.999, 0.0, 1));
        resting::<4>(Adam::new(0.1, 0.9, 0.999, 0.0, 1));
        resting::<3>(Nadam::new(0.1, 0.9, 0.999, 0.0, 1, 0.5));
        resting::<3>(Adamax::new(0.1, 0.9, 0.999, 0.0, 1));
        resting::<2>(RmsProp { learning_rate: 0.1, rho: 0.9, epsilon: 0.0, momentum: 0.0, centered: false });
        resting::<2>(Adagrad { learning_rate: 0.1, epsilon: 0.0 });
        resting::<3>(Adadelta { learning_rate: 0.1, rho: 0.9, epsilon: 0.0 });
    }

    #[test]
    fn the_deviation_of_equal_gradients_is_no_root_of_a_negative_number() {
        for isa in Isa::available() {
            for g in [0.3, 7.0, 123.456, 1e4] {
                let mut state = [vec![1.0; 17], vec![0.0; 17], vec![0.0; 17]];
                let rule = RmsProp { learning_rate: 1e-6, rho: 0.9, epsilon: 1e-7, momentum: 0.0, centered: true };
                for _ in 0..400 {
                    update(isa, rule, state.each_mut().map(|v| &mut v[..]), &[g; 17], 0.0);
                }
                assert!(state[0].iter().all(|w| w.is_finite()), "{isa:?} {g}: {state:?}");
            }
        }
    }
}
