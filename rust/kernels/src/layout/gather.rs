//! Rows by index: gather (an embedding is one), its gradient, and one-hot rows.

use super::view::copy_row;
use super::{BadIndex, TASK, WORK};
use crate::simd::{Kernel, Simd};
use crate::{Isa, threads};

/// Checks that every index is in `0..size`.
pub fn check(indices: &[i32], size: usize) -> Result<(), BadIndex> {
    match indices.iter().position(|&index| usize::try_from(index).map_or(true, |index| index >= size)) {
        Some(position) => Err(BadIndex { position, value: indices[position] }),
        None => Ok(()),
    }
}

/// `target[o][k] = source[o][indices[k]]`, where an element is `inner` numbers and the source's axis has `size`.
pub fn gather<T: Copy + Send + Sync>(
    [outer, size, inner]: [usize; 3],
    indices: &[i32],
    source: &[T],
    target: &mut [T],
) -> Result<(), BadIndex> {
    assert_eq!(source.len(), outer * size * inner, "source of a gather");
    assert_eq!(target.len(), outer * indices.len() * inner, "target of a gather");
    check(indices, size)?;
    if target.is_empty() {
        return Ok(());
    }
    let rows = (TASK / inner).max(1);
    threads::for_each_chunk(target, rows * inner, rows * inner * WORK, |i, target| {
        let (mut o, mut k) = (i * rows / indices.len(), i * rows % indices.len());
        for to in target.chunks_exact_mut(inner) {
            copy_row(&source[(o * size + indices[k] as usize) * inner..][..inner], to);
            k += 1;
            if k == indices.len() {
                (o, k) = (o + 1, 0);
            }
        }
    });
    Ok(())
}

/// `dx[o][indices[k]] += dy[o][k]` over zeros, in the order of k.
pub fn gather_gradient(
    isa: Isa,
    [outer, size, inner]: [usize; 3],
    indices: &[i32],
    dy: &[f32],
    dx: &mut [f32],
) -> Result<(), BadIndex> {
    assert_eq!(dx.len(), outer * size * inner, "dx of a gather");
    assert_eq!(dy.len(), outer * indices.len() * inner, "dy of a gather");
    check(indices, size)?;
    // Each task owns some rows of dx and looks at every index, so rows are not cut into more than sixteen parts.
    let rows = (TASK / inner.max(1)).max(size.div_ceil(16)).max(1);
    let work = rows * inner * WORK + indices.len() * (1 + inner * WORK / size.div_ceil(rows).max(1));
    if outer == 1 {
        threads::for_each_chunk(dx, rows * inner, work, |i, dx| {
            isa.run(Scatter { first: i * rows, inner, indices, dy, dx });
        });
    } else if size * inner > 0 {
        let work = size * inner * WORK + indices.len() * inner * WORK;
        threads::for_each_chunk(dx, size * inner, work, |o, dx| {
            let dy = &dy[o * indices.len() * inner..][..indices.len() * inner];
            isa.run(Scatter { first: 0, inner, indices, dy, dx });
        });
    }
    Ok(())
}

struct Scatter<'a> {
    /// The first row of dx.
    first: usize,
    inner: usize,
    indices: &'a [i32],
    dy: &'a [f32],
    dx: &'a mut [f32],
}

impl Kernel for Scatter<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, _: S) {
        let Scatter { first, inner, indices, dy, dx } = self;
        dx.fill(0.0);
        let rows = first..first + dx.len() / inner;
        for (&index, dy) in indices.iter().zip(dy.chunks_exact(inner)) {
            if rows.contains(&(index as usize)) {
                let dx = &mut dx[(index as usize - first) * inner..][..inner];
                dx.iter_mut().zip(dy).for_each(|(dx, dy)| *dx += dy);
            }
        }
    }
}

/// `target[k][j] = 1` where `j == indices[k]`, else 0.
pub fn one_hot(indices: &[i32], depth: usize, target: &mut [f32]) -> Result<(), BadIndex> {
    assert_eq!(target.len(), indices.len() * depth, "target of one_hot");
    check(indices, depth)?;
    if target.is_empty() {
        return Ok(());
    }
    let rows = (TASK / depth).max(1);
    threads::for_each_chunk(target, rows * depth, rows * depth * WORK, |i, target| {
        target.fill(0.0);
        for (row, &index) in target.chunks_exact_mut(depth).zip(&indices[i * rows..]) {
            row[index as usize] = 1.0;
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indices(count: usize, size: usize) -> Vec<i32> {
        (0..count).map(|k| (k * 7919 % 1013 * 31 % size.max(1)) as i32).collect()
    }

    #[test]
    fn rows_and_their_gradients_equal_the_reference() {
        for [outer, size, inner] in
            [[1, 5, 3], [1, 1, 1], [3, 4, 2], [1, 900, 64], [1, 40_000, 1], [7, 11, 300], [2, 3, 0], [0, 3, 2]]
        {
            for count in [0, 1, 9, 700] {
                let indices = indices(count, size);
                let source: Vec<f32> = (0..outer * size * inner).map(|i| i as f32).collect();
                let dy: Vec<f32> = (0..outer * count * inner).map(|i| (i % 1009) as f32 / 7.0).collect();
                let (mut want, mut dx) = (vec![0.0f32; dy.len()], vec![0.0f64; source.len()]);
                for (i, want) in want.iter_mut().enumerate() {
                    let (c, k, o) = (i % inner, i / inner % count, i / inner / count);
                    let at = (o * size + indices[k] as usize) * inner + c;
                    *want = source[at];
                    dx[at] += f64::from(dy[i]);
                }
                for isa in Isa::available() {
                    let mut bits: Vec<Vec<f32>> = Vec::new();
                    for threads in [1, 2, 3, 5] {
                        threads::set_count(threads);
                        let mut got = vec![-1.0; want.len()];
                        gather([outer, size, inner], &indices, &source, &mut got).unwrap();
                        assert!(got == want);
                        let mut got = vec![9.0; dx.len()];
                        gather_gradient(isa, [outer, size, inner], &indices, &dy, &mut got).unwrap();
                        assert!(got.iter().zip(&dx).all(|(&a, b)| (f64::from(a) - b).abs() <= 1e-5 * b.abs()));
                        bits.push(got);
                    }
                    assert!(bits.iter().all(|got| *got == bits[0]));
                }
            }
        }
        threads::set_count(0);
    }

    #[test]
    fn bad_indices_are_named() {
        let mut out = [0.0; 3];
        for value in [-1, 4, i32::MAX, i32::MIN] {
            let want = Err(BadIndex { position: 1, value });
            assert_eq!(gather([1, 4, 1], &[0, value, 9], &[0.0; 4], &mut out), want);
            assert_eq!(gather_gradient(Isa::Scalar, [1, 4, 1], &[0, value, 9], &[0.0; 3], &mut [0.0; 4]), want);
            assert_eq!(one_hot(&[0, value, 9], 4, &mut [0.0; 12]), want);
        }
    }

    #[test]
    fn one_hot_rows() {
        for (count, depth) in [(0, 3), (5, 1), (9, 10), (5000, 37)] {
            let (indices, mut got) = (indices(count, depth), vec![9.0; count * depth]);
            one_hot(&indices, depth, &mut got).unwrap();
            let hot = |(i, &v): (usize, &f32)| v == f32::from(i % depth == indices[i / depth] as usize);
            assert!(got.iter().enumerate().all(hot));
        }
        assert_eq!(one_hot(&[], 0, &mut []), Ok(()));
    }
}
