//! Scaled dot-product attention of several heads (Vaswani et al., 2017, section 3.2): products of queries and keys, the
//! softmax of each row over what may be attended to, the mean of the values by these weights. Heads are read and written
//! where they lie between the others, (batch, steps, heads, depth), so that nothing is transposed; of the scores only as
//! many rows as fit a near cache exist at a time, and they become the weights in place.

use crate::gemm::pack::{self, Matrix};
use crate::gemm::tile::{self, Left, Offsets, Planes, Product, Right, Start};
use crate::rng::{self, Stream};
use crate::simd::map::{load, store};
use crate::simd::{Isa, Kernel, Simd};
use crate::softmax::{exp_row, row_max, scale_row};
use crate::threads::Shared;
use crate::{scratch, threads};

/// Queries (batch, queries, heads, depth), keys (batch, keys, key heads, depth), values (batch, keys, key heads, value
/// depth). Each key head serves `heads / key_heads` heads that follow one another.
#[derive(Clone, Copy, Debug)]
pub struct Attention {
    pub batch: usize,
    pub queries: usize,
    pub keys: usize,
    pub heads: usize,
    pub key_heads: usize,
    pub depth: usize,
    pub value_depth: usize,
    pub scale: f32,
    /// Whether query t attends only to keys up to t.
    pub causal: bool,
    /// The random numbers and the rate by which weights are dropped.
    pub dropout: Option<(Stream, f32)>,
}

/// Zero where nothing is to be attended to: rows of `keys`, and the distance from one batch entry, head and query to
/// the next.
#[derive(Clone, Copy, Debug)]
pub struct Mask<'a> {
    pub data: &'a [f32],
    pub strides: [usize; 3],
}

/// The score of what is masked: without weight beside any other, and no NaN where there is no other.
pub const MASKED: f32 = -1e30;
/// Queries whose scores exist at a time.
const ROWS: usize = 112;
/// What a weight costs beside the products, in multiply-adds.
const COST: usize = 24;

impl Attention {
    fn group(&self) -> usize {
        self.heads / self.key_heads.max(1)
    }

    /// # Panics
    /// If any operand is of another size.
    fn check(&self, [q, k, v]: [usize; 3], y: usize, weights: usize, mask: Option<Mask>) {
        let Attention { batch, queries, keys, heads, key_heads, depth, value_depth, .. } = *self;
        assert!(key_heads == 0 || heads.is_multiple_of(key_heads), "attention: heads");
        assert_eq!(q, batch * queries * heads * depth, "attention: queries");
        assert_eq!([k, v], [depth, value_depth].map(|d| batch * keys * key_heads * d), "attention: keys and values");
        assert_eq!(y, batch * queries * heads * value_depth, "attention: outputs");
        assert_eq!(weights, batch * heads * queries * keys, "attention: weights");
        if let Some(Mask { data, strides: [b, h, t] }) = mask.filter(|_| weights > 0) {
            let end = (batch - 1) * b + (heads - 1) * h + (queries - 1) * t + keys;
            assert!(end <= data.len(), "attention: mask");
        }
    }

    /// The rows of queries that are taken together, and up to where their keys reach.
    fn blocks(&self, masked: bool) -> impl Iterator<Item = (usize, usize, usize)> {
        let Attention { queries, keys, causal, .. } = *self;
        (0..queries).step_by(ROWS).map(move |from| {
            let rows = ROWS.min(queries - from);
            // A row that is masked throughout attends to all keys, the later ones too.
            (from, rows, if causal && !masked { keys.min(from + rows) } else { keys })
        })
    }
}

/// The left operand of a small product: element (i, k) is `data[i * row + k * step]`.
#[derive(Clone, Copy)]
struct Rows<'a> {
    data: &'a [f32],
    row: usize,
    step: usize,
}

/// The right operand of one, packed.
#[derive(Clone, Copy)]
struct Panels<'a> {
    data: &'a [f32],
    deep: usize,
}

impl Panels<'_> {
    /// Lends the first `columns` columns of a matrix `deep` rows deep, packed.
    fn with<R>(isa: Isa, matrix: Matrix, deep: usize, columns: usize, f: impl FnOnce(Panels) -> R) -> R {
        scratch::with(pack::len(isa, deep, columns), |packed| {
            if !packed.is_empty() {
                pack::pack(isa, &[matrix], deep, columns, packed);
            }
            f(Panels { data: packed, deep })
        })
    }
}

/// Where a product goes: row i begins at `base + i * row`.
#[derive(Clone, Copy)]
struct Target<'a> {
    data: &'a Shared<f32>,
    base: usize,
    row: usize,
}

/// `C = A . B`, or `C += A . B`, of m x k and k x n.
fn product(isa: Isa, a: Rows, b: Panels, [m, n, k]: [usize; 3], add: bool, c: Target) {
    let width = tile::size(isa).1;
    let right = Right { data: b.data, step: width, skip: 0, panel: b.deep * width };
    let start = if add { Start::Target } else { Start::Zero };
    let even = |stride: usize| Offsets::Even { count: m, stride };
    let left = Left { data: a.data, rows: even(a.row), segments: &[0], len: k, step: a.step };
    let (rows, base, planes) = (even(c.row), c.base, Planes::ONE);
    isa.run(Product { left, right, start, relu: false, target: c.data, base, rows, columns: n, planes });
}

/// The elements from `at` on, none where there are fewer.
fn from(data: &[f32], at: usize) -> &[f32] {
    data.get(at..).unwrap_or(&[])
}

/// Computes the outputs (batch, queries, heads, value depth), and the weights (batch, heads, queries, keys) as they are
/// before any is dropped.
pub fn forward(
    isa: Isa,
    p: &Attention,
    mask: Option<Mask>,
    [q, k, v]: [&[f32]; 3],
    y: &mut [f32],
    weights: &mut [f32],
) {
    p.check([q.len(), k.len(), v.len()], y.len(), weights.len(), mask);
    if weights.is_empty() {
        y.fill(0.0);
        return;
    }
    let Attention { queries, keys, heads, key_heads, depth, value_depth, .. } = *p;
    let y = &Shared::new(y);
    let area = queries * keys;
    let work = tile::work(area * (depth + value_depth)) + area * COST;
    threads::for_each_chunk(weights, area, work, |head, weights| {
        threads::single_threaded(|| {
            let (b, n) = (head / heads, head % heads);
            let other = b * keys * key_heads + n / p.group();
            let (row, other_row) = (heads * depth, key_heads * depth);
            let values =
                Matrix { data: from(v, other * value_depth), stride: key_heads * value_depth, transposed: false };
            let turned = Matrix { data: from(k, other * depth), stride: other_row, transposed: true };
            Panels::with(isa, turned, depth, keys, |turned| {
                Panels::with(isa, values, keys, value_depth, |values| {
                    for (t, rows, reach) in p.blocks(mask.is_some()) {
                        let block = &mut weights[t * keys..][..rows * keys];
                        let at = b * queries * heads + t * heads + n;
                        scratch::with(block.len(), |scores| {
                            let a = Rows { data: from(q, at * depth), row, step: 1 };
                            let c = Target { data: &Shared::new(scores), base: 0, row: keys };
                            product(isa, a, turned, [rows, reach, depth], false, c);
                            isa.run(Weigh { seen: Seen { p, mask, place: [b, n, t] }, scores, weights: block });
                        });
                        let c = Target { data: y, base: at * value_depth, row: heads * value_depth };
                        dropped(isa, p, head * area + t * keys, block, |kept| {
                            let a = Rows { data: kept, row: keys, step: 1 };
                            product(isa, a, values, [rows, value_depth, reach], false, c);
                        });
                    }
                });
            });
        });
    });
}

/// Lends the weights from number `first` on with some of them dropped, or as they are.
fn dropped<R>(isa: Isa, p: &Attention, first: usize, weights: &[f32], f: impl FnOnce(&[f32]) -> R) -> R {
    match p.dropout {
        None => f(weights),
        Some((stream, rate)) => scratch::with(weights.len(), |kept| {
            rng::dropout_from(isa, stream, first, rate, weights, kept);
            f(kept)
        }),
    }
}

/// What may be attended to from batch entry, head and query `place`, and from the queries after it.
#[derive(Clone, Copy)]
struct Seen<'a> {
    p: &'a Attention,
    mask: Option<Mask<'a>>,
    place: [usize; 3],
}

impl<'a> Seen<'a> {
    /// From query i: how many keys are not in the future, and what the mask says of them.
    #[inline(always)]
    fn from(&self, i: usize) -> (usize, Option<&'a [f32]>) {
        let [b, n, t] = self.place;
        let reach = if self.p.causal { self.p.keys.min(t + i + 1) } else { self.p.keys };
        let row = self.mask.map(|m| &m.data[b * m.strides[0] + n * m.strides[1] + (t + i) * m.strides[2]..][..reach]);
        (reach, row)
    }
}

/// The vectors of a row of `n`: where each begins, and whether it is whole.
#[inline(always)]
fn vectors<S: Simd>(n: usize) -> impl Iterator<Item = (usize, bool)> {
    (0..n).step_by(S::LANES).map(move |at| (at, at + S::LANES <= n))
}

/// Turns products into weights.
struct Weigh<'a> {
    seen: Seen<'a>,
    scores: &'a mut [f32],
    weights: &'a mut [f32],
}

impl Kernel for Weigh<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Attention { keys, scale, .. } = *self.seen.p;
        let rows = self.scores.chunks_exact_mut(keys).zip(self.weights.chunks_exact_mut(keys));
        for (i, (scores, weights)) in rows.enumerate() {
            let (reach, mask) = self.seen.from(i);
            let (scores, (seen, future)) = (&mut scores[..reach], weights.split_at_mut(reach));
            for (at, whole) in vectors::<S>(reach) {
                let mut x = s.mul(load(s, scores, at, whole), s.splat(scale));
                if let Some(mask) = mask {
                    x = s.select(s.eq(load(s, mask, at, whole), s.splat(0.0)), s.splat(MASKED), x);
                }
                store(s, scores, at, whole, x);
            }
            let max = row_max(s, scores);
            if max == MASKED {
                weights.fill(1.0 / keys as f32);
                continue;
            }
            let sum = exp_row(s, scores, max, seen);
            scale_row(s, seen, 1.0 / sum);
            future.fill(0.0);
        }
    }
}

/// What [`gradient`] reads: the operands, the weights, and the gradients of outputs and weights.
#[derive(Clone, Copy, Debug)]
pub struct Forward<'a> {
    pub q: &'a [f32],
    pub k: &'a [f32],
    pub v: &'a [f32],
    pub weights: &'a [f32],
    pub dy: &'a [f32],
    pub dweights: Option<&'a [f32]>,
}

/// Computes the gradients of queries, keys and values.
pub fn gradient(isa: Isa, p: &Attention, mask: Option<Mask>, f: Forward, [dq, dk, dv]: [&mut [f32]; 3]) {
    let Attention { batch, queries, keys, key_heads, depth, value_depth, .. } = *p;
    p.check([dq.len(), dk.len(), dv.len()], f.dy.len(), f.weights.len(), mask);
    assert!([f.q.len(), f.k.len(), f.v.len()] == [dq.len(), dk.len(), dv.len()], "attention: gradients");
    assert!(f.dweights.is_none_or(|d| d.len() == f.weights.len()), "attention: gradient of the weights");
    if f.weights.is_empty() {
        [dq, dk, dv].into_iter().for_each(|d| d.fill(0.0));
        return;
    }
    let (dq, dk, dv) = (&Shared::new(dq), &Shared::new(dk), &Shared::new(dv));
    let area = queries * keys;
    let work = p.group() * (tile::work(area * (3 * depth + 2 * value_depth)) + area * COST);
    threads::for_each(batch * key_heads, work, |task| {
        let (b, other) = (task / key_heads, task % key_heads);
        let key = b * keys * key_heads + other;
        let (key_row, value_row) = (key_heads * depth, key_heads * value_depth);
        let of_keys = Matrix { data: from(f.k, key * depth), stride: key_row, transposed: false };
        let turned = Matrix { data: from(f.v, key * value_depth), stride: value_row, transposed: true };
        let (dk, dv) = (
            Target { data: dk, base: key * depth, row: key_row },
            Target { data: dv, base: key * value_depth, row: value_row },
        );
        threads::single_threaded(|| {
            Panels::with(isa, of_keys, keys, depth, |of_keys| {
                Panels::with(isa, turned, value_depth, keys, |turned| {
                    for n in other * p.group()..(other + 1) * p.group() {
                        for (t, rows, reach) in p.blocks(mask.is_some()) {
                            // The first block begins the sums of all keys.
                            let first = n == other * p.group() && t == 0;
                            let reach = if first { keys } else { reach };
                            let block = Block { b, n, t, rows, reach, add: !first };
                            block.pull(isa, p, mask, &f, [of_keys, turned], dq, [dk, dv]);
                        }
                    }
                });
            });
        });
    });
}

/// Some queries of one head and the keys they reach.
struct Block {
    b: usize,
    n: usize,
    t: usize,
    rows: usize,
    reach: usize,
    /// Whether the gradients of keys and values have been begun.
    add: bool,
}

impl Block {
    #[allow(clippy::too_many_arguments)]
    fn pull(
        &self,
        isa: Isa,
        p: &Attention,
        mask: Option<Mask>,
        f: &Forward,
        [of_keys, turned]: [Panels; 2],
        dq: &Shared<f32>,
        [dk, dv]: [Target; 2],
    ) {
        let Attention { queries, keys, heads, depth, value_depth, .. } = *p;
        let Block { b, n, t, rows, reach, add } = *self;
        let first = ((b * heads + n) * queries + t) * keys;
        let at = b * queries * heads + t * heads + n;
        let (row, out_row) = (heads * depth, heads * value_depth);
        let weights = &f.weights[first..][..rows * keys];
        let dy = Rows { data: from(f.dy, at * value_depth), row: out_row, step: 1 };
        // dv = kept^T . dy
        let right = Matrix { data: dy.data, stride: out_row, transposed: false };
        Panels::with(isa, right, rows, value_depth, |right| {
            dropped(isa, p, first, weights, |kept| {
                let a = Rows { data: kept, row: 1, step: keys };
                product(isa, a, right, [reach, value_depth, rows], add, dv);
            });
        });
        scratch::with(rows * keys, |kept| {
            // d kept = dy . v^T; then of the weights, then of the scores: dq = d . k, dk = d^T . q
            let c = Target { data: &Shared::new(kept), base: 0, row: keys };
            product(isa, dy, turned, [rows, reach, value_depth], false, c);
            if reach < keys {
                kept.chunks_exact_mut(keys).for_each(|row| row[reach..].fill(0.0));
            }
            dropped(isa, p, first, kept, |dweights| {
                scratch::with(rows * keys, |scores| {
                    let given = f.dweights.map(|d| &d[first..][..rows * keys]);
                    let seen = Seen { p, mask, place: [b, n, t] };
                    isa.run(Pull { seen, weights, dweights, given, scores });
                    let c = Target { data: dq, base: at * depth, row };
                    let a = Rows { data: scores, row: keys, step: 1 };
                    product(isa, a, of_keys, [rows, depth, reach], false, c);
                    let right = Matrix { data: from(f.q, at * depth), stride: row, transposed: false };
                    Panels::with(isa, right, rows, depth, |right| {
                        let a = Rows { data: scores, row: 1, step: keys };
                        product(isa, a, right, [reach, depth, rows], add, dk);
                    });
                });
            });
        });
    }
}

/// The gradient of products from that of weights: `scale w (dw - sum(w dw))`, nothing where nothing was seen.
struct Pull<'a> {
    seen: Seen<'a>,
    weights: &'a [f32],
    dweights: &'a [f32],
    /// The gradient that the weights have as an output of their own.
    given: Option<&'a [f32]>,
    scores: &'a mut [f32],
}

impl Kernel for Pull<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Attention { keys, scale, .. } = *self.seen.p;
        for (i, scores) in self.scores.chunks_exact_mut(keys).enumerate() {
            let (reach, mask) = self.seen.from(i);
            let row = i * keys..i * keys + reach;
            let (w, dw) = (&self.weights[row.clone()], &self.dweights[row.clone()]);
            let given = self.given.map(|d| &d[row]);
            let mut sum = s.splat(0.0);
            for (at, whole) in vectors::<S>(reach) {
                let mut d = load(s, dw, at, whole);
                if let Some(given) = given {
                    d = s.add(d, load(s, given, at, whole));
                }
                sum = s.mul_add(load(s, w, at, whole), d, sum);
                store(s, scores, at, whole, d);
            }
            let sum = s.splat(s.sum(sum));
            for (at, whole) in vectors::<S>(reach) {
                let w = s.mul(load(s, w, at, whole), s.splat(scale));
                let mut d = s.mul(w, s.sub(load(s, scores, at, whole), sum));
                if let Some(mask) = mask {
                    d = s.select(s.eq(load(s, mask, at, whole), s.splat(0.0)), s.splat(0.0), d);
                }
                store(s, scores, at, whole, d);
            }
            scores[reach..].fill(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The outputs and the weights of a small problem in f64, plainly.
    fn reference(p: &Attention, mask: Option<Mask>, [q, k, v]: [&[f64]; 3]) -> [Vec<f64>; 2] {
        let mut y = vec![0.0; p.batch * p.queries * p.heads * p.value_depth];
        let mut weights = vec![0.0; p.batch * p.heads * p.queries * p.keys];
        let mut kept = vec![1.0; weights.len()];
        if let Some((stream, rate)) = p.dropout {
            rng::dropout(Isa::Scalar, stream, rate, &vec![1.0; weights.len()], &mut kept);
        }
        for b in 0..p.batch {
            for n in 0..p.heads {
                for t in 0..p.queries {
                    let at = (b * p.queries + t) * p.heads + n;
                    let other = |s: usize| (b * p.keys + s) * p.key_heads + n / p.group();
                    let hidden = |s: usize| {
                        let masked = mask
                            .is_some_and(|Mask { data, strides: [x, y, z] }| data[b * x + n * y + t * z + s] == 0.0);
                        masked || (p.causal && s > t)
                    };
                    let score = |s: usize| {
                        let sum: f64 = (0..p.depth).map(|d| q[at * p.depth + d] * k[other(s) * p.depth + d]).sum();
                        if hidden(s) { f64::from(MASKED) } else { f64::from(p.scale) * sum }
                    };
                    let row = crate::softmax::reference::log_softmax(&(0..p.keys).map(score).collect::<Vec<_>>());
                    for s in 0..p.keys {
                        let weight = row[s].exp();
                        let i = ((b * p.heads + n) * p.queries + t) * p.keys + s;
                        weights[i] = weight;
                        let drop = f64::from(kept[i]);
                        for d in 0..p.value_depth {
                            y[at * p.value_depth + d] += weight * drop * v[other(s) * p.value_depth + d];
                        }
                    }
                }
            }
        }
        [y, weights]
    }

    fn values(n: usize, seed: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 7919 + seed * 131) % 1009) as f32 / 504.5 - 1.0).collect()
    }

    fn widen(x: &[f32]) -> Vec<f64> {
        x.iter().map(|&v| f64::from(v)).collect()
    }

    fn problem([batch, queries, keys, heads, key_heads, depth, value_depth]: [usize; 7]) -> Attention {
        let (scale, causal, dropout) = (0.7, false, None);
        Attention { batch, queries, keys, heads, key_heads, depth, value_depth, scale, causal, dropout }
    }

    fn operands(p: &Attention) -> [Vec<f32>; 3] {
        let keys = p.batch * p.keys * p.key_heads;
        [values(p.batch * p.queries * p.heads * p.depth, 1), values(keys * p.depth, 2), values(keys * p.value_depth, 3)]
    }

    fn run(isa: Isa, p: &Attention, mask: Option<Mask>, [q, k, v]: &[Vec<f32>; 3]) -> [Vec<f32>; 2] {
        let mut y = vec![9.0; p.batch * p.queries * p.heads * p.value_depth];
        let mut weights = vec![9.0; p.batch * p.heads * p.queries * p.keys];
        forward(isa, p, mask, [q, k, v], &mut y, &mut weights);
        [y, weights]
    }

    fn pull(isa: Isa, p: &Attention, mask: Option<Mask>, x: &[Vec<f32>; 3], d: [&[f32]; 2]) -> [Vec<f32>; 3] {
        let [_, weights] = run(isa, p, mask, x);
        let mut found = x.each_ref().map(|x| vec![9.0; x.len()]);
        let f = Forward { q: &x[0], k: &x[1], v: &x[2], weights: &weights, dy: d[0], dweights: Some(d[1]) };
        gradient(isa, p, mask, f, found.each_mut().map(Vec::as_mut_slice));
        found
    }

    const SIZES: [[usize; 7]; 6] = [
        [1, 1, 1, 1, 1, 1, 1],
        [2, 3, 5, 2, 2, 4, 3],
        [2, 17, 9, 4, 2, 5, 7],
        [1, 2, 33, 3, 1, 8, 16],
        [1, 130, 121, 1, 1, 3, 2],
        [2, 5, 6, 2, 1, 17, 33],
    ];

    /// Each problem causal or not, masked by one row for all queries, by one for each, or not, dropping weights or not.
    fn each(mut f: impl FnMut(Attention, Option<Mask>)) {
        for sizes in SIZES {
            for way in 0..6 {
                let mut p = problem(sizes);
                p.causal = way % 2 == 1;
                if way == 2 || way == 5 {
                    p.dropout = Some((Stream { seed: 5, stream: 3 }, 0.4));
                }
                let data: Vec<f32> =
                    (0..p.batch * p.queries * p.keys).map(|i| f32::from(u8::from(i % 3 > 0))).collect();
                let each_row = Mask { data: &data, strides: [p.queries * p.keys, 0, p.keys] };
                let one_row = Mask { data: &data, strides: [p.keys, 0, 0] };
                f(p, [None, None, Some(each_row), Some(one_row), Some(one_row), Some(each_row)][way]);
            }
        }
    }

    #[test]
    fn forward_equals_the_reference() {
        each(|p, mask| {
            let x = operands(&p);
            let exact = x.each_ref().map(|x| widen(x));
            let want = reference(&p, mask, exact.each_ref().map(Vec::as_slice));
            for isa in Isa::available() {
                for (got, want) in run(isa, &p, mask, &x).iter().flatten().zip(want.iter().flatten()) {
                    assert!((f64::from(*got) - want).abs() < 2e-6, "{isa:?} {p:?}: {got} {want}");
                }
            }
        });
    }

    #[test]
    fn gradients_equal_central_differences_of_the_reference() {
        each(|p, mask| {
            if p.queries > 100 {
                return;
            }
            let x = operands(&p);
            let exact = x.each_ref().map(|x| widen(x));
            let [y, w] = reference(&p, mask, exact.each_ref().map(Vec::as_slice));
            let (dy, dw) = (values(y.len(), 5), values(w.len(), 6));
            let total = |x: &[Vec<f64>; 3]| {
                let [y, w] = reference(&p, mask, x.each_ref().map(Vec::as_slice));
                let dot = |a: &[f64], b: &[f32]| a.iter().zip(b).map(|(a, &b)| a * f64::from(b)).sum::<f64>();
                dot(&y, &dy) + dot(&w, &dw)
            };
            for isa in Isa::available() {
                let found = pull(isa, &p, mask, &x, [&dy, &dw]);
                for operand in 0..3 {
                    for at in (0..x[operand].len()).step_by(1 + x[operand].len() / 40) {
                        let nudged = |h: f64| {
                            let mut x = exact.clone();
                            x[operand][at] += h;
                            total(&x)
                        };
                        let want = (nudged(1e-5) - nudged(-1e-5)) / 2e-5;
                        let got = f64::from(found[operand][at]);
                        assert!((got - want).abs() < 2e-5, "{isa:?} {p:?} operand {operand} at {at}: {got} {want}");
                    }
                }
            }
        });
    }

    #[test]
    fn what_sees_nothing_sees_everything_alike_and_pulls_at_nothing() {
        for isa in Isa::available() {
            let mut p = problem([1, 3, 5, 1, 1, 4, 2]);
            for causal in [false, true] {
                p.causal = causal;
                let x = operands(&p);
                let zeros = [0.0; 5];
                let mask = Some(Mask { data: &zeros, strides: [0; 3] });
                let [_, weights] = run(isa, &p, mask, &x);
                assert!(weights.iter().all(|w| (w - 0.2).abs() < 1e-7));
                let [dq, dk, dv] = pull(isa, &p, mask, &x, [&values(6, 1), &values(15, 2)]);
                assert!(dq.iter().chain(&dk).all(|&d| d == 0.0) && dv.iter().any(|&d| d != 0.0));
            }
        }
    }

    #[test]
    fn nan_spreads_from_what_is_seen_alone() {
        for isa in Isa::available() {
            let p = problem([1, 2, 20, 1, 1, 3, 2]);
            let [q, mut k, v] = operands(&p);
            k[3 * 19] = f32::NAN;
            let mut data = [1.0; 40];
            data[19] = 0.0;
            let [y, _] = run(isa, &p, Some(Mask { data: &data, strides: [0, 0, 20] }), &[q, k, v]);
            assert!(y[..2].iter().all(|v| v.is_finite()) && y[2..].iter().all(|v| v.is_nan()));
        }
    }

    #[test]
    fn nothing_is_fine() {
        for sizes in [[0, 3, 5, 2, 2, 4, 3], [2, 0, 5, 2, 2, 4, 3], [2, 3, 0, 2, 2, 4, 3], [2, 3, 5, 2, 2, 0, 3]] {
            let p = problem(sizes);
            let x = operands(&p);
            let [y, w] = run(Isa::active(), &p, None, &x);
            assert!(y.iter().chain(&w).all(|v| v.is_finite() && *v != 9.0));
            let found = pull(Isa::active(), &p, None, &x, [&values(y.len(), 1), &values(w.len(), 2)]);
            assert!(found.iter().flatten().all(|v| v.is_finite() && *v != 9.0));
        }
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let mut p = problem([5, 130, 70, 4, 2, 16, 16]);
        p.dropout = Some((Stream { seed: 1, stream: 2 }, 0.25));
        let x = operands(&p);
        let find = |threads| {
            threads::set_count(threads);
            let [y, w] = run(Isa::active(), &p, None, &x);
            (pull(Isa::active(), &p, None, &x, [&y, &w]), y, w)
        };
        let one = find(1);
        assert!([2, 3, 5].into_iter().all(|threads| find(threads) == one));
        threads::set_count(0);
    }
}
