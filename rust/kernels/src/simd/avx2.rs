//! AVX2 with FMA: eight lanes.

use super::{Kernel, Simd};
use core::arch::x86_64::*;

#[derive(Clone, Copy)]
pub(super) struct Avx2(());

pub(super) fn detected() -> bool {
    is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")
}

pub(super) trait Enter: Kernel {
    /// # Safety
    /// The CPU must have AVX2 and FMA.
    #[target_feature(enable = "avx2,fma")]
    #[inline(never)]
    unsafe fn enter(self) -> Self::Output {
        self.run(Avx2(()))
    }
}

impl<K: Kernel> Enter for K {}

static HEADS: [i32; 16] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

/// A mask of the first `count` lanes.
#[inline(always)]
fn head(count: usize) -> __m256i {
    debug_assert!(count <= 8);
    // SAFETY: 8 - count is at most 8 and the table has 16 entries; AVX2 is there, for only `Avx2`'s methods call this.
    unsafe { _mm256_loadu_si256(HEADS.as_ptr().add(8 - count).cast()) }
}

// SAFETY (of every block below): the token is made by `enter` alone, whose caller vouches for the CPU.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Simd for Avx2 {
    const LANES: usize = 8;
    const FUSED: bool = true;
    const TILE_ROWS: usize = 6;
    const TILE_VECTORS: usize = 2;
    type F = __m256;
    type M = __m256;

    #[inline(always)]
    fn call<K: Kernel>(self, kernel: K) -> K::Output {
        unsafe { kernel.enter() }
    }
    #[inline(always)]
    fn splat(self, value: f32) -> __m256 {
        unsafe { _mm256_set1_ps(value) }
    }
    #[inline(always)]
    unsafe fn load_ptr(self, source: *const f32) -> __m256 {
        unsafe { _mm256_loadu_ps(source) }
    }
    #[inline(always)]
    unsafe fn store_ptr(self, target: *mut f32, value: __m256) {
        unsafe { _mm256_storeu_ps(target, value) }
    }
    #[inline(always)]
    unsafe fn load_head_ptr(self, source: *const f32, count: usize) -> __m256 {
        unsafe { _mm256_maskload_ps(source, head(count)) }
    }
    #[inline(always)]
    unsafe fn store_head_ptr(self, target: *mut f32, value: __m256, count: usize) {
        unsafe { _mm256_maskstore_ps(target, head(count), value) }
    }
    #[inline(always)]
    unsafe fn transpose_ptr(self, source: *const f32, rows: &[usize; 16], target: *mut f32, stride: usize) {
        unsafe {
            // Rows i and i + 4, each in half a vector.
            let two = |i: usize| _mm256_loadu2_m128(source.add(rows[i + 4]), source.add(rows[i]));
            let (a, b, c, d) = (two(0), two(1), two(2), two(3));
            let (ab, cd) = (_mm256_unpacklo_ps(a, b), _mm256_unpacklo_ps(c, d));
            _mm256_storeu_ps(target, _mm256_shuffle_ps::<0x44>(ab, cd));
            _mm256_storeu_ps(target.add(stride), _mm256_shuffle_ps::<0xEE>(ab, cd));
            let (ab, cd) = (_mm256_unpackhi_ps(a, b), _mm256_unpackhi_ps(c, d));
            _mm256_storeu_ps(target.add(2 * stride), _mm256_shuffle_ps::<0x44>(ab, cd));
            _mm256_storeu_ps(target.add(3 * stride), _mm256_shuffle_ps::<0xEE>(ab, cd));
        }
    }
    #[inline(always)]
    fn sums(self, vectors: &[__m256; 16]) -> __m256 {
        unsafe {
            // Macros, for a closure is not compiled for the instruction set.
            macro_rules! pair {
                ($a:expr, $b:expr) => {
                    _mm256_castps_pd(_mm256_add_ps(_mm256_unpacklo_ps($a, $b), _mm256_unpackhi_ps($a, $b)))
                };
            }
            // The sums of four vectors, of each half apart.
            macro_rules! four {
                ($i:expr) => {{
                    let (ab, cd) = (pair!(vectors[$i], vectors[$i + 1]), pair!(vectors[$i + 2], vectors[$i + 3]));
                    let (low, high) = (_mm256_unpacklo_pd(ab, cd), _mm256_unpackhi_pd(ab, cd));
                    _mm256_add_ps(_mm256_castpd_ps(low), _mm256_castpd_ps(high))
                }};
            }
            let (a, b) = (four!(0), four!(4));
            _mm256_add_ps(_mm256_permute2f128_ps::<0x20>(a, b), _mm256_permute2f128_ps::<0x31>(a, b))
        }
    }
    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_add_ps(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_sub_ps(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_mul_ps(a, b) }
    }
    #[inline(always)]
    fn div(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_div_ps(a, b) }
    }
    #[inline(always)]
    fn mul_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn sqrt(self, a: __m256) -> __m256 {
        unsafe { _mm256_sqrt_ps(a) }
    }
    #[inline(always)]
    fn abs(self, a: __m256) -> __m256 {
        unsafe { _mm256_andnot_ps(_mm256_set1_ps(-0.0), a) }
    }
    #[inline(always)]
    fn neg(self, a: __m256) -> __m256 {
        unsafe { _mm256_xor_ps(_mm256_set1_ps(-0.0), a) }
    }
    #[inline(always)]
    fn copysign(self, a: __m256, b: __m256) -> __m256 {
        unsafe {
            let sign = _mm256_set1_ps(-0.0);
            _mm256_or_ps(_mm256_andnot_ps(sign, a), _mm256_and_ps(sign, b))
        }
    }
    #[inline(always)]
    fn round(self, a: __m256) -> __m256 {
        unsafe { _mm256_round_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(a) }
    }
    #[inline(always)]
    fn pow2(self, n: __m256) -> __m256 {
        unsafe {
            let biased = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
            _mm256_castsi256_ps(_mm256_slli_epi32::<23>(biased))
        }
    }
    #[inline(always)]
    fn scale_pow2(self, a: __m256, n: __m256) -> __m256 {
        unsafe {
            let shift = _mm256_slli_epi32::<23>(_mm256_cvtps_epi32(n));
            _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(a), shift))
        }
    }
    #[inline(always)]
    fn split_exponent(self, a: __m256) -> (__m256, __m256) {
        unsafe {
            let bits = _mm256_castps_si256(a);
            let exponent = _mm256_sub_epi32(_mm256_srli_epi32::<23>(bits), _mm256_set1_epi32(127));
            let mantissa =
                _mm256_or_si256(_mm256_and_si256(bits, _mm256_set1_epi32(0x007f_ffff)), _mm256_set1_epi32(0x3f80_0000));
            (_mm256_castsi256_ps(mantissa), _mm256_cvtepi32_ps(exponent))
        }
    }
    #[inline(always)]
    fn head(self, count: usize) -> __m256 {
        assert!(count <= 8);
        unsafe { _mm256_castsi256_ps(head(count)) }
    }
    #[inline(always)]
    fn lt(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_cmp_ps::<_CMP_LT_OQ>(a, b) }
    }
    #[inline(always)]
    fn le(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_cmp_ps::<_CMP_LE_OQ>(a, b) }
    }
    #[inline(always)]
    fn eq(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_cmp_ps::<_CMP_EQ_OQ>(a, b) }
    }
    #[inline(always)]
    fn is_nan(self, a: __m256) -> __m256 {
        unsafe { _mm256_cmp_ps::<_CMP_UNORD_Q>(a, a) }
    }
    #[inline(always)]
    fn is_positive_normal(self, a: __m256) -> __m256 {
        unsafe {
            // Their bits are a range; moved to the lower end of the signed integers, one comparison tells.
            let moved = _mm256_add_epi32(_mm256_castps_si256(a), _mm256_set1_epi32(0x7f80_0000));
            _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32(-0x0100_0000), moved))
        }
    }
    #[inline(always)]
    fn and(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_and_ps(a, b) }
    }
    #[inline(always)]
    fn or(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_or_ps(a, b) }
    }
    #[inline(always)]
    fn not(self, a: __m256) -> __m256 {
        unsafe { _mm256_xor_ps(a, _mm256_castsi256_ps(_mm256_set1_epi32(-1))) }
    }
    #[inline(always)]
    fn select(self, mask: __m256, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_blendv_ps(b, a, mask) }
    }
    #[inline(always)]
    fn first(self, mask: __m256) -> usize {
        unsafe { (_mm256_movemask_ps(mask) as u32 | 1 << 8).trailing_zeros() as usize }
    }
    #[inline(always)]
    fn all(self, mask: __m256) -> bool {
        unsafe { _mm256_movemask_ps(mask) == 0xff }
    }
    #[inline(always)]
    fn max_raw(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_max_ps(a, b) }
    }
    #[inline(always)]
    fn min_raw(self, a: __m256, b: __m256) -> __m256 {
        unsafe { _mm256_min_ps(a, b) }
    }
}
