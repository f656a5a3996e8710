//! AVX-512 F: sixteen lanes, masks in registers of their own.

use super::{Kernel, Simd};
use core::arch::x86_64::*;

#[derive(Clone, Copy)]
pub(super) struct Avx512(());

pub(super) fn detected() -> bool {
    is_x86_feature_detected!("avx512f") && super::avx2::detected()
}

pub(super) trait Enter: Kernel {
    /// # Safety
    /// The CPU must have AVX-512 F, AVX2 and FMA.
    #[target_feature(enable = "avx512f,avx2,fma")]
    #[inline(never)]
    unsafe fn enter(self) -> Self::Output {
        self.run(Avx512(()))
    }
}

impl<K: Kernel> Enter for K {}

#[inline(always)]
fn head(count: usize) -> __mmask16 {
    ((1u32 << count) - 1) as __mmask16
}

// SAFETY (of every block below): the token is made by `enter` alone, whose caller vouches for the CPU.
#[allow(clippy::undocumented_unsafe_blocks)]
impl Simd for Avx512 {
    const LANES: usize = 16;
    const FUSED: bool = true;
    const LOOKUP: bool = true;
    const MASKS: bool = true;
    const TILE_ROWS: usize = 14;
    const TILE_VECTORS: usize = 2;
    const WIDER: &'static [usize] = &[9, 6];
    type F = __m512;
    type M = __mmask16;

    #[inline(always)]
    fn call<K: Kernel>(self, kernel: K) -> K::Output {
        unsafe { kernel.enter() }
    }
    #[inline(always)]
    fn splat(self, value: f32) -> __m512 {
        unsafe { _mm512_set1_ps(value) }
    }
    #[inline(always)]
    unsafe fn load_ptr(self, source: *const f32) -> __m512 {
        unsafe { _mm512_loadu_ps(source) }
    }
    #[inline(always)]
    unsafe fn store_ptr(self, target: *mut f32, value: __m512) {
        unsafe { _mm512_storeu_ps(target, value) }
    }
    #[inline(always)]
    unsafe fn load_head_ptr(self, source: *const f32, count: usize) -> __m512 {
        unsafe { _mm512_maskz_loadu_ps(head(count), source) }
    }
    #[inline(always)]
    unsafe fn store_head_ptr(self, target: *mut f32, value: __m512, count: usize) {
        unsafe { _mm512_mask_storeu_ps(target, head(count), value) }
    }
    #[inline(always)]
    unsafe fn transpose_ptr(self, source: *const f32, rows: &[usize; 16], target: *mut f32, stride: usize) {
        unsafe {
            // Rows i, i + 4, i + 8 and i + 12, each in a quarter of a vector.
            let row = |i: usize| _mm_loadu_ps(source.add(rows[i]));
            let four = |i: usize| {
                let low = _mm512_insertf32x4::<1>(_mm512_castps128_ps512(row(i)), row(i + 4));
                _mm512_insertf32x4::<3>(_mm512_insertf32x4::<2>(low, row(i + 8)), row(i + 12))
            };
            let (a, b, c, d) = (four(0), four(1), four(2), four(3));
            let (ab, cd) = (_mm512_unpacklo_ps(a, b), _mm512_unpacklo_ps(c, d));
            _mm512_storeu_ps(target, _mm512_shuffle_ps::<0x44>(ab, cd));
            _mm512_storeu_ps(target.add(stride), _mm512_shuffle_ps::<0xEE>(ab, cd));
            let (ab, cd) = (_mm512_unpackhi_ps(a, b), _mm512_unpackhi_ps(c, d));
            _mm512_storeu_ps(target.add(2 * stride), _mm512_shuffle_ps::<0x44>(ab, cd));
            _mm512_storeu_ps(target.add(3 * stride), _mm512_shuffle_ps::<0xEE>(ab, cd));
        }
    }
    #[inline(always)]
    fn sums(self, vectors: &[__m512; 16]) -> __m512 {
        unsafe {
            // Macros, for a closure is not compiled for the instruction set.
            macro_rules! pair {
                ($a:expr, $b:expr) => {
                    _mm512_castps_pd(_mm512_add_ps(_mm512_unpacklo_ps($a, $b), _mm512_unpackhi_ps($a, $b)))
                };
            }
            // The sums of four vectors, of each quarter apart.
            macro_rules! four {
                ($i:expr) => {{
                    let (ab, cd) = (pair!(vectors[$i], vectors[$i + 1]), pair!(vectors[$i + 2], vectors[$i + 3]));
                    let (low, high) = (_mm512_unpacklo_pd(ab, cd), _mm512_unpackhi_pd(ab, cd));
                    _mm512_add_ps(_mm512_castpd_ps(low), _mm512_castpd_ps(high))
                }};
            }
            // Even and odd quarters of two vectors.
            macro_rules! quarters {
                ($a:expr, $b:expr) => {{
                    let (a, b) = ($a, $b);
                    _mm512_add_ps(_mm512_shuffle_f32x4::<0x88>(a, b), _mm512_shuffle_f32x4::<0xDD>(a, b))
                }};
            }
            quarters!(quarters!(four!(0), four!(4)), quarters!(four!(8), four!(12)))
        }
    }
    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_add_ps(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_sub_ps(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_mul_ps(a, b) }
    }
    #[inline(always)]
    fn div(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_div_ps(a, b) }
    }
    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }
    #[inline(always)]
    fn sqrt(self, a: __m512) -> __m512 {
        unsafe { _mm512_sqrt_ps(a) }
    }
    #[inline(always)]
    fn abs(self, a: __m512) -> __m512 {
        unsafe { _mm512_abs_ps(a) }
    }
    #[inline(always)]
    fn neg(self, a: __m512) -> __m512 {
        unsafe { _mm512_castsi512_ps(_mm512_xor_si512(_mm512_castps_si512(a), _mm512_set1_epi32(i32::MIN))) }
    }
    #[inline(always)]
    fn copysign(self, a: __m512, b: __m512) -> __m512 {
        unsafe {
            // The bits of the first where the third has ones, else those of the second.
            let (a, b) = (_mm512_castps_si512(a), _mm512_castps_si512(b));
            _mm512_castsi512_ps(_mm512_ternarylogic_epi32::<0xE4>(b, a, _mm512_set1_epi32(i32::MIN)))
        }
    }
    #[inline(always)]
    fn round(self, a: __m512) -> __m512 {
        unsafe { _mm512_roundscale_ps::<0>(a) }
    }
    #[inline(always)]
    fn pow2(self, n: __m512) -> __m512 {
        unsafe { _mm512_scalef_ps(_mm512_set1_ps(1.0), n) }
    }
    #[inline(always)]
    fn scale_pow2(self, a: __m512, n: __m512) -> __m512 {
        unsafe { _mm512_scalef_ps(a, n) }
    }
    #[inline(always)]
    fn scale_any(self, a: __m512, n: __m512) -> __m512 {
        unsafe { _mm512_scalef_ps(a, n) }
    }
    #[inline(always)]
    fn split_exponent(self, a: __m512) -> (__m512, __m512) {
        unsafe { (_mm512_getmant_ps::<_MM_MANT_NORM_1_2, _MM_MANT_SIGN_SRC>(a), _mm512_getexp_ps(a)) }
    }
    #[inline(always)]
    fn split_nonnegative(self, a: __m512) -> (__m512, __m512) {
        self.split_exponent(a)
    }
    #[inline(always)]
    fn lookup(self, table: &[f32; 32], a: __m512) -> __m512 {
        unsafe {
            let (low, high) = (_mm512_loadu_ps(table.as_ptr()), _mm512_loadu_ps(table.as_ptr().add(16)));
            _mm512_permutex2var_ps(low, _mm512_srli_epi32::<18>(_mm512_castps_si512(a)), high)
        }
    }
    #[inline(always)]
    fn head(self, count: usize) -> __mmask16 {
        assert!(count <= 16);
        head(count)
    }
    #[inline(always)]
    fn lt(self, a: __m512, b: __m512) -> __mmask16 {
        unsafe { _mm512_cmp_ps_mask::<_CMP_LT_OQ>(a, b) }
    }
    #[inline(always)]
    fn le(self, a: __m512, b: __m512) -> __mmask16 {
        unsafe { _mm512_cmp_ps_mask::<_CMP_LE_OQ>(a, b) }
    }
    #[inline(always)]
    fn eq(self, a: __m512, b: __m512) -> __mmask16 {
        unsafe { _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b) }
    }
    #[inline(always)]
    fn is_nan(self, a: __m512) -> __mmask16 {
        unsafe { _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(a, a) }
    }
    #[inline(always)]
    fn is_positive_normal(self, a: __m512) -> __mmask16 {
        unsafe {
            let moved = _mm512_sub_epi32(_mm512_castps_si512(a), _mm512_set1_epi32(0x0080_0000));
            _mm512_cmplt_epu32_mask(moved, _mm512_set1_epi32(0x7f00_0000))
        }
    }
    #[inline(always)]
    fn and(self, a: __mmask16, b: __mmask16) -> __mmask16 {
        a & b
    }
    #[inline(always)]
    fn or(self, a: __mmask16, b: __mmask16) -> __mmask16 {
        a | b
    }
    #[inline(always)]
    fn not(self, a: __mmask16) -> __mmask16 {
        !a
    }
    #[inline(always)]
    fn select(self, mask: __mmask16, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_mask_blend_ps(mask, b, a) }
    }
    #[inline(always)]
    fn first(self, mask: __mmask16) -> usize {
        (u32::from(mask) | 1 << 16).trailing_zeros() as usize
    }
    #[inline(always)]
    fn all(self, mask: __mmask16) -> bool {
        mask == __mmask16::MAX
    }
    #[inline(always)]
    fn max_raw(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_max_ps(a, b) }
    }
    #[inline(always)]
    fn min_raw(self, a: __m512, b: __m512) -> __m512 {
        unsafe { _mm512_min_ps(a, b) }
    }
}
