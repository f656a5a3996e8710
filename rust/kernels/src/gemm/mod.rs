//! Matrix products: blocks of k small enough for the near caches, B packed into panels where that pays, tasks that are
//! blocks of C. Each element of C is one sum in the order of k, cut where k alone says, whatever the tasks.

use crate::threads::Shared;
use crate::{Isa, cache, scratch, threads};
use narrow::Dots;
use pack::Matrix;
use tile::{Left, Offsets, Planes, Product, Right, Start};

pub(crate) mod narrow;
pub(crate) mod pack;
pub mod reference;
mod row;
pub(crate) mod tile;

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

/// The longest run of k between two visits of C: rows of A for one tile then fit the first cache.
const DEPTH: usize = 512;
/// Most rows of a task that is one of several.
const MOST_ROWS: usize = 64;
/// When B is left where it lies: for so few rows of A, or where it has so few floats. Where it is read from never shows in
/// the result.
#[derive(Clone, Copy, Debug)]
struct InPlace {
    rows: usize,
    floats: usize,
}

impl InPlace {
    /// In a first cache of 32 KB the rows of a panel push each other out.
    const NARROW: InPlace = InPlace { rows: 40, floats: 16 * 1024 - 1 };
    /// B fits the second cache, and packing it took half of a small product.
    const WIDE: InPlace = InPlace { rows: 144, floats: 128 * 1024 };

    fn here() -> InPlace {
        if cache::nearest() < 48 * 1024 { InPlace::NARROW } else { InPlace::WIDE }
    }
}

/// Floats of a transposed A that are left where they lie: they fit the nearest caches.
const NEAR: usize = 16 * 1024;

/// The product `p`, then `+ bias` per column, then relu, into `c`.
pub fn matmul(isa: Isa, p: &Matmul, a: &[f32], b: &[f32], bias: Option<&[f32]>, relu: bool, c: &mut [f32]) {
    matmul_with(isa, InPlace::here(), p, a, b, bias, relu, c);
}

#[allow(clippy::too_many_arguments)]
fn matmul_with(
    isa: Isa,
    near: InPlace,
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
    // Of many products each is one thread's.
    let many = p.batch >= 4 * threads::count();
    threads::for_each_chunk(c, p.m * p.n, tile::work(p.m * p.n * p.k), |i, c| {
        let (a, b) = (&a[i * p.stride_a..][..p.m * p.k], &b[i * p.stride_b..][..p.k * p.n]);
        if many {
            threads::single_threaded(|| one(isa, near, &p, a, b, bias, relu, c));
        } else {
            one(isa, near, &p, a, b, bias, relu, c);
        }
    });
}

#[allow(clippy::too_many_arguments)]
fn one(isa: Isa, near: InPlace, p: &Matmul, a: &[f32], b: &[f32], bias: Option<&[f32]>, relu: bool, c: &mut [f32]) {
    // Runs of k: equal, so that none is too short to pay for its visit of C.
    let most = p.k.div_ceil(p.k.div_ceil(DEPTH).max(1)).next_multiple_of(16).max(16);
    if !p.transpose_a && narrow::gains(isa, p.n, 1, p.k) {
        return few_columns(isa, p, a, b, bias, relu, c);
    }
    if p.m == 1 && !p.transpose_b {
        return row::times(isa, a, b, most, bias, relu, c);
    }
    if p.n == 1 && p.transpose_a && bias.is_none() {
        // C' = B' . A, and a column lies in memory as a row does.
        return row::times(isa, b, a, most, None, relu, c);
    }
    let (tile_rows, width) = tile::size(isa);
    let c = &Shared::new(c);
    let stride = if p.transpose_b { p.k } else { p.n };
    // Packing pays where many rows follow; rows of B that lie a page apart are packed even for few.
    let few = if p.n <= 512 { near.rows } else { 2 * tile_rows };
    let in_place = !p.transpose_b && tile::in_place(isa, p.n) && (p.m <= few || p.k * p.n <= near.floats);
    let (rows, columns) = if tile::work(p.m * p.n * p.k) < 2 * threads::GRAIN {
        // No other thread would help.
        (p.m, p.n)
    } else {
        // Enough tasks for every thread to have several, none so small that handing it over costs more than it does,
        // and their part of B within the second cache.
        let panels = if p.m > 4 * tile_rows { 12 } else { (p.n / (width * 16)).clamp(1, 8) };
        let columns = p.n.div_ceil(p.n.div_ceil(width * panels)).next_multiple_of(width);
        let tile_rows = tile::rows(isa, [p.m, columns.min(p.n)], most.min(p.k));
        // Two tiles share the columns that they read; of a transposed A whole lines are read.
        let least = if p.transpose_a { 4 } else { 2 };
        (tile_rows * (p.m / (tile_rows * 32)).clamp(least, MOST_ROWS / tile_rows), columns)
    };
    let (down, across) = (p.m.div_ceil(rows), p.n.div_ceil(columns));
    let rows = p.m.div_ceil(down);
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
                let block = Block { p, from, depth, i, rows: rows.min(p.m - i), j, columns: columns.min(p.n - j) };
                let right = Right { data: b.get(j / width * panel..).unwrap_or(&[]), step, skip: 0, panel };
                block.run(isa, a, right, start, relu && last, c);
            });
        };
        if in_place {
            compute(b.get(from * p.n..).unwrap_or(&[]), p.n, width);
        } else {
            scratch::with(pack::len(isa, depth, p.n), |packed| {
                let data = b.get(if p.transpose_b { from } else { from * stride }..).unwrap_or(&[]);
                pack::pack(isa, &[Matrix { data, stride, transposed: p.transpose_b }], depth, p.n, packed);
                compute(packed, width, depth * width);
            });
        }
    }
}

/// As [`one`], where the columns are so few that vectors run along k.
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
    from: usize,
    depth: usize,
    i: usize,
    rows: usize,
    j: usize,
    columns: usize,
}

impl Block<'_> {
    fn run(&self, isa: Isa, a: &[f32], right: Right, start: Start, relu: bool, c: &Shared<f32>) {
        let Block { p, from, depth, i, rows, j, columns } = *self;
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
        let (tile_rows, width) = tile::size(isa);
        // Rows a page apart share the same few places of the first cache, and of a transposed A every line is used in
        // part: both are copied together first, where enough columns follow to pay for it.
        if p.transpose_a && p.m * p.k > NEAR && p.m > tile_rows && columns > width {
            // An odd number of vectors to a k, so that those of one tile are spread over all places of the cache.
            let step = (rows.div_ceil(isa.lanes()) | 1) * isa.lanes();
            scratch::with(depth * step, |copy| {
                let matrix = Matrix { data: &a[from * p.m..], stride: p.m, transposed: false };
                pack::panel(isa, matrix, i, rows, step, copy);
                product(copy, even(1), step);
            });
        } else if p.transpose_a {
            product(a.get(from * p.m + i..).unwrap_or(&[]), even(1), p.m);
        } else if p.k.is_multiple_of(1024) && depth == DEPTH && columns > width {
            let stride = DEPTH + 16;
            scratch::with(rows * stride, |copy| {
                for (r, row) in copy.chunks_exact_mut(stride).enumerate() {
                    row[..depth].copy_from_slice(&a[(i + r) * p.k + from..][..depth]);
                }
                product(copy, even(stride), 1);
            });
        } else {
            product(a.get(i * p.k + from..).unwrap_or(&[]), even(p.k), 1);
        }
    }
}
