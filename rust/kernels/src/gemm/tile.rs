//! The matrix tile: a few rows of C by a few vectors of columns, held in registers while k runs. Matmul, dense layers
//! and all three convolutions are sweeps of this one tile over rows found where they lie, in place, by offsets.
//!
//! A tile of R rows and V vectors reads R + V times for R * V multiply-adds: the nearer to square the less. But what V
//! vectors read comes from farther away, the second cache, once the right operand is deep. So the tiles of a product are
//! chosen by its depth, wide ones where it is shallow, and no layout depends on them.

// Loops over the tile's rows and vectors index several arrays, and unroll as they stand.
#![allow(clippy::needless_range_loop)]

use crate::cache::Caches;
use crate::simd::{Isa, Kernel, Simd};
use crate::threads::Shared;
use std::ops::Range;

/// Where rows begin.
#[derive(Clone, Copy)]
pub enum Offsets<'a> {
    Listed(&'a [usize]),
    /// At equal distances from 0.
    Even {
        count: usize,
        stride: usize,
    },
}

impl Offsets<'_> {
    pub fn len(self) -> usize {
        match self {
            Offsets::Listed(offsets) => offsets.len(),
            Offsets::Even { count, .. } => count,
        }
    }

    /// Of `R` rows, the first of them row `from`.
    #[inline(always)]
    pub(super) fn rows<const R: usize>(self, from: usize) -> [usize; R] {
        match self {
            Offsets::Listed(offsets) => *offsets[from..].first_chunk().expect("R rows"),
            Offsets::Even { stride, .. } => {
                let mut rows = [from * stride; R];
                for r in 1..R {
                    rows[r] = rows[r - 1] + stride;
                }
                rows
            }
        }
    }

    fn most(self) -> usize {
        match self {
            Offsets::Listed(offsets) => offsets.iter().copied().fold(0, usize::max),
            Offsets::Even { count, stride } => count.saturating_sub(1) * stride,
        }
    }

    /// Whether these rows are at equal distances, each after the last.
    fn even(self, rows: Range<usize>) -> bool {
        match self {
            Offsets::Listed(offsets) => {
                let offsets = &offsets[rows];
                let mut steps = offsets.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
                let step = steps.next().unwrap_or(0);
                step <= usize::MAX / 2 && steps.all(|s| s == step)
            }
            Offsets::Even { .. } => true,
        }
    }

    /// Whether these rows are neighbours.
    fn adjoin(self, rows: Range<usize>) -> bool {
        match self {
            Offsets::Listed(offsets) => offsets[rows].windows(2).all(|pair| pair[1] == pair[0] + 1),
            Offsets::Even { stride, .. } => stride == 1,
        }
    }
}

/// The left operand: element (row, segment, k) is `data[rows[row] + segments[segment] + k * step]`.
#[derive(Clone, Copy)]
pub struct Left<'a> {
    pub data: &'a [f32],
    pub rows: Offsets<'a>,
    pub segments: &'a [usize],
    /// Elements in a segment.
    pub len: usize,
    pub step: usize,
}

/// The right operand, in panels as wide as the tallest tile: element (segment, k, column) is
/// `data[column / width * panel + segment * skip + k * step + column % width]`.
#[derive(Clone, Copy)]
pub struct Right<'a> {
    pub data: &'a [f32],
    pub step: usize,
    pub skip: usize,
    pub panel: usize,
}

/// What the sums are added to.
#[derive(Clone, Copy)]
pub enum Start<'a> {
    Zero,
    /// One value per column.
    Bias(&'a [f32]),
    /// What C holds already.
    Target,
}

/// Equal products at equal distances, done in one call.
#[derive(Clone, Copy)]
pub struct Planes {
    pub count: usize,
    /// Floats from one product's left operand, right operand and target to the next one's.
    pub left: usize,
    pub right: usize,
    pub target: usize,
}

impl Planes {
    pub const ONE: Planes = Planes { count: 1, left: 0, right: 0, target: 0 };
}

/// `C[base + rows[row] + column] = relu(start + left . right)`. Products that run at the same time must write different places.
pub struct Product<'a> {
    pub left: Left<'a>,
    pub right: Right<'a>,
    pub start: Start<'a>,
    pub relu: bool,
    pub target: &'a Shared<f32>,
    pub base: usize,
    pub rows: Offsets<'a>,
    pub columns: usize,
    pub planes: Planes,
}

/// Rows of the tallest tile, and columns of a panel.
pub fn size(isa: Isa) -> (usize, usize) {
    struct Size;
    impl Kernel for Size {
        type Output = (usize, usize);
        #[inline(always)]
        fn run<S: Simd>(self, _: S) -> (usize, usize) {
            (S::TILE_ROWS, S::TILE_VECTORS * S::LANES)
        }
    }
    isa.run(Size)
}

/// Most rows of a tile in the product of so many rows and columns, where the right operand is so deep.
pub fn rows(isa: Isa, [rows, columns]: [usize; 2], deep: usize) -> usize {
    struct Rows([usize; 2], usize);
    impl Kernel for Rows {
        type Output = usize;
        #[inline(always)]
        fn run<S: Simd>(self, _: S) -> usize {
            let Rows([rows, columns], deep) = self;
            let across = Cut::new(columns.div_ceil(S::LANES), most_vectors::<S>(rows, deep));
            most_rows::<S>(across.each + usize::from(across.longer > 0))
        }
    }
    isa.run(Rows([rows, columns], deep))
}

/// Whether the tile reads rows of so many columns where they lie: elsewhere than under masks their last vector must be full.
pub fn in_place(isa: Isa, columns: usize) -> bool {
    struct Masks;
    impl Kernel for Masks {
        type Output = bool;
        #[inline(always)]
        fn run<S: Simd>(self, _: S) -> bool {
            S::MASKS
        }
    }
    columns.is_multiple_of(isa.lanes()) || isa.run(Masks)
}

/// What so many multiply-adds of tiles weigh for `threads`: in registers they are several times cheaper than others.
pub fn work(multiply_adds: usize) -> usize {
    multiply_adds / 4
}

/// The tiles that `rows` are cut into, as even as can be: 26 rows are better 13 + 13 than 14 + 12.
#[inline(always)]
pub fn cut(rows: usize, most: usize) -> impl Iterator<Item = Range<usize>> {
    let cut = Cut::new(rows, most);
    (0..cut.tiles).map(move |tile| cut.tile(tile))
}

/// Rows, or vectors of columns, cut into tiles, the first `longer` of them of `each + 1`, the others of `each`.
#[derive(Clone, Copy)]
struct Cut {
    tiles: usize,
    each: usize,
    longer: usize,
}

impl Cut {
    #[inline(always)]
    fn new(rows: usize, most: usize) -> Cut {
        let tiles = rows.div_ceil(most);
        Cut { tiles, each: rows / tiles.max(1), longer: rows % tiles.max(1) }
    }
    #[inline(always)]
    fn tile(self, tile: usize) -> Range<usize> {
        let start = |tile: usize| tile * self.each + tile.min(self.longer);
        start(tile)..start(tile + 1)
    }
}

/// Rows of a tile of one vector that is walked along k: their pointers stay in registers.
const NARROW: usize = 8;

/// Most rows of a tile of so many vectors; 0 where there is none.
const fn most_rows<S: Simd>(vectors: usize) -> usize {
    if vectors <= S::TILE_VECTORS {
        S::TILE_ROWS
    } else if vectors - S::TILE_VECTORS <= S::WIDER.len() {
        S::WIDER[vectors - S::TILE_VECTORS - 1]
    } else {
        0
    }
}

/// Whether there is such a tile.
const fn exists<S: Simd>(rows: usize, vectors: usize, kind: u8) -> bool {
    let most = most_rows::<S>(vectors);
    match (kind, vectors) {
        (UNIT_K_EVEN_ROWS, 1) => false,
        (UNIT_K_EVEN_ROWS, _) => rows > NARROW && rows <= most,
        (UNIT_K, 1) => rows <= NARROW,
        _ => rows <= most,
    }
}

/// Most vectors of a tile for so many rows, where the right operand is so deep. A deep one that is read but once gains
/// nothing from fewer reads of the left.
fn most_vectors<S: Simd>(rows: usize, deep: usize) -> usize {
    let widest = S::TILE_VECTORS + S::WIDER.len();
    if deep * widest * S::LANES * size_of::<f32>() <= Caches::here().first {
        widest
    } else if rows <= S::TILE_ROWS {
        S::TILE_VECTORS
    } else {
        (widest - 1).max(S::TILE_VECTORS)
    }
}

/// Strides of the left operand. 1 from k to k, from a pointer per row:
const UNIT_K: u8 = 0;
/// 1 from k to k, and rows at equal distances, which one pointer serves: a dozen would not stay in registers.
const UNIT_K_EVEN_ROWS: u8 = 1;
/// 1 from row to row.
const UNIT_ROWS: u8 = 2;
/// Any.
const ANY_STRIDES: u8 = 3;

impl Product<'_> {
    /// Looks whether every element lies in its slice, where the right operand is read by so many `lanes` at a time, in panels
    /// as wide as `width`.
    ///
    /// # Panics
    /// If one does not.
    pub(super) fn check(&self, lanes: usize, width: usize) {
        let (left, right) = (&self.left, &self.right);
        assert_eq!(left.rows.len(), self.rows.len(), "as many rows in as out");
        if let Start::Bias(bias) = self.start {
            assert!(bias.len() >= self.columns, "a bias for every column");
        }
        let planes = self.planes;
        let last = planes.count - 1;
        let end = self.base + self.rows.most() + self.columns + last * planes.target;
        assert!(end <= self.target.len(), "C is too short");
        if left.len > 0 && !left.segments.is_empty() {
            let furthest = left.rows.most() + Offsets::Listed(left.segments).most();
            let end = furthest + (left.len - 1) * left.step + last * planes.left;
            assert!(end < left.data.len(), "the left operand is too short");
            let panels = (self.columns - 1) / width;
            let reach = (self.columns - panels * width).next_multiple_of(lanes);
            let end = panels * right.panel + (left.segments.len() - 1) * right.skip + (left.len - 1) * right.step;
            assert!(end + last * planes.right + reach <= right.data.len(), "the right operand is too short");
        }
    }

    /// How the left operand is walked in these rows.
    #[inline(always)]
    fn kind(&self, rows: Range<usize>) -> u8 {
        match self.left.step {
            1 if rows.len() > NARROW && self.left.rows.even(rows.clone()) => UNIT_K_EVEN_ROWS,
            1 => UNIT_K,
            _ if self.left.rows.adjoin(rows) => UNIT_ROWS,
            _ => ANY_STRIDES,
        }
    }
}

impl Kernel for Product<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        if self.rows.len() == 0 || self.columns == 0 || self.planes.count == 0 {
            return;
        }
        let width = S::TILE_VECTORS * S::LANES;
        self.check(if S::MASKS { 1 } else { S::LANES }, width);
        let deep = self.left.segments.len() * self.left.len;
        let across = Cut::new(self.columns.div_ceil(S::LANES), most_vectors::<S>(self.rows.len(), deep));
        for (tiles, vectors) in [(0..across.longer, across.each + 1), (across.longer..across.tiles, across.each)] {
            if tiles.is_empty() {
                continue;
            }
            // Pointers to rows are to stay in registers.
            let most = if vectors == 1 && self.left.step == 1 { NARROW } else { most_rows::<S>(vectors) };
            let down = Cut::new(self.rows.len(), most);
            // What is read again and again lies in the nearest cache: the columns of a tile, where they take no more than
            // half of it, for they are wider than its rows; else those, for columns of each of several planes in turn.
            let near =
                self.planes.count == 1 && deep * vectors * S::LANES * size_of::<f32>() <= Caches::here().first / 2;
            let (outer, inner) = if near { (tiles.len(), down.tiles) } else { (down.tiles, tiles.len()) };
            let (mut rows, mut kind) = (0..0, ANY_STRIDES);
            for o in 0..outer {
                for plane in 0..self.planes.count {
                    for i in 0..inner {
                        let (column, row) = if near { (o, i) } else { (i, o) };
                        let next = down.tile(row);
                        if next != rows {
                            rows = next;
                            kind = self.kind(rows.clone());
                        }
                        let vector = across.tile(tiles.start + column).start;
                        let columns = (self.columns - vector * S::LANES).min(vectors * S::LANES);
                        let place = Place { plane, from: rows.start, rows: rows.len(), vector, columns };
                        match kind {
                            UNIT_K_EVEN_ROWS => by_vectors::<S, UNIT_K_EVEN_ROWS>(s, &self, place),
                            UNIT_K => by_vectors::<S, UNIT_K>(s, &self, place),
                            UNIT_ROWS => by_vectors::<S, UNIT_ROWS>(s, &self, place),
                            _ => by_vectors::<S, ANY_STRIDES>(s, &self, place),
                        }
                    }
                }
            }
        }
    }
}

/// One tile's place in the product.
#[derive(Clone, Copy)]
struct Place {
    plane: usize,
    from: usize,
    rows: usize,
    /// The first of its vectors of columns.
    vector: usize,
    columns: usize,
}

#[inline(always)]
fn by_vectors<S: Simd, const KIND: u8>(s: S, p: &Product, place: Place) {
    match place.columns.div_ceil(S::LANES) {
        1 => by_rows::<S, 1, KIND>(s, p, place),
        2 if const { most_rows::<S>(2) > 0 } => by_rows::<S, 2, KIND>(s, p, place),
        3 if const { most_rows::<S>(3) > 0 } => by_rows::<S, 3, KIND>(s, p, place),
        4 if const { most_rows::<S>(4) > 0 } => by_rows::<S, 4, KIND>(s, p, place),
        _ => unreachable!("no tile has that many vectors"),
    }
}

#[inline(always)]
fn by_rows<S: Simd, const V: usize, const KIND: u8>(s: S, p: &Product, place: Place) {
    macro_rules! rows {
        ($($rows:literal)*) => {
            match place.rows {
                $($rows => if const { exists::<S>($rows, V, KIND) } {
                    s.call(Tile::<$rows, V, KIND>(p, &place));
                })*
                _ => unreachable!("no tile has that many rows"),
            }
        };
    }
    rows!(1 2 3 4 5 6 7 8 9 10 11 12 13 14)
}

/// One tile: a function of its own, for all sizes in one would be too large for the compiler to get through soon.
struct Tile<'a, const R: usize, const V: usize, const KIND: u8>(&'a Product<'a>, &'a Place);

impl<const R: usize, const V: usize, const KIND: u8> Kernel for Tile<'_, R, V, KIND> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        // SAFETY: `Product::check` found every row, segment and panel within its slice.
        unsafe { tile::<S, R, V, KIND>(s, self.0, *self.1) }
    }
}

/// # Safety
/// The product must have passed [`Product::check`], `place` must lie in it, and no other thread may use these
/// elements of C.
#[inline(always)]
#[allow(clippy::undocumented_unsafe_blocks)]
unsafe fn tile<S: Simd, const R: usize, const V: usize, const KIND: u8>(s: S, p: &Product, place: Place) {
    let Left { data, rows, segments, len, step } = p.left;
    let rows: [usize; R] = rows.rows(place.from);
    let targets: [usize; R] = p.rows.rows(place.from);
    // SAFETY (of every block below): within the slices by the caller's word.
    let first = place.vector * S::LANES;
    let ragged = place.columns - (V - 1) * S::LANES;
    let mut sums = [[s.splat(0.0); V]; R];
    if let Start::Bias(bias) = p.start {
        for v in 0..V {
            let count = (place.columns - v * S::LANES).min(S::LANES);
            let bias = unsafe { load(s, bias.as_ptr().add(first + v * S::LANES), count) };
            for r in 0..R {
                sums[r][v] = bias;
            }
        }
    }
    let data = unsafe { data.as_ptr().add(place.plane * p.planes.left) };
    let right = unsafe { p.right.data.as_ptr().add(place.plane * p.planes.right) };
    // Where each vector of columns lies: a tile may begin in one panel and end in the next.
    let mut at = [0; V];
    for v in 0..V {
        let vector = place.vector + v;
        at[v] = vector / S::TILE_VECTORS * p.right.panel + vector % S::TILE_VECTORS * S::LANES;
    }
    macro_rules! step {
        ($a:expr, $b:expr) => {{
            let mut column = [s.splat(0.0); V];
            for v in 0..V {
                let source = unsafe { $b.add(at[v]) };
                column[v] = if const { S::MASKS } && v + 1 == V {
                    unsafe { s.load_head_ptr(source, ragged) }
                } else {
                    unsafe { s.load_ptr(source) }
                };
            }
            for r in 0..R {
                let a = s.splat(unsafe { *$a(r) });
                for v in 0..V {
                    sums[r][v] = s.mul_add(a, column[v], sums[r][v]);
                }
            }
        }};
    }
    for (segment, &offset) in segments.iter().enumerate() {
        let a = unsafe { data.add(offset) };
        let mut b = unsafe { right.add(segment * p.right.skip) };
        match KIND {
            UNIT_K => {
                let mut pointers = [a; R];
                for r in 0..R {
                    pointers[r] = unsafe { a.add(rows[r]) };
                }
                let mut k = 0;
                // Unrolled where registers are left; a large tile hides the loop's own cost anyway.
                if const { R * V <= 16 } {
                    while k + 4 <= len {
                        for u in 0..4 {
                            step!(|r: usize| pointers[r].add(k + u), b.add(u * p.right.step));
                        }
                        b = b.wrapping_add(4 * p.right.step);
                        k += 4;
                    }
                }
                while k < len {
                    step!(|r: usize| pointers[r].add(k), b);
                    b = b.wrapping_add(p.right.step);
                    k += 1;
                }
            }
            UNIT_K_EVEN_ROWS => {
                // A row's distance is an odd multiple, in a register, times a power of two, which an address can hold.
                let d = if R > 1 { rows[1] - rows[0] } else { 0 } * size_of::<f32>();
                let mut odd = [d, 3 * d, 5 * d, 7 * d, 9 * d, 11 * d, 13 * d];
                let mut a = unsafe { a.add(rows[0]) };
                macro_rules! row {
                    ($r:expr) => {{
                        let (r, two) = ($r, $r.trailing_zeros());
                        if r == 0 { a } else { a.wrapping_byte_add(odd[(r >> two) / 2] << two) }
                    }};
                }
                let next = p.right.step;
                // Two steps to a round; the exit between them spares a second loop for an odd one.
                let mut left = len;
                while left > 0 {
                    a = fence(a, &mut odd[..R / 2]);
                    step!(|r: usize| row!(r), b);
                    if left == 1 {
                        break;
                    }
                    a = fence(a, &mut odd[..R / 2]);
                    step!(|r: usize| row!(r).wrapping_add(1), b.wrapping_add(next));
                    a = a.wrapping_add(2);
                    b = b.wrapping_add(2 * next);
                    left -= 2;
                }
            }
            UNIT_ROWS => {
                let mut a = unsafe { a.add(rows[0]) };
                for _ in 0..len {
                    step!(|r: usize| a.add(r), b);
                    a = a.wrapping_add(step);
                    b = b.wrapping_add(p.right.step);
                }
            }
            _ => {
                let mut pointers = [a; R];
                for r in 0..R {
                    pointers[r] = unsafe { a.add(rows[r]) };
                }
                let mut k = 0;
                for _ in 0..len {
                    step!(|r: usize| pointers[r].add(k), b);
                    k += step;
                    b = b.wrapping_add(p.right.step);
                }
            }
        }
    }
    let c = unsafe { p.target.pointer().add(p.base + place.plane * p.planes.target + first) };
    let floor = s.splat(if p.relu { 0.0 } else { f32::NEG_INFINITY });
    // Each row is written out: a loop that the compiler did not unroll would send all sums through memory.
    macro_rules! finish {
        ($($r:literal)*) => {$(
            if $r < R {
                let c = unsafe { c.add(targets[$r]) };
                for v in 0..V {
                    let (c, full) = (unsafe { c.add(v * S::LANES) }, v + 1 < V || ragged == S::LANES);
                    let mut sum = sums[$r][v];
                    if matches!(p.start, Start::Target) {
                        sum = s.add(sum, unsafe { load(s, c, if full { S::LANES } else { ragged }) });
                    }
                    sum = s.max_raw(floor, sum);
                    if full {
                        unsafe { s.store_ptr(c, sum) };
                    } else {
                        unsafe { s.store_head_ptr(c, sum, ragged) };
                    }
                }
            }
        )*};
    }
    finish!(0 1 2 3 4 5 6 7 8 9 10 11 12 13);
}

/// Ends what the compiler knows of `a` and the numbers, and what it may read early: left to itself it keeps a pointer for
/// every row and the operands of several steps, more than registers hold.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn fence(mut a: *const f32, numbers: &mut [usize]) -> *const f32 {
    // SAFETY: no instruction.
    unsafe {
        std::arch::asm!("/* {0} */", inout(reg) a, options(nostack, preserves_flags));
        for number in numbers {
            std::arch::asm!("/* {0} */", inout(reg) * number, options(nostack, preserves_flags));
        }
    }
    a
}

/// Elsewhere no tile is as tall as to need it.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn fence(a: *const f32, _numbers: &mut [usize]) -> *const f32 {
    a
}

/// # Safety
/// `count <= LANES` floats must be readable at `source`.
#[inline(always)]
unsafe fn load<S: Simd>(s: S, source: *const f32, count: usize) -> S::F {
    // SAFETY: the caller's word.
    unsafe { if count == S::LANES { s.load_ptr(source) } else { s.load_head_ptr(source, count) } }
}
