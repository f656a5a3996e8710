//! One row times a matrix: bound by how fast the matrix comes, so that its rows are read in long stretches.

use crate::simd::{Isa, Kernel, Simd};
use crate::threads;

/// Vectors summed side by side: enough to hide the time that a multiply-add takes.
const VECTORS: usize = 8;

/// `c = relu(bias + a . b)`, where `b` is row-major and as wide as `c`; summed in runs of `depth`, as the tile does, for
/// a row alone must get the bits that it gets among others.
pub fn times(isa: Isa, a: &[f32], b: &[f32], depth: usize, bias: Option<&[f32]>, relu: bool, c: &mut [f32]) {
    let (stride, width) = (c.len(), VECTORS * isa.lanes());
    // It takes as long as reading `b` does.
    threads::for_each_chunk(c, width, a.len() * width.min(stride) / 2, |i, c| {
        let (at, bias) = (i * width, bias.map(|bias| &bias[i * width..]));
        isa.run(Row { a, b: b.get(at..).unwrap_or(&[]), stride, depth, bias, relu, c });
    });
}

/// As many columns as `c` is long, of a matrix whose rows are `stride` apart.
struct Row<'a> {
    a: &'a [f32],
    b: &'a [f32],
    stride: usize,
    depth: usize,
    bias: Option<&'a [f32]>,
    relu: bool,
    c: &'a mut [f32],
}

impl Kernel for Row<'_> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        macro_rules! vectors {
            ($($v:literal)*) => {
                match self.c.len().div_ceil(S::LANES) {
                    $($v => sums::<S, $v>(s, self),)*
                    _ => unreachable!("a task has a column, and no more than that"),
                }
            };
        }
        vectors!(1 2 3 4 5 6 7 8)
    }
}

#[inline(always)]
fn sums<S: Simd, const V: usize>(s: S, p: Row) {
    let columns = p.c.len();
    let part = |v: usize| v * S::LANES..columns.min((v + 1) * S::LANES);
    let mut total = [s.splat(0.0); V];
    if let Some(bias) = p.bias {
        (0..V).for_each(|v| total[v] = s.load_head(&bias[part(v)]));
    }
    let tail = V - 1;
    for (run, a) in p.a.chunks(p.depth).enumerate() {
        let mut sums = if run == 0 { total } else { [s.splat(0.0); V] };
        for (&a, row) in a.iter().zip(p.b[run * p.depth * p.stride..].chunks(p.stride)) {
            let (a, row) = (s.splat(a), &row[..columns]);
            for v in 0..tail {
                sums[v] = s.mul_add(a, s.load(&row[v * S::LANES..]), sums[v]);
            }
            sums[tail] = s.mul_add(a, s.load_head(&row[tail * S::LANES..]), sums[tail]);
        }
        if run > 0 {
            (0..V).for_each(|v| sums[v] = s.add(sums[v], total[v]));
        }
        total = sums;
    }
    let floor = s.splat(if p.relu { 0.0 } else { f32::NEG_INFINITY });
    (0..V).for_each(|v| s.store_head(&mut p.c[part(v)], s.max_raw(floor, total[v])));
}
