//! Environment variables, whose values are refused where they are first needed, and what is set in their place.

use corten_kernels::{check_environment, threads};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

static CHECKED: AtomicBool = AtomicBool::new(false);

/// Refuses wrong values of Corten's own variables, until they are mended or not needed any more.
pub fn check() -> PyResult<()> {
    if !CHECKED.load(Relaxed) {
        check_environment().map_err(PyValueError::new_err)?;
        CHECKED.store(true, Relaxed);
    }
    Ok(())
}

/// Sets the number of threads; 0 asks the environment and the machine again.
pub fn set_threads(count: usize) -> PyResult<()> {
    if count > threads::MOST {
        return Err(PyValueError::new_err(format!("expected at most {} threads, got {count}", threads::MOST)));
    }
    threads::set_count(count);
    CHECKED.store(false, Relaxed);
    Ok(())
}
