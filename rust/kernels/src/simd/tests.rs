//! Each lane operation against plain Rust, on every instruction set of the machine.

use super::*;

struct Check;

impl Kernel for Check {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let a: Vec<f32> = (0..16).map(|i| (i as f32 - 7.5) * 1.25).collect();
        let b: Vec<f32> = (0..16).map(|i| if i == 3 { f32::NAN } else { 7.0 - i as f32 }).collect();
        let (va, vb) = (s.load(&a), s.load(&b));
        let same = |got: S::F, want: &dyn Fn(f32, f32) -> f32| {
            let got = s.to_array(got);
            for i in 0..S::LANES {
                let want = want(a[i], b[i]);
                assert!(got[i] == want || (got[i].is_nan() && want.is_nan()), "lane {i}: {} {want}", got[i]);
            }
        };
        same(s.add(va, vb), &|a, b| a + b);
        same(s.sub(va, vb), &|a, b| a - b);
        same(s.mul(va, vb), &|a, b| a * b);
        same(s.div(va, vb), &|a, b| a / b);
        same(s.neg(va), &|a, _| -a);
        same(s.abs(va), &|a, _| a.abs());
        same(s.sqrt(s.abs(va)), &|a, _| a.abs().sqrt());
        same(s.round(va), &|a, _| a.round_ties_even());
        same(s.max(va, vb), &|a, b| if b.is_nan() { b } else { a.max(b) });
        same(s.max(vb, va), &|a, b| if b.is_nan() { b } else { a.max(b) });
        same(s.min(va, vb), &|a, b| if b.is_nan() { b } else { a.min(b) });
        same(s.select(s.lt(va, vb), va, vb), &|a, b| if a < b { a } else { b });
        same(s.select(s.le(va, vb), va, vb), &|a, b| if a <= b { a } else { b });
        same(s.select(s.eq(va, va), va, vb), &|a, _| a);
        same(s.select(s.is_nan(vb), va, vb), &|a, b| if b.is_nan() { a } else { b });
        same(s.select(s.not(s.is_nan(vb)), va, vb), &|a, b| if b.is_nan() { b } else { a });
        same(s.select(s.and(s.lt(va, vb), s.is_nan(vb)), va, vb), &|_, b| b);
        same(s.select(s.or(s.lt(va, vb), s.is_nan(vb)), va, vb), &|a, b| if a < b || b.is_nan() { a } else { b });
        same(s.pow2(s.round(va)), &|a, _| a.round_ties_even().exp2());
        same(s.scale_pow2(va, s.round(va)), &|a, _| a * a.round_ties_even().exp2());
        let (mantissa, exponent) = s.split_exponent(s.abs(va));
        same(s.mul(mantissa, s.pow2(exponent)), &|a, _| a.abs());
        let table: [f32; 32] = std::array::from_fn(|i| i as f32);
        same(s.lookup(&table, va), &|a, _| (a.to_bits() >> 18 & 31) as f32);
        same(s.mul_add(va, s.splat(2.0), s.splat(1.0)), &|a, _| a * 2.0 + 1.0);
        for count in 0..=S::LANES {
            let mut out = [9.0f32; 17];
            s.store_head(&mut out[..count], s.load_head(&a[..count]));
            assert_eq!(&out[..count], &a[..count]);
            assert!(out[count..].iter().all(|&v| v == 9.0));
            let loaded = s.to_array(s.load_head(&a[..count]));
            assert!(loaded[count..].iter().all(|&v| v == 0.0));
            let chosen = s.to_array(s.select(s.head(count), s.splat(1.0), s.splat(2.0)));
            assert!((0..S::LANES).all(|i| chosen[i] == if i < count { 1.0 } else { 2.0 }));
        }
        let rows = std::array::from_fn(|i| i * 5 % 12);
        let mut turned = [9.0f32; 4 * 17];
        // SAFETY: no row begins after 11 and so none ends after 15; four rows of at most 16 are written, 17 apart.
        unsafe { s.transpose_ptr(a.as_ptr(), &rows, turned.as_mut_ptr(), 17) };
        for (i, &v) in turned.iter().enumerate() {
            assert_eq!(v, if i % 17 < S::LANES { a[rows[i % 17] + i / 17] } else { 9.0 });
        }
        assert_eq!(s.first(s.is_nan(vb)), 3);
        assert_eq!(s.first(s.lt(va, va)), S::LANES);
        assert_eq!(s.first(s.eq(va, va)), 0);
        assert_eq!(s.sum(va), a[..S::LANES].iter().sum::<f32>());
        let rows: [_; 16] = std::array::from_fn(|i| s.add(va, s.splat(i as f32)));
        let sums = s.to_array(s.sums(&rows));
        for (i, &sum) in sums[..S::LANES].iter().enumerate() {
            assert_eq!(sum, a[..S::LANES].iter().map(|v| v + i as f32).sum::<f32>());
        }
        assert!(s.max_lane(vb).is_nan());
        assert_eq!(s.max_lane(va), a[S::LANES - 1]);
    }
}

/// Whole vectors of the numbers at which instruction sets differ, to the bit but for the bits of NaN.
struct Corners;

impl Corners {
    const NUMBERS: [f32; 17] = [
        0.0,
        -0.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        1e-45,
        -1e-39,
        f32::MIN_POSITIVE,
        -f32::MIN_POSITIVE,
        0.5,
        -1.5,
        2.5,
        8_388_609.0,
        -16_777_216.0,
        1e20,
        f32::MAX,
        -f32::MAX,
    ];
}

#[inline(always)]
fn filled<S: Simd>(s: S, got: S::F, want: f32, what: &str) {
    let lanes = s.to_array(got);
    for &lane in &lanes[..S::LANES] {
        assert!(
            lane.to_bits() == want.to_bits() || (lane.is_nan() && want.is_nan()),
            "{what}: {lane:e}, want {want:e}"
        );
    }
}

impl Kernel for Corners {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let either = |a: f32, b: f32| a.is_nan() || b.is_nan();
        for a in Corners::NUMBERS {
            let va = s.splat(a);
            filled(s, s.abs(va), a.abs(), "abs");
            filled(s, s.neg(va), -a, "neg");
            filled(s, s.sqrt(va), a.sqrt(), "sqrt");
            filled(s, s.round(va), a.round_ties_even(), "round");
            let largest = s.max_lane(va);
            assert!(largest == a || (largest.is_nan() && a.is_nan()));
            assert_eq!(s.all(s.is_positive_normal(va)), a.is_normal() && a > 0.0);
            for b in Corners::NUMBERS {
                let (vb, what) = (s.splat(b), format!("{a:e} {b:e}"));
                filled(s, s.add(va, vb), a + b, &what);
                filled(s, s.mul(va, vb), a * b, &what);
                filled(s, s.div(va, vb), a / b, &what);
                filled(s, s.copysign(va, vb), a.copysign(b), &what);
                filled(s, s.max_raw(va, vb), if b < a { a } else { b }, &what);
                filled(s, s.min_raw(va, vb), if a < b { a } else { b }, &what);
                filled(s, s.abs(s.max(va, vb)), if either(a, b) { f32::NAN } else { a.max(b).abs() }, &what);
                filled(s, s.abs(s.min(va, vb)), if either(a, b) { f32::NAN } else { a.min(b).abs() }, &what);
                for (mask, want) in [(s.lt(va, vb), a < b), (s.le(va, vb), a <= b), (s.eq(va, vb), a == b)] {
                    filled(s, s.select(mask, s.splat(1.0), s.splat(2.0)), if want { 1.0 } else { 2.0 }, &what);
                    assert!(s.all(mask) == want && s.all(s.not(mask)) != want && (s.first(mask) == 0) == want);
                }
            }
        }
        for count in 0..=S::LANES {
            assert_eq!(s.all(s.head(count)), count == S::LANES);
        }
        for n in -126..=127i16 {
            let (n, power) = (f32::from(n), f64::from(n).exp2() as f32);
            filled(s, s.pow2(s.splat(n)), power, "pow2");
            for mantissa in [1.0, 1.25, 2.0 - f32::EPSILON] {
                let a = s.splat(mantissa * power);
                for (m, e) in [s.split_exponent(a), s.split_nonnegative(a)] {
                    filled(s, m, mantissa, "mantissa");
                    filled(s, e, n, "exponent");
                }
                filled(s, s.scale_pow2(s.splat(mantissa), s.splat(n)), mantissa * power, "scale_pow2");
                filled(s, s.scale_pow2(a, s.splat(-n)), mantissa, "scale_pow2");
                for a in Corners::NUMBERS {
                    filled(s, s.scale_any(s.splat(a), s.splat(n)), a * power, "scale_any");
                }
            }
        }
        let least = s.to_array(s.pow2(s.splat(-127.0)))[0];
        assert!((0.0..=f32::MIN_POSITIVE).contains(&least));
        for (a, mantissa, exponent) in [
            (0.0, 1.0, f32::NEG_INFINITY),
            (f32::INFINITY, 1.0, f32::INFINITY),
            (f32::from_bits(1), 1.0, -149.0),
            (f32::from_bits(0x0060_0000), 1.5, -127.0),
        ] {
            let (m, e) = s.split_nonnegative(s.splat(a));
            filled(s, m, mantissa, "mantissa");
            filled(s, e, exponent, "exponent");
        }
        filled(s, s.split_nonnegative(s.splat(f32::NAN)).1, f32::NAN, "exponent");
        filled(s, s.scale_pow2(s.splat(f32::NAN), s.splat(f32::NAN)), f32::NAN, "scale_pow2");
    }
}

#[test]
fn every_lane_operation_equals_plain_rust() {
    for isa in Isa::available() {
        isa.run(Check);
        isa.run(Corners);
    }
}

#[test]
fn an_instruction_set_is_asked_for_in_any_case_and_must_be_there() {
    for isa in Isa::available() {
        assert_eq!(Isa::asked_for(Some(isa.name().to_uppercase())), Ok(isa));
    }
    assert_eq!(Isa::asked_for(None), Ok(Isa::best()));
    for wrong in ["sse9", "avx", "auto", "scalar,avx2"] {
        let error = Isa::asked_for(Some(wrong.into())).expect_err(wrong);
        assert!(error.contains("CORTEN_ISA") && error.contains(wrong) && error.contains("scalar"));
    }
}
