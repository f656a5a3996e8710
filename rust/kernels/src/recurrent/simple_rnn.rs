//! The simple recurrence `h = activation(x . kernel + bias + h . recurrent kernel)` (Elman 1990).

use super::{Along, Gates, MOST_ROWS, Packed, Rows, Sequence, begin, stride, tanh_slope};
use crate::gemm::pack::Matrix;
use crate::simd::{Isa, Simd, math};
use crate::{scratch, threads};

/// What is applied to the sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    Tanh,
    Relu,
}

/// What the recurrence begins with: h is (batch, units), the recurrent kernel (units, units).
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    pub h: &'a [f32],
    pub kernel: &'a [f32],
    pub activation: Activation,
}

/// The sequence of states, and the last one. `gates` is `x . kernel + bias` (batch, steps, units); `h` is
/// (batch, steps, units), `last_h` (batch, units).
pub fn forward(isa: Isa, p: &Sequence, inputs: Inputs, gates: &[f32], h: &mut [f32], last_h: &mut [f32]) {
    p.check();
    let Sequence { batch, steps, units, .. } = *p;
    assert!(inputs.h.len() == batch * units && last_h.len() == inputs.h.len(), "states are batch x units");
    assert!(inputs.kernel.len() == units * units, "the recurrent kernel is units x units");
    assert!(gates.len() == batch * steps * units && h.len() == gates.len(), "sequences are batch x steps x units");
    scratch::with(Packed::len(isa, units, units), |memory| {
        let kernel = Matrix { data: inputs.kernel, stride: units, transposed: false };
        let kernel = Packed::new(isa, kernel, units, units, memory);
        threads::for_each_run([h, last_h], batch, p.run(), p.work(units), |from, slices| {
            forward_rows(p, &inputs, gates, &kernel, from, slices);
        });
    });
}

fn forward_rows(
    p: &Sequence,
    inputs: &Inputs,
    gates: &[f32],
    kernel: &Packed,
    from: usize,
    [h, last_h]: [&mut [f32]; 2],
) {
    let Sequence { steps, units, .. } = *p;
    let (rows, narrow) = (last_h.len() / units.max(1), stride(units));
    scratch::with(2 * MOST_ROWS * narrow, |memory| {
        let (z, left) = memory.split_at_mut(MOST_ROWS * narrow);
        last_h.copy_from_slice(&inputs.h[from * units..][..rows * units]);
        for row in 0..rows {
            p.dropped(from + row, &last_h[row * units..][..units], &mut left[row * narrow..][..units]);
        }
        for step in 0..steps {
            let time = p.time(step);
            kernel.product(rows, Rows { data: left, stride: narrow }, None, Rows { data: z, stride: narrow });
            for row in 0..rows {
                let last_h = &mut last_h[row * units..][..units];
                if p.counts(from + row, time) {
                    let read = [&gates[((from + row) * steps + time) * units..], &z[row * narrow..]];
                    kernel.isa.run(Along { gates: Forward(inputs.activation), units, read, own: [&mut *last_h] });
                    p.dropped(from + row, last_h, &mut left[row * narrow..][..units]);
                }
                h[(row * steps + step) * units..][..units].copy_from_slice(last_h);
            }
        }
    });
}

struct Forward(Activation);

impl Gates<2, 1> for Forward {
    #[inline(always)]
    fn apply<S: Simd>(&self, s: S, [x, z]: [S::F; 2], _: [S::F; 1]) -> [S::F; 1] {
        let sum = s.add(x, z);
        [match self.0 {
            Activation::Tanh => math::tanh(s, sum),
            Activation::Relu => s.max(sum, s.splat(0.0)),
        }]
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
    /// Of `x . kernel + bias` (batch, steps, units).
    pub gates: &'a mut [f32],
    /// The states that were multiplied with the recurrent kernel (batch, steps, units), in the order of the gates: the
    /// kernel's gradient is their transpose times that of the gates.
    pub left: &'a mut [f32],
    /// Of the state that the sequence began with (batch, units).
    pub h: &'a mut [f32],
}

/// The gradient through time. `h` is the sequence that the forward computed.
pub fn backward(isa: Isa, p: &Sequence, inputs: Inputs, h: &[f32], output_grads: OutputGrads, gradients: Gradients) {
    p.check();
    let Sequence { batch, steps, units, .. } = *p;
    assert!(
        h.len() == batch * steps * units && gradients.gates.len() == h.len(),
        "sequences are batch x steps x units"
    );
    assert!(
        gradients.left.len() == h.len() && output_grads.h.is_none_or(|dy| dy.len() == h.len()),
        "as many as states"
    );
    scratch::with(Packed::len(isa, units, units), |memory| {
        let kernel = Matrix { data: inputs.kernel, stride: units, transposed: true };
        let kernel = Packed::new(isa, kernel, units, units, memory);
        let slices = [gradients.gates, gradients.left, gradients.h];
        threads::for_each_run(slices, batch, p.run(), p.work(units), |from, slices| {
            backward_rows(p, &inputs, h, &output_grads, &kernel, from, slices);
        });
    });
}

fn backward_rows(
    p: &Sequence,
    inputs: &Inputs,
    h: &[f32],
    output_grads: &OutputGrads,
    kernel: &Packed,
    from: usize,
    [dgates, left, dh]: [&mut [f32]; 3],
) {
    let Sequence { steps, units, .. } = *p;
    let (rows, narrow) = (dh.len() / units.max(1), stride(units));
    begin(output_grads.last_h, from * units, dh);
    scratch::with(MOST_ROWS * narrow, |through| {
        for step in (0..steps).rev() {
            let time = p.time(step);
            for row in 0..rows {
                let dh = &mut dh[row * units..][..units];
                let place = ((from + row) * steps + step) * units;
                if let Some(dy) = output_grads.h {
                    dh.iter_mut().zip(&dy[place..]).for_each(|(d, dy)| *d += dy);
                }
                let at = (row * steps + time) * units;
                p.dropped(from + row, p.before(from + row, step, inputs.h, h), &mut left[at..][..units]);
                if p.counts(from + row, time) {
                    let own = [&mut dgates[at..], dh];
                    kernel.isa.run(Along { gates: Backward(inputs.activation), units, read: [&h[place..]], own });
                } else {
                    dgates[at..][..units].fill(0.0);
                }
            }
            let dz = Rows { data: &dgates[time * units..], stride: steps * units };
            kernel.product(rows, dz, None, Rows { data: through, stride: narrow });
            for row in 0..rows {
                p.add_through(from + row, &mut through[row * narrow..][..units], &mut dh[row * units..][..units]);
            }
        }
    });
}

struct Backward(Activation);

impl Gates<1, 2> for Backward {
    #[inline(always)]
    fn apply<S: Simd>(&self, s: S, [h]: [S::F; 1], [_, dh]: [S::F; 2]) -> [S::F; 2] {
        let d = match self.0 {
            Activation::Tanh => s.mul(dh, tanh_slope(s, h)),
            Activation::Relu => s.select(s.lt(s.splat(0.0), h), dh, s.splat(0.0)),
        };
        [d, s.splat(0.0)]
    }
}

#[cfg(test)]
mod tests {
    use super::super::cases::{Case, agree, each, outer, zeros};
    use super::*;

    /// The states h and the last one, from [gates, h, kernel].
    fn reference(case: &Case, activation: Activation, [gates, h, kernel]: [&[f64]; 3]) -> Vec<f64> {
        let units = case.units;
        let mut h = h.to_vec();
        let mut all = vec![0.0; case.batch * case.steps * units];
        for row in 0..case.batch {
            for step in 0..case.steps {
                let time = case.time(step);
                let before: Vec<f64> = (0..units).map(|u| h[row * units + u] * case.factor(row, u)).collect();
                for u in (0..units).filter(|_| case.seen(row, time)) {
                    let product = (0..units).map(|k| before[k] * kernel[k * units + u]).sum::<f64>();
                    let sum = gates[(row * case.steps + time) * units + u] + product;
                    h[row * units + u] = if activation == Activation::Tanh { sum.tanh() } else { sum.max(0.0) };
                }
                all[(row * case.steps + step) * units..][..units].copy_from_slice(&h[row * units..][..units]);
            }
        }
        [all, h].concat()
    }

    fn check(activation: Activation) {
        each(1, |case, isa| {
            let inputs = case.inputs(&[case.len(1), case.state(), case.units * case.units]);
            let [x, first, kernel] = inputs.singles();
            let p = case.sequence();
            let (mut h, mut last_h) = (zeros(case.len(1)), zeros(case.state()));
            let operands = Inputs { h: &first, kernel: &kernel, activation };
            forward(isa, &p, operands, &x, &mut h, &mut last_h);
            let dy = case.weights(case.len(1) + case.state());
            let (above_h, above_last_h) = dy.split_at(case.len(1));
            let output_grads = OutputGrads { h: Some(above_h), last_h: Some(above_last_h) };
            let (mut gates, mut left, mut dh) = (zeros(case.len(1)), zeros(case.len(1)), zeros(case.state()));
            let gradients = Gradients { gates: &mut gates, left: &mut left, h: &mut dh };
            backward(isa, &p, operands, &h, output_grads, gradients);
            let (states, dkernel) = ([h, last_h].concat(), outer(&left, &gates, case.units, case.units));
            let computed = [&gates[..], &dh, &dkernel];
            agree(case, &inputs, &dy, |x| reference(case, activation, [&x[0], &x[1], &x[2]]), &states, computed);
            [states, gates, dh, left].concat()
        });
    }

    #[test]
    fn tanh_equals_the_reference_on_any_number_of_threads() {
        check(Activation::Tanh);
    }

    #[test]
    fn relu_equals_the_reference_on_any_number_of_threads() {
        check(Activation::Relu);
    }
}
