//! `corten._core`: converts, maps errors, releases the GIL. No arithmetic, no defaults.

mod arrays;
mod call;
mod errors;
mod graph;
mod program;
mod variable;

use numpy::PyArray1;
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
    corten_kernels::Isa::active().name()
}

/// The instruction sets this machine can run, slowest first.
#[pyfunction]
fn isas() -> Vec<&'static str> {
    corten_kernels::Isa::available().into_iter().map(corten_kernels::Isa::name).collect()
}

/// The names of all ops.
#[pyfunction]
fn ops() -> Vec<&'static str> {
    corten_engine::names().collect()
}

/// The order of `rows` rows in epoch `epoch` of a run seeded with `seed`.
#[pyfunction]
fn permutation(py: Python<'_>, rows: usize, seed: u64, epoch: u64) -> PyResult<Bound<'_, PyArray1<u32>>> {
    let order = errors::guarded(py, || {
        let mut order = Vec::new();
        let rows32 =
            u32::try_from(rows).map_err(|_| corten_engine::Error::Value(format!("{rows} rows are too many")))?;
        order.try_reserve_exact(rows).map_err(|e| corten_engine::Error::Memory(e.to_string()))?;
        order.extend(0..rows32);
        corten_kernels::rng::permutation(seed, epoch, &mut order);
        Ok(order)
    })?;
    Ok(PyArray1::from_vec(py, order))
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
