//! Products with few columns. A vector of columns would be mostly empty, so vectors run along k instead, and each element
//! of C is the sum of its vector's lanes.

// Loops over rows and columns index several arrays, and unroll as they stand.
#![allow(clippy::needless_range_loop)]

use super::pack::Matrix;
use super::tile::{Product, Right, Start};
use crate::simd::{Isa, Kernel, Simd};

/// Columns whose sums are held side by side.
const COLUMNS: usize = 4;
/// Multiply-adds that the sum over a vector's lanes takes as long as.
const SUM: usize = 6;

/// Whether a product of so many columns, whose k lies in `segments` of `len` neighbours, is faster this way than by the
/// tile. The rows do not count: one must get the same bits alone and among others.
pub fn gains(isa: Isa, columns: usize, segments: usize, len: usize) -> bool {
    columns * (segments * len.div_ceil(isa.lanes()) + SUM) < segments * len
}

/// Floats from one segment to the next, as [`pack`] lays them out.
pub fn skip(isa: Isa, len: usize) -> usize {
    len.next_multiple_of(isa.lanes())
}

/// Floats that [`pack`] fills.
pub fn len(isa: Isa, columns: usize, segments: usize, len: usize) -> usize {
    columns * segments * skip(isa, len)
}

/// The right operand, column after column; `segments[i]` holds the matrices, one below the other, that are segment i.
pub fn pack(isa: Isa, segments: &[&[Matrix]], k: usize, columns: usize, packed: &mut [f32]) {
    let step = skip(isa, segments.first().map_or(0, |matrices| matrices.len() * k));
    packed.fill(0.0);
    for (i, matrices) in segments.iter().enumerate() {
        for (j, matrix) in matrices.iter().enumerate() {
            for column in 0..columns {
                let out = &mut packed[(column * segments.len() + i) * step + j * k..][..k];
                let (from, next) =
                    if matrix.transposed { (column * matrix.stride, 1) } else { (column, matrix.stride) };
                out.iter_mut().enumerate().for_each(|(k, out)| *out = matrix.data[from + k * next]);
            }
        }
    }
}

/// How [`pack`] has laid out so many segments: a panel to each column.
pub fn right(isa: Isa, data: &[f32], segments: usize, len: usize) -> Right<'_> {
    Right { data, step: 1, skip: skip(isa, len), panel: segments * skip(isa, len) }
}

/// A [`Product`] whose right operand [`pack`] has laid out, and whose left operand has step 1.
pub struct Dots<'a>(pub Product<'a>);

impl Kernel for Dots<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Dots(p) = self;
        if p.rows.len() == 0 || p.columns == 0 {
            return;
        }
        assert!(p.left.step == 1 && p.right.step == 1 && p.planes.count == 1, "dots run along k");
        p.check(1, 1);
        if let Some(last) = p.left.segments.len().checked_sub(1) {
            let end = (p.columns - 1) * p.right.panel + last * p.right.skip + p.left.len.next_multiple_of(S::LANES);
            assert!(end <= p.right.data.len(), "the right operand is filled up to whole vectors");
        }
        for from in (0..p.columns).step_by(COLUMNS) {
            // As many sums at a time as a vector has lanes.
            match (S::LANES, p.columns - from) {
                (16, 1) => by_rows::<S, 16, 1>(s, &p, from),
                (16, 2) => by_rows::<S, 8, 2>(s, &p, from),
                (16, 3) => by_rows::<S, 5, 3>(s, &p, from),
                (16, _) => by_rows::<S, 4, 4>(s, &p, from),
                (8, 1) => by_rows::<S, 8, 1>(s, &p, from),
                (8, 2) => by_rows::<S, 4, 2>(s, &p, from),
                (8, 3) => by_rows::<S, 2, 3>(s, &p, from),
                (8, _) => by_rows::<S, 2, 4>(s, &p, from),
                (_, 1) => by_rows::<S, 4, 1>(s, &p, from),
                (_, 2) => by_rows::<S, 2, 2>(s, &p, from),
                (_, 3) => by_rows::<S, 1, 3>(s, &p, from),
                (_, _) => by_rows::<S, 1, 4>(s, &p, from),
            }
        }
    }
}

#[inline(always)]
fn by_rows<S: Simd, const R: usize, const C: usize>(s: S, p: &Product, column: usize) {
    let mut starts = [0.0; 16];
    match p.start {
        Start::Zero => {}
        Start::Bias(bias) => starts.chunks_mut(C).for_each(|row| row.copy_from_slice(&bias[column..][..row.len()])),
        Start::Target => unreachable!("sums over all of k begin anew"),
    }
    let whole = p.rows.len() - p.rows.len() % R;
    for row in (0..whole).step_by(R) {
        // SAFETY: `Product::check` found every row, segment and column within its slice.
        unsafe { dots::<S, R, C>(s, p, &starts, row, column) }
    }
    for row in whole..p.rows.len() {
        // SAFETY: as above.
        unsafe { dots::<S, 1, C>(s, p, &starts, row, column) }
    }
}

/// `R` rows by `C` columns.
///
/// # Safety
/// The product must have passed `Product::check` with panels of one column, its right operand be filled up to whole
/// vectors, these rows and columns lie in it, and no other thread may use these elements of C.
#[inline(always)]
#[allow(clippy::undocumented_unsafe_blocks)]
unsafe fn dots<S: Simd, const R: usize, const C: usize>(
    s: S,
    p: &Product,
    starts: &[f32; 16],
    row: usize,
    column: usize,
) {
    // SAFETY (of every block below): within the slices by the caller's word.
    let (rows, targets): ([usize; R], [usize; R]) = (p.left.rows.rows(row), p.rows.rows(row));
    let (len, tail) = (p.left.len, p.left.len % S::LANES);
    // Of row r, column c: number r * C + c.
    let mut sums = [s.splat(0.0); 16];
    // Each row is written out: a loop that the compiler did not unroll would send all sums through memory.
    macro_rules! each_row {
        ($f:expr) => {
            each_row!($f, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15)
        };
        ($f:expr, $($r:literal)*) => {$(
            if $r < R {
                $f($r);
            }
        )*};
    }
    for (segment, &offset) in p.left.segments.iter().enumerate() {
        let a = p.left.data.as_ptr().wrapping_add(offset);
        let b = p.right.data.as_ptr().wrapping_add(column * p.right.panel + segment * p.right.skip);
        macro_rules! step {
            ($k:expr, $load:expr) => {{
                let mut columns = [s.splat(0.0); C];
                for c in 0..C {
                    columns[c] = unsafe { s.load_ptr(b.add(c * p.right.panel + $k)) };
                }
                each_row!(|r: usize| {
                    let a = unsafe { $load(a.add(rows[r] + $k)) };
                    for c in 0..C {
                        sums[r * C + c] = s.mul_add(a, columns[c], sums[r * C + c]);
                    }
                });
            }};
        }
        for k in (0..len - tail).step_by(S::LANES) {
            step!(k, |at| s.load_ptr(at));
        }
        if tail > 0 {
            step!(len - tail, |at| s.load_head_ptr(at, tail));
        }
    }
    let floor = s.splat(if p.relu { 0.0 } else { f32::NEG_INFINITY });
    let totals = s.to_array(s.max_raw(floor, s.add(s.load(starts), s.sums(&sums))));
    let target = p.target.pointer().wrapping_add(p.base + column);
    each_row!(|r: usize| {
        let target = target.wrapping_add(targets[r]);
        for c in 0..C {
            unsafe { *target.add(c) = totals[r * C + c] };
        }
    });
}
