//! `Function`: a function of tensors, as `corten.ops` has them. Called on arrays for the second time in the same way,
//! it knows the op that it comes to, and runs it without going through Python.

use crate::arrays::elements;
use crate::call::Call;
use corten_engine::Slice;
use numpy::{PyUntypedArray, PyUntypedArrayMethods};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyBoolMethods, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple, PyType};
use smallvec::SmallVec;
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, MutexGuard};

thread_local! {
    /// The graphs that ops are pushed to, innermost last.
    static GRAPHS: RefCell<Vec<Py<PyAny>>> = const { RefCell::new(Vec::new()) };
}

/// A graph that this thread pushes ops to within `with`. Native, for Python looks at signals before and after each of
/// its own functions: a `__enter__` or `__exit__` of Python's could be ended by Ctrl-C half way, and the graph left here.
#[pyclass(frozen, subclass, module = "corten._core")]
pub struct Entered;

#[pymethods]
impl Entered {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> Entered {
        Entered
    }
    fn __enter__(slf: Bound<'_, Entered>) -> Bound<'_, Entered> {
        GRAPHS.with_borrow_mut(|graphs| graphs.push(slf.clone().into_any().unbind()));
        slf
    }
    fn __exit__(&self, _kind: &Bound<'_, PyAny>, _error: &Bound<'_, PyAny>, _trace: &Bound<'_, PyAny>) {
        // Dropped after the borrow: it may run Python.
        drop(GRAPHS.with_borrow_mut(Vec::pop));
    }
}

/// The graph that this thread pushes ops to, or None.
#[pyfunction]
pub fn current(py: Python<'_>) -> Option<Py<PyAny>> {
    GRAPHS.with_borrow(|graphs| graphs.last().map(|graph| graph.clone_ref(py)))
}

/// Whether a symbolic tensor is anywhere in nested lists, tuples and dicts.
#[pyfunction]
pub fn has_symbolic(value: &Bound<'_, PyAny>) -> PyResult<bool> {
    static SYMBOLIC: PyOnceLock<Py<PyType>> = PyOnceLock::new();
    let symbolic = SYMBOLIC.import(value.py(), "corten.tensor", "SymbolicTensor")?;
    any_instance(value, symbolic, DEPTH)
}

/// How deep arguments may nest: a list may hold itself, and the stack ends.
const DEPTH: usize = 100;

fn any_instance(value: &Bound<'_, PyAny>, class: &Bound<'_, PyType>, depth: usize) -> PyResult<bool> {
    if let Ok(items) = value.cast::<PyTuple>() {
        return any_of(items.iter(), class, depth);
    }
    if let Ok(items) = value.cast::<PyList>() {
        return any_of(items.iter(), class, depth);
    }
    if let Ok(items) = value.cast::<PyDict>() {
        return any_of(items.values().iter(), class, depth);
    }
    value.is_instance(class)
}

fn any_of<'py>(
    mut items: impl Iterator<Item = Bound<'py, PyAny>>,
    class: &Bound<'py, PyType>,
    depth: usize,
) -> PyResult<bool> {
    let Some(depth) = depth.checked_sub(1) else {
        let text =
            format!("expected arguments nested at most {DEPTH} deep, got lists or dicts deeper, or in themselves");
        return Err(PyValueError::new_err(text));
    };
    items.try_fold(false, |found, item| Ok(found || any_instance(&item, class, depth)?))
}

/// The most words that tell one way of calling from another, and the most ways that a function remembers.
const WORDS: usize = 48;
const WAYS: usize = 1024;

/// How a function is called: types and shapes of the arrays, and everything else by value.
#[derive(Default)]
struct Way<'py> {
    words: SmallVec<[u64; 32]>,
    arrays: SmallVec<[Bound<'py, PyUntypedArray>; 4]>,
}

impl<'py> Way<'py> {
    /// Filled where it lies, for it is large. None where an argument is something else than plain arrays, numbers, text
    /// and lists of them.
    fn fill(&mut self, args: &Bound<'py, PyTuple>, kwargs: Option<&Bound<'py, PyDict>>) -> Option<()> {
        for value in args.iter_borrowed() {
            self.value(&value)?;
        }
        for (name, value) in kwargs.into_iter().flatten() {
            self.text(11, &name)?;
            self.value(&value)?;
        }
        (!self.arrays.is_empty()).then_some(())
    }

    fn add(&mut self, word: u64) -> Option<()> {
        (self.words.len() < WORDS).then(|| self.words.push(word))
    }

    /// A kind of value, which every kind's words begin with, and how many words or bytes of it follow.
    fn head(&mut self, kind: u64, count: usize) -> Option<()> {
        self.add(kind << 48 | count as u64)
    }

    fn value(&mut self, value: &Bound<'py, PyAny>) -> Option<()> {
        if let Ok(array) = value.cast_exact::<PyUntypedArray>() {
            let kind = match elements(array)? {
                Slice::F32(_) => 1,
                Slice::I32(_) => 2,
                Slice::U8(_) => 3,
            };
            self.head(kind, array.ndim())?;
            array.shape().iter().try_for_each(|&size| self.add(size as u64))?;
            self.arrays.push(array.clone());
            Some(())
        } else if value.is_none() {
            self.head(4, 0)
        } else if let Ok(flag) = value.cast_exact::<PyBool>() {
            self.head(5, usize::from(flag.is_true()))
        } else if value.is_exact_instance_of::<PyInt>() {
            self.head(6, 1)?;
            self.add(value.extract::<i64>().ok()? as u64)
        } else if let Ok(number) = value.cast_exact::<PyFloat>() {
            self.head(7, 1)?;
            self.add(number.value().to_bits())
        } else if value.is_exact_instance_of::<PyString>() {
            self.text(10, value)
        } else if let Ok(items) = value.cast_exact::<PyTuple>() {
            self.head(8, items.len())?;
            items.iter_borrowed().try_for_each(|item| self.value(&item))
        } else if let Ok(items) = value.cast_exact::<PyList>() {
            self.head(9, items.len())?;
            items.iter().try_for_each(|item| self.value(&item))
        } else {
            None
        }
    }

    fn text(&mut self, kind: u64, text: &Bound<'py, PyAny>) -> Option<()> {
        let text: &str = text.extract().ok()?;
        self.head(kind, text.len())?;
        text.as_bytes().chunks(8).try_for_each(|part| {
            let mut word = [0; 8];
            word.iter_mut().zip(part).for_each(|(to, &byte)| *to = byte);
            self.add(u64::from_le_bytes(word))
        })
    }
}

/// Mixes words. The keys are the caller's own shapes, which nobody chooses to make them collide.
#[derive(Default)]
struct Mix(u64);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word.iter_mut().zip(part).for_each(|(to, &byte)| *to = byte);
            let mixed = u128::from(self.0 ^ u64::from_le_bytes(word)) * 0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835;
            self.0 = (mixed >> 64) as u64 ^ mixed as u64;
        }
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

type Ways = HashMap<Box<[u64]>, Known, BuildHasherDefault<Mix>>;

/// What is known of a way of calling.
enum Known {
    /// It was seen once.
    Seen,
    /// It comes to one op.
    Call(Py<Call>),
    /// It comes to something else.
    Other,
}

/// A function of tensors. On symbolic tensors `record` is called; on plain arrays, outside any graph, the op that
/// `trace` found; else the function itself.
#[pyclass(frozen, dict, module = "corten._core")]
pub struct Function {
    function: Py<PyAny>,
    record: Py<PyAny>,
    trace: Py<PyAny>,
    known: Mutex<Ways>,
}

impl Function {
    fn known(&self) -> MutexGuard<'_, Ways> {
        self.known.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The op that a call in this way comes to, if that is known; else one step towards knowing it.
    fn call<'py>(
        &self,
        way: &Way<'py>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Option<Py<Call>>> {
        let py = args.py();
        {
            let mut known = self.known();
            match known.get(&way.words[..]) {
                Some(Known::Call(call)) => return Ok(Some(call.clone_ref(py))),
                Some(Known::Other) => return Ok(None),
                Some(Known::Seen) => {}
                None => {
                    if known.len() >= WAYS {
                        known.clear();
                    }
                    known.insert(way.words[..].into(), Known::Seen);
                    return Ok(None);
                }
            }
        }
        let traced: Option<Py<Call>> = self.trace.bind(py).call1((&self.function, args, kwargs))?.extract()?;
        let found = traced.as_ref().map_or(Known::Other, |call| Known::Call(call.clone_ref(py)));
        self.known().insert(way.words[..].into(), found);
        Ok(traced)
    }

    /// The result where arguments are plain arrays and the op is known.
    fn direct<'py>(
        &self,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        if GRAPHS.with_borrow(|graphs| !graphs.is_empty()) {
            return Ok(None);
        }
        let mut way = Way::default();
        if way.fill(args, kwargs).is_none() {
            return Ok(None);
        }
        let Some(call) = self.call(&way, args, kwargs)? else { return Ok(None) };
        let arguments: Option<SmallVec<[Slice<'_>; 4]>> = way.arrays.iter().map(elements).collect();
        let Some(arguments) = arguments else { return Ok(None) };
        call.get().results(args.py(), &arguments).map(Some)
    }
}

#[pymethods]
impl Function {
    #[new]
    fn new(function: Py<PyAny>, record: Py<PyAny>, trace: Py<PyAny>) -> Function {
        Function { function, record, trace, known: Mutex::default() }
    }
    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        slf: &Bound<'py, Function>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        if let Some(result) = this.direct(args, kwargs)? {
            return Ok(result);
        }
        let symbolic =
            has_symbolic(args.as_any())? || kwargs.map_or(Ok(false), |given| has_symbolic(given.as_any()))?;
        if symbolic {
            let given = kwargs.map_or_else(|| PyDict::new(py), Clone::clone);
            return this.record.bind(py).call1((slf, args, given));
        }
        this.function.bind(py).call(args, kwargs)
    }
    /// Bound to an object it is a method, as any function.
    fn __get__<'py>(
        slf: &Bound<'py, Function>,
        object: &Bound<'py, PyAny>,
        _class: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if object.is_none() {
            return Ok(slf.as_any().clone());
        }
        slf.py().import(intern!(slf.py(), "types"))?.getattr(intern!(slf.py(), "MethodType"))?.call1((slf, object))
    }
    fn __repr__(slf: &Bound<'_, Function>) -> PyResult<String> {
        slf.get().function.bind(slf.py()).repr().map(|text| text.to_string())
    }
    /// Pickled by its name, as any function.
    fn __reduce__<'py>(slf: &Bound<'py, Function>) -> PyResult<Bound<'py, PyAny>> {
        slf.get().function.bind(slf.py()).getattr(intern!(slf.py(), "__qualname__"))
    }
}
