//! The slow truth: plain loops, sums in f64.

use super::Conv2d;

/// Calls `f(output element, input element, kernel element)` for every product of the convolution.
fn products(p: &Conv2d, mut f: impl FnMut(usize, usize, usize)) {
    let (channels, filters) = (p.channels / p.groups, p.filters / p.groups);
    let (out_height, out_width) = (p.out_height(), p.out_width());
    for (n, oh, ow) in triples(p.batch, out_height, out_width) {
        for (kh, kw, c) in triples(p.kernel[0], p.kernel[1], channels) {
            let (h, w) = (oh * p.strides[0] + kh * p.dilation[0], ow * p.strides[1] + kw * p.dilation[1]);
            let (Some(h), Some(w)) = (h.checked_sub(p.padding[0][0]), w.checked_sub(p.padding[1][0])) else { continue };
            if h >= p.height || w >= p.width {
                continue;
            }
            for filter in 0..p.filters {
                let y = ((n * out_height + oh) * out_width + ow) * p.filters + filter;
                let x = ((n * p.height + h) * p.width + w) * p.channels + filter / filters * channels + c;
                let k = ((kh * p.kernel[1] + kw) * channels + c) * p.filters + filter;
                f(y, x, k);
            }
        }
    }
}

fn triples(a: usize, b: usize, c: usize) -> impl Iterator<Item = (usize, usize, usize)> {
    (0..a).flat_map(move |i| (0..b).flat_map(move |j| (0..c).map(move |k| (i, j, k))))
}

fn rounded(sums: &[f64], out: &mut [f32]) {
    out.iter_mut().zip(sums).for_each(|(out, &sum)| *out = sum as f32);
}

pub fn forward(p: &Conv2d, x: &[f32], kernel: &[f32], bias: Option<&[f32]>, relu: bool, y: &mut [f32]) {
    let mut sums: Vec<f64> = (0..y.len()).map(|i| bias.map_or(0.0, |bias| f64::from(bias[i % p.filters]))).collect();
    products(p, |i, j, k| sums[i] += f64::from(x[j]) * f64::from(kernel[k]));
    if relu {
        sums.iter_mut().for_each(|sum| *sum = if *sum < 0.0 { 0.0 } else { *sum });
    }
    rounded(&sums, y);
}

pub fn input_gradient(p: &Conv2d, dy: &[f32], kernel: &[f32], dx: &mut [f32]) {
    let mut sums = vec![0.0f64; dx.len()];
    products(p, |i, j, k| sums[j] += f64::from(dy[i]) * f64::from(kernel[k]));
    rounded(&sums, dx);
}

pub fn kernel_gradient(p: &Conv2d, x: &[f32], dy: &[f32], dkernel: &mut [f32], dbias: Option<&mut [f32]>) {
    let mut sums = vec![0.0f64; dkernel.len()];
    products(p, |i, j, k| sums[k] += f64::from(x[j]) * f64::from(dy[i]));
    rounded(&sums, dkernel);
    if let Some(dbias) = dbias {
        let mut sums = vec![0.0f64; p.filters];
        dy.iter().enumerate().for_each(|(i, &dy)| sums[i % p.filters] += f64::from(dy));
        rounded(&sums, dbias);
    }
}
