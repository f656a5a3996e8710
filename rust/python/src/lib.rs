//! `corten._core`: converts, maps errors, releases the GIL. No arithmetic, no defaults.

mod arrays;
mod attributes;
mod call;
mod call_key;
mod errors;
mod fork;
mod function;
mod graph;
mod program;
mod sequence;
mod settings;
mod variable;
mod vectorcall;

use corten_kernels::{Isa, rng};
use numpy::{PyArray1, PyArrayMethods};
use pyo3::exceptions::PyImportError;
use pyo3::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The number of threads that parallel kernels may use.
#[pyfunction]
fn threads() -> PyResult<usize> {
    settings::check()?;
    Ok(corten_kernels::threads::count())
}

/// Sets the number of threads; 0 asks the environment and the machine again.
#[pyfunction]
fn set_threads(count: usize) -> PyResult<()> {
    settings::set_threads(count)
}

/// The instruction set in use: "scalar", "avx2", "avx512" or "neon".
#[pyfunction]
fn isa() -> PyResult<&'static str> {
    settings::check()?;
    Ok(Isa::active().name())
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
    // Through Python, so that too little memory is a MemoryError.
    let order = py.import("numpy")?.getattr("empty")?.call1((rows, numpy::dtype::<u32>(py)))?;
    let order = order.cast_into::<PyArray1<u32>>()?;
    let mut writer = order.try_readwrite()?;
    let places = writer.as_slice_mut()?;
    errors::without_gil(py, || {
        rng::permutation(Isa::active(), rng::Stream { seed, stream: epoch }, places);
        Ok(())
    })?;
    drop(writer);
    Ok(order)
}

/// Types and variables here are shared by the whole process: a second interpreter in it is refused.
fn expect_one_interpreter(py: Python<'_>) -> PyResult<()> {
    static OWNER: AtomicUsize = AtomicUsize::new(0);
    // Each interpreter has a `sys` of its own.
    let sys = py.import("sys")?.as_ptr() as usize;
    match OWNER.compare_exchange(0, sys, Ordering::Relaxed, Ordering::Relaxed) {
        Err(owner) if owner != sys => Err(PyImportError::new_err("corten does not support sub-interpreters")),
        _ => Ok(()),
    }
}

#[pymodule(gil_used = true)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    expect_one_interpreter(module.py())?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    module.add_class::<call::Call>()?;
    module.add_class::<function::GraphScope>()?;
    module.add("Function", function::Function::class(module.py())?)?;
    module.add_class::<graph::Graph>()?;
    module.add_class::<program::Program>()?;
    module.add_class::<variable::Variable>()?;
    module.add_function(wrap_pyfunction!(call::run, module)?)?;
    module.add_function(wrap_pyfunction!(function::current, module)?)?;
    module.add_function(wrap_pyfunction!(function::has_symbolic, module)?)?;
    module.add_function(wrap_pyfunction!(variable::assign, module)?)?;
    module.add_function(wrap_pyfunction!(variable::values, module)?)?;
    module.add_function(wrap_pyfunction!(variable::clear, module)?)?;
    module.add_function(wrap_pyfunction!(variable::read_values, module)?)?;
    module.add_function(wrap_pyfunction!(variable::write_values, module)?)?;
    module.add_function(wrap_pyfunction!(threads, module)?)?;
    module.add_function(wrap_pyfunction!(set_threads, module)?)?;
    module.add_function(wrap_pyfunction!(isa, module)?)?;
    module.add_function(wrap_pyfunction!(isas, module)?)?;
    module.add_function(wrap_pyfunction!(ops, module)?)?;
    module.add_function(wrap_pyfunction!(permutation, module)?)?;
    module.add_function(wrap_pyfunction!(fork::before_fork, module)?)?;
    module.add_function(wrap_pyfunction!(fork::after_fork, module)?)?;
    Ok(())
}
