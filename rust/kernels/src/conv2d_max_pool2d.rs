//! A convolution and the max pooling of its output in one pass over the images, so that the output between them, the
//! largest array of many networks, never leaves the cache. The same numbers as one after the other, bit for bit.

use crate::conv2d::{self, Conv2d};
use crate::pool2d::{self, Argmax, Pool2d};
use crate::threads::Shared;
use crate::{Isa, scratch, threads};

/// Floats of the output between that a task works on.
const BLOCK: usize = 96 * 1024;
/// Tasks that a large batch is cut into at least.
const TASKS: usize = 16;

/// Images of one task: by the shape alone.
fn images(conv: &Conv2d, pool: &Pool2d) -> usize {
    assert_eq!(
        [pool.batch, pool.height, pool.width, pool.channels],
        [conv.batch, conv.out_height(), conv.out_width(), conv.filters],
        "the pooling is of the convolution's output"
    );
    let image = pool.input_len() / pool.batch.max(1);
    (BLOCK / image.max(1)).min(conv.batch.div_ceil(TASKS)).max(1)
}

/// The multiply-adds of the convolution of `images` images.
fn work(conv: &Conv2d, images: usize) -> usize {
    let taps = conv.kernel[0] * conv.kernel[1] * (conv.channels / conv.groups);
    images * conv.out_height() * conv.out_width() * conv.filters * taps
}

/// `y, argmax = max_pool(x * kernel (+ bias) (then relu))`.
#[allow(clippy::too_many_arguments)]
pub fn forward<I: Argmax>(
    isa: Isa,
    conv: &Conv2d,
    pool: &Pool2d,
    (x, kernel, bias): (&[f32], &[f32], Option<&[f32]>),
    relu: bool,
    y: &mut [f32],
    argmax: &mut [I],
) {
    let step = images(conv, pool);
    assert_eq!((y.len(), argmax.len()), (pool.output_len(), pool.output_len()), "y and argmax of a pooling");
    if conv.batch == 0 {
        return;
    }
    let (image, between, pooled) =
        (x.len() / conv.batch, pool.input_len() / conv.batch, pool.output_len() / conv.batch);
    let (y, argmax) = (Shared::new(y), Shared::new(argmax));
    threads::for_each(conv.batch.div_ceil(step), work(conv, step), |task| {
        let first = task * step;
        let batch = step.min(conv.batch - first);
        let (conv, pool) = (Conv2d { batch, ..*conv }, Pool2d { batch, ..*pool });
        scratch::with(batch * between, |z| {
            let x = &x[first * image..(first + batch) * image];
            // SAFETY: tasks own disjoint images.
            let (y, argmax) =
                unsafe { (y.part(first * pooled, batch * pooled), argmax.part(first * pooled, batch * pooled)) };
            threads::single_threaded(|| {
                conv2d::forward(isa, &conv, x, kernel, bias, relu, z);
                pool2d::max(isa, &pool, z, y, argmax);
            });
        });
    });
}

/// The gradients with respect to the convolution's kernel and bias, given that of the pooled output; where a ReLU lies
/// between, `dy` must already be zero where the maximum is not positive.
#[allow(clippy::too_many_arguments)]
pub fn kernel_gradient<I: Argmax>(
    isa: Isa,
    conv: &Conv2d,
    pool: &Pool2d,
    x: &[f32],
    (dy, argmax): (&[f32], &[I]),
    dkernel: &mut [f32],
    mut dbias: Option<&mut [f32]>,
) {
    let step = images(conv, pool);
    let (size, total) = (dkernel.len(), dkernel.len() + conv.filters);
    dkernel.fill(0.0);
    if let Some(dbias) = dbias.as_deref_mut() {
        dbias.fill(0.0);
    }
    if conv.batch == 0 {
        return;
    }
    let (image, between, pooled) =
        (x.len() / conv.batch, pool.input_len() / conv.batch, pool.output_len() / conv.batch);
    let tasks = conv.batch.div_ceil(step);
    scratch::with(tasks * total, |partial| {
        threads::for_each_chunk(partial, total, work(conv, step), |task, partial| {
            let first = task * step;
            let batch = step.min(conv.batch - first);
            let (conv, pool) = (Conv2d { batch, ..*conv }, Pool2d { batch, ..*pool });
            let images = first * pooled..(first + batch) * pooled;
            scratch::with(batch * between, |dz| {
                let (dkernel, dbias) = partial.split_at_mut(size);
                let x = &x[first * image..(first + batch) * image];
                threads::single_threaded(|| {
                    pool2d::max_gradient(isa, &pool, &dy[images.clone()], &argmax[images], dz);
                    conv2d::kernel_gradient(isa, &conv, x, dz, dkernel, Some(dbias));
                });
            });
        });
        for part in partial.chunks_exact(total) {
            dkernel.iter_mut().zip(&part[..size]).for_each(|(sum, part)| *sum += part);
            if let Some(dbias) = dbias.as_deref_mut() {
                dbias.iter_mut().zip(&part[size..]).for_each(|(sum, part)| *sum += part);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(len: usize, seed: u32) -> Vec<f32> {
        (0..len as u32).map(|i| ((i + seed).wrapping_mul(2_654_435_761) >> 8) as f32 / 8.4e6 - 1.0).collect()
    }

    fn cases() -> impl Iterator<Item = (Conv2d, Pool2d)> {
        let shapes = [(0, 9, 8, 3, 5), (1, 7, 6, 1, 1), (3, 13, 13, 2, 17), (40, 28, 28, 1, 32), (33, 13, 13, 32, 64)];
        shapes.into_iter().map(|(batch, height, width, channels, filters)| {
            let conv = Conv2d {
                batch,
                height,
                width,
                channels,
                filters,
                kernel: [3, 3],
                strides: [1, 1],
                dilation: [1, 1],
                groups: 1,
                padding: [[1, 0], [0, 1]],
            };
            let pool = Pool2d {
                batch,
                height: conv.out_height(),
                width: conv.out_width(),
                channels: filters,
                pool: [2, 2],
                strides: [2, 2],
                padding: [[0; 2]; 2],
            };
            (conv, pool)
        })
    }

    #[test]
    fn forward_equals_one_after_the_other_bit_for_bit() {
        for isa in Isa::available() {
            for (conv, pool) in cases() {
                let x = noise(conv.batch * conv.height * conv.width * conv.channels, 1);
                let (kernel, bias) = (noise(9 * conv.channels * conv.filters, 2), noise(conv.filters, 3));
                let mut z = vec![0.0; pool.input_len()];
                let (mut y, mut places) = (vec![0.0; pool.output_len()], vec![0u8; pool.output_len()]);
                conv2d::forward(isa, &conv, &x, &kernel, Some(&bias), true, &mut z);
                pool2d::max(isa, &pool, &z, &mut y, &mut places);
                let (mut got, mut found) = (vec![9.0; y.len()], vec![9u8; y.len()]);
                forward(isa, &conv, &pool, (&x, &kernel, Some(&bias)), true, &mut got, &mut found);
                assert!(got == y && found == places, "{isa:?} {conv:?}");
            }
        }
    }

    #[test]
    fn kernel_gradient_equals_one_after_the_other_on_any_number_of_threads() {
        for isa in Isa::available() {
            for (conv, pool) in cases() {
                let x = noise(conv.batch * conv.height * conv.width * conv.channels, 1);
                let dy = noise(pool.output_len(), 4);
                let places: Vec<u8> = (0..dy.len() as u32).map(|i| (i.wrapping_mul(40_503) >> 3) as u8 & 3).collect();
                let mut dz = vec![0.0; pool.input_len()];
                pool2d::max_gradient(isa, &pool, &dy, &places, &mut dz);
                let size = 9 * conv.channels * conv.filters;
                let (mut want, mut want_bias) = (vec![0.0; size], vec![0.0; conv.filters]);
                conv2d::kernel_gradient(isa, &conv, &x, &dz, &mut want, Some(&mut want_bias));
                let mut first: Option<Vec<f32>> = None;
                for count in [1, 2, 3, 5] {
                    threads::set_count(count);
                    let (mut dkernel, mut dbias) = (vec![9.0; size], vec![9.0; conv.filters]);
                    kernel_gradient(isa, &conv, &pool, &x, (&dy, &places), &mut dkernel, Some(&mut dbias));
                    let scale = (pool.output_len().max(1) as f32).sqrt();
                    for (got, want) in dkernel.iter().zip(&want).chain(dbias.iter().zip(&want_bias)) {
                        assert!((got - want).abs() <= 1e-5 * scale, "{isa:?} {conv:?} {got} {want}");
                    }
                    dkernel.extend(dbias);
                    assert_eq!(first.get_or_insert(dkernel.clone()), &dkernel, "{count} threads");
                }
            }
        }
        threads::set_count(0);
    }
}
