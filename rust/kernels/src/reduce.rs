//! Sums, means, products and extremes over any set of axes, and the place of the extreme along the last.
//!
//! Any reduction is a chain of one shape: (outer, reduced, inner), the last reduced axis first. Long axes are cut into
//! blocks whose results are reduced again in index order, which keeps rounding errors small and the bits the same on
//! any number of threads.

use crate::activation::{self, Unary};
use crate::simd::map::Lane2;
use crate::simd::{Isa, Kernel, Simd};
use crate::{scratch, threads};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reduce {
    Sum,
    /// The sum over the count; NaN over nothing.
    Mean,
    /// NaN where any element is.
    Max,
    /// NaN where any element is.
    Min,
    Prod,
    /// The root of the sum of squares. No square overflows or vanishes on the way: the norm of 1e30 is 1e30.
    Norm,
}

/// Elements of one task, and what one costs in multiply-adds.
const CHUNK: usize = 16_384;
const COST: usize = 2;
/// Rows of one block where columns are reduced, unless the rows are short.
const BLOCK_ROWS: usize = 256;
/// Columns of one task where there are few tasks otherwise.
const STRIP: usize = 4_096;
/// Short rows are reduced several at once, up to this many elements.
const WIDTH: usize = 64;

impl Reduce {
    const fn identity(self) -> f32 {
        match self {
            Reduce::Sum | Reduce::Mean | Reduce::Norm => 0.0,
            Reduce::Prod => 1.0,
            Reduce::Max => f32::NEG_INFINITY,
            Reduce::Min => f32::INFINITY,
        }
    }

    #[inline(always)]
    fn combine(self, a: f32, b: f32) -> f32 {
        match self {
            Reduce::Sum | Reduce::Mean | Reduce::Norm => a + b,
            Reduce::Prod => a * b,
            Reduce::Max => {
                if a > b || a.is_nan() {
                    a
                } else {
                    b
                }
            }
            Reduce::Min => {
                if a < b || a.is_nan() {
                    a
                } else {
                    b
                }
            }
        }
    }
}

impl Lane2 for Reduce {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, a: S::F, b: S::F) -> S::F {
        match self {
            Reduce::Sum | Reduce::Mean | Reduce::Norm => s.add(a, b),
            Reduce::Prod => s.mul(a, b),
            Reduce::Max => s.max(a, b),
            Reduce::Min => s.min(a, b),
        }
    }
}

/// Reduces `x` over `axes` (any order, no repeats); `out` has the other axes, in their order.
pub fn reduce(isa: Isa, op: Reduce, x: &[f32], shape: &[usize], axes: &[usize], out: &mut [f32]) {
    assert_eq!(x.len(), shape.iter().product(), "reduce: length of x");
    assert!(shape.len() <= 64 && axes.iter().all(|&axis| axis < shape.len()), "reduce: axis out of range");
    // Neighbours of one kind are one axis: (size, reduced), outermost first.
    let mut merged = [(1usize, false); 64];
    let (mut count, mut kept, mut reduced) = (0, 1, 1);
    for (axis, &size) in shape.iter().enumerate() {
        let is_reduced = axes.contains(&axis);
        *if is_reduced { &mut reduced } else { &mut kept } *= size;
        if size == 1 {
            continue;
        }
        if count > 0 && merged[count - 1].1 == is_reduced {
            merged[count - 1].0 *= size;
        } else {
            merged[count] = (size, is_reduced);
            count += 1;
        }
    }
    assert_eq!(out.len(), kept, "reduce: length of out");
    if out.is_empty() {
        return;
    }
    if reduced == 0 {
        return out.fill(if op == Reduce::Mean { f32::NAN } else { op.identity() });
    }
    let axes = &mut merged[..count];
    if op == Reduce::Norm {
        return norm(isa, x, axes, out);
    }
    stages(isa, op, None, x, axes, out);
    if op == Reduce::Mean && reduced > 1 {
        let count = reduced as f32;
        threads::for_each_chunk(out, CHUNK, CHUNK * COST, |_, out| out.iter_mut().for_each(|v| *v /= count));
    }
}

/// Sums of squares outside of these bounds may have lost some: they are taken again of elements scaled by a power of two.
pub(crate) const SUM_BOUNDS: [f32; 2] = [8.673_617e-19, f32::MAX];
/// 2^64 and 2^-96: the largest float, squared and summed, stays in range, and so does the square of the smallest.
pub(crate) const UP: f32 = 18_446_744_073_709_551_616.0;
pub(crate) const DOWN: f32 = 1.262_177_4e-29;

fn norm(isa: Isa, x: &[f32], axes: &[(usize, bool)], out: &mut [f32]) {
    if !axes.iter().any(|&(_, reduced)| reduced) {
        return activation::forward(isa, Unary::Abs, x, out);
    }
    let squares = |scale: f32, out: &mut [f32]| {
        let mut left = [(1usize, false); 64];
        left[..axes.len()].copy_from_slice(axes);
        stages(isa, Reduce::Sum, Some(scale), x, &mut left[..axes.len()], out);
    };
    squares(1.0, out);
    let [low, high] = SUM_BOUNDS;
    let (small, large) = (out.iter().any(|&sum| sum < low), out.iter().any(|&sum| sum > high));
    if !small && !large {
        return threads::for_each_chunk(out, CHUNK, CHUNK * COST, |_, out| {
            out.iter_mut().for_each(|sum| *sum = sum.sqrt());
        });
    }
    scratch::with(2 * out.len(), |again| {
        let (ups, downs) = again.split_at_mut(out.len());
        if small {
            squares(UP, ups);
        }
        if large {
            squares(DOWN, downs);
        }
        let (ups, downs) = (&*ups, &*downs);
        threads::for_each_chunk(out, CHUNK, CHUNK * COST, |i, out| {
            for (k, sum) in out.iter_mut().enumerate() {
                *sum = match *sum {
                    sum if sum < low => ups[i * CHUNK + k].sqrt() / UP,
                    sum if sum > high => downs[i * CHUNK + k].sqrt() / DOWN,
                    sum => sum.sqrt(),
                };
            }
        });
    });
}

/// Reduces the last reduced axis, then the others from what that left. With `squares` the elements of x are multiplied by
/// it and squared first.
fn stages(isa: Isa, op: Reduce, squares: Option<f32>, x: &[f32], axes: &mut [(usize, bool)], out: &mut [f32]) {
    let Some(last) = axes.iter().rposition(|&(_, reduced)| reduced) else { return out.copy_from_slice(x) };
    let size = |axes: &[(usize, bool)]| axes.iter().map(|&(n, _)| n).product::<usize>();
    let (outer, length, inner) = (size(&axes[..last]), axes[last].0, size(&axes[last + 1..]));
    if axes[..last].iter().all(|&(_, reduced)| !reduced) {
        return stage(isa, op, squares, x, length, inner, out);
    }
    scratch::with(outer * inner, |left| {
        stage(isa, op, squares, x, length, inner, left);
        axes[last] = (1, false);
        stages(isa, op, None, left, axes, out);
    });
}

/// `out[o, i] = x[o, 0, i] op x[o, 1, i] op ...` with `length` terms and `inner` columns, neither zero.
fn stage(isa: Isa, op: Reduce, squares: Option<f32>, x: &[f32], length: usize, inner: usize, out: &mut [f32]) {
    let outer = out.len() / inner;
    let block = if inner == 1 { CHUNK } else { BLOCK_ROWS.max(2 * CHUNK / inner) };
    if length > block + block / 2 {
        let blocks = length.div_ceil(block);
        return scratch::with(outer * blocks * inner, |partial| {
            let plan = Blocks { length, inner, rows: block, per_outer: blocks };
            one_pass(isa, op, squares, x, plan, partial);
            stage(isa, op, None, partial, blocks, inner, out);
        });
    }
    one_pass(isa, op, squares, x, Blocks { length, inner, rows: length, per_outer: 1 }, out);
}

/// Output row `k` reduces `rows` rows (the last block of an outer index may have fewer) of `inner` columns.
#[derive(Clone, Copy)]
struct Blocks {
    length: usize,
    inner: usize,
    rows: usize,
    per_outer: usize,
}

impl Blocks {
    /// The rows that output row `k` reduces, as a range of `x`.
    #[inline(always)]
    fn range(&self, k: usize) -> std::ops::Range<usize> {
        let (o, first) = (k / self.per_outer, k % self.per_outer * self.rows);
        let last = self.length.min(first + self.rows);
        (o * self.length + first) * self.inner..(o * self.length + last) * self.inner
    }
}

fn one_pass(isa: Isa, op: Reduce, squares: Option<f32>, x: &[f32], blocks: Blocks, out: &mut [f32]) {
    let Blocks { inner, rows, .. } = blocks;
    let total = out.len() / inner;
    if inner >= 2 * STRIP && total < 16 {
        for (k, out) in out.chunks_mut(inner).enumerate() {
            let x = &x[blocks.range(k)];
            threads::for_each_chunk(out, STRIP, STRIP * rows * COST, |i, out| {
                isa.run(Columns { op, squares, x, first: i * STRIP, inner, out });
            });
        }
        return;
    }
    let group = (CHUNK / (rows * inner)).max(1);
    threads::for_each_chunk(out, group * inner, group * inner * rows * COST, |i, out| {
        isa.run(Group { op, squares, x, blocks, first: i * group, out });
    });
}

/// What a reduction takes of an element.
trait Term: Copy {
    fn of<S: Simd>(self, s: S, v: S::F) -> S::F;
    fn of_one(self, v: f32) -> f32;
}

#[derive(Clone, Copy)]
struct Itself;

impl Term for Itself {
    #[inline(always)]
    fn of<S: Simd>(self, _: S, v: S::F) -> S::F {
        v
    }
    #[inline(always)]
    fn of_one(self, v: f32) -> f32 {
        v
    }
}

/// The square of an element that was multiplied by a number.
#[derive(Clone, Copy)]
struct Square(f32);

impl Term for Square {
    #[inline(always)]
    fn of<S: Simd>(self, s: S, v: S::F) -> S::F {
        let v = s.mul(v, s.splat(self.0));
        s.mul(v, v)
    }
    #[inline(always)]
    fn of_one(self, v: f32) -> f32 {
        let v = v * self.0;
        v * v
    }
}

/// Calls `$body` with `$op` and `$term` constants, so that each operation is compiled to loops of its own.
macro_rules! for_op {
    ($op:expr, $squares:expr, ($o:ident, $term:ident) => $body:expr) => {
        match ($op, $squares) {
            (_, Some(scale)) => {
                let ($o, $term) = (Reduce::Sum, Square(scale));
                $body
            }
            (Reduce::Sum | Reduce::Mean | Reduce::Norm, None) => {
                let ($o, $term) = (Reduce::Sum, Itself);
                $body
            }
            (Reduce::Max, None) => {
                let ($o, $term) = (Reduce::Max, Itself);
                $body
            }
            (Reduce::Min, None) => {
                let ($o, $term) = (Reduce::Min, Itself);
                $body
            }
            (Reduce::Prod, None) => {
                let ($o, $term) = (Reduce::Prod, Itself);
                $body
            }
        }
    };
}

/// Output rows `first..`, each from its own rows of `x`.
struct Group<'a> {
    op: Reduce,
    squares: Option<f32>,
    x: &'a [f32],
    blocks: Blocks,
    first: usize,
    out: &'a mut [f32],
}

impl Group<'_> {
    #[inline(always)]
    fn each<S: Simd>(self, s: S, op: Reduce, term: impl Term) {
        let inner = self.blocks.inner;
        if inner == 1 && self.blocks.rows < 2 * S::LANES && self.blocks.per_outer == 1 {
            let rows = self.x[self.blocks.range(self.first).start..].chunks_exact(self.blocks.rows);
            for (row, out) in rows.zip(self.out) {
                *out = row[1..].iter().fold(term.of_one(row[0]), |a, &b| op.combine(a, term.of_one(b)));
            }
        } else if inner == 1 {
            for (k, out) in self.out.iter_mut().enumerate() {
                *out = fold_terms(s, op, term, &self.x[self.blocks.range(self.first + k)]);
            }
        } else if inner < WIDTH {
            let mut wide = [0.0f32; WIDTH];
            let width = (WIDTH / inner).min(self.blocks.rows) * inner;
            for (k, out) in self.out.chunks_exact_mut(inner).enumerate() {
                let x = &self.x[self.blocks.range(self.first + k)];
                fold_columns(s, op, term, x, 0, width, &mut wide[..width]);
                fold_columns(s, op, Itself, &wide[..width], 0, inner, out);
            }
        } else {
            for (k, out) in self.out.chunks_exact_mut(inner).enumerate() {
                fold_columns(s, op, term, &self.x[self.blocks.range(self.first + k)], 0, inner, out);
            }
        }
    }
}

impl Kernel for Group<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for_op!(self.op, self.squares, (op, term) => self.each(s, op, term))
    }
}

/// Some columns of one block of rows.
struct Columns<'a> {
    op: Reduce,
    squares: Option<f32>,
    x: &'a [f32],
    first: usize,
    inner: usize,
    out: &'a mut [f32],
}

impl Kernel for Columns<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        for_op!(self.op, self.squares, (op, term) => {
            fold_columns(s, op, term, self.x, self.first, self.inner, self.out)
        })
    }
}

/// `out[i]` = the rows of `x`, `stride` apart, reduced at column `first + i`. The last row may be cut short.
#[inline(always)]
fn fold_columns<S: Simd>(s: S, op: Reduce, term: impl Term, x: &[f32], first: usize, stride: usize, out: &mut [f32]) {
    out.fill(op.identity());
    let mut rest = x;
    while rest.len() >= 8 * stride {
        let (rows, after) = rest.split_at(8 * stride);
        let row = |r: usize| &rows[r * stride + first..][..out.len()];
        let rows = [row(0), row(1), row(2), row(3), row(4), row(5), row(6), row(7)];
        fold_eight(s, op, term, rows, out);
        rest = after;
    }
    for row in rest.chunks(stride) {
        let n = row.len().saturating_sub(first).min(out.len());
        if n > 0 {
            fold_one(s, op, term, &row[first..first + n], &mut out[..n]);
        }
    }
}

#[inline(always)]
fn fold_one<S: Simd>(s: S, op: Reduce, term: impl Term, row: &[f32], out: &mut [f32]) {
    let body = out.len() - out.len() % S::LANES;
    let ((row, row_tail), (out, out_tail)) = (row.split_at(body), out.split_at_mut(body));
    for (row, out) in row.chunks_exact(S::LANES).zip(out.chunks_exact_mut(S::LANES)) {
        s.store(out, op.apply(s, s.load(out), term.of(s, s.load(row))));
    }
    if !out_tail.is_empty() {
        s.store_head(out_tail, op.apply(s, s.load_head(out_tail), term.of(s, s.load_head(row_tail))));
    }
}

#[inline(always)]
fn fold_eight<S: Simd>(s: S, op: Reduce, term: impl Term, rows: [&[f32]; 8], out: &mut [f32]) {
    let n = out.len();
    let body = n - n % S::LANES;
    let rows = [
        &rows[0][..n],
        &rows[1][..n],
        &rows[2][..n],
        &rows[3][..n],
        &rows[4][..n],
        &rows[5][..n],
        &rows[6][..n],
        &rows[7][..n],
    ];
    let mut i = 0;
    while i < n {
        let whole = i < body;
        let load = |row: &[f32]| if whole { s.load(&row[i..]) } else { s.load_head(&row[i..]) };
        let (a, b) = (term.of(s, load(rows[0])), term.of(s, load(rows[1])));
        let (c, d) = (term.of(s, load(rows[2])), term.of(s, load(rows[3])));
        let (e, f) = (term.of(s, load(rows[4])), term.of(s, load(rows[5])));
        let (g, h) = (term.of(s, load(rows[6])), term.of(s, load(rows[7])));
        let a = op.apply(s, op.apply(s, a, b), op.apply(s, c, d));
        let b = op.apply(s, op.apply(s, e, f), op.apply(s, g, h));
        let sum = op.apply(s, load(out), op.apply(s, a, b));
        if whole {
            s.store(&mut out[i..], sum)
        } else {
            s.store_head(&mut out[i..], sum)
        }
        i += S::LANES;
    }
}

/// One row reduced to a number: four accumulators, then their lanes by halves.
#[inline(always)]
pub(crate) fn fold_row<S: Simd>(s: S, op: Reduce, row: &[f32]) -> f32 {
    fold_terms(s, op, Itself, row)
}

/// [`fold_row`] of terms.
#[inline(always)]
fn fold_terms<S: Simd>(s: S, op: Reduce, term: impl Term, row: &[f32]) -> f32 {
    let mut sums = [s.splat(op.identity()); 4];
    let mut quads = row.chunks_exact(4 * S::LANES);
    for quad in &mut quads {
        sums[0] = op.apply(s, sums[0], term.of(s, s.load(quad)));
        sums[1] = op.apply(s, sums[1], term.of(s, s.load(&quad[S::LANES..])));
        sums[2] = op.apply(s, sums[2], term.of(s, s.load(&quad[2 * S::LANES..])));
        sums[3] = op.apply(s, sums[3], term.of(s, s.load(&quad[3 * S::LANES..])));
    }
    let mut vectors = quads.remainder().chunks_exact(S::LANES);
    for vector in &mut vectors {
        sums[0] = op.apply(s, sums[0], term.of(s, s.load(vector)));
    }
    let tail = vectors.remainder();
    if !tail.is_empty() {
        let last = s.select(s.head(tail.len()), term.of(s, s.load_head(tail)), s.splat(op.identity()));
        sums[1] = op.apply(s, sums[1], last);
    }
    let sum = op.apply(s, op.apply(s, sums[0], sums[1]), op.apply(s, sums[2], sums[3]));
    match op {
        Reduce::Sum | Reduce::Mean | Reduce::Norm => s.sum(sum),
        Reduce::Prod => s.to_array(sum)[..S::LANES].iter().product(),
        Reduce::Max | Reduce::Min => extreme(s, op, sum),
    }
}

/// The largest (or smallest) lane; NaN where any is.
#[inline(always)]
fn extreme<S: Simd>(s: S, op: Reduce, v: S::F) -> f32 {
    if op == Reduce::Max { s.max_lane(v) } else { -s.max_lane(s.neg(v)) }
}

/// The first place in `row` that holds `best` or NaN.
#[inline(always)]
fn place<S: Simd>(s: S, row: &[f32], best: f32) -> usize {
    let best = s.splat(best);
    let vectors = row.chunks_exact(S::LANES);
    let tail = vectors.remainder();
    for (i, v) in vectors.enumerate() {
        let v = s.load(v);
        let lane = s.first(s.or(s.eq(v, best), s.is_nan(v)));
        if lane < S::LANES {
            return i * S::LANES + lane;
        }
    }
    let v = s.load_head(tail);
    row.len() - tail.len() + s.first(s.or(s.eq(v, best), s.is_nan(v)))
}

/// The first place of the largest element of each row of `n`; a NaN counts as the largest.
pub fn argmax(isa: Isa, x: &[f32], n: usize, out: &mut [i32]) {
    arg(isa, Reduce::Max, x, n, out);
}

/// The first place of the smallest element of each row of `n`; a NaN counts as the smallest.
pub fn argmin(isa: Isa, x: &[f32], n: usize, out: &mut [i32]) {
    arg(isa, Reduce::Min, x, n, out);
}

fn arg(isa: Isa, op: Reduce, x: &[f32], n: usize, out: &mut [i32]) {
    assert!(x.len() == n * out.len(), "argmax: lengths");
    assert!(n > 0 || out.is_empty(), "argmax: a row of nothing has no largest element");
    let group = (CHUNK / n.max(1)).max(1);
    threads::for_each_chunk(out, group, group * n * COST, |i, out| {
        let x = &x[i * group * n..][..out.len() * n];
        isa.run(ArgRows { op, x, n, out });
    });
}

struct ArgRows<'a> {
    op: Reduce,
    x: &'a [f32],
    n: usize,
    out: &'a mut [i32],
}

impl ArgRows<'_> {
    #[inline(always)]
    fn each<S: Simd>(self, s: S, op: Reduce) {
        const BLOCK: usize = 256;
        for (row, out) in self.x.chunks_exact(self.n).zip(self.out) {
            if row.len() <= S::LANES {
                let (head, v) = (s.head(row.len()), s.load_head(row));
                let best = s.splat(extreme(s, op, s.select(head, v, s.splat(op.identity()))));
                *out = s.first(s.or(s.eq(v, best), s.is_nan(v))) as i32;
                continue;
            }
            // First the block that holds the extreme, then the place within it.
            let (mut best, mut at) = (fold_row(s, op, &row[..row.len().min(BLOCK)]), 0);
            for (i, block) in row.chunks(BLOCK).enumerate().skip(1) {
                let other = fold_row(s, op, block);
                let better = if op == Reduce::Max { other > best } else { other < best };
                if better || (other.is_nan() && !best.is_nan()) {
                    (best, at) = (other, i * BLOCK);
                }
            }
            *out = (at + place(s, &row[at..], best)) as i32;
        }
    }
}

impl Kernel for ArgRows<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        match self.op {
            Reduce::Max => self.each(s, Reduce::Max),
            _ => self.each(s, Reduce::Min),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Reduce; 6] = [Reduce::Sum, Reduce::Mean, Reduce::Max, Reduce::Min, Reduce::Prod, Reduce::Norm];

    /// Plain loops in f64: every element joins the output element that its kept indices name.
    fn truth(op: Reduce, x: &[f32], shape: &[usize], axes: &[usize]) -> Vec<f64> {
        let kept: usize = (0..shape.len()).filter(|a| !axes.contains(a)).map(|a| shape[a]).product();
        let mut out = vec![f64::from(op.identity()); kept];
        for (flat, &v) in x.iter().enumerate() {
            let (mut rest, mut at, mut stride, v) = (flat, 0, 1, f64::from(v));
            for axis in (0..shape.len()).rev() {
                if !axes.contains(&axis) {
                    at += rest % shape[axis] * stride;
                    stride *= shape[axis];
                }
                rest /= shape[axis];
            }
            let a = out[at];
            out[at] = match op {
                Reduce::Sum | Reduce::Mean => a + v,
                Reduce::Prod => a * v,
                Reduce::Norm => a + v * v,
                Reduce::Max => {
                    if a.is_nan() || v.is_nan() {
                        f64::NAN
                    } else {
                        a.max(v)
                    }
                }
                Reduce::Min => {
                    if a.is_nan() || v.is_nan() {
                        f64::NAN
                    } else {
                        a.min(v)
                    }
                }
            };
        }
        let count: usize = axes.iter().map(|&a| shape[a]).product();
        if op == Reduce::Mean {
            out.iter_mut().for_each(|v| *v /= count as f64);
        }
        if op == Reduce::Norm {
            out.iter_mut().for_each(|v| *v = v.sqrt());
        }
        out
    }

    fn values(n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i * 7919 % 1009) as f32 - 500.0) / 500.0).collect()
    }

    type Case = (&'static [usize], &'static [usize]);
    const CASES: [Case; 28] = [
        (&[], &[]),
        (&[7], &[]),
        (&[1], &[0]),
        (&[0], &[0]),
        (&[0, 3], &[0]),
        (&[0, 3], &[1]),
        (&[3, 0], &[1]),
        (&[17], &[0]),
        (&[50_021], &[0]),
        (&[5, 3], &[1]),
        (&[6001, 3], &[1]),
        (&[13, 67], &[1]),
        (&[3, 30_011], &[1]),
        (&[13, 67], &[0]),
        (&[5003, 3], &[0]),
        (&[20_011, 10], &[0]),
        (&[9, 1], &[0]),
        (&[700, 131], &[0]),
        (&[3, 9001], &[0]),
        (&[600, 9001], &[0]),
        (&[2, 5, 7, 16], &[1, 2]),
        (&[40, 5, 7, 16], &[2, 1]),
        (&[4, 3, 5, 2], &[0, 2]),
        (&[4, 3, 5, 2], &[1, 3]),
        (&[4, 3, 5, 2], &[0, 2, 3]),
        (&[2, 2, 3, 2, 2, 2, 3, 2], &[0, 2, 4, 6]),
        (&[33, 40, 17], &[0, 1, 2]),
        (&[1, 40, 1], &[0, 2]),
    ];

    #[test]
    fn every_reduction_equals_plain_loops() {
        for isa in Isa::available() {
            for (shape, axes) in CASES {
                let x = values(shape.iter().product());
                for op in ALL {
                    let want = truth(op, &x, shape, axes);
                    let mut out = vec![9.0; want.len()];
                    reduce(isa, op, &x, shape, axes, &mut out);
                    for (&got, &want) in out.iter().zip(&want) {
                        let close = (f64::from(got) - want).abs() <= 2e-5 * want.abs().max(0.5);
                        let same = f64::from(got) == want || (got.is_nan() && want.is_nan());
                        assert!(same || close, "{op:?} {shape:?} {axes:?} {}: {got}, want {want}", isa.name());
                    }
                }
            }
        }
    }

    #[test]
    fn long_sums_stay_accurate() {
        let x = vec![0.1f32; 3_000_017];
        for isa in Isa::available() {
            let mut out = [0.0];
            reduce(isa, Reduce::Mean, &x, &[x.len()], &[0], &mut out);
            assert!((out[0] - 0.1).abs() < 1e-6, "{}", out[0]);
            let mut out = [0.0; 2];
            reduce(isa, Reduce::Mean, &x[..2_000_000], &[1_000_000, 2], &[0], &mut out);
            assert!((out[0] - 0.1).abs() < 1e-6 && (out[1] - 0.1).abs() < 1e-6, "{out:?}");
        }
    }

    #[test]
    fn norms_neither_overflow_nor_vanish_and_keep_their_neighbours_bits() {
        let sizes = [1.0, 1e-35, 3e-30, 1e-19, 1e-9, 1e9, 1e18, 1e20, 1e30, 5e37, 0.0];
        for isa in Isa::available() {
            for n in [1, 2, 3, 16, 33, 100, 5000] {
                let plain = values(sizes.len() * n);
                let mixed: Vec<f32> = plain.iter().enumerate().map(|(i, v)| v * sizes[i / n]).collect();
                let (mut alone, mut out) = (vec![9.0; sizes.len()], vec![9.0; sizes.len()]);
                reduce(isa, Reduce::Norm, &plain, &[sizes.len(), n], &[1], &mut alone);
                reduce(isa, Reduce::Norm, &mixed, &[sizes.len(), n], &[1], &mut out);
                assert_eq!(out[0].to_bits(), alone[0].to_bits());
                let (turned, mut down) = (turned(&mixed, n), vec![9.0; sizes.len()]);
                reduce(isa, Reduce::Norm, &turned, &[n, sizes.len()], &[0], &mut down);
                let want = truth(Reduce::Norm, &mixed, &[sizes.len(), n], &[1]);
                for (&got, &want) in out.iter().zip(&want).chain(down.iter().zip(&want)) {
                    let over = want > f64::from(f32::MAX) && got == f32::INFINITY;
                    assert!(
                        over || (f64::from(got) - want).abs() <= 1e-6 * want,
                        "{} {n}: {got:e}, want {want:e}",
                        isa.name()
                    );
                }
            }
            let mut out = [9.0; 4];
            let rows = [[3e38, 3e38], [f32::INFINITY, 1.0], [f32::NAN, 1e30], [3e30, -4e30]];
            reduce(isa, Reduce::Norm, rows.as_flattened(), &[4, 2], &[1], &mut out);
            assert!(out[0] == f32::INFINITY && out[1] == f32::INFINITY && out[2].is_nan());
            assert!((out[3] / 5e30 - 1.0).abs() < 1e-6);
            reduce(isa, Reduce::Norm, &[-2.0, 1e30], &[2, 1], &[1], &mut out[..2]);
            assert_eq!(out[..2], [2.0, 1e30]);
        }
    }

    /// Rows of `n` as columns.
    fn turned(x: &[f32], n: usize) -> Vec<f32> {
        (0..x.len()).map(|i| x[i % (x.len() / n) * n + i / (x.len() / n)]).collect()
    }

    #[test]
    fn nan_in_any_place_reaches_the_result() {
        for isa in Isa::available() {
            for (shape, axes) in CASES.into_iter().filter(|(shape, _)| !shape.contains(&0)) {
                let n: usize = shape.iter().product();
                for at in [0, n / 3, n / 2, n - 1] {
                    let mut x = values(n);
                    x[at] = f32::NAN;
                    for op in ALL {
                        let want = truth(op, &x, shape, axes);
                        let mut out = vec![9.0; want.len()];
                        reduce(isa, op, &x, shape, axes, &mut out);
                        assert!(out.iter().zip(&want).all(|(a, b)| a.is_nan() == b.is_nan()), "{op:?} {shape:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_place_of_the_extreme_is_the_first_and_nan_wins() {
        for isa in Isa::available() {
            for n in [1, 2, 3, 10, 16, 17, 33, 64, 255, 257, 1000, 3001] {
                for variant in 0..6 {
                    let mut x: Vec<f32> = values(5 * n).iter().map(|v| (v * 6.0).round()).collect();
                    match variant {
                        0 => {}
                        1 => x[3 * n + n / 2] = f32::NAN,
                        2 => x[n..2 * n].fill(f32::NAN),
                        3 => x[n..2 * n].fill(f32::NEG_INFINITY),
                        4 => x[n..2 * n].fill(f32::INFINITY),
                        _ => x.iter_mut().enumerate().for_each(|(i, v)| *v = if i % 2 == 0 { 0.0 } else { -0.0 }),
                    }
                    for (name, kernel) in [("max", argmax as fn(Isa, &[f32], usize, &mut [i32])), ("min", argmin)] {
                        let mut out = [9; 5];
                        kernel(isa, &x, n, &mut out);
                        for (row, &got) in x.chunks(n).zip(&out) {
                            let mut want = 0;
                            for (i, &v) in row.iter().enumerate().skip(1) {
                                let better = if name == "max" { v > row[want] } else { v < row[want] };
                                if (better || v.is_nan()) && !row[want].is_nan() {
                                    want = i;
                                }
                            }
                            assert_eq!(got as usize, want, "{name} n {n} variant {variant}");
                        }
                    }
                }
            }
        }
        argmax(Isa::active(), &[], 0, &mut []);
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        for (shape, axes) in
            [(&[700_001][..], &[0][..]), (&[9000, 65], &[0]), (&[9000, 65], &[1]), (&[300, 9001], &[0])]
        {
            let x = values(shape.iter().product());
            let run = |threads| {
                threads::set_count(threads);
                let mut out = vec![0.0; truth(Reduce::Sum, &x, shape, axes).len()];
                reduce(Isa::active(), Reduce::Sum, &x, shape, axes, &mut out);
                out
            };
            let one = run(1);
            assert!([2, 3, 5].into_iter().all(|threads| run(threads) == one));
            threads::set_count(0);
        }
    }
}
