//! Matrix products: blocks of k small enough for the near caches, B packed into panels where that pays, tasks that are
//! blocks of C. Each element of C is one sum in the order of k, cut where k alone says, whatever the tasks.

use crate::cache::Caches;
use crate::threads::Shared;
use crate::{Isa, scratch, threads};
use narrow::Dots;
use pack::Matrix;
use tile::{Left, Offsets, Planes, Product, Right, Start};
use tiling::{DEPTH, LeftCopy, MOST_ROWS, Tiling, Walk};

pub(crate) mod narrow;
pub(crate) mod pack;
pub mod reference;
mod row;
pub(crate) mod tile;
mod tiling;

#[cfg(test)]
mod tests;

/// `C[b] = op(A[b]) . op(B[b])`, row-major, for `b` in `0..batch`. A is m x k (k x m when transposed), B is k x n
/// (n x k). An operand with batch stride 0 is shared by the whole batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Matmul {
    pub batch: usize,
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub transpose_a: bool,
    pub transpose_b: bool,
    /// Floats from one batch entry of A to the next; C's is `m * n`.
    pub stride_a: usize,
    pub stride_b: usize,
}

/// The product `p`, then `+ bias` per column, then relu, into `c`.
pub fn matmul(isa: Isa, p: &Matmul, a: &[f32], b: &[f32], bias: Option<&[f32]>, relu: bool, c: &mut [f32]) {
    matmul_with(isa, Caches::here(), p, a, b, bias, relu, c);
}

#[allow(clippy::too_many_arguments)]
fn matmul_with(
    isa: Isa,
    caches: Caches,
    p: &Matmul,
    a: &[f32],
    b: &[f32],
    bias: Option<&[f32]>,
    relu: bool,
    c: &mut [f32],
) {
    let mut p = *p;
    assert_eq!(c.len(), p.batch * p.m * p.n, "C is batch x m x n");
    assert!(bias.is_none_or(|bias| bias.len() == p.n), "one bias per column");
    if c.is_empty() {
        return;
    }
    assert!(a.len() >= (p.batch - 1) * p.stride_a + p.m * p.k, "A is too short");
    assert!(b.len() >= (p.batch - 1) * p.stride_b + p.k * p.n, "B is too short");
    if p.stride_b == 0 && p.stride_a == p.m * p.k && !p.transpose_a {
        (p.m, p.batch) = (p.batch * p.m, 1);
    }
    let tiling = Tiling::choose(isa, &p, bias.is_some(), caches);
    // Of many products each is one thread's.
    let many = p.batch >= 4 * threads::count();
    threads::for_each_chunk(c, p.m * p.n, tile::work(p.m * p.n * p.k), |i, c| {
        let (a, b) = (&a[i * p.stride_a..][..p.m * p.k], &b[i * p.stride_b..][..p.k * p.n]);
        if many {
            threads::single_threaded(|| one(isa, &tiling, &p, a, b, bias, relu, c));
        } else {
            one(isa, &tiling, &p, a, b, bias, relu, c);
        }
    });
}

#[allow(clippy::too_many_arguments)]
fn one(isa: Isa, tiling: &Tiling, p: &Matmul, a: &[f32], b: &[f32], bias: Option<&[f32]>, relu: bool, c: &mut [f32]) {
    match tiling.walk {
        Walk::Dots => few_columns(isa, p, a, b, bias, relu, c),
        Walk::Row => row::times(isa, a, b, tiling.depth, bias, relu, c),
        // C' = B' . A
        Walk::Column => row::times(isa, b, a, tiling.depth, None, relu, c),
        Walk::Blocks => blocks(isa, tiling, p, a, b, bias, relu, c),
    }
}

#[allow(clippy::too_many_arguments)]
fn blocks(
    isa: Isa,
    tiling: &Tiling,
    p: &Matmul,
    a: &[f32],
    b: &[f32],
    bias: Option<&[f32]>,
    relu: bool,
    c: &mut [f32],
) {
    let width = tile::size(isa).1;
    let c = &Shared::new(c);
    let stride = if p.transpose_b { p.k } else { p.n };
    let Tiling { depth: most, rows, columns, left, pack, .. } = *tiling;
    let (down, across) = (p.m.div_ceil(rows), p.n.div_ceil(columns));
    for from in (0..p.k.max(1)).step_by(most) {
        let depth = most.min(p.k - from);
        let start = match bias {
            _ if from > 0 => Start::Target,
            Some(bias) => Start::Bias(bias),
            None => Start::Zero,
        };
        let last = from + depth == p.k;
        let compute = |b: &[f32], step: usize, panel: usize| {
            threads::for_each(down * across, tile::work(rows.min(p.m) * columns.min(p.n) * depth), |task| {
                // Neighbouring tasks share columns, so that their part of B stays in the second cache.
                let (i, j) = (task % down * rows, task / down * columns);
                let columns = columns.min(p.n - j);
                let block = Block { p, left, from, depth, i, rows: rows.min(p.m - i), j, columns };
                let right = Right { data: b.get(j / width * panel..).unwrap_or(&[]), step, skip: 0, panel };
                block.run(isa, a, right, start, relu && last, c);
            });
        };
        if pack {
            scratch::with(pack::len(isa, depth, p.n), |packed| {
                let data = b.get(if p.transpose_b { from } else { from * stride }..).unwrap_or(&[]);
                pack::pack(isa, &[Matrix { data, stride, transposed: p.transpose_b }], depth, p.n, packed);
                compute(packed, width, depth * width);
            });
        } else {
            compute(b.get(from * p.n..).unwrap_or(&[]), p.n, width);
        }
    }
}

/// As [`one`], with vectors that run along k.
fn few_columns(isa: Isa, p: &Matmul, a: &[f32], b: &[f32], bias: Option<&[f32]>, relu: bool, c: &mut [f32]) {
    let stride = if p.transpose_b { p.k } else { p.n };
    scratch::with(narrow::len(isa, p.n, 1, p.k), |packed| {
        narrow::pack(isa, &[&[Matrix { data: b, stride, transposed: p.transpose_b }]], p.k, p.n, packed);
        let packed = &*packed;
        let work = MOST_ROWS * p.n * narrow::skip(isa, p.k);
        threads::for_each_chunk(c, MOST_ROWS * p.n, tile::work(work), |i, c| {
            let rows = c.len() / p.n;
            let data = &a[i * MOST_ROWS * p.k..];
            isa.run(Dots(Product {
                left: Left {
                    data,
                    rows: Offsets::Even { count: rows, stride: p.k },
                    segments: &[0],
                    len: p.k,
                    step: 1,
                },
                right: narrow::right(isa, packed, 1, p.k),
                start: bias.map_or(Start::Zero, Start::Bias),
                relu,
                target: &Shared::new(c),
                base: 0,
                rows: Offsets::Even { count: rows, stride: p.n },
                columns: p.n,
                planes: Planes::ONE,
            }));
        });
    });
}

/// A block of C over a run of k.
struct Block<'a> {
    p: &'a Matmul,
    left: LeftCopy,
    from: usize,
    depth: usize,
    i: usize,
    rows: usize,
    j: usize,
    columns: usize,
}

impl Block<'_> {
    fn run(&self, isa: Isa, a: &[f32], right: Right, start: Start, relu: bool, c: &Shared<f32>) {
        let Block { p, left, from, depth, i, rows, j, columns } = *self;
        let start = match start {
            Start::Bias(bias) => Start::Bias(&bias[j..]),
            start => start,
        };
        let base = i * p.n + j;
        let even = |stride: usize| Offsets::Even { count: rows, stride };
        let product = |data: &[f32], sources: Offsets, step: usize| {
            let left = Left { data, rows: sources, segments: &[0], len: depth, step };
            let (rows, planes) = (even(p.n), Planes::ONE);
            isa.run(Product { left, right, start, relu, target: c, base, rows, columns, planes });
        };
        // Enough columns must follow to pay for a copy.
        let left = if columns > tile::size(isa).1 { left } else { LeftCopy::None };
        match left {
            LeftCopy::Columns => {
                // An odd number of vectors to a k, so that those of one tile are spread over all places of the cache.
                let step = (rows.div_ceil(isa.lanes()) | 1) * isa.lanes();
                scratch::with(depth * step, |copy| {
                    let matrix = Matrix { data: &a[from * p.m..], stride: p.m, transposed: false };
                    pack::panel(isa, matrix, i, rows, step, copy);
                    product(copy, even(1), step);
                });
            }
            LeftCopy::Rows => {
                let stride = DEPTH + 16;
                scratch::with(rows * stride, |copy| {
                    for (r, row) in copy.chunks_exact_mut(stride).enumerate() {
                        row[..depth].copy_from_slice(&a[(i + r) * p.k + from..][..depth]);
                    }
                    product(copy, even(stride), 1);
                });
            }
            LeftCopy::None if p.transpose_a => product(a.get(from * p.m + i..).unwrap_or(&[]), even(1), p.m),
            LeftCopy::None => product(a.get(i * p.k + from..).unwrap_or(&[]), even(p.k), 1),
        }
    }
}
