//! `Program`: a compiled graph; one call runs many batches.

use crate::arrays::{Source, Target};
use crate::errors::until_signal;
use crate::sequence::Items;
use corten_engine as engine;
use engine::{Column, Dataset, Order, SliceMut};
use numpy::{PyArray1, PyArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::time::Duration;

#[pyclass(frozen, module = "corten._core")]
pub struct Program(pub engine::Program);

#[pymethods]
impl Program {
    /// (shape, dtype) of each output.
    #[getter]
    fn outputs(&self) -> Vec<(Vec<usize>, &'static str)> {
        self.0.outputs().map(|spec| (spec.shape.clone(), spec.dtype.name())).collect()
    }
    /// Bytes that each concurrent run keeps for its values.
    #[getter]
    fn arena_bytes(&self) -> usize {
        self.0.arena_bytes()
    }
    /// The ops in running order, each with its layer.
    #[getter]
    fn steps(&self) -> Vec<String> {
        self.0.steps().map(str::to_string).collect()
    }
    /// (op and layer, seconds spent in it since the first call of this function) in running order.
    fn profile(&self) -> Vec<(String, f64)> {
        self.0.profile().into_iter().map(|(place, time)| (place.to_string(), time.as_secs_f64())).collect()
    }
    /// Runs `steps` batches of `batch` rows, the first beginning at `start` of `rows` (or of the arrays themselves),
    /// until done or `budget` seconds are spent; returns how many were run. Output `o` of step `s` goes to the `s`-th
    /// part of `outputs[o]`. A non-finite output `watch` ends the loop.
    #[allow(clippy::too_many_arguments)]
    fn run(
        &self,
        py: Python<'_>,
        arrays: Items<Bound<'_, PyAny>>,
        rows: Option<Bound<'_, PyArray1<u32>>>,
        start: usize,
        batch: usize,
        steps: usize,
        outputs: Items<Bound<'_, PyAny>>,
        watch: Option<usize>,
        budget: f64,
    ) -> PyResult<usize> {
        let sources = arrays.iter().map(Source::new).collect::<PyResult<Vec<_>>>()?;
        let mut targets = outputs.iter().map(Target::new).collect::<PyResult<Vec<_>>>()?;
        let rows = rows.map(|rows| rows.try_readonly()).transpose()?;
        let rows_asked = || batch.saturating_mul(steps).saturating_add(start);
        let count = sources.first().and_then(|source| source.shape().first()).copied().unwrap_or_else(rows_asked);
        let mut columns: Vec<(Column<'_>, usize)> = Vec::with_capacity(sources.len());
        for source in &sources {
            let (own, width) = match source.shape().split_first() {
                Some((own, rest)) => (*own, rest.iter().product()),
                None => (0, 0),
            };
            if own != count {
                return Err(PyValueError::new_err(format!("the arrays have {count} and {own} rows")));
            }
            columns.push((source.column()?, width));
        }
        let dataset = Dataset { columns, rows: count };
        let order = Order { rows: rows.as_ref().map(|rows| rows.as_slice()).transpose()?, start, batch, steps };
        let mut slices = targets.iter_mut().map(Target::slice_mut).collect::<PyResult<Vec<SliceMut<'_>>>>()?;
        let budget = Duration::try_from_secs_f64(budget).unwrap_or(Duration::MAX);
        until_signal(py, |cancelled| self.0.run_many(&dataset, &order, &mut slices, watch, budget, cancelled))
    }
}
