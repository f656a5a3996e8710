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
        if S::LOOKUP {
            let (mantissa, exponent) = s.split_exponent(s.splat(0.0));
            assert_eq!((s.to_array(mantissa)[0], s.to_array(exponent)[0]), (1.0, f32::NEG_INFINITY));
            let (mantissa, exponent) = s.split_exponent(s.splat(f32::INFINITY));
            assert_eq!((s.to_array(mantissa)[0], s.to_array(exponent)[0]), (1.0, f32::INFINITY));
        }
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

#[test]
fn every_lane_operation_equals_plain_rust() {
    for isa in Isa::available() {
        isa.run(Check);
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
