//! Vectors of `f32` behind one small trait, chosen once at run time.
//!
//! A value of a type that implements [`Simd`] is a *token*: it exists only where the CPU has the instructions, so its
//! methods are safe. Kernel code is written once, generic over the token, as a struct that implements [`Kernel`];
//! [`Isa::run`] enters it inside a function compiled for that instruction set. Everything between `Isa::run` and the
//! intrinsics must be `#[inline(always)]`, and parallel loops stay *outside* `Isa::run`, for a closure handed to
//! another thread is not compiled for the instruction set.

pub mod map;
pub mod math;
mod scalar;

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;

use crate::environment;
use std::sync::OnceLock;

static ACTIVE: OnceLock<Isa> = OnceLock::new();

/// An instruction set that kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// Portable Rust, whatever the compiler's baseline offers.
    Scalar,
    /// 8 lanes, fused multiply-add (x86-64-v3).
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 16 lanes, lane masks (x86-64-v4's foundation).
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// 4 lanes, fused multiply-add (every aarch64).
    #[cfg(target_arch = "aarch64")]
    Neon,
}

/// Code that is written once and compiled for each instruction set. `run` must be `#[inline(always)]`.
pub trait Kernel: Sized {
    type Output;
    fn run<S: Simd>(self, simd: S) -> Self::Output;
}

impl Isa {
    /// The instruction sets this machine can run, slowest first.
    pub fn available() -> Vec<Isa> {
        #[allow(unused_mut)]
        let mut all = vec![Isa::Scalar];
        #[cfg(target_arch = "x86_64")]
        {
            if avx2::detected() {
                all.push(Isa::Avx2);
            }
            if avx512::detected() {
                all.push(Isa::Avx512);
            }
        }
        #[cfg(target_arch = "aarch64")]
        all.push(Isa::Neon);
        all
    }

    /// The instruction set in use: the best there is, or the one that `CORTEN_ISA` names.
    pub fn active() -> Isa {
        *ACTIVE.get_or_init(|| Isa::asked_for(environment::value("CORTEN_ISA")).unwrap_or_else(|_| Isa::best()))
    }

    /// Says what is wrong with `CORTEN_ISA`, which [`Isa::active`] passes over, if it is still to be read.
    pub(crate) fn check_environment() -> Result<(), String> {
        if ACTIVE.get().is_none() { Isa::asked_for(environment::value("CORTEN_ISA")).map(drop) } else { Ok(()) }
    }

    fn best() -> Isa {
        *Isa::available().last().unwrap_or(&Isa::Scalar)
    }

    fn asked_for(name: Option<String>) -> Result<Isa, String> {
        let Some(name) = name else { return Ok(Isa::best()) };
        let all = Isa::available();
        all.iter().copied().find(|isa| isa.name().eq_ignore_ascii_case(&name)).ok_or_else(|| {
            let names = all.iter().map(|isa| isa.name()).collect::<Vec<_>>().join(", ");
            format!("CORTEN_ISA: expected an instruction set that this machine has ({names}), got {name:?}")
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Isa::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => "avx512",
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => "neon",
        }
    }

    /// Lanes of one vector.
    pub fn lanes(self) -> usize {
        match self {
            Isa::Scalar => scalar::Scalar::LANES,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => 8,
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => 16,
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => 4,
        }
    }

    /// Runs `kernel` compiled for this instruction set.
    ///
    /// Each set is entered through a method that its module gives to every kernel, not through a function of the set:
    /// rustc places generic functions in the code-generation unit of their module, and methods in that of their type.
    /// So each kernel is compiled in a unit of its own, beside the others, and again only if it changed.
    #[inline]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self {
            Isa::Scalar => scalar::Enter::enter(kernel),
            // SAFETY: `available` and `active` hand out only what the CPU was found to have.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { avx2::Enter::enter(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { avx512::Enter::enter(kernel) },
            // SAFETY: NEON is part of the aarch64 baseline.
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => unsafe { neon::Enter::enter(kernel) },
        }
    }
}

/// Vectors of [`Simd::LANES`] floats. A comparison with NaN is false in every lane.
///
/// A method does the same on every instruction set wherever its comment says what it does. Where the comment leaves
/// numbers out the sets differ, and a caller must not let such a lane decide anything: its own comparisons of the
/// argument choose, never what a method happened to make of it.
pub trait Simd: Copy + Send + Sync + 'static {
    const LANES: usize;
    /// Whether [`Simd::mul_add`] rounds once.
    const FUSED: bool;
    /// Whether [`Simd::lookup`] is as cheap as arithmetic.
    const LOOKUP: bool = false;
    /// Whether [`Simd::load_head_ptr`] costs no more than [`Simd::load_ptr`].
    const MASKS: bool = false;
    /// Rows and vectors of columns of the tallest matrix tile that fits this set's registers; packed panels are as wide.
    const TILE_ROWS: usize;
    const TILE_VECTORS: usize;
    /// Rows of tiles of one vector more, two more, and so on, where registers are many.
    const WIDER: &'static [usize] = &[];
    type F: Copy;
    type M: Copy;

    /// Runs `kernel` as a function of its own, as [`Isa::run`] does. A kernel of many large loops that calls them so is
    /// compiled in a fraction of the time that one function of them all would take.
    fn call<K: Kernel>(self, kernel: K) -> K::Output;
    fn splat(self, value: f32) -> Self::F;
    /// # Safety
    /// `LANES` floats must be readable at `source`.
    unsafe fn load_ptr(self, source: *const f32) -> Self::F;
    /// # Safety
    /// `LANES` floats must be writable at `target`.
    unsafe fn store_ptr(self, target: *mut f32, value: Self::F);
    /// # Safety
    /// `count <= LANES` floats must be readable at `source`; the other lanes are zero.
    unsafe fn load_head_ptr(self, source: *const f32, count: usize) -> Self::F;
    /// # Safety
    /// `count <= LANES` floats must be writable at `target`; nothing else is touched.
    unsafe fn store_head_ptr(self, target: *mut f32, value: Self::F, count: usize);

    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a * b + c`, fused where the set can.
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    fn sqrt(self, a: Self::F) -> Self::F;
    fn abs(self, a: Self::F) -> Self::F;
    fn neg(self, a: Self::F) -> Self::F;
    /// `a` with the sign bit of `b`.
    fn copysign(self, a: Self::F, b: Self::F) -> Self::F;
    /// To the nearest integer, ties to even.
    fn round(self, a: Self::F) -> Self::F;
    /// `2^n` for integral `n` in -126..=127; for -127 a number from 0 to 2^-127.
    fn pow2(self, n: Self::F) -> Self::F;
    /// `a * 2^n` for integral `n` where `a` and the result are normal, NaN where both are NaN. All else is unspecified.
    fn scale_pow2(self, a: Self::F, n: Self::F) -> Self::F;
    /// `a * 2^n` for any `a` and integral `n` in -126..=127, and any small `a` for -127: its result then is smaller.
    #[inline(always)]
    fn scale_any(self, a: Self::F, n: Self::F) -> Self::F {
        self.mul(a, self.pow2(n))
    }
    /// For positive normal `a`: (mantissa in [1, 2), exponent) with `a = mantissa * 2^exponent`. For other numbers what
    /// comes out is unspecified, see [`Simd::split_nonnegative`].
    fn split_exponent(self, a: Self::F) -> (Self::F, Self::F);
    /// [`Simd::split_exponent`] for any `a` that is not below zero. Zero has the exponent minus infinity and infinity
    /// has infinity, both with the mantissa 1; the exponent of NaN is NaN.
    #[inline(always)]
    fn split_nonnegative(self, a: Self::F) -> (Self::F, Self::F) {
        // Denormals are brought into the normal range by 2^23.
        let small = self.lt(a, self.splat(f32::MIN_POSITIVE));
        let (mantissa, e) = self.split_exponent(self.select(small, self.mul(a, self.splat(8_388_608.0)), a));
        let e = self.select(small, self.sub(e, self.splat(23.0)), e);
        let e = self.select(self.eq(a, self.splat(0.0)), self.splat(f32::NEG_INFINITY), e);
        // NaN and plus infinity are their own exponents.
        (mantissa, self.select(self.lt(a, self.splat(f32::INFINITY)), e, a))
    }
    /// In each lane the entry that the five highest bits of `a`'s mantissa choose.
    #[inline(always)]
    fn lookup(self, table: &[f32; 32], a: Self::F) -> Self::F {
        let mut lanes = self.to_array(a);
        for lane in &mut lanes[..Self::LANES] {
            *lane = table[(lane.to_bits() >> 18 & 31) as usize];
        }
        self.load(&lanes)
    }

    /// The first `count <= LANES` lanes.
    fn head(self, count: usize) -> Self::M;
    fn lt(self, a: Self::F, b: Self::F) -> Self::M;
    fn le(self, a: Self::F, b: Self::F) -> Self::M;
    fn eq(self, a: Self::F, b: Self::F) -> Self::M;
    fn is_nan(self, a: Self::F) -> Self::M;
    /// Where `a` is above zero and neither denormal, infinite nor NaN.
    fn is_positive_normal(self, a: Self::F) -> Self::M;
    fn and(self, a: Self::M, b: Self::M) -> Self::M;
    fn or(self, a: Self::M, b: Self::M) -> Self::M;
    fn not(self, a: Self::M) -> Self::M;
    /// `a` where the mask is set, else `b`.
    fn select(self, mask: Self::M, a: Self::F, b: Self::F) -> Self::F;
    /// The first lane whose mask is set, or `LANES`.
    fn first(self, mask: Self::M) -> usize;
    /// Whether the mask is set in every lane.
    fn all(self, mask: Self::M) -> bool;
    /// `b < a ? a : b`, the hardware's maximum: `b` where either is NaN. See [`Simd::max`].
    fn max_raw(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a < b ? a : b`: `b` where either is NaN.
    fn min_raw(self, a: Self::F, b: Self::F) -> Self::F;

    /// Turns `LANES` rows of four floats, which begin at these places of `source`, into four rows of `LANES`.
    /// # Safety
    /// They must be readable, and what is written writable.
    #[inline(always)]
    unsafe fn transpose_ptr(self, source: *const f32, rows: &[usize; 16], target: *mut f32, stride: usize) {
        for (i, &row) in rows.iter().enumerate().take(Self::LANES) {
            for j in 0..4 {
                // SAFETY: the caller's word.
                unsafe { *target.add(j * stride + i) = *source.add(row + j) };
            }
        }
    }

    /// The lanes, in order, in the first `LANES` places.
    #[inline(always)]
    fn to_array(self, a: Self::F) -> [f32; 16] {
        let mut lanes = [0.0; 16];
        // SAFETY: no set has more than 16 lanes.
        unsafe { self.store_ptr(lanes.as_mut_ptr(), a) };
        lanes
    }
    /// The larger; NaN where either is NaN.
    #[inline(always)]
    fn max(self, a: Self::F, b: Self::F) -> Self::F {
        self.select(self.is_nan(a), a, self.max_raw(a, b))
    }
    /// The smaller; NaN where either is NaN.
    #[inline(always)]
    fn min(self, a: Self::F, b: Self::F) -> Self::F {
        self.select(self.is_nan(a), a, self.min_raw(a, b))
    }
    #[inline(always)]
    fn load(self, source: &[f32]) -> Self::F {
        assert!(source.len() >= Self::LANES);
        // SAFETY: the length was checked.
        unsafe { self.load_ptr(source.as_ptr()) }
    }
    #[inline(always)]
    fn store(self, target: &mut [f32], value: Self::F) {
        assert!(target.len() >= Self::LANES);
        // SAFETY: the length was checked.
        unsafe { self.store_ptr(target.as_mut_ptr(), value) }
    }
    /// Up to `LANES` floats, the missing ones zero.
    #[inline(always)]
    fn load_head(self, source: &[f32]) -> Self::F {
        let count = source.len().min(Self::LANES);
        // SAFETY: `count` is within the slice.
        unsafe { self.load_head_ptr(source.as_ptr(), count) }
    }
    #[inline(always)]
    fn store_head(self, target: &mut [f32], value: Self::F) {
        let count = target.len().min(Self::LANES);
        // SAFETY: `count` is within the slice.
        unsafe { self.store_head_ptr(target.as_mut_ptr(), value, count) }
    }
    /// The sum of the lanes, by halves: an order that depends on `LANES` alone.
    #[inline(always)]
    fn sum(self, a: Self::F) -> f32 {
        let mut lanes = self.to_array(a);
        let mut width = Self::LANES;
        while width > 1 {
            width /= 2;
            for i in 0..width {
                lanes[i] += lanes[i + width];
            }
        }
        lanes[0]
    }
    /// The sum over the lanes of each of the first `LANES` vectors, in a lane of its own. The order of a sum is the same
    /// in every lane, but not that of [`Simd::sum`].
    #[inline(always)]
    fn sums(self, vectors: &[Self::F; 16]) -> Self::F {
        let mut sums = [0.0; 16];
        for i in 0..Self::LANES {
            sums[i] = self.sum(vectors[i]);
        }
        self.load(&sums)
    }
    /// The largest lane, NaN if any is.
    #[inline(always)]
    fn max_lane(self, a: Self::F) -> f32 {
        let mut lanes = self.to_array(a);
        if self.first(self.is_nan(a)) < Self::LANES {
            return f32::NAN;
        }
        let mut width = Self::LANES;
        while width > 1 {
            width /= 2;
            for i in 0..width {
                lanes[i] = if lanes[i] > lanes[i + width] { lanes[i] } else { lanes[i + width] };
            }
        }
        lanes[0]
    }
}

#[cfg(test)]
mod tests;
