//! The slow truth: plain loops, sums in f64.

use super::Matmul;

pub fn matmul(p: &Matmul, a: &[f32], b: &[f32], bias: Option<&[f32]>, relu: bool, c: &mut [f32]) {
    for batch in 0..p.batch {
        for i in 0..p.m {
            for j in 0..p.n {
                let mut sum = 0.0f64;
                for k in 0..p.k {
                    let at = batch * p.stride_a + if p.transpose_a { k * p.m + i } else { i * p.k + k };
                    let bt = batch * p.stride_b + if p.transpose_b { j * p.k + k } else { k * p.n + j };
                    sum += f64::from(a[at]) * f64::from(b[bt]);
                }
                sum += bias.map_or(0.0, |bias| f64::from(bias[j]));
                c[(batch * p.m + i) * p.n + j] = if relu && sum < 0.0 { 0.0 } else { sum as f32 };
            }
        }
    }
}
