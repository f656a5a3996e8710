//! `Variable`: an array that outlives a run.

use crate::arrays::{Fresh, Source};
use crate::errors::{raise, without_gil};
use crate::sequence::Items;
use corten_engine as engine;
use engine::{Slice, SliceMut};
use pyo3::exceptions::{PyEOFError, PyOSError, PyValueError};
use pyo3::prelude::*;
use std::fs::File;
use std::io;
use std::sync::Arc;

#[pyclass(frozen, module = "corten._core")]
pub struct Variable(pub Arc<engine::Variable>);

#[pymethods]
impl Variable {
    /// A variable that begins as a copy of `value` (float32 or int32).
    #[new]
    fn new(py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<Variable> {
        let (spec, data) = Source::new(value)?.data(py)?;
        let made = engine::Variable::new(spec, data).map_err(|error| raise(py, error))?;
        Ok(Variable(Arc::new(made)))
    }
    #[getter]
    fn id(&self) -> u64 {
        self.0.id()
    }
    #[getter]
    fn shape(&self) -> Vec<usize> {
        self.0.spec().shape.clone()
    }
    #[getter]
    fn dtype(&self) -> &'static str {
        self.0.spec().dtype.name()
    }
    /// A copy of what it holds.
    fn value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let mut copy = Fresh::new(py, self.0.spec())?;
        let mut place = copy.slice_mut();
        // Without the GIL, for a run that holds the variable may be waiting for it.
        without_gil(py, || place.copy_from(self.0.read().slice()))?;
        Ok(copy.into_array())
    }
}

/// Gives each variable a copy of its value, of the same shape and type: all of them or, after an error, none.
#[pyfunction]
pub fn assign(py: Python<'_>, variables: Items<Bound<'_, Variable>>, values: Items<Bound<'_, PyAny>>) -> PyResult<()> {
    if variables.len() != values.len() {
        let text = format!("assign: expected a value for each of {} variables, got {}", variables.len(), values.len());
        return Err(PyValueError::new_err(text));
    }
    let mut pairs = Vec::with_capacity(variables.len());
    for (variable, value) in variables.iter().zip(values.iter()) {
        let (spec, data) = Source::new(value)?.data(py)?;
        let variable = variable.get().0.clone();
        if spec != *variable.spec() {
            let text = format!("assign: the variable is {:?}, the value {spec:?}", variable.spec());
            return Err(raise(py, engine::Error::Shape(text)));
        }
        pairs.push((variable, data));
    }
    without_gil(py, || {
        engine::assign_all(pairs);
        Ok(())
    })
}

/// Writes what the variables hold at one moment to an open file, each from its offset on, little-endian. No variable is
/// copied as a whole: models may be as large as memory.
#[pyfunction]
pub fn write_values(
    py: Python<'_>,
    variables: Items<Bound<'_, Variable>>,
    offsets: Items<u64>,
    file: isize,
) -> PyResult<()> {
    let (variables, file) = (parts(&variables, &offsets)?, positional::open(file).map_err(raised)?);
    let mut outcome = Ok(());
    without_gil(py, || {
        engine::read_all(&variables, |index, value| {
            let offset = offsets.get(index).copied().unwrap_or_default();
            if outcome.is_ok() {
                outcome = match value {
                    Slice::F32(values) => write(&file, offset, values, |v| v.to_le_bytes()),
                    Slice::I32(values) => write(&file, offset, values, |v| v.to_le_bytes()),
                    Slice::U8(values) => write(&file, offset, values, |v| [v]),
                };
            }
            Ok(())
        })
    })?;
    outcome.map_err(raised)
}

/// Reads each variable's value from an open file, from its offset on; after an error some have been read.
#[pyfunction]
pub fn read_values(
    py: Python<'_>,
    variables: Items<Bound<'_, Variable>>,
    offsets: Items<u64>,
    file: isize,
) -> PyResult<()> {
    let (variables, file) = (parts(&variables, &offsets)?, positional::open(file).map_err(raised)?);
    let mut outcome = Ok(());
    without_gil(py, || {
        for (variable, &offset) in variables.iter().zip(offsets.iter()) {
            if outcome.is_ok() {
                outcome = match variable.write().slice_mut() {
                    SliceMut::F32(values) => read(&file, offset, values, f32::from_le_bytes),
                    SliceMut::I32(values) => read(&file, offset, values, i32::from_le_bytes),
                    SliceMut::U8(values) => read(&file, offset, values, |[v]: [u8; 1]| v),
                };
            }
        }
        Ok(())
    })?;
    outcome.map_err(raised)
}

fn parts(variables: &[Bound<'_, Variable>], offsets: &[u64]) -> PyResult<Vec<Arc<engine::Variable>>> {
    if variables.len() == offsets.len() {
        return Ok(variables.iter().map(|variable| variable.get().0.clone()).collect());
    }
    let text = format!("expected an offset for each of {} variables, got {}", variables.len(), offsets.len());
    Err(PyValueError::new_err(text))
}

/// The exception of a file that cannot be read or written: with the system's number, or `EOFError` where it ends before.
fn raised(error: io::Error) -> PyErr {
    match error.raw_os_error() {
        Some(code) => PyOSError::new_err((code, error.to_string())),
        None if error.kind() == io::ErrorKind::UnexpectedEof => {
            PyEOFError::new_err("the file ends before its numbers do")
        }
        None => error.into(),
    }
}

/// How many elements are on their way between a variable and a file.
const CHUNK: usize = 1 << 18;

fn write<T: Copy, const N: usize>(
    file: &File,
    mut offset: u64,
    values: &[T],
    bytes: impl Fn(T) -> [u8; N],
) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(N * CHUNK.min(values.len()));
    for chunk in values.chunks(CHUNK) {
        buffer.clear();
        chunk.iter().for_each(|&value| buffer.extend_from_slice(&bytes(value)));
        positional::write_all(file, &buffer, offset)?;
        offset += buffer.len() as u64;
    }
    Ok(())
}

fn read<T, const N: usize>(
    file: &File,
    mut offset: u64,
    values: &mut [T],
    value: impl Fn([u8; N]) -> T,
) -> io::Result<()> {
    let mut buffer = vec![0; N * CHUNK.min(values.len())];
    for chunk in values.chunks_mut(CHUNK) {
        let Some(bytes) = buffer.get_mut(..N * chunk.len()) else { return Err(io::ErrorKind::InvalidInput.into()) };
        positional::read_exact(file, bytes, offset)?;
        offset += bytes.len() as u64;
        for (place, bytes) in chunk.iter_mut().zip(bytes.as_chunks().0) {
            *place = value(*bytes);
        }
    }
    Ok(())
}

/// Reading and writing at an offset, of a file that Python has opened.
mod positional {
    use std::fs::File;
    use std::io;

    #[cfg(unix)]
    pub fn open(descriptor: isize) -> io::Result<File> {
        use std::os::fd::{BorrowedFd, RawFd};
        let descriptor = RawFd::try_from(descriptor).map_err(|_| io::ErrorKind::InvalidInput)?;
        if descriptor < 0 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // SAFETY: not -1. It is open until the call returns, for the caller holds the file; were it not, to make
        // another of it fails.
        Ok(unsafe { BorrowedFd::borrow_raw(descriptor) }.try_clone_to_owned()?.into())
    }
    #[cfg(unix)]
    pub fn write_all(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
    }
    #[cfg(unix)]
    pub fn read_exact(file: &File, bytes: &mut [u8], offset: u64) -> io::Result<()> {
        std::os::unix::fs::FileExt::read_exact_at(file, bytes, offset)
    }

    /// Takes a handle, as `msvcrt.get_osfhandle` gives it.
    #[cfg(windows)]
    pub fn open(handle: isize) -> io::Result<File> {
        use std::os::windows::io::{BorrowedHandle, RawHandle};
        // SAFETY: as above.
        Ok(unsafe { BorrowedHandle::borrow_raw(handle as RawHandle) }.try_clone_to_owned()?.into())
    }
    #[cfg(windows)]
    pub fn write_all(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = std::os::windows::fs::FileExt::seek_write(file, bytes, offset)?;
            bytes = bytes.get(count..).unwrap_or_default();
            offset += count as u64;
        }
        Ok(())
    }
    #[cfg(windows)]
    pub fn read_exact(file: &File, mut bytes: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            let count = std::os::windows::fs::FileExt::seek_read(file, bytes, offset)?;
            if count == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            bytes = bytes.get_mut(count..).unwrap_or_default();
            offset += count as u64;
        }
        Ok(())
    }
}

/// Makes every element of the variables zero, at one moment.
#[pyfunction]
pub fn clear(py: Python<'_>, variables: Items<Bound<'_, Variable>>) -> PyResult<()> {
    let variables: Vec<_> = variables.iter().map(|variable| variable.get().0.clone()).collect();
    without_gil(py, || {
        engine::clear_all(&variables);
        Ok(())
    })
}

/// Copies of what the variables hold at one moment.
#[pyfunction]
pub fn values<'py>(py: Python<'py>, variables: Items<Bound<'py, Variable>>) -> PyResult<Vec<Bound<'py, PyAny>>> {
    let variables: Vec<_> = variables.iter().map(|variable| variable.get().0.clone()).collect();
    let mut copies = variables.iter().map(|variable| Fresh::new(py, variable.spec())).collect::<PyResult<Vec<_>>>()?;
    let mut places: Vec<_> = copies.iter_mut().map(Fresh::slice_mut).collect();
    let missing = || engine::Error::Internal("values: a copy has no place".into());
    without_gil(py, || {
        engine::read_all(&variables, |index, value| places.get_mut(index).ok_or_else(missing)?.copy_from(value))
    })?;
    drop(places);
    Ok(copies.into_iter().map(Fresh::into_array).collect())
}
