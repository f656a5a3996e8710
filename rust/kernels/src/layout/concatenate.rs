//! Concatenation along an axis, and its opposite.

use super::view::copy_row;
use super::{TASK, WORK};
use crate::threads::{self, Shared};

/// Joins `parts`, each `outer` rows of its own length, row by row: with the sizes before the axis multiplied to `outer`,
/// that is concatenation along it.
pub fn concatenate<T: Copy + Send + Sync>(outer: usize, parts: &[&[T]], target: &mut [T]) {
    assert!(parts.iter().all(|part| part.len().is_multiple_of(outer.max(1))), "parts are `outer` equal rows");
    assert_eq!(target.len(), parts.iter().map(|part| part.len()).sum::<usize>(), "the result holds every part");
    if target.is_empty() {
        return;
    }
    if outer == 1 {
        let mut rest = target;
        for part in parts {
            let (to, after) = rest.split_at_mut(part.len());
            threads::for_each_chunk(to, TASK, TASK * WORK, |i, to| {
                to.copy_from_slice(&part[i * TASK..i * TASK + to.len()]);
            });
            rest = after;
        }
        return;
    }
    // To divide for each row of a part would take longer than to copy a short one.
    let parts: Vec<_> = parts.iter().map(|part| (part, part.len() / outer)).collect();
    let row = target.len() / outer;
    let rows = (TASK / row).max(1);
    threads::for_each_chunk(target, rows * row, rows * row * WORK, |i, target| {
        for (r, mut to) in target.chunks_exact_mut(row).enumerate() {
            for &(part, len) in &parts {
                let (here, after) = to.split_at_mut(len);
                copy_row(&part[(i * rows + r) * len..][..len], here);
                to = after;
            }
        }
    });
}

/// The opposite: cuts each of `outer` rows into the rows of `parts`, in one pass over `source`.
pub fn split<T: Copy + Send + Sync>(outer: usize, source: &[T], parts: &mut [&mut [T]]) {
    assert!(parts.iter().all(|part| part.len().is_multiple_of(outer.max(1))), "parts are `outer` equal rows");
    assert_eq!(source.len(), parts.iter().map(|part| part.len()).sum::<usize>(), "the parts hold all of the source");
    if source.is_empty() {
        return;
    }
    if outer == 1 {
        let mut rest = source;
        for part in parts {
            let (from, after) = rest.split_at(part.len());
            threads::for_each_chunk(part, TASK, TASK * WORK, |i, to| {
                to.copy_from_slice(&from[i * TASK..i * TASK + to.len()]);
            });
            rest = after;
        }
        return;
    }
    let parts: Vec<_> = parts.iter_mut().map(|part| (Shared::new(part), part.len() / outer)).collect();
    let row = source.len() / outer;
    let rows = (TASK / row).max(1);
    threads::for_each(outer.div_ceil(rows), rows * row * WORK, |i| {
        for (r, mut from) in source.chunks_exact(row).enumerate().skip(i * rows).take(rows) {
            for (part, len) in &parts {
                let (here, after) = from.split_at(*len);
                // SAFETY: row r is this task's alone.
                copy_row(here, unsafe { part.part(r * len, *len) });
                from = after;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_follow_each_other_and_come_apart_again() {
        for outer in [1, 2, 7, 300] {
            for lens in [vec![], vec![5], vec![1, 0, 3], vec![200, 57, 16]] {
                let parts: Vec<Vec<i32>> = lens
                    .iter()
                    .enumerate()
                    .map(|(p, n)| (0..outer * n).map(|i| (p * 100_000 + i) as i32).collect())
                    .collect();
                let mut want = Vec::new();
                for r in 0..outer {
                    for (part, n) in parts.iter().zip(&lens) {
                        want.extend_from_slice(&part[r * n..(r + 1) * n]);
                    }
                }
                let slices: Vec<&[i32]> = parts.iter().map(|part| &part[..]).collect();
                for threads in [1, 3] {
                    threads::set_count(threads);
                    let mut got = vec![-1; want.len()];
                    concatenate(outer, &slices, &mut got);
                    assert_eq!(got, want);
                    let mut back: Vec<Vec<i32>> = lens.iter().map(|n| vec![-1; outer * n]).collect();
                    let mut slices: Vec<&mut [i32]> = back.iter_mut().map(|part| &mut part[..]).collect();
                    split(outer, &want, &mut slices);
                    assert_eq!(back, parts);
                }
            }
        }
        threads::set_count(0);
        concatenate::<f32>(0, &[&[], &[]], &mut []);
        split::<f32>(0, &[], &mut [&mut [], &mut []]);
    }
}
