//! Panels of the right operand: as wide as the tallest tile, one k after the other, the missing columns any numbers.

use super::tile;
use crate::simd::{Isa, Kernel, Simd};
use crate::{cache, threads};

/// A matrix k x columns, row-major with `stride` floats to a row, or its transpose stored so.
#[derive(Clone, Copy)]
pub struct Matrix<'a> {
    pub data: &'a [f32],
    pub stride: usize,
    pub transposed: bool,
}

/// Floats that `pack` fills.
pub fn len(isa: Isa, k: usize, columns: usize) -> usize {
    k * columns.next_multiple_of(tile::size(isa).1)
}

/// Most panels that are packed together, and how many rows at a time: of long rows, which lie pages apart, the columns of
/// several panels are then read in one go.
const TOGETHER: usize = 4;
const ROWS: usize = 8;
/// Floats from one row to the next that the processor does not foresee by itself.
const APART: usize = 512;

/// Packs the first `columns` columns of the `matrices`, each k deep, one below the other.
pub fn pack(isa: Isa, matrices: &[Matrix], k: usize, columns: usize, packed: &mut [f32]) {
    let width = tile::size(isa).1;
    let deep = matrices.len() * k;
    let together = (columns / (4 * width)).clamp(1, TOGETHER);
    // A float takes as long as several products in the tile: it is fetched from afar, or another core still has its place.
    threads::for_each_chunk(packed, together * deep * width, together * deep * width * 4, |group, out| {
        let wide = out.len() / deep.max(1);
        for (index, &matrix) in matrices.iter().enumerate() {
            let rows = if matrix.transposed { k } else { ROWS };
            for from in (0..k).step_by(rows.max(1)) {
                let start = if matrix.transposed { from } else { from * matrix.stride };
                let matrix = Matrix { data: &matrix.data[start..], ..matrix };
                if !matrix.transposed && matrix.stride >= APART {
                    // The next rows come while these are copied.
                    for row in from + rows..(from + 2 * rows).min(k) {
                        let row = &matrix.data[(row - from) * matrix.stride + group * together * width..];
                        cache::fetch(&row[..wide.min(row.len())]);
                    }
                }
                for (panel, out) in out.chunks_exact_mut(deep * width).enumerate() {
                    let left = (group * together + panel) * width;
                    let out = &mut out[(index * k + from) * width..][..rows.min(k - from) * width];
                    isa.run(Panel { matrix, left, columns: width.min(columns - left), width, out });
                }
            }
        }
    });
}

/// Packs one panel: columns `left..left + columns`, `width` floats to a k, which is `out.len() / width` deep.
pub fn panel(isa: Isa, matrix: Matrix, left: usize, columns: usize, width: usize, out: &mut [f32]) {
    isa.run(Panel { matrix, left, columns, width, out });
}

struct Panel<'a> {
    matrix: Matrix<'a>,
    left: usize,
    columns: usize,
    width: usize,
    out: &'a mut [f32],
}

impl Kernel for Panel<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let Panel { matrix: Matrix { data, stride, transposed }, left, columns, width, out } = self;
        let depth = out.len() / width;
        if depth == 0 || columns == 0 {
            return;
        }
        assert!(width.is_multiple_of(S::LANES) && columns <= width);
        // Nothing reads vectors that hold no column.
        let used = columns.next_multiple_of(S::LANES);
        if !transposed {
            let source = &data[left..][..(depth - 1) * stride + columns];
            for k in 0..depth {
                for at in (0..used).step_by(S::LANES) {
                    let count = (columns - at).min(S::LANES);
                    // SAFETY: `count` floats of row `k` in `source`, a vector of row `k` of `out`.
                    unsafe {
                        let source = source.as_ptr().wrapping_add(k * stride + at);
                        let row = if count == S::LANES { s.load_ptr(source) } else { s.load_head_ptr(source, count) };
                        s.store_ptr(out.as_mut_ptr().add(k * width + at), row);
                    }
                }
            }
            return;
        }
        let source = &data[left * stride..][..(columns - 1) * stride + depth];
        for at in (0..used).step_by(S::LANES) {
            // A missing column repeats the last.
            let mut rows = [0; 16];
            (0..S::LANES).for_each(|i| rows[i] = (at + i).min(columns - 1) * stride);
            for k in (0..depth / 4 * 4).step_by(4) {
                // SAFETY: four floats of each row in `source`, as `k + 4 <= depth`; four rows of `out`, which has `depth`.
                unsafe {
                    let target = out.as_mut_ptr().add(k * width + at);
                    s.transpose_ptr(source.as_ptr().add(k), &rows, target, width);
                }
            }
            for k in depth / 4 * 4..depth {
                (0..S::LANES).for_each(|i| out[k * width + at + i] = source[rows[i] + k]);
            }
        }
    }
}
