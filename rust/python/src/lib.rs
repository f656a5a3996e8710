//! `corten._core`: converts, maps errors, releases the GIL. No arithmetic, no defaults.

mod arrays;
mod call;
mod errors;
mod graph;
mod program;
mod variable;

use corten_kernels::{Isa, rng};
use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;

/// The number of threads that parallel kernels may use.
#[pyfunction]
fn threads() -> usize {
    corten_kernels::threads::count()
}

/// Sets the number of threads; 0 asks the environment and the machine again.
#[pyfunction]
fn set_threads(count: usize) {
    corten_kernels::threads::set_count(count);
}

/// The instruction set in use: "scalar", "avx2", "avx512" or "neon".
#[pyfunction]
fn isa() -> &'static str {
    Isa::active().name()
}

/// The instruction sets this machine can run, slowest first.
#[pyfunction]
fn isas() -> Vec<&'static str> {
    Isa::available().into_iter().map(Isa::name).collect()
}

/// The names of all ops.
#[pyfunction]
fn ops() -> Vec<&'static str> {
    corten_engine::names().collect()
}

/// The order of `rows` rows in epoch `epoch` of a run seeded with `seed`.
#[pyfunction]
fn permutation(py: Python<'_>, rows: u32, seed: u64, epoch: u64) -> PyResult<Bound<'_, PyArray1<u32>>> {
    let order = PyArray1::zeros(py, rows as usize, false);
    let mut writer = order.try_readwrite()?;
    let places = writer.as_slice_mut()?;
    errors::guarded(py, || {
        rng::permutation(Isa::active(), rng::Stream { seed, stream: epoch }, places);
        Ok(())
    })?;
    drop(writer);
    Ok(order)
}

#[pymodule(gil_used = true)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<graph::Graph>()?;
    module.add_class::<program::Program>()?;
    module.add_class::<variable::Variable>()?;
    module.add_function(wrap_pyfunction!(call::run, module)?)?;
    module.add_function(wrap_pyfunction!(threads, module)?)?;
    module.add_function(wrap_pyfunction!(set_threads, module)?)?;
    module.add_function(wrap_pyfunction!(isa, module)?)?;
    module.add_function(wrap_pyfunction!(isas, module)?)?;
    module.add_function(wrap_pyfunction!(ops, module)?)?;
    module.add_function(wrap_pyfunction!(permutation, module)?)?;
    Ok(())
}
