use super::*;

/// Small whole numbers and halves: products and sums of them are exact, so the order of a sum does not show.
fn values(len: usize, seed: usize) -> Vec<f32> {
    (0..len).map(|i| ((((i + seed) * 2654435761) >> 7) % 17) as f32 * 0.5 - 4.0).collect()
}

fn check(isa: Isa, p: &Matmul, with_bias: bool, relu: bool) {
    let a = values((p.batch - 1) * p.stride_a + p.m * p.k, 1);
    let b = values((p.batch - 1) * p.stride_b + p.k * p.n, 2);
    let bias = values(p.n, 3);
    let bias = with_bias.then_some(&bias[..]);
    let mut want = vec![0.0; p.batch * p.m * p.n];
    reference::matmul(p, &a, &b, bias, relu, &mut want);
    let mut got = vec![f32::NAN; want.len()];
    matmul(isa, p, &a, &b, bias, relu, &mut got);
    assert!(got == want, "{isa:?} {p:?}");
}

fn plain(m: usize, n: usize, k: usize) -> Matmul {
    let (stride_a, stride_b) = (m * k, k * n);
    Matmul { batch: 1, m, n, k, transpose_a: false, transpose_b: false, stride_a, stride_b }
}

#[test]
fn every_size_and_transpose_equals_the_reference() {
    let sizes =
        [(1, 1, 1), (2, 3, 5), (7, 17, 4), (14, 32, 9), (15, 33, 16), (29, 64, 31), (13, 95, 67), (57, 129, 40)];
    let large =
        [(1, 150, 70), (1, 300, 33), (3, 5, 1100), (37, 70, 1024), (130, 300, 33), (16, 600, 70), (300, 40, 530)];
    for isa in Isa::available() {
        for &(m, n, k) in sizes.iter().chain(&large) {
            for (transpose_a, transpose_b) in [(false, false), (false, true), (true, false), (true, true)] {
                check(isa, &Matmul { transpose_a, transpose_b, ..plain(m, n, k) }, m % 2 == 0, n % 2 == 0);
            }
        }
    }
}

#[test]
fn the_sizes_of_the_caches_do_not_show() {
    // Thirds: their sums are rounded, so that another order would show.
    let values = |len, seed| -> Vec<f32> { values(len, seed).iter().map(|v| v / 3.0).collect() };
    for isa in Isa::available() {
        for (m, n, k) in [(50, 64, 300), (100, 512, 64), (150, 256, 600), (160, 160, 160), (64, 512, 1100)] {
            for transpose_a in [false, true] {
                let p = Matmul { transpose_a, ..plain(m, n, k) };
                let (a, b) = (values(m * k, 1), values(k * n, 2));
                let caches = [(32, 1024), (48, 1024), (48, 2048), (48, 0), (48, 64), (192, 16384)];
                let results = caches.map(|(first, second)| {
                    let mut c = vec![f32::NAN; m * n];
                    let caches = Caches { first: first * 1024, second: second * 1024 };
                    matmul_with(isa, caches, &p, &a, &b, None, false, &mut c);
                    c
                });
                assert!(results.windows(2).all(|pair| pair[0] == pair[1]), "{isa:?} {p:?}");
            }
        }
    }
}

#[test]
fn few_columns_equal_the_reference() {
    for isa in Isa::available() {
        for n in 1..=9 {
            for (m, k) in [(1, 40), (5, 64), (16, 100), (67, 129), (130, 200), (33, 7)] {
                for (transpose_a, transpose_b) in [(false, false), (false, true), (true, false), (true, true)] {
                    let p = Matmul { transpose_a, transpose_b, ..plain(m, n, k) };
                    check(isa, &p, m % 2 == 0, n % 2 == 0);
                    check(isa, &Matmul { batch: 3, ..p }, m % 2 == 1, n % 2 == 1);
                }
            }
        }
    }
}

#[test]
fn batches_may_share_either_operand() {
    for isa in Isa::available() {
        for (stride_a, stride_b) in [(77, 99), (0, 99), (77, 0), (100, 120), (0, 0)] {
            for transpose_a in [false, true] {
                let p = Matmul { batch: 20, stride_a, stride_b, transpose_a, ..plain(7, 9, 11) };
                check(isa, &p, true, false);
            }
        }
    }
}

#[test]
fn nothing_to_sum_leaves_the_bias_and_nothing_to_write_is_fine() {
    for isa in Isa::available() {
        for (transpose_a, transpose_b) in [(false, false), (true, true)] {
            for (m, n, k) in [(3, 40, 0), (0, 4, 4), (4, 0, 4), (0, 0, 0)] {
                check(isa, &Matmul { transpose_a, transpose_b, ..plain(m, n, k) }, true, true);
                check(isa, &Matmul { transpose_a, transpose_b, ..plain(m, n, k) }, false, false);
            }
        }
        matmul(isa, &Matmul { batch: 0, ..plain(2, 2, 2) }, &[], &[], None, false, &mut []);
    }
}

#[test]
fn a_nan_or_an_infinity_reaches_its_row_and_no_other() {
    for (isa, n, k) in Isa::available().into_iter().flat_map(|isa| [(isa, 37, 19), (isa, 1, 19), (isa, 3, 190)]) {
        let m = 17;
        for row in 0..m {
            for bad in [f32::NAN, f32::INFINITY] {
                let mut a = vec![1.0; m * k];
                a[row * k + row] = bad;
                let mut c = vec![0.0; m * n];
                matmul(isa, &plain(m, n, k), &a, &vec![1.0; k * n], Some(&vec![0.5; n]), true, &mut c);
                for (i, &v) in c.iter().enumerate() {
                    let want = if i / n == row { bad } else { k as f32 + 0.5 };
                    assert!(v == want || (v.is_nan() && want.is_nan()), "{isa:?} {row} {i} {v}");
                }
            }
        }
    }
}

#[test]
fn the_bits_do_not_depend_on_the_threads() {
    let noise = |len: usize, seed: u32| -> Vec<f32> {
        (0..len as u32).map(|i| ((i ^ seed).wrapping_mul(2654435761) >> 8) as f32 / 1e7 - 0.8).collect()
    };
    for isa in Isa::available() {
        for (m, n, k) in [(300, 70, 700), (10, 900, 300), (1, 900, 900), (900, 2, 900)] {
            for transpose_b in [false, true] {
                let p = Matmul { transpose_b, ..plain(m, n, k) };
                let (a, b) = (noise(m * k, 7), noise(k * n, 8));
                let bits: Vec<Vec<u32>> = [1, 2, 3, 5]
                    .map(|threads| {
                        threads::set_count(threads);
                        let mut c = vec![0.0; m * n];
                        matmul(isa, &p, &a, &b, None, false, &mut c);
                        c.iter().map(|v| v.to_bits()).collect()
                    })
                    .into();
                threads::set_count(0);
                assert!(bits.iter().all(|other| other == &bits[0]), "{isa:?} {p:?}");
            }
        }
    }
}

#[test]
fn a_row_alone_gets_the_bits_that_it_gets_among_others() {
    let noise = |len: usize, seed: u32| -> Vec<f32> {
        (0..len as u32).map(|i| ((i ^ seed).wrapping_mul(2654435761) >> 8) as f32 / 1e7 - 0.8).collect()
    };
    for isa in Isa::available() {
        for (m, n, k) in [(40, 70, 1100), (20, 300, 800), (33, 4, 90), (70, 1, 300), (200, 128, 600)] {
            let (a, b, bias) = (noise(m * k, 7), noise(k * n, 8), noise(n, 9));
            let mut all = vec![0.0; m * n];
            matmul(isa, &plain(m, n, k), &a, &b, Some(&bias), false, &mut all);
            for rows in [1, 2, 17] {
                let mut some = vec![0.0; rows * n];
                matmul(isa, &plain(rows, n, k), &a[k..], &b, Some(&bias), false, &mut some);
                assert!(some == all[n..][..rows * n], "{isa:?} {rows} of {m}x{k}x{n}");
            }
        }
    }
}

#[test]
fn however_rows_are_told_the_bits_are_the_same() {
    let len = 7;
    // Rows and columns: tiles of one to four vectors, as high as they come.
    let sizes = [(23, 41), (27, 48), (27, 64)];
    for (isa, (count, columns)) in Isa::available().into_iter().flat_map(|isa| sizes.map(|size| (isa, size))) {
        // (distance of rows, of steps): along k, across, neither.
        for (stride, step) in [(9, 1), (1, 29), (2, 50)] {
            let a = values(count * stride + len * step, 1);
            let width = tile::size(isa).1;
            let b = values(pack::len(isa, len, columns), 2);
            let multiply = |from: Offsets, to: Offsets| {
                let mut c = vec![f32::NAN; count * columns];
                isa.run(Product {
                    left: Left { data: &a, rows: from, segments: &[0], len, step },
                    right: Right { data: &b, step: width, skip: 0, panel: len * width },
                    start: Start::Zero,
                    relu: false,
                    target: &Shared::new(&mut c),
                    base: 0,
                    rows: to,
                    columns,
                    planes: Planes::ONE,
                });
                c
            };
            let even = |stride| Offsets::Even { count, stride };
            let want = multiply(even(stride), even(columns));
            let list = |stride: usize| (0..count).map(|r| r * stride).collect::<Vec<_>>();
            let (from, to) = (list(stride), list(columns));
            assert!(multiply(Offsets::Listed(&from), Offsets::Listed(&to)) == want, "{isa:?} {stride} {step}");
            let exact = |r: usize, j: usize| {
                let at = |k: usize| j / width * len * width + k * width + j % width;
                (0..len).map(|k| a[r * stride + k * step] * b[at(k)]).sum::<f32>()
            };
            assert!(
                (0..count * columns).all(|i| want[i] == exact(i / columns, i % columns)),
                "{isa:?} {stride} {step}"
            );
            // The last two rows change places: they are at equal distances no more.
            let [mut from, mut to] = [from, to];
            from.swap(count - 2, count - 1);
            to.swap(count - 2, count - 1);
            assert!(multiply(Offsets::Listed(&from), Offsets::Listed(&to)) == want, "{isa:?} {stride} {step}");
        }
    }
}

/// As many rows and vectors of columns as any tile has and more, on operands near and far, whole and ragged.
#[test]
fn every_tile_equals_the_reference() {
    for isa in Isa::available() {
        for vectors in 1..=9 {
            for m in 1..=30 {
                let n = vectors * isa.lanes() - if m % 3 == 0 { 0 } else { m % isa.lanes() };
                for k in [5, 140] {
                    for (transpose_a, transpose_b) in [(false, false), (false, true), (true, false), (true, true)] {
                        check(isa, &Matmul { transpose_a, transpose_b, ..plain(m, n, k) }, m % 2 == 0, m % 5 == 0);
                    }
                }
            }
        }
    }
}
