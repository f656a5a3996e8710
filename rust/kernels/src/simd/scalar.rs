//! Portable Rust: four lanes that the compiler may or may not put into a register.

use super::{Kernel, Simd};

#[derive(Clone, Copy)]
pub(super) struct Scalar;

pub(super) trait Enter: Kernel {
    /// A call of its own, as the other sets' are: inlined, a large kernel would be compiled anew wherever it is used.
    #[inline(never)]
    fn enter(self) -> Self::Output {
        self.run(Scalar)
    }
}

impl<K: Kernel> Enter for K {}

const N: usize = 4;
type F = [f32; N];
type M = [bool; N];

#[inline(always)]
fn map(a: F, f: impl Fn(f32) -> f32) -> F {
    [f(a[0]), f(a[1]), f(a[2]), f(a[3])]
}

#[inline(always)]
fn zip<T>(a: F, b: F, f: impl Fn(f32, f32) -> T) -> [T; N] {
    [f(a[0], b[0]), f(a[1], b[1]), f(a[2], b[2]), f(a[3], b[3])]
}

impl Simd for Scalar {
    const LANES: usize = N;
    const FUSED: bool = false;
    const TILE_ROWS: usize = 4;
    const TILE_VECTORS: usize = 2;
    type F = F;
    type M = M;

    #[inline(always)]
    fn call<K: Kernel>(self, kernel: K) -> K::Output {
        kernel.enter()
    }
    #[inline(always)]
    fn splat(self, value: f32) -> F {
        [value; N]
    }
    #[inline(always)]
    unsafe fn load_ptr(self, source: *const f32) -> F {
        // SAFETY: the caller vouches for N floats; the read does not assume alignment.
        unsafe { source.cast::<F>().read_unaligned() }
    }
    #[inline(always)]
    unsafe fn store_ptr(self, target: *mut f32, value: F) {
        // SAFETY: the caller vouches for N floats; the write does not assume alignment.
        unsafe { target.cast::<F>().write_unaligned(value) }
    }
    #[inline(always)]
    unsafe fn load_head_ptr(self, source: *const f32, count: usize) -> F {
        let mut lanes = [0.0; N];
        // SAFETY: the caller vouches for `count <= N` floats.
        unsafe { core::ptr::copy_nonoverlapping(source, lanes.as_mut_ptr(), count) };
        lanes
    }
    #[inline(always)]
    unsafe fn store_head_ptr(self, target: *mut f32, value: F, count: usize) {
        // SAFETY: the caller vouches for `count <= N` floats.
        unsafe { core::ptr::copy_nonoverlapping(value.as_ptr(), target, count) };
    }
    #[inline(always)]
    fn add(self, a: F, b: F) -> F {
        zip(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: F, b: F) -> F {
        zip(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: F, b: F) -> F {
        zip(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, a: F, b: F) -> F {
        zip(a, b, |a, b| a / b)
    }
    #[inline(always)]
    fn mul_add(self, a: F, b: F, c: F) -> F {
        self.add(self.mul(a, b), c)
    }
    #[inline(always)]
    fn sqrt(self, a: F) -> F {
        map(a, f32::sqrt)
    }
    #[inline(always)]
    fn abs(self, a: F) -> F {
        map(a, f32::abs)
    }
    #[inline(always)]
    fn neg(self, a: F) -> F {
        map(a, |a| -a)
    }
    #[inline(always)]
    fn copysign(self, a: F, b: F) -> F {
        zip(a, b, f32::copysign)
    }
    #[inline(always)]
    fn round(self, a: F) -> F {
        map(a, f32::round_ties_even)
    }
    #[inline(always)]
    fn pow2(self, n: F) -> F {
        map(n, |n| f32::from_bits(((n as i32).wrapping_add(127) as u32) << 23))
    }
    #[inline(always)]
    fn scale_pow2(self, a: F, n: F) -> F {
        zip(a, n, |a, n| f32::from_bits(a.to_bits().wrapping_add((n as i32 as u32) << 23)))
    }
    #[inline(always)]
    fn split_exponent(self, a: F) -> (F, F) {
        let mantissa = map(a, |a| f32::from_bits((a.to_bits() & 0x007f_ffff) | 0x3f80_0000));
        (mantissa, map(a, |a| (a.to_bits() >> 23) as f32 - 127.0))
    }
    #[inline(always)]
    fn head(self, count: usize) -> M {
        [count > 0, count > 1, count > 2, count > 3]
    }
    #[inline(always)]
    fn lt(self, a: F, b: F) -> M {
        zip(a, b, |a, b| a < b)
    }
    #[inline(always)]
    fn le(self, a: F, b: F) -> M {
        zip(a, b, |a, b| a <= b)
    }
    #[inline(always)]
    fn eq(self, a: F, b: F) -> M {
        zip(a, b, |a, b| a == b)
    }
    #[inline(always)]
    fn is_nan(self, a: F) -> M {
        zip(a, a, |a, _| a.is_nan())
    }
    #[inline(always)]
    fn is_positive_normal(self, a: F) -> M {
        zip(a, a, |a, _| a.is_normal() & a.is_sign_positive())
    }
    #[inline(always)]
    fn and(self, a: M, b: M) -> M {
        [a[0] & b[0], a[1] & b[1], a[2] & b[2], a[3] & b[3]]
    }
    #[inline(always)]
    fn or(self, a: M, b: M) -> M {
        [a[0] | b[0], a[1] | b[1], a[2] | b[2], a[3] | b[3]]
    }
    #[inline(always)]
    fn not(self, a: M) -> M {
        [!a[0], !a[1], !a[2], !a[3]]
    }
    #[inline(always)]
    fn select(self, mask: M, a: F, b: F) -> F {
        let pick = |i: usize| if mask[i] { a[i] } else { b[i] };
        [pick(0), pick(1), pick(2), pick(3)]
    }
    #[inline(always)]
    fn first(self, mask: M) -> usize {
        mask.into_iter().position(|set| set).unwrap_or(N)
    }
    #[inline(always)]
    fn all(self, mask: M) -> bool {
        mask == [true; N]
    }
    #[inline(always)]
    fn max_raw(self, a: F, b: F) -> F {
        zip(a, b, |a, b| if b < a { a } else { b })
    }
    #[inline(always)]
    fn min_raw(self, a: F, b: F) -> F {
        zip(a, b, |a, b| if a < b { a } else { b })
    }
}
