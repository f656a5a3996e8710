//! Changes of type. From float to integer the fraction is cut off, and what no integer holds is an error.

use super::{TASK, WORK};
use crate::simd::{Kernel, Simd};
use crate::{Isa, threads};

/// A number that has no place in the other type: where it is, and what it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BadNumber {
    pub position: usize,
    pub value: f32,
}

/// A type of element and how it becomes another.
pub trait Cast<U>: Copy + Send + Sync {
    fn cast(self) -> U;
}

macro_rules! casts {
    ($($from:ty => $to:ty),* $(,)?) => {$(
        impl Cast<$to> for $from {
            #[inline(always)]
            fn cast(self) -> $to {
                self as $to
            }
        }
    )*};
}

casts!(f32 => f32, i32 => f32, i32 => i32, i32 => u8, u8 => f32, u8 => i32, u8 => u8);

impl Cast<i32> for f32 {
    #[inline(always)]
    fn cast(self) -> i32 {
        truncated(self)
    }
}

impl Cast<u8> for f32 {
    #[inline(always)]
    fn cast(self) -> u8 {
        truncated(self) as u8
    }
}

/// The whole part of a float that an `i32` holds. The compiler has vectors for these shifts and none for `as`, which
/// must also answer for NaN and what is too large.
#[inline(always)]
fn truncated(v: f32) -> i32 {
    let bits = v.to_bits();
    let exponent = (bits >> 23 & 0xff) as i32 - 127;
    let mantissa = bits & 0x7f_ffff | 0x80_0000;
    let whole = (mantissa << (exponent - 23).clamp(0, 8)) >> (23 - exponent).clamp(0, 31);
    if v < 0.0 { (whole as i32).wrapping_neg() } else { whole as i32 }
}

/// `y = x as U`: integers wrap as NumPy's do. Floats become integers through [`float_to_integer`], which looks at them.
pub fn cast<T: Cast<U>, U: Send>(isa: Isa, x: &[T], y: &mut [U]) {
    assert_eq!(x.len(), y.len(), "x and y of a cast");
    struct Each<'a, T, U>(&'a [T], &'a mut [U]);
    impl<T: Cast<U>, U> Kernel for Each<'_, T, U> {
        type Output = ();
        #[inline(always)]
        fn run<S: Simd>(self, _: S) {
            self.1.iter_mut().zip(self.0).for_each(|(y, x)| *y = x.cast());
        }
    }
    threads::for_each_chunk(y, TASK, TASK * WORK, |i, y| isa.run(Each(&x[i * TASK..i * TASK + y.len()], y)));
}

/// Cuts off the fraction. NaN and what lies outside `range` (and, if `exact`, any fraction) is an error: a label of 1.5
/// is a mistake somewhere else.
pub fn float_to_integer<U: Send>(
    isa: Isa,
    x: &[f32],
    exact: bool,
    range: [f32; 2],
    y: &mut [U],
) -> Result<(), BadNumber>
where
    f32: Cast<U>,
{
    if let Some(position) = isa.run(FirstBad { x, exact, range }) {
        return Err(BadNumber { position, value: x[position] });
    }
    cast(isa, x, y);
    Ok(())
}

struct FirstBad<'a> {
    x: &'a [f32],
    exact: bool,
    range: [f32; 2],
}

impl Kernel for FirstBad<'_> {
    type Output = Option<usize>;
    #[inline(always)]
    fn run<S: Simd>(self, _: S) -> Option<usize> {
        const BLOCK: usize = 1024;
        for (i, x) in self.x.chunks(BLOCK).enumerate() {
            // Counting without an early exit, the compiler takes whole vectors.
            let bad: u32 = x.iter().map(|&v| u32::from(self.bad(v))).sum();
            if bad > 0 {
                return x.iter().position(|&v| self.bad(v)).map(|k| i * BLOCK + k);
            }
        }
        None
    }
}

impl FirstBad<'_> {
    #[inline(always)]
    fn bad(&self, v: f32) -> bool {
        let whole = v.trunc();
        !((whole >= self.range[0]) & (whole <= self.range[1])) | (self.exact & (whole != v))
    }
}

/// The floats that fit: 2^31 - 1 is none.
pub const I32: [f32; 2] = [-2_147_483_648.0, 2_147_483_520.0];
pub const U8: [f32; 2] = [0.0, 255.0];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_and_floats() {
        for len in [0, 1, 17, 3 * TASK + 5] {
            let bytes: Vec<u8> = (0..len).map(|i| i as u8).collect();
            for isa in Isa::available() {
                let (mut floats, mut ints, mut back) = (vec![0f32; len], vec![0i32; len], vec![0u8; len]);
                cast(isa, &bytes, &mut floats);
                assert!(floats.iter().zip(&bytes).all(|(a, b)| *a == f32::from(*b)));
                float_to_integer(isa, &floats, true, I32, &mut ints).unwrap();
                assert!(ints.iter().zip(&bytes).all(|(a, b)| *a == i32::from(*b)));
                cast(isa, &ints, &mut back);
                assert_eq!(back, bytes);
                float_to_integer(isa, &floats, true, U8, &mut back).unwrap();
                assert_eq!(back, bytes);
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let mut y = [0i32; 3];
        for (value, exact) in
            [(f32::NAN, false), (f32::INFINITY, false), (-3e9, false), (2_147_483_648.0, false), (1.5, true)]
        {
            let error = float_to_integer(Isa::Scalar, &[0.0, value, 1.0], exact, I32, &mut y).unwrap_err();
            assert_eq!((error.position, error.value.to_bits()), (1, value.to_bits()));
        }
        float_to_integer(Isa::Scalar, &[-1.9, 2.9, -0.0], false, I32, &mut y).unwrap();
        assert_eq!(y, [-1, 2, 0]);
        for v in [0.0, 0.99, 1.0, 1.5, 127.99, 255.0, 8_388_607.5, 8_388_608.0, 16_777_217.0, 1e9, 2_147_483_520.0] {
            assert_eq!((truncated(v), truncated(-v)), (v as i32, -v as i32), "{v}");
        }
        assert_eq!(truncated(-2_147_483_648.0), i32::MIN);
        assert!(float_to_integer(Isa::Scalar, &[256.0], false, U8, &mut [0u8]).is_err());
        assert!(float_to_integer(Isa::Scalar, &[-0.5], false, U8, &mut [0u8]).is_ok());
    }
}
