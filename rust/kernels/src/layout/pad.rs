//! Writes an array into a larger one: padding, and the gradient of a slice.

use super::view::{MAX_RANK, copy_row};
use super::{TASK, WORK};
use crate::threads;

/// Where one axis of the source goes: element i to `begin + i * step` of an axis of `room`.
#[derive(Clone, Copy, Debug)]
pub struct Axis {
    pub size: usize,
    pub room: usize,
    pub begin: usize,
    pub step: isize,
}

impl Axis {
    fn whole(self) -> bool {
        self.size == self.room && self.begin == 0 && self.step == 1
    }
    /// The source element at place `at`.
    #[inline(always)]
    fn source(self, at: usize) -> Option<usize> {
        let way = at as isize - self.begin as isize;
        let i = if self.step == 1 { way } else { way / self.step };
        (i >= 0 && (i as usize) < self.size && i * self.step == way).then_some(i as usize)
    }
    /// Which of the `len` places from `first` on hold source elements, of an axis of step 1.
    fn inside(self, first: usize, len: usize) -> (usize, usize) {
        let low = self.begin.saturating_sub(first).min(len);
        (low, (self.begin + self.size).saturating_sub(first).min(len).max(low))
    }
}

/// Rows of fewer elements are filled with their neighbours and written again, which is faster than to fill their margins.
const SHORT: usize = 256;

/// Fills `target` with `fill`, then writes the elements of `source` to their places.
pub fn pad<T: Copy + Send + Sync>(axes: &[Axis], fill: T, source: &[T], target: &mut [T]) {
    assert!(axes.len() <= MAX_RANK, "an array has at most {MAX_RANK} axes");
    assert_eq!(source.len(), axes.iter().map(|axis| axis.size).product::<usize>(), "source of a padding");
    assert_eq!(target.len(), axes.iter().map(|axis| axis.room).product::<usize>(), "target of a padding");
    let inside = |axis: &Axis| {
        let end = axis.begin as isize + (axis.size.max(1) - 1) as isize * axis.step;
        axis.step != 0 && axis.begin < axis.room && (0..axis.room as isize).contains(&end)
    };
    assert!(axes.iter().all(|axis| axis.size == 0 || inside(axis)), "each element goes to a place in the target");
    if target.is_empty() || source.is_empty() {
        return target.fill(fill);
    }
    // An axis that is kept whole is part of the elements of the one before it.
    let mut merged = [Axis { size: 1, room: 1, begin: 0, step: 1 }; MAX_RANK + 1];
    let mut rank = 1;
    for &axis in axes {
        let before = &mut merged[rank - 1];
        if axis.whole() && before.step == 1 {
            let Axis { size, room, begin, .. } = *before;
            *before = Axis { size: size * axis.size, room: room * axis.room, begin: begin * axis.room, step: 1 };
        } else if before.room == 1 {
            *before = axis;
        } else {
            merged[rank] = axis;
            rank += 1;
        }
    }
    let row = merged[rank - 1];
    let Some((column, outer)) = merged[..rank - 1].split_last() else {
        return threads::for_each_chunk(target, TASK, TASK * WORK, |task, target| {
            line(row, task * TASK, fill, source, target);
        });
    };
    let rows = (TASK / row.room).max(1);
    threads::for_each_chunk(target, rows * row.room, rows * row.room * WORK, |task, mut target| {
        let mut at = task * rows;
        // Rows of one plane at a time: to divide for each would take longer than to copy a short one.
        while !target.is_empty() {
            let (mut rest, first) = (at / column.room, at % column.room);
            let count = (column.room - first).min(target.len() / row.room);
            let (plane, after) = target.split_at_mut(count * row.room);
            (at, target) = (at + count, after);
            let (mut from, mut pitch) = (Some(0), column.size);
            for axis in outer.iter().rev() {
                from = from.zip(axis.source(rest % axis.room)).map(|(from, i)| from + i * pitch);
                pitch *= axis.size;
                rest /= axis.room;
            }
            let Some(from) = from else {
                plane.fill(fill);
                continue;
            };
            block(*column, row, first, fill, &source[from * row.size..], plane);
        }
    });
}

/// Rows `first ..` of one plane.
#[inline(always)]
fn block<T: Copy>(column: Axis, row: Axis, first: usize, fill: T, source: &[T], target: &mut [T]) {
    if column.step == 1 && row.step == 1 && row.room < SHORT {
        target.fill(fill);
        let (low, high) = column.inside(first, target.len() / row.room);
        let to = target[low * row.room..high * row.room].chunks_exact_mut(row.room);
        let from = source.chunks_exact(row.size).skip((first + low).saturating_sub(column.begin));
        return to.zip(from).for_each(|(to, from)| copy_row(from, &mut to[row.begin..][..row.size]));
    }
    for (to, at) in target.chunks_exact_mut(row.room).zip(first..) {
        match column.source(at) {
            Some(r) => line(row, 0, fill, &source[r * row.size..][..row.size], to),
            None => to.fill(fill),
        }
    }
}

/// Places `first ..` of one row.
#[inline(always)]
fn line<T: Copy>(axis: Axis, first: usize, fill: T, source: &[T], target: &mut [T]) {
    if axis.step != 1 {
        return target.iter_mut().zip(first..).for_each(|(to, at)| *to = axis.source(at).map_or(fill, |i| source[i]));
    }
    let (low, high) = axis.inside(first, target.len());
    target[..low].fill(fill);
    if low < high {
        let from = first + low - axis.begin;
        copy_row(&source[from..from + high - low], &mut target[low..high]);
    }
    target[high..].fill(fill);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(axes: &[Axis]) {
        let len: usize = axes.iter().map(|axis| axis.size).product();
        let source: Vec<i32> = (1..=len as i32).collect();
        let mut want = vec![-7; axes.iter().map(|axis| axis.room).product()];
        for (i, &value) in source.iter().enumerate() {
            let (mut rest, mut at, mut pitch) = (i, 0, 1);
            for axis in axes.iter().rev() {
                at += (axis.begin as isize + (rest % axis.size) as isize * axis.step) as usize * pitch;
                pitch *= axis.room;
                rest /= axis.size;
            }
            want[at] = value;
        }
        for threads in [1, 3] {
            threads::set_count(threads);
            let mut got = vec![0; want.len()];
            pad(axes, -7, &source, &mut got);
            assert!(got == want, "{axes:?}");
        }
        threads::set_count(0);
    }

    #[test]
    fn every_element_reaches_its_place() {
        let axis = |size, room, begin, step| Axis { size, room, begin, step };
        let whole = |size| axis(size, size, 0, 1);
        check(&[]);
        check(&[axis(3, 5, 1, 1)]);
        check(&[axis(3, 9, 8, -3)]);
        check(&[axis(0, 5, 0, 1), whole(3)]);
        check(&[whole(2), axis(3, 5, 1, 1), axis(4, 4, 3, -1), whole(3)]);
        check(&[whole(4), axis(28, 32, 2, 1), axis(28, 31, 1, 1), whole(8)]);
        check(&[axis(20_000, 50_000, 17_000, 1)]);
        check(&[axis(2, 7, 1, 4), axis(50, 100, 99, -2), axis(40, 90, 0, 2)]);
        check(&[axis(1, 9, 3, 1), whole(40), whole(300)]);
        check(&[whole(3), axis(2, 4, 2, 1)]);
        // Tasks that begin before, among and after the rows with elements.
        for (size, begin) in [(100, 5), (100, 1900), (1800, 100)] {
            check(&[whole(3), axis(size, 2000, begin, 1), axis(7, 10, 1, 1)]);
            check(&[axis(2, 3, 1, 1), axis(size, 2000, begin, 1), axis(7, 300, 1, 1)]);
            check(&[axis(2, 3, 1, 1), axis(size, 4000, begin + size, -1), axis(7, 10, 1, 1)]);
        }
    }
}
