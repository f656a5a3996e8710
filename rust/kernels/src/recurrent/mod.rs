//! Recurrent layers over whole sequences: LSTM, GRU and the simple recurrence, forward and back through time.
//!
//! The inputs' part of the gates, `x . kernel + bias`, comes from one matrix product over all steps before; the gradients
//! of `x`, of the kernels and of the biases are products over all steps after. Only what must go step by step is here.
//! Each task owns some rows of the batch for all steps, so that threads never wait for each other; of a step it does
//! one product with the recurrent kernel, packed once, and one pass over the gates.

use crate::gemm::pack::{self, Matrix};
use crate::gemm::tile::{self, Left, Offsets, Planes, Product, Right, Start};
use crate::simd::{Isa, Kernel, Simd};
use crate::threads::Shared;

pub mod gru;
pub mod lstm;
pub mod simple_rnn;

#[cfg(test)]
mod cases;

/// What the recurrences have in common. Arrays are (batch, steps, ...), row-major.
#[derive(Clone, Copy, Debug)]
pub struct Sequence<'a> {
    pub batch: usize,
    pub steps: usize,
    pub units: usize,
    /// Whether the last step of the input comes first. States are kept in the order in which they are computed.
    pub backwards: bool,
    /// (batch, steps): where it is 0 the state stays as it was.
    pub mask: Option<&'a [f32]>,
    /// (batch, units): factors of the state on its way into the product with the recurrent kernel.
    pub dropout: Option<&'a [f32]>,
}

/// Rows of a task: what the tile takes at once, and enough tasks for small batches.
const MOST_ROWS: usize = 16;
/// What a gate's number costs beside the product, in multiply-adds of the tile.
const GATE: usize = 64;

impl Sequence<'_> {
    /// Where in the input the step lies that is taken as number `step`.
    fn time(&self, step: usize) -> usize {
        if self.backwards { self.steps - 1 - step } else { step }
    }
    fn counts(&self, row: usize, time: usize) -> bool {
        self.mask.is_none_or(|mask| mask[row * self.steps + time] != 0.0)
    }
    /// How many rows a task has; a function of the problem alone.
    fn run(&self) -> usize {
        if self.batch < 16 { self.batch.div_ceil(2) } else { (self.batch / 4).clamp(8, MOST_ROWS) }
    }
    /// Work of a task that multiplies states with `columns` columns.
    fn work(&self, columns: usize) -> usize {
        tile::work(self.run() * self.steps * columns * (self.units + GATE))
    }
    fn check(&self) {
        assert!(self.mask.is_none_or(|mask| mask.len() == self.batch * self.steps), "mask is batch x steps");
        assert!(self.dropout.is_none_or(|d| d.len() == self.batch * self.units), "dropout is batch x units");
    }
    /// `state`, times the dropout of this row.
    fn dropped(&self, row: usize, state: &[f32], target: &mut [f32]) {
        target.copy_from_slice(state);
        self.drop_out(row, target);
    }
    /// The gradient of the state of `row`: to what stays of it comes what passed `through` the recurrent kernel.
    fn add_through(&self, row: usize, through: &mut [f32], dh: &mut [f32]) {
        self.drop_out(row, through);
        dh.iter_mut().zip(through).for_each(|(d, through)| *d += *through);
    }
    /// The state of `row` before `step`.
    fn before<'a>(&self, row: usize, step: usize, first: &'a [f32], sequence: &'a [f32]) -> &'a [f32] {
        let Sequence { steps, units, .. } = *self;
        match step {
            0 => &first[row * units..][..units],
            _ => &sequence[(row * steps + step - 1) * units..][..units],
        }
    }
    fn drop_out(&self, row: usize, values: &mut [f32]) {
        if let Some(dropout) = self.dropout {
            values.iter_mut().zip(&dropout[row * self.units..]).for_each(|(value, factor)| *value *= factor);
        }
    }
}

/// Floats from one row to the next of a task's working memory: rows a power of two apart would share few places of the
/// first cache.
fn stride(columns: usize) -> usize {
    columns.next_multiple_of(16) + 16
}

/// The right operand of every step's product, in panels.
struct Packed<'a> {
    isa: Isa,
    data: &'a [f32],
    depth: usize,
    columns: usize,
}

impl<'a> Packed<'a> {
    fn len(isa: Isa, depth: usize, columns: usize) -> usize {
        pack::len(isa, depth, columns)
    }
    fn new(isa: Isa, matrix: Matrix, depth: usize, columns: usize, memory: &'a mut [f32]) -> Self {
        pack::pack(isa, &[matrix], depth, columns, memory);
        Packed { isa, data: memory, depth, columns }
    }
    /// `target = bias + left . packed` for `rows` rows.
    fn product(&self, rows: usize, left: Rows<&[f32]>, bias: Option<&[f32]>, target: Rows<&mut [f32]>) {
        let even = |stride: usize| Offsets::Even { count: rows, stride };
        let width = tile::size(self.isa).1;
        self.isa.run(Product {
            left: Left { data: left.data, rows: even(left.stride), segments: &[0], len: self.depth, step: 1 },
            right: Right { data: self.data, step: width, skip: 0, panel: self.depth * width },
            start: bias.map_or(Start::Zero, Start::Bias),
            relu: false,
            target: &Shared::new(target.data),
            base: 0,
            rows: even(target.stride),
            columns: self.columns,
            planes: Planes::ONE,
        });
    }
}

/// Rows at equal distances.
struct Rows<D> {
    data: D,
    stride: usize,
}

/// A function of the same lane of several rows: some only read, some read and written.
trait Gates<const READ: usize, const OWN: usize> {
    fn apply<S: Simd>(&self, s: S, read: [S::F; READ], own: [S::F; OWN]) -> [S::F; OWN];
}

/// `gates` applied along rows of `units` numbers.
struct Along<'a, G, const READ: usize, const OWN: usize> {
    gates: G,
    units: usize,
    read: [&'a [f32]; READ],
    own: [&'a mut [f32]; OWN],
}

impl<G: Gates<READ, OWN>, const READ: usize, const OWN: usize> Kernel for Along<'_, G, READ, OWN> {
    type Output = ();
    #[inline(always)]
    fn run<S: Simd>(self, s: S) {
        let units = self.units;
        let read = self.read.map(|row| &row[..units]);
        let mut own = self.own.map(|row| &mut row[..units]);
        let zero = s.splat(0.0);
        let mut at = 0;
        while at + S::LANES <= units {
            let mut values = ([zero; READ], [zero; OWN]);
            for (value, row) in values.0.iter_mut().zip(&read) {
                *value = s.load(&row[at..]);
            }
            for (value, row) in values.1.iter_mut().zip(&own) {
                *value = s.load(&row[at..]);
            }
            for (row, value) in own.iter_mut().zip(self.gates.apply(s, values.0, values.1)) {
                s.store(&mut row[at..], value);
            }
            at += S::LANES;
        }
        if at < units {
            let mut values = ([zero; READ], [zero; OWN]);
            for (value, row) in values.0.iter_mut().zip(&read) {
                *value = s.load_head(&row[at..]);
            }
            for (value, row) in values.1.iter_mut().zip(&own) {
                *value = s.load_head(&row[at..]);
            }
            for (row, value) in own.iter_mut().zip(self.gates.apply(s, values.0, values.1)) {
                s.store_head(&mut row[at..], value);
            }
        }
    }
}

/// `1 - y^2`, the slope of the hyperbolic tangent where it is `y`.
#[inline(always)]
fn tanh_slope<S: Simd>(s: S, y: S::F) -> S::F {
    s.mul_add(s.neg(y), y, s.splat(1.0))
}

/// `y (1 - y)`, the slope of the sigmoid where it is `y`.
#[inline(always)]
fn sigmoid_slope<S: Simd>(s: S, y: S::F) -> S::F {
    s.mul_add(s.neg(y), y, y)
}

/// A row cut into its gates.
fn gates<const N: usize>(row: &[f32]) -> [&[f32]; N] {
    let units = row.len() / N;
    std::array::from_fn(|gate| &row[gate * units..(gate + 1) * units])
}

/// The rows of a task that begin a gradient: that of the output, or zeros.
fn begin(output_grad: Option<&[f32]>, start: usize, target: &mut [f32]) {
    match output_grad {
        Some(output_grad) => target.copy_from_slice(&output_grad[start..][..target.len()]),
        None => target.fill(0.0),
    }
}

/// A row cut into its gates, to be written.
fn gates_mut<const N: usize>(row: &mut [f32]) -> [&mut [f32]; N] {
    let mut left = row;
    let units = left.len() / N;
    std::array::from_fn(|_| {
        let (gate, rest) = std::mem::take(&mut left).split_at_mut(units);
        left = rest;
        gate
    })
}
