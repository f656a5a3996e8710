//! How a product is walked, cut and copied: chosen in one place, from its shape and the caches. Where the sums over k are
//! cut is decided by the shape alone; nothing else that is chosen here shows in the result.

use super::{Matmul, narrow, tile};
use crate::cache::Caches;
use crate::{Isa, threads};

/// The longest run of k between two visits of C: rows of A for one tile then fit the first cache. It says where sums are
/// cut, and so must not depend on the machine.
pub const DEPTH: usize = 512;
/// Most rows of a task that is one of several.
pub const MOST_ROWS: usize = 64;
/// Floats of a transposed A that are left where they lie: they fit the nearest caches.
const NEAR: usize = 16 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Walk {
    /// Vectors run along k, for C has few columns.
    Dots,
    /// C is one row, or one column that lies in memory as a row does: the other operand is read in long stretches.
    Row,
    Column,
    /// Tasks are blocks of C.
    Blocks,
}

/// How a block reads its part of A, if it is wider than a panel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftCopy {
    None,
    /// Of a transposed A every line is used in part: what a tile reads at one k is copied together.
    Columns,
    /// Rows a page apart share the same few places of the first cache: they are copied to others.
    Rows,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tiling {
    pub walk: Walk,
    /// The run of k between two visits of C: all runs equal, so that none is too short to pay for its visit.
    pub depth: usize,
    /// Rows and columns of a task.
    pub rows: usize,
    pub columns: usize,
    pub left: LeftCopy,
    /// Whether B is copied into panels first.
    pub pack: bool,
}

impl Tiling {
    pub fn choose(isa: Isa, p: &Matmul, biased: bool, caches: Caches) -> Tiling {
        let depth = p.k.div_ceil(p.k.div_ceil(DEPTH).max(1)).next_multiple_of(16).max(16);
        let walk = if !p.transpose_a && narrow::gains(isa, p.n, 1, p.k) {
            Walk::Dots
        } else if p.m == 1 && !p.transpose_b {
            Walk::Row
        } else if p.n == 1 && p.transpose_a && !biased {
            Walk::Column
        } else {
            Walk::Blocks
        };
        let (rows, columns) = Tiling::task(isa, p, depth, caches);
        let left = if p.transpose_a && p.m * p.k > NEAR && p.m > tile::size(isa).0 {
            LeftCopy::Columns
        } else if !p.transpose_a && p.k > 0 && p.k.is_multiple_of(1024) {
            LeftCopy::Rows
        } else {
            LeftCopy::None
        };
        Tiling { walk, depth, rows, columns, left, pack: Tiling::pack(isa, p, caches) }
    }

    fn task(isa: Isa, p: &Matmul, depth: usize, caches: Caches) -> (usize, usize) {
        if tile::work(p.m * p.n * p.k) < 2 * threads::GRAIN {
            // No other thread would help.
            return (p.m, p.n);
        }
        // Enough tasks for every thread to have several, none so small that handing it over costs more than it does,
        // and their part of B within the second cache.
        let (tile_rows, width) = tile::size(isa);
        let fitting = (caches.second / 4 * 3 / (width * DEPTH * size_of::<f32>())).max(1);
        let panels = if p.m > 4 * tile_rows { fitting.min(12) } else { (p.n / (width * 16)).clamp(1, fitting.min(8)) };
        let columns = p.n.div_ceil(p.n.div_ceil(width * panels)).next_multiple_of(width);
        let tile_rows = tile::rows(isa, [p.m, columns.min(p.n)], depth.min(p.k));
        // Two tiles share the columns that they read; of a transposed A whole lines are read.
        let least = if p.transpose_a { 4 } else { 2 };
        let rows = tile_rows * (p.m / (tile_rows * 32)).clamp(least, MOST_ROWS / tile_rows);
        (p.m.div_ceil(p.m.div_ceil(rows)), columns)
    }

    /// Packing pays where many rows follow; rows of B that lie a page apart are packed even for few.
    fn pack(isa: Isa, p: &Matmul, caches: Caches) -> bool {
        let (few, floats) = match caches.first {
            // In a first cache of 32 KB the rows of a panel push each other out.
            ..Caches::WIDE => (40, 16 * 1024 - 1),
            // Where B fits the second cache, packing it took half of a small product.
            _ => (144, (caches.second / 2 / size_of::<f32>()).min(128 * 1024)),
        };
        let few = if p.n <= 512 { few } else { 2 * tile::size(isa).0 };
        p.transpose_b || !tile::in_place(isa, p.n) || (p.m > few && p.k * p.n > floats)
    }
}
