//! The gated recurrent unit (Cho et al. 2014). Gates are in Keras's order: update z, reset r, candidate.

use super::{
    Along, Gates, MOST_ROWS, Packed, Rows, Sequence, begin, gates as cut, gates_mut, sigmoid_slope, stride, tanh_slope,
};
use crate::gemm::pack::Matrix;
use crate::simd::{Isa, Simd, math};
use crate::{cache, scratch, threads};

/// What the forward begins with.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// (batch, units)
    pub h: &'a [f32],
    /// (units, 3 units)
    pub kernel: &'a [f32],
    /// (3 units), added to the product with the recurrent kernel.
    pub bias: Option<&'a [f32]>,
    /// Whether the reset gate is multiplied with the candidate's product instead of with the state before it. Without
    /// it there is no recurrent bias.
    pub reset_after: bool,
}

/// What the forward computes. `gates` (batch, steps, 3 units) holds `x . kernel + bias`, and then the activated gates.
#[derive(Debug)]
pub struct Outputs<'a> {
    pub gates: &'a mut [f32],
    /// The states of every step (batch, steps, units).
    pub h: &'a mut [f32],
    /// In the order of the gates (batch, steps, units): where the reset comes after, what it is multiplied with; else
    /// the reset state, which is multiplied with the candidate's kernel.
    pub inner: &'a mut [f32],
    /// The last state (batch, units).
    pub last_h: &'a mut [f32],
}

/// `z, r = sigmoid(.)` of `gates + h . kernel + bias`; the candidate is `tanh(gates + r (h . kernel + bias))`, or
/// `tanh(gates + (r h) . kernel)` where the reset comes before; `h = z h + (1 - z) candidate`.
pub fn forward(isa: Isa, p: &Sequence, inputs: Inputs, outputs: Outputs) {
    p.check();
    let Sequence { batch, steps, units, .. } = *p;
    assert!(inputs.h.len() == batch * units, "states are batch x units");
    assert!(inputs.kernel.len() == units * 3 * units, "the recurrent kernel is units x 3 units");
    assert!(inputs.bias.is_none_or(|bias| inputs.reset_after && bias.len() == 3 * units), "a bias for three gates");
    let Outputs { gates, h, inner, last_h } = outputs;
    assert!(gates.len() == batch * steps * 3 * units, "gates are batch x steps x 3 units");
    assert!(h.len() == batch * steps * units && inner.len() == h.len(), "sequences are batch x steps x units");
    let slices = [gates, h, inner, last_h];
    with_kernels(isa, &inputs, units, false, |kernels| {
        threads::for_each_run(slices, batch, p.run(), p.work(3 * units), |from, slices| {
            forward_rows(p, &inputs, kernels, from, slices);
        });
    });
}

/// Packs the recurrent kernel, as one where the reset comes after, else in two: of both gates, and of the candidate.
fn with_kernels(isa: Isa, inputs: &Inputs, units: usize, transposed: bool, f: impl FnOnce(&[Packed])) {
    let parts: &[(usize, usize)] = if inputs.reset_after { &[(0, 3)] } else { &[(0, 2), (2, 1)] };
    let sizes = |gates: usize| if transposed { (gates * units, units) } else { (units, gates * units) };
    let len = |gates: usize| Packed::len(isa, sizes(gates).0, sizes(gates).1);
    scratch::with(parts.iter().map(|part| len(part.1)).sum(), |memory| {
        let mut left = memory;
        let packed = parts.iter().map(|&(first, gates)| {
            let (memory, rest) = std::mem::take(&mut left).split_at_mut(len(gates));
            left = rest;
            let data = inputs.kernel.get(first * units..).unwrap_or(&[]);
            let (depth, columns) = sizes(gates);
            Packed::new(isa, Matrix { data, stride: 3 * units, transposed }, depth, columns, memory)
        });
        f(&packed.collect::<Vec<_>>());
    });
}

fn forward_rows(p: &Sequence, inputs: &Inputs, kernels: &[Packed], from: usize, slices: [&mut [f32]; 4]) {
    let Sequence { steps, units, .. } = *p;
    let [gates, h, inner, last_h] = slices;
    let isa = kernels[0].isa;
    let (rows, wide, narrow) = (last_h.len() / units.max(1), stride(3 * units), stride(units));
    scratch::with(MOST_ROWS * (wide + narrow), |memory| {
        let (sums, left) = memory.split_at_mut(MOST_ROWS * wide);
        last_h.copy_from_slice(&inputs.h[from * units..][..rows * units]);
        for row in 0..rows {
            p.dropped(from + row, &last_h[row * units..][..units], &mut left[row * narrow..][..units]);
        }
        for step in 0..steps {
            let time = p.time(step);
            let state = Rows { data: &*left, stride: narrow };
            kernels[0].product(rows, state, inputs.bias, Rows { data: sums, stride: wide });
            if let Some(candidate) = kernels.get(1) {
                for row in 0..rows {
                    let at = row * steps + time;
                    let inner = &mut inner[at * units..][..units];
                    if !p.counts(from + row, time) {
                        inner.fill(0.0);
                        continue;
                    }
                    let [z, r, _] = gates_mut(&mut gates[at * 3 * units..][..3 * units]);
                    let [sum_z, sum_r, _] = cut(&sums[row * wide..][..3 * units]);
                    let read = [sum_z, sum_r, &left[row * narrow..]];
                    isa.run(Along { gates: Reset, units, read, own: [z, r, inner] });
                }
                let reset = Rows { data: &inner[time * units..], stride: steps * units };
                candidate.product(rows, reset, None, Rows { data: &mut sums[2 * units..], stride: wide });
            }
            let next = (step + 1 < steps).then(|| p.time(step + 1));
            for row in 0..rows {
                if let Some(time) = next {
                    cache::fetch(&gates[(row * steps + time) * 3 * units..][..3 * units]);
                }
                let (at, last_h) = (row * steps + time, &mut last_h[row * units..][..units]);
                if p.counts(from + row, time) {
                    let [z, r, candidate] = gates_mut(&mut gates[at * 3 * units..][..3 * units]);
                    let [sum_z, sum_r, sum] = cut(&sums[row * wide..][..3 * units]);
                    if inputs.reset_after {
                        let own = [z, r, candidate, &mut inner[at * units..], &mut *last_h];
                        isa.run(Along { gates: Forward, units, read: [sum_z, sum_r, sum], own });
                    } else {
                        let own = [candidate, &mut *last_h];
                        isa.run(Along { gates: Update, units, read: [z, sum], own });
                    }
                    p.dropped(from + row, last_h, &mut left[row * narrow..][..units]);
                } else {
                    inner[at * units..][..units].fill(0.0);
                }
                h[(row * steps + step) * units..][..units].copy_from_slice(last_h);
            }
        }
    });
}

/// A whole step where the reset comes after.
struct Forward;

impl Gates<3, 5> for Forward {
    #[inline(always)]
    fn apply<S: Simd>(&self, s: S, sums: [S::F; 3], [z, r, x, _, h]: [S::F; 5]) -> [S::F; 5] {
        let z = math::sigmoid(s, s.add(z, sums[0]));
        let r = math::sigmoid(s, s.add(r, sums[1]));
        let candidate = math::tanh(s, s.mul_add(r, sums[2], x));
        [z, r, candidate, sums[2], s.mul_add(z, s.sub(h, candidate), candidate)]
    }
}

/// The gates, and the state that the reset leaves.
struct Reset;

impl Gates<3, 3> for Reset {
    #[inline(always)]
    fn apply<S: Simd>(&self, s: S, [sum_z, sum_r, h]: [S::F; 3], [z, r, _]: [S::F; 3]) -> [S::F; 3] {
        let r = math::sigmoid(s, s.add(r, sum_r));
        [math::sigmoid(s, s.add(z, sum_z)), r, s.mul(r, h)]
    }
}

/// The candidate, and the new state.
struct Update;

impl Gates<2, 2> for Update {
    #[inline(always)]
    fn apply<S: Simd>(&self, s: S, [z, sum]: [S::F; 2], [x, h]: [S::F; 2]) -> [S::F; 2] {
        let candidate = math::tanh(s, s.add(x, sum));
        [candidate, s.mul_add(z, s.sub(h, candidate), candidate)]
    }
}

/// The gradients of the outputs; each may be missing, which means zero.
#[derive(Clone, Copy, Debug)]
pub struct OutputGrads<'a> {
    /// Of the states of every step.
    pub h: Option<&'a [f32]>,
    pub last_h: Option<&'a [f32]>,
}

/// What the backward computes.
#[derive(Debug)]
pub struct Gradients<'a> {
    /// The activated gates, and then the gradient of the gates' inputs (batch, steps, 3 units).
    pub gates: &'a mut [f32],
    /// The states that were multiplied with the recurrent kernel (batch, steps, units), in the order of the gates.
    pub left: &'a mut [f32],
    /// Of the state that the sequence began with (batch, units).
    pub h: &'a mut [f32],
    /// Of the products with the recurrent kernel (batch, steps, 3 units); empty where the reset comes before, for there
    /// it is that of the gates.
    pub products: &'a mut [f32],
}

/// The gradient through time. `h` and `inner` are what the forward computed.
pub fn backward(
    isa: Isa,
    p: &Sequence,
    inputs: Inputs,
    h: &[f32],
    inner: &[f32],
    output_grads: OutputGrads,
    gradients: Gradients,
) {
    p.check();
    let Sequence { batch, steps, units, .. } = *p;
    assert!(h.len() == batch * steps * units && inner.len() == h.len(), "sequences are batch x steps x units");
    assert!(gradients.gates.len() == 3 * h.len(), "gates are batch x steps x 3 units");
    assert!(gradients.products.len() == if inputs.reset_after { 3 * h.len() } else { 0 }, "as many products as gates");
    assert!(
        gradients.left.len() == h.len() && output_grads.h.is_none_or(|dy| dy.len() == h.len()),
        "as many as states"
    );
    let slices = [gradients.gates, gradients.left, gradients.h, gradients.products];
    with_kernels(isa, &inputs, units, true, |kernels| {
        threads::for_each_run(slices, batch, p.run(), p.work(3 * units), |from, slices| {
            backward_rows(p, &inputs, [h, inner], &output_grads, kernels, from, slices);
        });
    });
}

fn backward_rows(
    p: &Sequence,
    inputs: &Inputs,
    [h, inner]: [&[f32]; 2],
    output_grads: &OutputGrads,
    kernels: &[Packed],
    from: usize,
    [dgates, left, dh, products]: [&mut [f32]; 4],
) {
    let Sequence { steps, units, .. } = *p;
    let isa = kernels[0].isa;
    let (rows, narrow, wide) = (dh.len() / units.max(1), stride(units), steps * 3 * units);
    begin(output_grads.last_h, from * units, dh);
    scratch::with(2 * MOST_ROWS * narrow, |memory| {
        let (through, reset) = memory.split_at_mut(MOST_ROWS * narrow);
        for step in (0..steps).rev() {
            let time = p.time(step);
            let next = step.checked_sub(1);
            for row in 0..rows {
                if let Some(step) = next {
                    let (time, place) = (p.time(step), ((from + row) * steps + step) * units);
                    cache::fetch(&dgates[(row * steps + time) * 3 * units..][..3 * units]);
                    cache::fetch(&inner[((from + row) * steps + time) * units..][..units]);
                    cache::fetch(p.before(from + row, step, inputs.h, h));
                    output_grads.h.into_iter().for_each(|dy| cache::fetch(&dy[place..][..units]));
                }
                let dh = &mut dh[row * units..][..units];
                let place = ((from + row) * steps + step) * units;
                if let Some(dy) = output_grads.h {
                    dh.iter_mut().zip(&dy[place..]).for_each(|(d, dy)| *d += dy);
                }
                let at = row * steps + time;
                let before = p.before(from + row, step, inputs.h, h);
                p.dropped(from + row, before, &mut left[at * units..][..units]);
                let gates = &mut dgates[at * 3 * units..][..3 * units];
                let counts = p.counts(from + row, time);
                if !counts {
                    gates.fill(0.0);
                }
                if inputs.reset_after {
                    let products = &mut products[at * 3 * units..][..3 * units];
                    if counts {
                        let ([z, r, x], [pz, pr, px]) = (gates_mut(gates), gates_mut(products));
                        let read = [before, &inner[((from + row) * steps + time) * units..]];
                        isa.run(Along { gates: Backward, units, read, own: [z, r, x, dh, pz, pr, px] });
                    } else {
                        products.fill(0.0);
                    }
                } else if counts {
                    let [z, _, x] = gates_mut(gates);
                    isa.run(Along { gates: UpdateGradient, units, read: [before], own: [z, x, dh] });
                }
            }
            let target = Rows { data: &mut *through, stride: narrow };
            if let Some(candidate) = kernels.get(1) {
                let dx = Rows { data: dgates.get(time * 3 * units + 2 * units..).unwrap_or(&[]), stride: wide };
                candidate.product(rows, dx, None, Rows { data: reset, stride: narrow });
                for row in 0..rows {
                    let at = row * steps + time;
                    let [_, r, _] = gates_mut(&mut dgates[at * 3 * units..][..3 * units]);
                    let own = [r, &mut reset[row * narrow..]];
                    isa.run(Along { gates: ResetGradient, units, read: [&left[at * units..]], own });
                }
                kernels[0].product(rows, Rows { data: &dgates[time * 3 * units..], stride: wide }, None, target);
                through.iter_mut().zip(&*reset).for_each(|(through, reset)| *through += reset);
            } else {
                kernels[0].product(rows, Rows { data: &products[time * 3 * units..], stride: wide }, None, target);
            }
            for row in 0..rows {
                p.add_through(from + row, &mut through[row * narrow..][..units], &mut dh[row * units..][..units]);
            }
        }
    });
}

/// A whole step where the reset comes after.
struct Backward;

impl Gates<2, 7> for Backward {
    #[inline(always)]
    fn apply<S: Simd>(&self, s: S, [before, inner]: [S::F; 2], own: [S::F; 7]) -> [S::F; 7] {
        let [z, r, candidate, dh, ..] = own;
        let [dz, dx, dh] = UpdateGradient.apply(s, [before], [z, candidate, dh]);
        let dr = s.mul(dx, s.mul(inner, sigmoid_slope(s, r)));
        [dz, dr, dx, dh, dz, dr, s.mul(dx, r)]
    }
}

/// From the new state to the update gate, the candidate and the state before.
struct UpdateGradient;

impl Gates<1, 3> for UpdateGradient {
    #[inline(always)]
    fn apply<S: Simd>(&self, s: S, [before]: [S::F; 1], [z, candidate, dh]: [S::F; 3]) -> [S::F; 3] {
        // A gate that is full has no slope, be the state ever so large: the slope first.
        let dz = s.mul(dh, s.mul(s.sub(before, candidate), sigmoid_slope(s, z)));
        let dx = s.mul(s.mul(dh, s.sub(s.splat(1.0), z)), tanh_slope(s, candidate));
        [dz, dx, s.mul(dh, z)]
    }
}

/// From the reset state to the reset gate and the state before.
struct ResetGradient;

impl Gates<1, 2> for ResetGradient {
    #[inline(always)]
    fn apply<S: Simd>(&self, s: S, [h]: [S::F; 1], [r, d]: [S::F; 2]) -> [S::F; 2] {
        [s.mul(d, s.mul(h, sigmoid_slope(s, r))), s.mul(d, r)]
    }
}

#[cfg(test)]
mod tests {
    use super::super::cases::{Case, agree, each, outer, zeros};
    use super::*;

    /// The states h and the last one, from [gates, h, kernel, bias].
    fn reference(case: &Case, reset_after: bool, [gates, h, kernel, bias]: [&[f64]; 4]) -> Vec<f64> {
        let units = case.units;
        let mut h = h.to_vec();
        let mut all = vec![0.0; case.batch * case.steps * units];
        let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
        for row in 0..case.batch {
            for step in 0..case.steps {
                let time = case.time(step);
                let own = h[row * units..][..units].to_vec();
                let before: Vec<f64> = (0..units).map(|u| own[u] * case.factor(row, u)).collect();
                let x = |gate: usize, u: usize| gates[((row * case.steps + time) * 3 + gate) * units + u];
                let product = |state: &[f64], gate: usize, u: usize| {
                    let sum = (0..units).map(|k| state[k] * kernel[(k * 3 + gate) * units + u]).sum::<f64>();
                    sum + if reset_after { bias[gate * units + u] } else { 0.0 }
                };
                let r: Vec<f64> = (0..units).map(|u| sigmoid(x(1, u) + product(&before, 1, u))).collect();
                let reset: Vec<f64> = (0..units).map(|u| r[u] * before[u]).collect();
                for u in (0..units).filter(|_| case.seen(row, time)) {
                    let z = sigmoid(x(0, u) + product(&before, 0, u));
                    let inner = if reset_after { r[u] * product(&before, 2, u) } else { product(&reset, 2, u) };
                    h[row * units + u] = z * own[u] + (1.0 - z) * (x(2, u) + inner).tanh();
                }
                all[(row * case.steps + step) * units..][..units].copy_from_slice(&h[row * units..][..units]);
            }
        }
        [all, h].concat()
    }

    fn check(reset_after: bool) {
        each(3, |case, isa| {
            let units = case.units;
            let inputs = case.inputs(&[case.len(3), case.state(), 3 * units * units, 3 * units]);
            let [x, first, kernel, bias] = inputs.singles();
            let bias = reset_after.then_some(&bias[..]);
            let operands = Inputs { h: &first, kernel: &kernel, bias, reset_after };
            let p = case.sequence();
            let (mut gates, mut h, mut inner) = (x, zeros(case.len(1)), zeros(case.len(1)));
            let mut last_h = zeros(case.state());
            let outputs = Outputs { gates: &mut gates, h: &mut h, inner: &mut inner, last_h: &mut last_h };
            forward(isa, &p, operands, outputs);
            let dy = case.weights(case.len(1) + case.state());
            let (above_h, above_last_h) = dy.split_at(case.len(1));
            let output_grads = OutputGrads { h: Some(above_h), last_h: Some(above_last_h) };
            let (mut left, mut dh) = (zeros(case.len(1)), zeros(case.state()));
            let mut products = zeros(if reset_after { case.len(3) } else { 0 });
            let gradients = Gradients { gates: &mut gates, left: &mut left, h: &mut dh, products: &mut products };
            backward(isa, &p, operands, &h, &inner, output_grads, gradients);
            let (dkernel, dbias) = if reset_after {
                let sum = |gate: usize| products.iter().skip(gate).step_by(3 * units).sum();
                (outer(&left, &products, units, 3 * units), (0..3 * units).map(sum).collect())
            } else {
                let (gates, candidate) =
                    (outer(&left, &gates, units, 3 * units), outer(&inner, &gates, units, 3 * units));
                let column = |i: usize| i % (3 * units) < 2 * units;
                let kernel = (0..3 * units * units).map(|i| if column(i) { gates[i] } else { candidate[i] });
                (kernel.collect(), zeros(3 * units))
            };
            let states = [h, last_h].concat();
            let computed = [&gates[..], &dh, &dkernel, &dbias];
            let reference = |x: &[Vec<f64>]| reference(case, reset_after, [&x[0], &x[1], &x[2], &x[3]]);
            agree(case, &inputs, &dy, reference, &states, computed);
            [states, gates, dh, left, products].concat()
        });
    }

    #[test]
    fn reset_after_equals_the_reference_on_any_number_of_threads() {
        check(true);
    }

    #[test]
    fn reset_before_equals_the_reference_on_any_number_of_threads() {
        check(false);
    }
}
