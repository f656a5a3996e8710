//! Copies out of a strided view: transpose, slice, flip, broadcast, tile and repeat are one loop with other strides.

use super::{TASK, WORK};
use crate::simd::{Kernel, Simd};
use crate::{Isa, threads};

/// Axes of an array; a view may have twice as many, for `tile` splits each.
pub const MAX_RANK: usize = 8;
/// Side of the square that a transposition moves at once: its rows are whole cache lines on both sides.
const SQUARE: usize = 16;

/// How to read an array: the size and the stride of each axis, and where the first element is.
#[derive(Clone, Copy, Debug)]
pub struct View {
    axes: [(usize, isize); 2 * MAX_RANK],
    rank: usize,
    start: isize,
}

impl View {
    /// An array as it lies.
    pub fn of(shape: &[usize]) -> View {
        assert!(shape.len() <= MAX_RANK, "an array has at most {MAX_RANK} axes");
        let mut view = View { axes: [(1, 0); 2 * MAX_RANK], rank: shape.len(), start: 0 };
        let mut stride = 1;
        for (axis, &size) in view.axes[..shape.len()].iter_mut().zip(shape).rev() {
            *axis = (size, stride);
            stride *= size as isize;
        }
        view
    }

    /// Axis k of the result is axis `permutation[k]`.
    pub fn transpose(mut self, permutation: &[usize]) -> View {
        assert_eq!(permutation.len(), self.rank, "a permutation names every axis");
        let old = self.axes;
        self.axes.iter_mut().zip(permutation).for_each(|(axis, &from)| *axis = old[from]);
        self
    }

    /// `size` elements of each axis from `begin` on, every `step`-th; a negative step walks backwards.
    pub fn slice(mut self, begin: &[usize], size: &[usize], step: &[isize]) -> View {
        assert!([begin.len(), size.len(), step.len()] == [self.rank; 3], "a slice names every axis");
        for (k, axis) in self.axes[..self.rank].iter_mut().enumerate() {
            self.start += begin[k] as isize * axis.1;
            *axis = (size[k], axis.1 * step[k]);
        }
        self
    }

    /// Axes of size 1 (and missing leading ones) repeat to fill `shape`.
    pub fn broadcast_to(mut self, shape: &[usize]) -> View {
        assert!(self.rank <= shape.len() && shape.len() <= MAX_RANK, "broadcasting adds axes, up to {MAX_RANK}");
        let (old, missing) = (self.axes, shape.len() - self.rank);
        for (k, &size) in shape.iter().enumerate() {
            let (from, stride) = if k < missing { (1, 0) } else { old[k - missing] };
            assert!(from == size || from == 1, "an axis of {from} does not broadcast to {size}");
            self.axes[k] = (size, if from == size { stride } else { 0 });
        }
        self.rank = shape.len();
        self
    }

    /// Each axis `repeats` times over, as a whole.
    pub fn tile(mut self, repeats: &[usize]) -> View {
        assert!(repeats.len() == self.rank && self.rank <= MAX_RANK, "tile names every axis");
        let old = self.axes;
        for (k, &times) in repeats.iter().enumerate() {
            (self.axes[2 * k], self.axes[2 * k + 1]) = ((times, 0), old[k]);
        }
        self.rank *= 2;
        self
    }

    /// Each element of `axis` `times` in a row.
    pub fn repeat(mut self, axis: usize, times: usize) -> View {
        assert!(axis < self.rank && self.rank < 2 * MAX_RANK, "repeat needs one of the axes");
        self.axes.copy_within(axis + 1..self.rank, axis + 2);
        self.axes[axis + 1] = (times, 0);
        self.rank += 1;
        self
    }

    pub fn len(&self) -> usize {
        self.axes[..self.rank].iter().map(|axis| axis.0).product()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same elements with as few axes as can be.
    fn merged(&self) -> View {
        let mut view = View { rank: 0, ..*self };
        for &(size, stride) in self.axes[..self.rank].iter().filter(|axis| axis.0 != 1) {
            if view.rank > 0 && view.axes[view.rank - 1].1 == stride * size as isize {
                view.axes[view.rank - 1] = (view.axes[view.rank - 1].0 * size, stride);
            } else {
                view.axes[view.rank] = (size, stride);
                view.rank += 1;
            }
        }
        view
    }
}

/// Writes the elements of `view` over `source`, in order, to `target`.
pub fn copy<T: Copy + Send + Sync>(isa: Isa, view: &View, source: &[T], target: &mut [T]) {
    assert_eq!(target.len(), view.len(), "a copy is as long as its view");
    if target.is_empty() {
        return;
    }
    let view = view.merged();
    let axes = &view.axes[..view.rank];
    if target.len() <= TASK {
        return walk(isa, axes, view.start, source, target);
    }
    // Leading axes are cut, but never so that a transposition loses the axis that it reads along.
    let last = axes.len() - 1;
    let keep = if axes[last].1 == 1 { last } else { axes.iter().position(|axis| axis.1 == 1).unwrap_or(last) };
    let cut = (1..keep).find(|&k| axes[..k].iter().map(|axis| axis.0).product::<usize>() >= 64).unwrap_or(keep.max(1));
    let (outer, inner) = axes.split_at(cut - 1);
    let (size, stride) = inner[0];
    let len: usize = inner[1..].iter().map(|axis| axis.0).product();
    let block = if keep == 0 { TASK.div_ceil(len).next_multiple_of(SQUARE) } else { (TASK / len).max(1) };
    threads::for_each_chunk(target, block * len, block * len * WORK, |i, mut target| {
        let (mut at, mut axes) = (i * block, view.axes);
        // As much as there is of one axis at a time: to divide for each row would take longer than to copy a short one.
        while !target.is_empty() {
            let (mut rest, first) = (at / size, at % size);
            let count = (size - first).min(target.len() / len);
            let (here, after) = target.split_at_mut(count * len);
            let mut start = view.start + first as isize * stride;
            for &(size, stride) in outer.iter().rev() {
                start += (rest % size) as isize * stride;
                rest /= size;
            }
            axes[cut - 1].0 = count;
            walk(isa, &axes[cut - 1..view.rank], start, source, here);
            (at, target) = (at + count, after);
        }
    });
}

fn walk<T: Copy + Send + Sync>(isa: Isa, axes: &[(usize, isize)], start: isize, source: &[T], target: &mut [T]) {
    let at = start as usize;
    match *axes {
        [] => target[0] = source[at],
        [(n, 1)] => target.copy_from_slice(&source[at..at + n]),
        [(_, 0)] => target.fill(source[at]),
        [(_, stride)] => target.iter_mut().zip(0..).for_each(|(to, i)| *to = source[(start + i * stride) as usize]),
        [(_, outer), (n, 1)] => {
            for (to, i) in target.chunks_exact_mut(n).zip(0..) {
                let at = (start + i * outer) as usize;
                copy_row(&source[at..at + n], to);
            }
        }
        [(rows, 1), .., (columns, stride)] if stride > 1 => {
            let (middle, pitch) = (&axes[1..axes.len() - 1], target.len() / rows);
            for plane in 0..pitch / columns {
                let (mut rest, mut at) = (plane, start);
                for &(size, stride) in middle.iter().rev() {
                    at += (rest % size) as isize * stride;
                    rest /= size;
                }
                let (source, target) = (&source[at as usize..], &mut target[plane * columns..]);
                isa.run(Turn { source, target, rows, columns, stride: stride as usize, pitch });
            }
        }
        [(_, stride), ref inner @ ..] => {
            let len = inner.iter().map(|axis| axis.0).product();
            for (to, i) in target.chunks_exact_mut(len).zip(0..) {
                walk(isa, inner, start + i * stride, source, to);
            }
        }
    }
}

/// A short row is copied in place: calling memcpy costs more than a few elements.
#[inline(always)]
pub(super) fn copy_row<T: Copy>(from: &[T], to: &mut [T]) {
    if to.len() > 8 {
        return to.copy_from_slice(from);
    }
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}

/// `target[r * pitch + c] = source[c * stride + r]`, square by square.
struct Turn<'a, T> {
    source: &'a [T],
    target: &'a mut [T],
    rows: usize,
    columns: usize,
    stride: usize,
    pitch: usize,
}

impl<T: Copy> Kernel for Turn<'_, T> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Turn { source, target, rows, columns, stride, pitch } = self;
        if rows < SQUARE {
            for r in 0..rows {
                let to = &mut target[r * pitch..][..columns];
                to.iter_mut().zip(source[r..].iter().step_by(stride)).for_each(|(to, from)| *to = *from);
            }
            return;
        }
        let mut square = [source[0]; SQUARE * SQUARE];
        for c0 in (0..columns).step_by(SQUARE) {
            let wide = SQUARE.min(columns - c0);
            for r0 in (0..rows).step_by(SQUARE) {
                let high = SQUARE.min(rows - r0);
                if wide < SQUARE || high < SQUARE {
                    for c in c0..c0 + wide {
                        let from = &source[c * stride + r0..][..high];
                        from.iter().enumerate().for_each(|(r, from)| target[(r0 + r) * pitch + c] = *from);
                    }
                    continue;
                }
                for (c, row) in square.chunks_exact_mut(SQUARE).enumerate() {
                    row.copy_from_slice(&source[(c0 + c) * stride + r0..][..SQUARE]);
                }
                riffle_four_times(&mut square);
                for (r, row) in square.chunks_exact(SQUARE).enumerate() {
                    target[(r0 + r) * pitch + c0..][..SQUARE].copy_from_slice(row);
                }
            }
        }
    }
}

/// Transposes a square of 16 x 16: a riffle (first half and second half in turns) rotates the eight bits of a place by
/// one, so four of them exchange row and column. Unlike a double loop, this is something the compiler has shuffles for.
#[inline(always)]
fn riffle_four_times<T: Copy>(square: &mut [T; SQUARE * SQUARE]) {
    let mut other = *square;
    for _ in 0..2 {
        riffle(square, &mut other);
        riffle(&other, square);
    }
}

#[inline(always)]
fn riffle<T: Copy>(from: &[T; SQUARE * SQUARE], to: &mut [T; SQUARE * SQUARE]) {
    let (first, second) = from.split_at(SQUARE * SQUARE / 2);
    for ((to, first), second) in to.as_chunks_mut::<2>().0.iter_mut().zip(first).zip(second) {
        *to = [*first, *second];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the view one element at a time.
    fn reference(view: &View, source: &[i32]) -> Vec<i32> {
        let axes = &view.axes[..view.rank];
        let element = |mut i: usize| {
            let mut at = view.start;
            for &(size, stride) in axes.iter().rev() {
                at += (i % size) as isize * stride;
                i /= size;
            }
            source[at as usize]
        };
        (0..view.len()).map(element).collect()
    }

    fn check(view: View, source_len: usize) {
        let source: Vec<i32> = (0..source_len as i32).collect();
        let want = reference(&view, &source);
        for isa in Isa::available() {
            for threads in [1, 3] {
                threads::set_count(threads);
                let mut got = vec![-1; want.len()];
                copy(isa, &view, &source, &mut got);
                assert!(got == want, "{isa:?} {view:?}");
                let bytes: Vec<u8> = source.iter().map(|&v| v as u8).collect();
                let mut got = vec![0; want.len()];
                copy(isa, &view, &bytes, &mut got);
                assert!(got.iter().zip(&want).all(|(&a, &b)| a == b as u8), "{isa:?} {view:?}");
            }
        }
        threads::set_count(0);
    }

    #[test]
    fn every_permutation() {
        for shape in [[1, 1, 1, 1], [2, 3, 5, 7], [17, 1, 33, 16], [2, 0, 3, 4], [40, 31, 33, 3], [3, 64, 48, 20]] {
            for code in 0..256 {
                let permutation = [code & 3, code >> 2 & 3, code >> 4 & 3, code >> 6 & 3];
                if (0..4).all(|axis| permutation.contains(&axis)) {
                    check(View::of(&shape).transpose(&permutation), shape.iter().product());
                }
            }
        }
        check(View::of(&[301, 257]).transpose(&[1, 0]), 301 * 257);
        check(View::of(&[2, 2, 2, 2, 2, 2, 2, 2]).transpose(&[7, 0, 6, 1, 5, 2, 4, 3]), 256);
        check(View::of(&[]), 1);
    }

    #[test]
    fn slices_forwards_and_backwards() {
        check(View::of(&[5, 7]).slice(&[1, 2], &[3, 4], &[1, 1]), 35);
        check(View::of(&[5, 7]).slice(&[4, 6], &[5, 7], &[-1, -1]), 35);
        check(View::of(&[5, 7]).slice(&[0, 6], &[2, 3], &[3, -2]), 35);
        check(View::of(&[5, 7]).slice(&[2, 2], &[0, 3], &[1, 1]), 35);
        check(View::of(&[9, 40, 40, 3]).slice(&[0, 39, 39, 0], &[9, 20, 40, 3], &[1, -2, -1, 1]), 9 * 4800);
        check(View::of(&[9, 40, 40, 3]).slice(&[0, 0, 0, 2], &[9, 40, 40, 3], &[1, 1, 1, -1]), 9 * 4800);
        // Cut into tasks, which end within an axis.
        check(View::of(&[900, 40]).slice(&[0, 3], &[900, 28], &[1, 1]), 36_000);
        check(View::of(&[9, 7, 50, 30]).slice(&[1, 6, 1, 2], &[8, 7, 49, 27], &[1, -1, 1, 1]), 9 * 10_500);
        check(View::of(&[3, 500, 50]).slice(&[0, 499, 49], &[3, 500, 25], &[1, -1, -2]), 75_000);
    }

    #[test]
    fn broadcasts_tiles_and_repeats() {
        check(View::of(&[3, 1]).broadcast_to(&[2, 3, 4]), 3);
        check(View::of(&[]).broadcast_to(&[200, 300]), 1);
        check(View::of(&[1, 300]).broadcast_to(&[200, 300]), 300);
        check(View::of(&[0, 1]).broadcast_to(&[0, 5]), 0);
        check(View::of(&[2, 3]).tile(&[2, 3]), 6);
        check(View::of(&[20, 30]).tile(&[7, 9]), 600);
        check(View::of(&[2, 3, 2]).repeat(1, 3), 12);
        check(View::of(&[20, 300]).repeat(1, 4), 6000);
        assert_eq!(reference(&View::of(&[2, 2]).tile(&[1, 2]), &[0, 1, 2, 3]), [0, 1, 0, 1, 2, 3, 2, 3]);
        assert_eq!(reference(&View::of(&[2, 2]).repeat(1, 2), &[0, 1, 2, 3]), [0, 0, 1, 1, 2, 2, 3, 3]);
    }
}
