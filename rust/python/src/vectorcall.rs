//! How Python calls a function: with the arguments where they lie, in neither tuple nor dict, which take longer to make
//! than a small op to run. PyO3 does not offer this, so here is what C extensions do.

use crate::errors::catch_panic;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple, PyType};
use pyo3::{Borrowed, PyClass, ffi};
use std::ffi::{CStr, c_ulong};
use std::ptr::{from_ref, null, null_mut};

/// The arguments of a call, lent until it returns.
#[derive(Clone, Copy)]
pub struct Arguments<'a, 'py> {
    py: Python<'py>,
    values: &'a [*mut ffi::PyObject],
    /// Of the last values.
    names: Option<Borrowed<'a, 'py, PyTuple>>,
}

impl<'a, 'py> Arguments<'a, 'py> {
    /// Names and values.
    pub fn iter(self) -> impl Iterator<Item = (Option<Bound<'py, PyAny>>, Borrowed<'a, 'py, PyAny>)> {
        let unnamed = self.values.len() - self.names.map_or(0, |names| names.len());
        self.values.iter().enumerate().map(move |(index, &value)| {
            let name = self.names.zip(index.checked_sub(unnamed)).and_then(|(names, index)| names.get_item(index).ok());
            // SAFETY: an object, lent for 'a.
            (name, unsafe { Borrowed::from_ptr(self.py, value) })
        })
    }

    pub fn names(self) -> Option<Bound<'py, PyTuple>> {
        self.names.map(|names| names.to_owned())
    }

    /// As Python's functions take them.
    pub fn tuple_and_dict(self) -> PyResult<(Bound<'py, PyTuple>, Option<Bound<'py, PyDict>>)> {
        let (mut args, kwargs) = (Vec::new(), self.names.map(|_| PyDict::new(self.py)));
        for (name, value) in self.iter() {
            match (name, &kwargs) {
                (Some(name), Some(kwargs)) => kwargs.set_item(name, value)?,
                _ => args.push(value),
            }
        }
        Ok((PyTuple::new(self.py, args)?, kwargs))
    }
}

/// A class whose objects Python calls.
pub trait Vectorcall: PyClass {
    fn call<'py>(slf: &Bound<'py, Self>, arguments: Arguments<'_, 'py>) -> PyResult<Bound<'py, PyAny>>;
}

/// The pointer that such an object has for Python to find.
pub struct Slot {
    _pointer: ffi::vectorcallfunc,
}

impl Slot {
    pub fn of<T: Vectorcall>() -> Slot {
        Slot { _pointer: vectorcall::<T> }
    }
}

unsafe extern "C" fn vectorcall<T: Vectorcall>(
    slf: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    count: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: Python calls this for a `T`, with its lock held.
    let (py, slf) = unsafe {
        let py = Python::assume_attached();
        (py, Borrowed::from_ptr(py, slf).cast_unchecked::<T>())
    };
    // SAFETY: null or a tuple, kept until this returns.
    let names = unsafe { Borrowed::from_ptr_or_opt(py, names).map(|names| names.cast_unchecked::<PyTuple>()) };
    // The highest bit says that a place before the arguments may be written to.
    let count = (count & (usize::MAX >> 1)) + names.map_or(0, |names| names.len());
    // SAFETY: so many objects, kept until this returns; of none the pointer may be null.
    let values = if count == 0 { &[] } else { unsafe { std::slice::from_raw_parts(args, count) } };
    match catch_panic(py, || T::call(&slf, Arguments { py, values, names })) {
        Ok(result) => result.into_ptr(),
        Err(error) => {
            error.restore(py);
            null_mut()
        }
    }
}

/// The type of functions that Python sees: `one`'s, which says besides where in an object its slot is.
pub fn class<'py, T: Vectorcall>(
    one: &Bound<'py, T>,
    slot: &Slot,
    name: &'static CStr,
) -> PyResult<Bound<'py, PyType>> {
    /// Not in the limited API of the oldest version that is served, but the same in all of them.
    const HAVE_VECTORCALL: c_ulong = 1 << 11;
    let base = one.as_any().get_type();
    let place = ffi::PyMemberDef {
        name: c"__vectorcalloffset__".as_ptr(),
        type_code: ffi::Py_T_PYSSIZET,
        offset: (from_ref(slot).addr() - one.as_ptr().addr()) as ffi::Py_ssize_t,
        flags: ffi::Py_READONLY,
        doc: null(),
    };
    // Python may keep them where they lie.
    let members = Box::leak(Box::new([place, ffi::PyMemberDef::default()]));
    // SAFETY: a type that was made at run time, whose slots may be read.
    let call = unsafe { ffi::PyType_GetSlot(base.as_type_ptr(), ffi::Py_tp_call) };
    let mut slots = [
        ffi::PyType_Slot { slot: ffi::Py_tp_members, pfunc: members.as_mut_ptr().cast() },
        ffi::PyType_Slot { slot: ffi::Py_tp_call, pfunc: call },
        ffi::PyType_Slot::default(),
    ];
    let mut spec = ffi::PyType_Spec {
        name: name.as_ptr(),
        // The base's.
        basicsize: 0,
        itemsize: 0,
        flags: (ffi::Py_TPFLAGS_DEFAULT | HAVE_VECTORCALL) as _,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: slots and members are as they say and end with empty ones; all objects of a type have the slot in one place.
    unsafe {
        let made = ffi::PyType_FromSpecWithBases(&mut spec, base.as_ptr());
        Ok(Bound::from_owned_ptr_or_err(one.py(), made)?.cast_into_unchecked())
    }
}
