//! `Function`: a function of tensors, as `corten.ops` has them. Called on arrays for the second time in the same way,
//! it knows the op that it comes to, and runs it without going through Python.

use crate::call::Call;
use crate::call_key::{CallKey, Mix};
use crate::vectorcall::{self, Arguments, Slot, Vectorcall};
use pyo3::exceptions::PyValueError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyList, PyTuple, PyType};
use std::cell::RefCell;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::{Mutex, MutexGuard};

thread_local! {
    /// The graphs that ops are pushed to, innermost last.
    static GRAPHS: RefCell<Vec<Py<PyAny>>> = const { RefCell::new(Vec::new()) };
}

/// A graph that this thread pushes ops to within `with`. Native, for Python looks at signals before and after each of
/// its own functions: a `__enter__` or `__exit__` of Python's could be ended by Ctrl-C half way, and the graph left here.
#[pyclass(frozen, subclass, name = "GraphScope", module = "corten._core")]
pub struct GraphScope;

#[pymethods]
impl GraphScope {
    #[new]
    #[pyo3(signature = (*_args, **_kwargs))]
    fn new(_args: &Bound<'_, PyTuple>, _kwargs: Option<&Bound<'_, PyDict>>) -> GraphScope {
        GraphScope
    }
    fn __enter__(slf: Bound<'_, GraphScope>) -> Bound<'_, GraphScope> {
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
    let symbolic = SYMBOLIC.import(value.py(), "corten.graph", "SymbolicTensor")?;
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

/// The most keys that a function remembers.
const MAX_KEYS: usize = 1024;

type Calls = HashMap<Box<[u64]>, Seen, BuildHasherDefault<Mix>>;

/// A call that was seen.
struct Seen {
    known: Known,
    /// The names of arguments: held, for the key has their addresses.
    _names: Option<Py<PyTuple>>,
}

/// What is known of calls with a key.
enum Known {
    Nothing,
    /// It comes to one op.
    Call(Py<Call>),
    NotSingleOp,
}

/// A function of tensors. On symbolic tensors `record` is called; on plain arrays, outside any graph, the op that
/// `trace` found; else the function itself.
#[pyclass(frozen, dict, subclass, module = "corten._core")]
pub struct Function {
    slot: Slot,
    function: Py<PyAny>,
    record: Py<PyAny>,
    trace: Py<PyAny>,
    calls: Mutex<Calls>,
}

impl Function {
    /// The type as Python sees it.
    pub fn class(py: Python<'_>) -> PyResult<Bound<'_, PyType>> {
        let one = Bound::new(py, Function::new(py.None(), py.None(), py.None()))?;
        vectorcall::class(&one, &one.get().slot, c"corten._core.Function")
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.calls.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The op that a call with this key comes to, if that is known.
    fn known<'py>(&self, py: Python<'py>, key: &CallKey) -> Option<Bound<'py, Call>> {
        match &self.calls().get(&key.words[..])?.known {
            Known::Call(call) => Some(call.bind(py).clone()),
            Known::Nothing | Known::NotSingleOp => None,
        }
    }

    /// One step towards knowing what a call with this key comes to.
    fn learn<'py>(
        &self,
        key: &CallKey<'py>,
        names: Option<Bound<'py, PyTuple>>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<()> {
        {
            let mut calls = self.calls();
            match calls.get(&key.words[..]).map(|seen| &seen.known) {
                Some(Known::Call(_) | Known::NotSingleOp) => return Ok(()),
                Some(Known::Nothing) => {}
                None => {
                    if calls.len() >= MAX_KEYS {
                        calls.clear();
                    }
                    let seen = Seen { known: Known::Nothing, _names: names.map(Bound::unbind) };
                    calls.insert(key.words[..].into(), seen);
                    return Ok(());
                }
            }
        }
        let traced: Option<Py<Call>> = self.trace.bind(args.py()).call1((&self.function, args, kwargs))?.extract()?;
        if let Some(seen) = self.calls().get_mut(&key.words[..]) {
            seen.known = traced.map_or(Known::NotSingleOp, Known::Call);
        }
        Ok(())
    }

    fn through_python<'py>(
        slf: &Bound<'py, Function>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        let symbolic =
            has_symbolic(args.as_any())? || kwargs.map_or(Ok(false), |given| has_symbolic(given.as_any()))?;
        if symbolic {
            let given = kwargs.map_or_else(|| PyDict::new(py), Clone::clone);
            return this.record.bind(py).call1((slf, args, given));
        }
        this.function.bind(py).call(args, kwargs)
    }
}

impl Vectorcall for Function {
    /// The result where arguments are plain arrays and the op is known; else through Python.
    fn call<'py>(slf: &Bound<'py, Function>, arguments: Arguments<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
        let (py, this) = (slf.py(), slf.get());
        let mut key = CallKey::default();
        let plain = GRAPHS.with_borrow(Vec::is_empty) && key.fill(arguments).is_some();
        if plain && let Some(call) = this.known(py, &key) {
            return call.get().results(py, &key.arrays);
        }
        // What drops objects without knowing of Python's lock asks PyO3, which has not seen this call begin.
        Python::attach(|_| {
            let (args, kwargs) = arguments.tuple_and_dict()?;
            if plain {
                this.learn(&key, arguments.names(), &args, kwargs.as_ref())?;
                if let Some(call) = this.known(py, &key) {
                    return call.get().results(py, &key.arrays);
                }
            }
            Function::through_python(slf, &args, kwargs.as_ref())
        })
    }
}

#[pymethods]
impl Function {
    #[new]
    fn new(function: Py<PyAny>, record: Py<PyAny>, trace: Py<PyAny>) -> Function {
        Function { slot: Slot::of::<Function>(), function, record, trace, calls: Mutex::default() }
    }
    /// For whoever asks for it by name; a call itself comes to [`Vectorcall::call`].
    #[pyo3(signature = (*args, **kwargs))]
    fn __call__<'py>(
        slf: &Bound<'py, Function>,
        args: &Bound<'py, PyTuple>,
        kwargs: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        Function::through_python(slf, args, kwargs)
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
