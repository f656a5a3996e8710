//! The long short-term memory (Hochreiter and Schmidhuber 1997; forget gates: Gers et al. 2000). Gates are in Keras's
//! order: input, forget, candidate, output.

use super::{
    Along, Gates, MOST_ROWS, Packed, Rows, Sequence, begin, gates as cut, gates_mut, sigmoid_slope, stride, tanh_slope,
};
use crate::gemm::pack::Matrix;
use crate::simd::{Isa, Simd, math};
use crate::{cache, scratch, threads};

/// What the forward begins with: h and c are (batch, units), the recurrent kernel (units, 4 units).
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    pub h: &'a [f32],
    pub c: &'a [f32],
    pub kernel: &'a [f32],
}

/// What the forward computes. `gates` (batch, steps, 4 units) holds `x . kernel + bias`, and then the activated gates.
#[derive(Debug)]
pub struct Outputs<'a> {
    pub gates: &'a mut [f32],
    /// The states of every step (batch, steps, units).
    pub h: &'a mut [f32],
    pub c: &'a mut [f32],
    /// Those of the last (batch, units).
    pub last_h: &'a mut [f32],
    pub last_c: &'a mut [f32],
}

/// `i, f, o = sigmoid(.)`, `g = tanh(.)` of `gates + h . kernel`; `c = f c + i g`; `h = o tanh(c)`.
pub fn forward(isa: Isa, p: &Sequence, inputs: Inputs, outputs: Outputs) {
    p.check();
    let Sequence { batch, steps, units, .. } = *p;
    assert!(inputs.h.len() == batch * units && inputs.c.len() == batch * units, "states are batch x units");
    assert!(inputs.kernel.len() == units * 4 * units, "the recurrent kernel is units x 4 units");
    let Outputs { gates, h, c, last_h, last_c } = outputs;
    assert!(gates.len() == batch * steps * 4 * units, "gates are batch x steps x 4 units");
    assert!(h.len() == batch * steps * units && c.len() == h.len(), "sequences are batch x steps x units");
    scratch::with(Packed::len(isa, units, 4 * units), |memory| {
        let kernel = Matrix { data: inputs.kernel, stride: 4 * units, transposed: false };
        let kernel = Packed::new(isa, kernel, units, 4 * units, memory);
        let slices = [gates, h, c, last_h, last_c];
        threads::for_each_run(slices, batch, p.run(), p.work(4 * units), |from, slices| {
            forward_rows(p, &inputs, &kernel, from, slices);
        });
    });
}

fn forward_rows(p: &Sequence, inputs: &Inputs, kernel: &Packed, from: usize, slices: [&mut [f32]; 5]) {
    let Sequence { steps, units, .. } = *p;
    let [gates, h, c, last_h, last_c] = slices;
    let rows = last_h.len() / units.max(1);
    let (wide, narrow) = (stride(4 * units), stride(units));
    scratch::with(MOST_ROWS * (wide + narrow), |memory| {
        let (z, left) = memory.split_at_mut(MOST_ROWS * wide);
        for row in 0..rows {
            let begin = (from + row) * units..(from + row + 1) * units;
            p.dropped(from + row, &inputs.h[begin.clone()], &mut left[row * narrow..][..units]);
            last_h[row * units..][..units].copy_from_slice(&inputs.h[begin.clone()]);
            last_c[row * units..][..units].copy_from_slice(&inputs.c[begin]);
        }
        for step in 0..steps {
            let time = p.time(step);
            kernel.product(rows, Rows { data: left, stride: narrow }, None, Rows { data: z, stride: wide });
            let next = (step + 1 < steps).then(|| p.time(step + 1));
            for row in 0..rows {
                if let Some(time) = next {
                    cache::fetch(&gates[(row * steps + time) * 4 * units..][..4 * units]);
                }
                let (last_h, last_c) = (&mut last_h[row * units..][..units], &mut last_c[row * units..][..units]);
                if p.counts(from + row, time) {
                    let [zi, zf, zg, zo] = cut(&z[row * wide..][..4 * units]);
                    let [i, f, g, o] = gates_mut(&mut gates[(row * steps + time) * 4 * units..][..4 * units]);
                    let (read, own) = ([zi, zf, zg, zo], [i, f, g, o, &mut *last_c, &mut *last_h]);
                    kernel.isa.run(Along { gates: Forward, units, read, own });
                    p.dropped(from + row, last_h, &mut left[row * narrow..][..units]);
                }
                h[(row * steps + step) * units..][..units].copy_from_slice(last_h);
                c[(row * steps + step) * units..][..units].copy_from_slice(last_c);
            }
        }
    });
}

struct Forward;

impl Gates<4, 6> for Forward {
    #[inline(always)]
    fn apply<S: Simd>(&self, s: S, z: [S::F; 4], [i, f, g, o, c, _]: [S::F; 6]) -> [S::F; 6] {
        let i = math::sigmoid(s, s.add(i, z[0]));
        let f = math::sigmoid(s, s.add(f, z[1]));
        let g = math::tanh(s, s.add(g, z[2]));
        let o = math::sigmoid(s, s.add(o, z[3]));
        let c = s.mul_add(f, c, s.mul(i, g));
        [i, f, g, o, c, s.mul(o, math::tanh(s, c))]
    }
}

/// The gradients of the outputs; each may be missing, which means zero.
#[derive(Clone, Copy, Debug)]
pub struct OutputGrads<'a> {
    /// Of the states h of every step.
    pub h: Option<&'a [f32]>,
    pub last_h: Option<&'a [f32]>,
    pub last_c: Option<&'a [f32]>,
}

/// What the backward computes.
#[derive(Debug)]
pub struct Gradients<'a> {
    /// The activated gates, and then the gradient of the gates' inputs (batch, steps, 4 units).
    pub gates: &'a mut [f32],
    /// The states that were multiplied with the recurrent kernel (batch, steps, units), in the order of the gates: the
    /// kernel's gradient is their transpose times that of the gates.
    pub left: &'a mut [f32],
    /// Of the states that the sequence began with (batch, units).
    pub h: &'a mut [f32],
    pub c: &'a mut [f32],
}

/// The gradient through time. `h` and `c` are the sequences that the forward computed.
pub fn backward(
    isa: Isa,
    p: &Sequence,
    inputs: Inputs,
    h: &[f32],
    c: &[f32],
    output_grads: OutputGrads,
    gradients: Gradients,
) {
    p.check();
    let Sequence { batch, steps, units, .. } = *p;
    assert!(h.len() == batch * steps * units && c.len() == h.len(), "sequences are batch x steps x units");
    assert!(gradients.gates.len() == batch * steps * 4 * units, "gates are batch x steps x 4 units");
    assert!(
        gradients.left.len() == h.len() && output_grads.h.is_none_or(|dy| dy.len() == h.len()),
        "as many as states"
    );
    scratch::with(Packed::len(isa, 4 * units, units), |memory| {
        let kernel = Matrix { data: inputs.kernel, stride: 4 * units, transposed: true };
        let kernel = Packed::new(isa, kernel, 4 * units, units, memory);
        let slices = [gradients.gates, gradients.left, gradients.h, gradients.c];
        threads::for_each_run(slices, batch, p.run(), p.work(4 * units), |from, slices| {
            backward_rows(p, &inputs, [h, c], &output_grads, &kernel, from, slices);
        });
    });
}

fn backward_rows(
    p: &Sequence,
    inputs: &Inputs,
    [h, c]: [&[f32]; 2],
    output_grads: &OutputGrads,
    kernel: &Packed,
    from: usize,
    slices: [&mut [f32]; 4],
) {
    let Sequence { steps, units, .. } = *p;
    let [dgates, left, dh, dc] = slices;
    let (rows, narrow, wide) = (dh.len() / units.max(1), stride(units), steps * 4 * units);
    begin(output_grads.last_h, from * units, dh);
    begin(output_grads.last_c, from * units, dc);
    scratch::with(MOST_ROWS * narrow, |through| {
        for step in (0..steps).rev() {
            let time = p.time(step);
            let next = step.checked_sub(1);
            for row in 0..rows {
                if let Some(step) = next {
                    let (time, place) = (p.time(step), ((from + row) * steps + step) * units);
                    cache::fetch(&dgates[row * wide + time * 4 * units..][..4 * units]);
                    cache::fetch(p.before(from + row, step, inputs.h, h));
                    cache::fetch(p.before(from + row, step, inputs.c, c));
                    output_grads.h.into_iter().for_each(|dy| cache::fetch(&dy[place..][..units]));
                }
                let (dh, dc) = (&mut dh[row * units..][..units], &mut dc[row * units..][..units]);
                let place = ((from + row) * steps + step) * units;
                if let Some(dy) = output_grads.h {
                    dh.iter_mut().zip(&dy[place..]).for_each(|(d, dy)| *d += dy);
                }
                p.dropped(
                    from + row,
                    p.before(from + row, step, inputs.h, h),
                    &mut left[(row * steps + time) * units..][..units],
                );
                let gates = &mut dgates[row * wide + time * 4 * units..][..4 * units];
                if p.counts(from + row, time) {
                    let [i, f, g, o] = gates_mut(gates);
                    let read = [p.before(from + row, step, inputs.c, c), &c[place..]];
                    kernel.isa.run(Along { gates: Backward, units, read, own: [i, f, g, o, dc, dh] });
                } else {
                    gates.fill(0.0);
                }
            }
            let dz = Rows { data: &dgates[time * 4 * units..], stride: wide };
            kernel.product(rows, dz, None, Rows { data: through, stride: narrow });
            for row in 0..rows {
                p.add_through(from + row, &mut through[row * narrow..][..units], &mut dh[row * units..][..units]);
            }
        }
    });
}

struct Backward;

impl Gates<2, 6> for Backward {
    #[inline(always)]
    fn apply<S: Simd>(&self, s: S, [before, c]: [S::F; 2], [i, f, g, o, dc, dh]: [S::F; 6]) -> [S::F; 6] {
        let shown = math::tanh(s, c);
        let dc = s.mul_add(s.mul(dh, o), tanh_slope(s, shown), dc);
        let di = s.mul(s.mul(dc, g), sigmoid_slope(s, i));
        // A gate that is full has no slope, be the memory ever so large: the slope first.
        let df = s.mul(dc, s.mul(before, sigmoid_slope(s, f)));
        let dg = s.mul(s.mul(dc, i), tanh_slope(s, g));
        let d_o = s.mul(s.mul(dh, shown), sigmoid_slope(s, o));
        [di, df, dg, d_o, s.mul(dc, f), s.splat(0.0)]
    }
}

#[cfg(test)]
mod tests {
    use super::super::cases::{Case, agree, each, outer, zeros};
    use super::*;

    /// The states h, and the last h and c, from [gates, h, c, kernel].
    fn reference(case: &Case, [gates, h, c, kernel]: [&[f64]; 4]) -> Vec<f64> {
        let units = case.units;
        let (mut h, mut c) = (h.to_vec(), c.to_vec());
        let mut all = vec![0.0; case.batch * case.steps * units];
        for row in 0..case.batch {
            for step in 0..case.steps {
                let time = case.time(step);
                let before: Vec<f64> = (0..units).map(|u| h[row * units + u] * case.factor(row, u)).collect();
                for u in (0..units).filter(|_| case.seen(row, time)) {
                    let gate = |gate: usize| {
                        let column = gate * units + u;
                        let product = (0..units).map(|k| before[k] * kernel[k * 4 * units + column]).sum::<f64>();
                        gates[(row * case.steps + time) * 4 * units + column] + product
                    };
                    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
                    let at = row * units + u;
                    c[at] = sigmoid(gate(1)) * c[at] + sigmoid(gate(0)) * gate(2).tanh();
                    h[at] = sigmoid(gate(3)) * c[at].tanh();
                }
                all[(row * case.steps + step) * units..][..units].copy_from_slice(&h[row * units..][..units]);
            }
        }
        [all, h, c].concat()
    }

    #[test]
    fn states_and_gradients_equal_the_reference_on_any_number_of_threads() {
        each(4, |case, isa| {
            let inputs = case.inputs(&[case.len(4), case.state(), case.state(), 4 * case.units * case.units]);
            let [x, h0, c0, kernel] = inputs.singles();
            let operands = Inputs { h: &h0, c: &c0, kernel: &kernel };
            let p = case.sequence();
            let [mut gates, mut h, mut c] = [x, zeros(case.len(1)), zeros(case.len(1))];
            let (mut last_h, mut last_c) = (zeros(case.state()), zeros(case.state()));
            let (gates, h, c) = (&mut gates, &mut h, &mut c);
            forward(isa, &p, operands, Outputs { gates, h, c, last_h: &mut last_h, last_c: &mut last_c });
            let dy = case.weights(case.len(1) + 2 * case.state());
            let (above_h, rest) = dy.split_at(case.len(1));
            let (above_last_h, above_last_c) = rest.split_at(case.state());
            let output_grads = OutputGrads { h: Some(above_h), last_h: Some(above_last_h), last_c: Some(above_last_c) };
            let (mut left, mut dh, mut dc) = (zeros(case.len(1)), zeros(case.state()), zeros(case.state()));
            let states = [&h[..], &last_h, &last_c].concat();
            let gradients = Gradients { gates, left: &mut left, h: &mut dh, c: &mut dc };
            backward(isa, &p, operands, h, c, output_grads, gradients);
            let dkernel = outer(&left, gates, case.units, 4 * case.units);
            agree(
                case,
                &inputs,
                &dy,
                |x| reference(case, [&x[0], &x[1], &x[2], &x[3]]),
                &states,
                [&gates[..], &dh, &dc, &dkernel],
            );
            [states, gates.clone(), dh, dc, left].concat()
        });
    }
}
