use super::*;
use crate::threads;

/// Halves between -4 and 4: sums of their products are exact, so the order of a sum does not show.
fn values(len: usize, seed: usize) -> Vec<f32> {
    (0..len).map(|i| ((((i + seed) * 2654435761) >> 7) % 17) as f32 * 0.5 - 4.0).collect()
}

fn sizes(p: &Conv2d) -> [usize; 3] {
    let x = p.batch * p.height * p.width * p.channels;
    let y = p.batch * p.out_height() * p.out_width() * p.filters;
    [x, p.kernel[0] * p.kernel[1] * p.channels / p.groups * p.filters, y]
}

/// Every instruction set against the reference, forwards and backwards.
fn check(p: &Conv2d) {
    let [x, kernel, y] = sizes(p);
    let (x, kernel, dy, bias) = (values(x, 1), values(kernel, 2), values(y, 3), values(p.filters, 4));
    for (bias, relu) in [(None, false), (Some(&bias[..]), true)] {
        let mut want = vec![0.0; y];
        reference::forward(p, &x, &kernel, bias, relu, &mut want);
        for isa in Isa::available() {
            let mut got = vec![f32::NAN; y];
            forward(isa, p, &x, &kernel, bias, relu, &mut got);
            assert!(want == got, "forward {isa:?} {p:?}");
        }
    }
    let mut want = vec![0.0; x.len()];
    reference::input_gradient(p, &dy, &kernel, &mut want);
    for isa in Isa::available() {
        let mut got = vec![f32::NAN; x.len()];
        input_gradient(isa, p, &dy, &kernel, &mut got);
        assert!(want == got, "input gradient {isa:?} {p:?}");
    }
    let (mut want, mut want_bias) = (vec![0.0; kernel.len()], vec![0.0; p.filters]);
    reference::kernel_gradient(p, &x, &dy, &mut want, Some(&mut want_bias));
    for isa in Isa::available() {
        let (mut got, mut got_bias) = (vec![f32::NAN; kernel.len()], vec![f32::NAN; p.filters]);
        kernel_gradient(isa, p, &x, &dy, &mut got, Some(&mut got_bias));
        assert!(want == got && want_bias == got_bias, "kernel gradient {isa:?} {p:?}");
        got.fill(f32::NAN);
        kernel_gradient(isa, p, &x, &dy, &mut got, None);
        assert!(want == got, "kernel gradient without bias {isa:?} {p:?}");
    }
}

const PLAIN: Conv2d = Conv2d {
    batch: 2,
    height: 9,
    width: 8,
    channels: 5,
    filters: 7,
    kernel: [3, 3],
    strides: [1, 1],
    dilation: [1, 1],
    groups: 1,
    padding: [[0; 2]; 2],
};

#[test]
fn every_geometry_equals_the_reference() {
    for kernel in [[1, 1], [3, 3], [2, 3], [5, 1]] {
        for strides in [[1, 1], [2, 2], [3, 1], [1, 4]] {
            for dilation in [[1, 1], [2, 2], [1, 3], [2, 1]] {
                for padding in [[[0, 0], [0, 0]], [[1, 1], [1, 1]], [[0, 1], [2, 0]], [[3, 4], [5, 3]]] {
                    check(&Conv2d { kernel, strides, dilation, padding, ..PLAIN });
                }
            }
        }
    }
}

#[test]
fn every_width_and_group_equals_the_reference() {
    for (channels, filters, groups) in
        [(1, 1, 1), (1, 32, 1), (3, 16, 1), (16, 3, 1), (33, 40, 1), (32, 64, 1), (64, 65, 1)].into_iter().chain([
            (4, 6, 2),
            (6, 6, 6),
            (6, 12, 6),
            (17, 17, 17),
            (33, 66, 33),
            (32, 64, 2),
            (9, 3, 3),
        ])
    {
        for padding in [[[0, 0], [0, 0]], [[1, 1], [1, 1]]] {
            let p = Conv2d { channels, filters, groups, padding, ..PLAIN };
            check(&p);
            check(&Conv2d { strides: [2, 2], ..p });
        }
    }
}

#[test]
fn few_filters_and_few_channels_equal_the_reference() {
    for (channels, filters, groups) in [(16, 1, 1), (32, 3, 1), (64, 4, 1), (20, 2, 1), (48, 5, 1), (40, 6, 2)] {
        let p = Conv2d { channels, filters, groups, height: 12, width: 11, padding: [[1, 1], [2, 0]], ..PLAIN };
        check(&p);
        check(&Conv2d { strides: [2, 2], ..p });
        check(&Conv2d { dilation: [2, 1], ..p });
        check(&Conv2d { dilation: [1, 2], strides: [1, 2], ..p });
        check(&Conv2d { channels: filters, filters: channels, ..p });
        check(&Conv2d { channels: filters, filters: channels, strides: [2, 2], batch: 40, ..p });
        check(&Conv2d { height: 70, width: 60, padding: [[0; 2]; 2], ..p });
        check(&Conv2d { padding: [[20; 2]; 2], ..p });
    }
}

#[test]
fn every_depthwise_geometry_equals_the_reference() {
    for (channels, filters) in [(2, 2), (3, 6), (7, 7), (16, 16), (33, 33), (24, 48)] {
        let depthwise = Conv2d { channels, filters, groups: channels, ..PLAIN };
        for (kernel, strides, dilation) in [
            ([3, 3], [1, 1], [1, 1]),
            ([3, 3], [2, 2], [1, 1]),
            ([2, 5], [1, 3], [1, 1]),
            ([5, 4], [3, 1], [1, 1]),
            ([1, 1], [4, 3], [1, 1]),
            ([2, 3], [1, 1], [2, 3]),
            ([3, 2], [2, 3], [2, 1]),
            ([1, 7], [1, 1], [1, 1]),
        ] {
            for padding in [[[0, 0], [0, 0]], [[1, 1], [1, 1]], [[0, 1], [2, 0]], [[3, 4], [5, 3]]] {
                check(&Conv2d { kernel, strides, dilation, padding, ..depthwise });
            }
        }
    }
    let wide = Conv2d { channels: 70, filters: 70, groups: 70, padding: [[1; 2]; 2], ..PLAIN };
    check(&Conv2d { batch: 3, height: 40, width: 37, ..wide });
    check(&Conv2d { batch: 40, height: 3, width: 2, ..wide });
    check(&Conv2d { height: 1, width: 1, padding: [[9; 2]; 2], ..wide });
    check(&Conv2d { batch: 0, ..wide });
    check(&Conv2d { filters: 0, ..wide });
    check(&Conv2d { kernel: [12, 3], ..wide });
}

#[test]
fn small_and_large_images_and_batches_equal_the_reference() {
    check(&Conv2d { batch: 19, height: 4, width: 3, ..PLAIN });
    check(&Conv2d { batch: 1, height: 60, width: 50, channels: 3, filters: 33, ..PLAIN });
    check(&Conv2d { batch: 2, height: 70, width: 60, channels: 32, filters: 8, padding: [[1; 2]; 2], ..PLAIN });
    check(&Conv2d { batch: 1, height: 5, width: 5, channels: 130, filters: 260, ..PLAIN });
    // Nothing in, nothing out, and a kernel larger than the image.
    check(&Conv2d { batch: 0, ..PLAIN });
    check(&Conv2d { height: 0, ..PLAIN });
    check(&Conv2d { height: 0, padding: [[2, 2], [1, 1]], ..PLAIN });
    check(&Conv2d { filters: 0, ..PLAIN });
    check(&Conv2d { channels: 0, ..PLAIN });
    check(&Conv2d { kernel: [10, 3], ..PLAIN });
    check(&Conv2d { kernel: [10, 9], padding: [[1, 0], [0, 1]], ..PLAIN });
}

#[test]
fn three_by_three_on_many_channels_equals_the_reference() {
    for (height, width, padding) in [(11, 12, 0), (8, 8, 1), (13, 10, 2), (16, 7, 1)] {
        let p = Conv2d { batch: 5, height, width, channels: 32, filters: 48, padding: [[padding; 2]; 2], ..PLAIN };
        check(&p);
        check(&Conv2d { channels: 64, filters: 32, padding: [[2, 0], [0, 1]], ..p });
        // Enough of them for the kernel's gradient.
        check(&Conv2d { batch: 23, ..p });
    }
}

#[test]
fn the_error_is_that_of_float32() {
    let noise = |len: usize, seed: u32| -> Vec<f32> {
        (0..len as u32).map(|i| ((i ^ seed).wrapping_mul(2654435761) >> 8) as f32 / 8.4e6 - 1.0).collect()
    };
    let p = Conv2d { batch: 16, height: 12, width: 12, channels: 64, filters: 64, padding: [[1; 2]; 2], ..PLAIN };
    let [x, kernel, y] = sizes(&p);
    let (x, kernel, dy) = (noise(x, 1), noise(kernel, 2), noise(y, 3));
    let expect_close = |isa: Isa, want: &[f32], got: &[f32]| {
        let scale = (want.iter().map(|v| v * v).sum::<f32>() / want.len() as f32).sqrt();
        let worst = want.iter().zip(got).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max) / scale;
        assert!(worst < 4e-6, "{isa:?} {worst}");
    };
    let (mut want, mut want_kernel) = (dy.clone(), kernel.clone());
    reference::forward(&p, &x, &kernel, None, false, &mut want);
    reference::kernel_gradient(&p, &x, &dy, &mut want_kernel, None);
    for isa in Isa::available() {
        let (mut got, mut got_kernel) = (dy.clone(), kernel.clone());
        forward(isa, &p, &x, &kernel, None, false, &mut got);
        expect_close(isa, &want, &got);
        kernel_gradient(isa, &p, &x, &dy, &mut got_kernel, None);
        expect_close(isa, &want_kernel, &got_kernel);
    }
}

#[test]
fn a_nan_reaches_the_outputs_it_touches_and_no_other() {
    let p = Conv2d { batch: 1, height: 6, width: 6, channels: 2, filters: 37, ..PLAIN };
    let [x, kernel, y] = sizes(&p);
    for isa in Isa::available() {
        let mut x = values(x, 1);
        x[(2 * 6 + 5) * 2] = f32::NAN;
        let (kernel, mut got) = (values(kernel, 2), vec![0.0; y]);
        forward(isa, &p, &x, &kernel, None, true, &mut got);
        for (i, v) in got.iter().enumerate() {
            let (h, w) = (i / 37 / 4, i / 37 % 4);
            assert_eq!(v.is_nan(), h <= 2 && w == 3, "{isa:?} {i}");
        }
    }
}

#[test]
fn the_bits_do_not_depend_on_the_threads() {
    let noise = |len: usize, seed: u32| -> Vec<f32> {
        (0..len as u32).map(|i| ((i ^ seed).wrapping_mul(2654435761) >> 8) as f32 / 1e7 - 0.8).collect()
    };
    let small = Conv2d { batch: 21, height: 17, width: 15, channels: 6, filters: 20, padding: [[1; 2]; 2], ..PLAIN };
    let depthwise = Conv2d { batch: 50, filters: 12, groups: 6, ..small };
    let few = Conv2d { channels: 32, filters: 3, ..small };
    for p in [small, Conv2d { channels: 32, filters: 32, ..small }, few, depthwise] {
        let [x, kernel, y] = sizes(&p);
        let (x, kernel, dy) = (noise(x, 1), noise(kernel, 2), noise(y, 3));
        for isa in Isa::available() {
            let bits: Vec<Vec<u32>> = [1, 2, 3, 5]
                .map(|count| {
                    threads::set_count(count);
                    let (mut y, mut dx, mut dk) = (dy.clone(), x.clone(), kernel.clone());
                    let mut db = vec![0.0; p.filters];
                    forward(isa, &p, &x, &kernel, None, false, &mut y);
                    input_gradient(isa, &p, &dy, &kernel, &mut dx);
                    kernel_gradient(isa, &p, &x, &dy, &mut dk, Some(&mut db));
                    [y, dx, dk, db].concat().iter().map(|v| v.to_bits()).collect()
                })
                .into();
            threads::set_count(0);
            assert!(bits.iter().all(|other| other == &bits[0]), "{isa:?}");
        }
    }
}
