//! The one door between Python and the engine: the GIL is released, errors are mapped, panics are caught.

use crate::fork::Call;
use crate::settings;
use corten_engine::{Error, Result, WouldDeadlock};
use corten_kernels::scratch::OutOfMemory;
use pyo3::exceptions::{PyIndexError, PyKeyboardInterrupt, PyMemoryError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `f` without the GIL.
pub fn without_gil<R: Send>(py: Python<'_>, f: impl FnOnce() -> Result<R> + Send) -> PyResult<R> {
    settings::check()?;
    let outcome = py.detach(|| {
        let _call = Call::new();
        catch_unwind(AssertUnwindSafe(f))
    });
    outcome.unwrap_or_else(|panic| Err(of_panic(&*panic))).map_err(|error| raise(py, error))
}

/// Runs `f` without the GIL; what it is given asks Python whether a signal has come, whose exception then is raised.
pub fn until_signal<R: Send>(
    py: Python<'_>,
    f: impl FnOnce(&mut dyn FnMut() -> bool) -> Result<R> + Send,
) -> PyResult<R> {
    let mut signal = None;
    let done = without_gil(py, || {
        f(&mut || match Python::attach(|py| py.check_signals()) {
            Ok(()) => false,
            Err(error) => {
                signal = Some(error);
                true
            }
        })
    });
    signal.map_or(done, Err)
}

/// Runs `f`, which takes no time worth releasing the GIL for.
pub fn with_gil<R>(py: Python<'_>, f: impl FnOnce() -> Result<R>) -> PyResult<R> {
    settings::check()?;
    catch_panic(py, || f().map_err(|error| raise(py, error)))
}

/// Runs `f`, a panic of which becomes an exception.
pub fn catch_panic<R>(py: Python<'_>, f: impl FnOnce() -> PyResult<R>) -> PyResult<R> {
    catch_unwind(AssertUnwindSafe(f)).unwrap_or_else(|panic| Err(raise(py, of_panic(&*panic))))
}

fn of_panic(panic: &(dyn std::any::Any + Send)) -> Error {
    if let Some(memory) = panic.downcast_ref::<OutOfMemory>() {
        return Error::Memory(format!("{} bytes of scratch could not be allocated", memory.bytes));
    }
    if panic.is::<WouldDeadlock>() {
        let text = "the step that this signal handler came in the midst of holds the variable; let the handler set a flag, \
                    and look at it between batches, in a callback";
        return Error::Busy(text.into());
    }
    let text = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
    Error::Internal(format!("Corten broke one of its own rules, please report it: {}", text.unwrap_or("no message")))
}

/// The Python exception of an error.
pub fn raise(py: Python<'_>, error: Error) -> PyErr {
    let text = error.to_string();
    match error {
        Error::Type(_) => PyTypeError::new_err(text),
        Error::Value(_) => PyValueError::new_err(text),
        Error::Index(_) => PyIndexError::new_err(text),
        Error::Memory(_) => PyMemoryError::new_err(text),
        Error::Busy(_) => PyRuntimeError::new_err(text),
        Error::Interrupted => PyKeyboardInterrupt::new_err(()),
        Error::Shape(_) => own(py, "ShapeError", text),
        Error::Internal(_) => own(py, "InternalError", text),
    }
}

/// An exception that `corten.errors` defines.
fn own(py: Python<'_>, name: &str, text: String) -> PyErr {
    let made =
        py.import("corten.errors").and_then(|module| module.getattr(name)).and_then(|class| class.call1((text,)));
    made.map_or_else(|error| error, PyErr::from_value)
}
