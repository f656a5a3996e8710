//! NEON: four lanes, part of every aarch64.

use super::{Kernel, Simd};
use core::arch::aarch64::*;

#[derive(Clone, Copy)]
pub(super) struct Neon(());

pub(super) trait Enter: Kernel {
    /// # Safety
    /// The CPU must have NEON, as every aarch64 does.
    #[target_feature(enable = "neon")]
    #[inline(never)]
    unsafe fn enter(self) -> Self::Output {
        self.run(Neon(()))
    }
}

impl<K: Kernel> Enter for K {}

// SAFETY (of every block below): NEON is part of the aarch64 baseline.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Simd for Neon {
    const LANES: usize = 4;
    const FUSED: bool = true;
    const TILE_ROWS: usize = 8;
    const TILE_VECTORS: usize = 3;
    type F = float32x4_t;
    type M = uint32x4_t;

    #[inline(always)]
    fn call<K: Kernel>(self, kernel: K) -> K::Output {
        unsafe { kernel.enter() }
    }
    #[inline(always)]
    fn splat(self, value: f32) -> float32x4_t {
        unsafe { vdupq_n_f32(value) }
    }
    #[inline(always)]
    unsafe fn load_ptr(self, source: *const f32) -> float32x4_t {
        unsafe { vld1q_f32(source) }
    }
    #[inline(always)]
    unsafe fn store_ptr(self, target: *mut f32, value: float32x4_t) {
        unsafe { vst1q_f32(target, value) }
    }
    #[inline(always)]
    unsafe fn load_head_ptr(self, source: *const f32, count: usize) -> float32x4_t {
        let mut lanes = [0.0f32; 4];
        unsafe {
            core::ptr::copy_nonoverlapping(source, lanes.as_mut_ptr(), count);
            vld1q_f32(lanes.as_ptr())
        }
    }
    #[inline(always)]
    unsafe fn store_head_ptr(self, target: *mut f32, value: float32x4_t, count: usize) {
        let mut lanes = [0.0f32; 4];
        unsafe {
            vst1q_f32(lanes.as_mut_ptr(), value);
            core::ptr::copy_nonoverlapping(lanes.as_ptr(), target, count);
        }
    }
    #[inline(always)]
    fn sums(self, vectors: &[float32x4_t; 16]) -> float32x4_t {
        unsafe { vpaddq_f32(vpaddq_f32(vectors[0], vectors[1]), vpaddq_f32(vectors[2], vectors[3])) }
    }
    #[inline(always)]
    fn add(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vaddq_f32(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vsubq_f32(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vmulq_f32(a, b) }
    }
    #[inline(always)]
    fn div(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vdivq_f32(a, b) }
    }
    #[inline(always)]
    fn mul_add(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        unsafe { vfmaq_f32(c, a, b) }
    }
    #[inline(always)]
    fn sqrt(self, a: float32x4_t) -> float32x4_t {
        unsafe { vsqrtq_f32(a) }
    }
    #[inline(always)]
    fn abs(self, a: float32x4_t) -> float32x4_t {
        unsafe { vabsq_f32(a) }
    }
    #[inline(always)]
    fn neg(self, a: float32x4_t) -> float32x4_t {
        unsafe { vnegq_f32(a) }
    }
    #[inline(always)]
    fn copysign(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vbslq_f32(vdupq_n_u32(1 << 31), b, a) }
    }
    #[inline(always)]
    fn round(self, a: float32x4_t) -> float32x4_t {
        unsafe { vrndnq_f32(a) }
    }
    #[inline(always)]
    fn pow2(self, n: float32x4_t) -> float32x4_t {
        unsafe {
            let biased = vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127));
            vreinterpretq_f32_s32(vshlq_n_s32::<23>(biased))
        }
    }
    #[inline(always)]
    fn scale_pow2(self, a: float32x4_t, n: float32x4_t) -> float32x4_t {
        unsafe {
            let shift = vshlq_n_s32::<23>(vcvtnq_s32_f32(n));
            vreinterpretq_f32_s32(vaddq_s32(vreinterpretq_s32_f32(a), shift))
        }
    }
    #[inline(always)]
    fn split_exponent(self, a: float32x4_t) -> (float32x4_t, float32x4_t) {
        unsafe {
            let bits = vreinterpretq_u32_f32(a);
            let exponent = vsubq_s32(vreinterpretq_s32_u32(vshrq_n_u32::<23>(bits)), vdupq_n_s32(127));
            let mantissa = vorrq_u32(vandq_u32(bits, vdupq_n_u32(0x007f_ffff)), vdupq_n_u32(0x3f80_0000));
            (vreinterpretq_f32_u32(mantissa), vcvtq_f32_s32(exponent))
        }
    }
    #[inline(always)]
    fn head(self, count: usize) -> uint32x4_t {
        assert!(count <= 4);
        let all = [u32::MAX, u32::MAX, u32::MAX, u32::MAX, 0, 0, 0, 0];
        unsafe { vld1q_u32(all.as_ptr().add(4 - count)) }
    }
    #[inline(always)]
    fn lt(self, a: float32x4_t, b: float32x4_t) -> uint32x4_t {
        unsafe { vcltq_f32(a, b) }
    }
    #[inline(always)]
    fn le(self, a: float32x4_t, b: float32x4_t) -> uint32x4_t {
        unsafe { vcleq_f32(a, b) }
    }
    #[inline(always)]
    fn eq(self, a: float32x4_t, b: float32x4_t) -> uint32x4_t {
        unsafe { vceqq_f32(a, b) }
    }
    #[inline(always)]
    fn is_nan(self, a: float32x4_t) -> uint32x4_t {
        unsafe { vmvnq_u32(vceqq_f32(a, a)) }
    }
    #[inline(always)]
    fn is_positive_normal(self, a: float32x4_t) -> uint32x4_t {
        unsafe {
            let moved = vsubq_u32(vreinterpretq_u32_f32(a), vdupq_n_u32(0x0080_0000));
            vcltq_u32(moved, vdupq_n_u32(0x7f00_0000))
        }
    }
    #[inline(always)]
    fn and(self, a: uint32x4_t, b: uint32x4_t) -> uint32x4_t {
        unsafe { vandq_u32(a, b) }
    }
    #[inline(always)]
    fn or(self, a: uint32x4_t, b: uint32x4_t) -> uint32x4_t {
        unsafe { vorrq_u32(a, b) }
    }
    #[inline(always)]
    fn not(self, a: uint32x4_t) -> uint32x4_t {
        unsafe { vmvnq_u32(a) }
    }
    #[inline(always)]
    fn select(self, mask: uint32x4_t, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vbslq_f32(mask, a, b) }
    }
    #[inline(always)]
    fn first(self, mask: uint32x4_t) -> usize {
        // Sixteen bits a lane, all lanes in one number.
        let lanes = unsafe { vget_lane_u64::<0>(vreinterpret_u64_u16(vmovn_u32(mask))) };
        lanes.trailing_zeros() as usize / 16
    }
    #[inline(always)]
    fn all(self, mask: uint32x4_t) -> bool {
        unsafe { vminvq_u32(mask) == u32::MAX }
    }
    #[inline(always)]
    fn max_raw(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vbslq_f32(vcltq_f32(b, a), a, b) }
    }
    #[inline(always)]
    fn min_raw(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        unsafe { vbslq_f32(vcltq_f32(a, b), a, b) }
    }
}
