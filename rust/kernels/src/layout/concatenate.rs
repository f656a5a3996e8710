//! Concatenation along an axis, and its opposite.

use super::view::copy_row;
use super::{TASK, WORK};
use crate::threads;

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
    let row = target.len() / outer;
    let rows = (TASK / row).max(1);
    threads::for_each_chunk(target, rows * row, rows * row * WORK, |i, target| {
        for (r, mut to) in target.chunks_exact_mut(row).enumerate() {
            for part in parts {
                let len = part.len() / outer;
                let (here, after) = to.split_at_mut(len);
                copy_row(&part[(i * rows + r) * len..][..len], here);
                to = after;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_follow_each_other() {
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
                }
            }
        }
        threads::set_count(0);
        concatenate::<f32>(0, &[&[], &[]], &mut []);
    }
}
