//! `CallKey`: how a function of tensors is called, as a key under which what it comes to is cached.

use crate::arrays::elements;
use crate::vectorcall::Arguments;
use corten_engine::Slice;
use numpy::{PyUntypedArray, PyUntypedArrayMethods};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBoolMethods, PyFloat, PyInt, PyList, PyString, PyTuple};
use smallvec::SmallVec;
use std::hash::Hasher;

/// The most words that tell one call from another.
const WORDS: usize = 48;

/// Types and shapes of the arrays, and everything else by value; names by the addresses of the strings, which whoever
/// stores a key must hold.
#[derive(Default)]
pub struct CallKey<'py> {
    pub words: SmallVec<[u64; 32]>,
    pub arrays: SmallVec<[Bound<'py, PyUntypedArray>; 4]>,
}

impl<'py> CallKey<'py> {
    /// Filled where it lies, for it is large. None where an argument is something else than plain arrays, numbers, text
    /// and lists of them.
    pub fn fill(&mut self, arguments: Arguments<'_, 'py>) -> Option<()> {
        for (name, value) in arguments.iter() {
            if let Some(name) = name {
                self.head(11, 1)?;
                self.add(name.as_ptr() as u64)?;
            }
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
            self.text(value)
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

    fn text(&mut self, text: &Bound<'py, PyAny>) -> Option<()> {
        let text: &str = text.extract().ok()?;
        self.head(10, text.len())?;
        text.as_bytes().chunks(8).try_for_each(|part| {
            let mut word = [0; 8];
            word.iter_mut().zip(part).for_each(|(to, &byte)| *to = byte);
            self.add(u64::from_le_bytes(word))
        })
    }
}

/// Mixes words. The keys are the caller's own shapes, which nobody chooses to make them collide.
#[derive(Default)]
pub struct Mix(u64);

impl Hasher for Mix {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks();
        words.iter().for_each(|&word| self.write_u64(u64::from_le_bytes(word)));
        rest.iter().for_each(|&byte| self.write_u64(byte.into()));
    }
    fn write_u64(&mut self, word: u64) {
        let mixed = u128::from(self.0 ^ word ^ 0xF39C_C060_5CED_C835) * 0x9E37_79B9_7F4A_7C15;
        self.0 = (mixed >> 64) as u64 ^ mixed as u64;
    }
    fn finish(&self) -> u64 {
        self.0
    }
}
