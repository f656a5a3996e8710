//! The speed of matmul and conv2d in GFLOP/s, beside the `gemm` crate:
//! `cargo run --release --manifest-path benches/speed/Cargo.toml [matmul|conv|all]`

use corten_kernels::conv2d::{self, Conv2d};
use corten_kernels::gemm::{Matmul, matmul};
use corten_kernels::{Isa, threads};
use std::hint::black_box;
use std::time::Instant;

/// The best of many runs, in seconds.
fn best(mut f: impl FnMut()) -> f64 {
    f();
    let mut best = f64::MAX;
    let begun = Instant::now();
    while begun.elapsed().as_millis() < 150 {
        let start = Instant::now();
        let mut runs = 0;
        while runs == 0 || start.elapsed().as_micros() < 50 {
            f();
            runs += 1;
        }
        best = best.min(start.elapsed().as_secs_f64() / f64::from(runs));
    }
    best
}

fn noise(len: usize) -> Vec<f32> {
    (0..len as u32).map(|i| (i.wrapping_mul(2654435761) >> 8) as f32 / 1.7e7 - 0.5).collect()
}

fn product(isa: Isa, (m, n, k): (usize, usize, usize), transpose_a: bool, transpose_b: bool) {
    let (a, b, mut c) = (noise(m * k), noise(k * n), vec![0.0; m * n]);
    let p = Matmul { batch: 1, m, n, k, transpose_a, transpose_b, stride_a: m * k, stride_b: k * n };
    let (a_row, a_column) = if transpose_a { (1, m) } else { (k, 1) };
    let (b_row, b_column) = if transpose_b { (1, k) } else { (n, 1) };
    let parallelism =
        if threads::count() == 1 { gemm::Parallelism::None } else { gemm::Parallelism::Rayon(threads::count()) };
    let ours = best(|| matmul(isa, &p, black_box(&a), black_box(&b), None, false, black_box(&mut c)));
    // SAFETY: pointers and strides describe the three slices.
    let theirs = best(|| unsafe {
        let (c, a, b) = (c.as_mut_ptr(), a.as_ptr(), b.as_ptr());
        let (a_row, a_column, b_row, b_column) = (a_row as isize, a_column as isize, b_row as isize, b_column as isize);
        gemm::gemm(
            m,
            n,
            k,
            c,
            1,
            n as isize,
            false,
            a,
            a_column,
            a_row,
            b,
            b_column,
            b_row,
            0.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    });
    let flops = 2e-9 * (m * n * k) as f64;
    let letter = |transposed| if transposed { "T" } else { "N" };
    println!(
        "matmul {m:>4} x {n:>4} x {k:>4} {}{}  {:8.2} us  {:6.1} GFLOP/s   gemm crate {:6.1}",
        letter(transpose_a),
        letter(transpose_b),
        ours * 1e6,
        flops / ours,
        flops / theirs
    );
}

fn convolution(isa: Isa, name: &str, p: &Conv2d) {
    let (out, image) = (p.out_height() * p.out_width(), p.height * p.width * p.channels);
    let taps = p.kernel[0] * p.kernel[1] * p.channels / p.groups;
    let (x, dy, kernel) = (noise(p.batch * image), noise(p.batch * out * p.filters), noise(taps * p.filters));
    let (mut y, mut dx, mut dk) = (dy.clone(), x.clone(), kernel.clone());
    let (bias, mut db) = (noise(p.filters), vec![0.0; p.filters]);
    let forward = best(|| conv2d::forward(isa, p, &x, &kernel, Some(&bias), true, black_box(&mut y)));
    let input = best(|| conv2d::input_gradient(isa, p, &dy, &kernel, black_box(&mut dx)));
    let weights = best(|| conv2d::kernel_gradient(isa, p, &x, &dy, black_box(&mut dk), Some(&mut db)));
    let flops = 2e-9 * (p.batch * out * taps * p.filters) as f64;
    println!(
        "{name:24} forward {:8.1} us {:6.1} GFLOP/s   dx {:8.1} us {:6.1}   dkernel {:8.1} us {:6.1}",
        forward * 1e6,
        flops / forward,
        input * 1e6,
        flops / input,
        weights * 1e6,
        flops / weights
    );
}

fn main() {
    let filter = std::env::args().nth(1).unwrap_or_default();
    for threads in [1, 2] {
        threads::set_count(threads);
        for isa in Isa::available().into_iter().rev().take(if filter == "all" { 3 } else { 1 }) {
            println!("--- {} {threads} thread(s)", isa.name());
            if filter != "conv" {
                for size in [(32, 64, 64), (32, 10, 64), (1, 64, 64), (128, 128, 128), (256, 256, 256)] {
                    product(isa, size, false, false);
                }
                for size in [(512, 512, 512), (1024, 1024, 1024), (2048, 2048, 2048)] {
                    product(isa, size, false, false);
                }
                for (transpose_a, transpose_b) in [(false, true), (true, false), (true, true)] {
                    product(isa, (64, 64, 32), transpose_a, transpose_b);
                    product(isa, (512, 512, 512), transpose_a, transpose_b);
                }
                product(isa, (128, 128, 1600), false, false);
                product(isa, (1600, 128, 128), true, false);
                product(isa, (128, 1600, 128), false, true);
                product(isa, (1, 128, 1600), false, false);
            }
            if filter != "matmul" {
                let conv = |batch, size, channels, filters, same: usize| Conv2d {
                    batch,
                    height: size,
                    width: size,
                    channels,
                    filters,
                    kernel: [3, 3],
                    strides: [1, 1],
                    dilation: [1, 1],
                    groups: 1,
                    padding: [[same; 2]; 2],
                };
                convolution(isa, "conv1 128 28x28 1-32", &conv(128, 28, 1, 32, 0));
                convolution(isa, "conv2 128 13x13 32-64", &conv(128, 13, 32, 64, 0));
                convolution(isa, "conv2  32 13x13 32-64", &conv(32, 13, 32, 64, 0));
                convolution(isa, "resnet 64 32x32 16-16", &conv(64, 32, 16, 16, 1));
                convolution(isa, "resnet 64 16x16 32-32", &conv(64, 16, 32, 32, 1));
                convolution(isa, "resnet 64  8x8 64-64", &conv(64, 8, 64, 64, 1));
                convolution(isa, "large   8 56x56 64-64", &conv(8, 56, 64, 64, 1));
                let down = Conv2d { strides: [2, 2], filters: 32, ..conv(64, 32, 16, 16, 1) };
                convolution(isa, "stride2 64 32x32 16-32", &down);
                convolution(isa, "depthwise 32 28x28 32", &Conv2d { groups: 32, ..conv(32, 28, 32, 32, 1) });
            }
        }
    }
}
