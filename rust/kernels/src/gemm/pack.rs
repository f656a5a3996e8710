//! Panels of the right operand: as wide as the tile, one k after the other, the missing columns zero.

use super::tile;
use crate::simd::{Isa, Kernel, Simd};
use crate::threads;

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

/// Packs the first `columns` columns of the `matrices`, each k deep, one below the other.
pub fn pack(isa: Isa, matrices: &[Matrix], k: usize, columns: usize, packed: &mut [f32]) {
    let width = tile::size(isa).1;
    let deep = matrices.len() * k;
    let together = (columns / (4 * width)).clamp(1, TOGETHER);
    threads::for_each_chunk(packed, together * deep * width, together * deep * width / 4, |group, out| {
        for (index, &matrix) in matrices.iter().enumerate() {
            let rows = if matrix.transposed { k } else { ROWS };
            for from in (0..k).step_by(rows.max(1)) {
                let start = if matrix.transposed { from } else { from * matrix.stride };
                let matrix = Matrix { data: &matrix.data[start..], ..matrix };
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
        if !transposed {
            for (k, row) in out.chunks_exact_mut(width).enumerate() {
                let source = &data[k * stride + left..][..columns];
                for (target, source) in row.chunks_mut(S::LANES).zip(source.chunks(S::LANES)) {
                    s.store(target, s.load_head(source));
                }
                row[columns.next_multiple_of(S::LANES)..].fill(0.0);
            }
            return;
        }
        let depth = out.len() / width;
        for column in (0..width).step_by(4) {
            if column + 4 > columns {
                for column in column..column + 4 {
                    let source = if column < columns { &data[(left + column) * stride..][..depth] } else { &[] };
                    let zeros = std::iter::repeat(&0.0);
                    out[column..].iter_mut().step_by(width).zip(source.iter().chain(zeros)).for_each(|(o, &v)| *o = v);
                }
                continue;
            }
            let source = &data[(left + column) * stride..][..3 * stride + depth];
            for k in (0..depth / 4 * 4).step_by(4) {
                // SAFETY: four rows of four in `source`, as `k + 4 <= depth`; four rows of `out`, which has `depth`.
                unsafe {
                    let target = out.as_mut_ptr().add(k * width + column);
                    s.transpose_ptr(source.as_ptr().add(k), stride, target, width);
                }
            }
            for k in depth / 4 * 4..depth {
                (0..4).for_each(|i| out[k * width + column + i] = source[i * stride + k]);
            }
        }
    }
}
