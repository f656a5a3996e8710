//! Loops that apply one lane function along slices: whole vectors, then a masked head for what is left.
//!
//! The function is a value of a type with an `#[inline(always)]` method, not a closure: a closure may be compiled on
//! its own, without the instruction set.

use super::Simd;

pub trait Lane1: Copy {
    fn apply<S: Simd>(self, s: S, a: S::F) -> S::F;
}

pub trait Lane2: Copy {
    fn apply<S: Simd>(self, s: S, a: S::F, b: S::F) -> S::F;
}

pub trait Lane3: Copy {
    fn apply<S: Simd>(self, s: S, a: S::F, b: S::F, c: S::F) -> S::F;
}

/// The vector of `row` from `at` on: a `whole` one, or what is left of the row.
#[inline(always)]
pub fn load<S: Simd>(s: S, row: &[f32], at: usize, whole: bool) -> S::F {
    if whole { s.load(&row[at..]) } else { s.load_head(&row[at..]) }
}

/// Writes what [`load`] read.
#[inline(always)]
pub fn store<S: Simd>(s: S, row: &mut [f32], at: usize, whole: bool, value: S::F) {
    if whole { s.store(&mut row[at..], value) } else { s.store_head(&mut row[at..], value) }
}

/// `out[i] = f(a[i])`
#[inline(always)]
pub fn map<S: Simd>(s: S, f: impl Lane1, a: &[f32], out: &mut [f32]) {
    let body = out.len() - out.len() % S::LANES;
    let ((a, a_tail), (out, out_tail)) = (a[..out.len()].split_at(body), out.split_at_mut(body));
    for (a, out) in a.chunks_exact(S::LANES).zip(out.chunks_exact_mut(S::LANES)) {
        s.store(out, f.apply(s, s.load(a)));
    }
    if !out_tail.is_empty() {
        s.store_head(out_tail, f.apply(s, s.load_head(a_tail)));
    }
}

/// `out[i] = f(a[i], b[i])`
#[inline(always)]
pub fn map2<S: Simd>(s: S, f: impl Lane2, a: &[f32], b: &[f32], out: &mut [f32]) {
    let n = out.len();
    let body = n - n % S::LANES;
    let ((a, a_tail), (b, b_tail)) = (a[..n].split_at(body), b[..n].split_at(body));
    let (out, out_tail) = out.split_at_mut(body);
    let operands = a.chunks_exact(S::LANES).zip(b.chunks_exact(S::LANES));
    for ((a, b), out) in operands.zip(out.chunks_exact_mut(S::LANES)) {
        s.store(out, f.apply(s, s.load(a), s.load(b)));
    }
    if !out_tail.is_empty() {
        s.store_head(out_tail, f.apply(s, s.load_head(a_tail), s.load_head(b_tail)));
    }
}

/// `out[i] = f(a[i], b)`
#[inline(always)]
pub fn map_scalar<S: Simd>(s: S, f: impl Lane2, a: &[f32], b: f32, out: &mut [f32]) {
    map(s, Right(f, b), a, out);
}

/// `out[i] = f(a, b[i])`
#[inline(always)]
pub fn map_from_scalar<S: Simd>(s: S, f: impl Lane2, a: f32, b: &[f32], out: &mut [f32]) {
    map(s, Left(f, a), b, out);
}

#[derive(Clone, Copy)]
struct Right<G>(G, f32);

impl<G: Lane2> Lane1 for Right<G> {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, a: S::F) -> S::F {
        self.0.apply(s, a, s.splat(self.1))
    }
}

#[derive(Clone, Copy)]
struct Left<G>(G, f32);

impl<G: Lane2> Lane1 for Left<G> {
    #[inline(always)]
    fn apply<S: Simd>(self, s: S, b: S::F) -> S::F {
        self.0.apply(s, s.splat(self.1), b)
    }
}

/// `out[i] = f(a[i], b[i], c[i])`
#[inline(always)]
pub fn map3<S: Simd>(s: S, f: impl Lane3, a: &[f32], b: &[f32], c: &[f32], out: &mut [f32]) {
    let n = out.len();
    let body = n - n % S::LANES;
    let ((a, a_tail), (b, b_tail)) = (a[..n].split_at(body), b[..n].split_at(body));
    let ((c, c_tail), (out, out_tail)) = (c[..n].split_at(body), out.split_at_mut(body));
    let operands = a.chunks_exact(S::LANES).zip(b.chunks_exact(S::LANES)).zip(c.chunks_exact(S::LANES));
    for (((a, b), c), out) in operands.zip(out.chunks_exact_mut(S::LANES)) {
        s.store(out, f.apply(s, s.load(a), s.load(b), s.load(c)));
    }
    if !out_tail.is_empty() {
        s.store_head(out_tail, f.apply(s, s.load_head(a_tail), s.load_head(b_tail), s.load_head(c_tail)));
    }
}
