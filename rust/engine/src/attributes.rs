//! The constants of an op: strides, axes, rates. Python always states every one; there are no defaults here.

use crate::error::{Error, Result};
use std::collections::BTreeMap;

#[derive(Clone, Debug, PartialEq)]
pub enum Attribute {
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Ints(Vec<i64>),
}

/// Attributes by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes(pub BTreeMap<String, Attribute>);

impl Attributes {
    fn get(&self, name: &str) -> Result<&Attribute> {
        self.0.get(name).ok_or_else(|| Error::Type(format!("attribute `{name}` is missing")))
    }
    fn wrong<T>(&self, name: &str, wanted: &str) -> Result<T> {
        Err(Error::Type(format!("attribute `{name}`: expected {wanted}, got {:?}", self.0.get(name))))
    }
    pub fn flag(&self, name: &str) -> Result<bool> {
        match self.get(name)? {
            Attribute::Bool(value) => Ok(*value),
            _ => self.wrong(name, "a bool"),
        }
    }
    pub fn int(&self, name: &str) -> Result<i64> {
        match self.get(name)? {
            Attribute::Int(value) => Ok(*value),
            _ => self.wrong(name, "an int"),
        }
    }
    /// A count: an int that is not negative.
    pub fn size(&self, name: &str) -> Result<usize> {
        let value = self.int(name)?;
        usize::try_from(value).map_err(|_| Error::Value(format!("`{name}`: expected an int >= 0, got {value}")))
    }
    pub fn float(&self, name: &str) -> Result<f64> {
        match self.get(name)? {
            Attribute::Float(value) => Ok(*value),
            Attribute::Int(value) => Ok(*value as f64),
            _ => self.wrong(name, "a float"),
        }
    }
    pub fn text(&self, name: &str) -> Result<&str> {
        match self.get(name)? {
            Attribute::Text(value) => Ok(value),
            _ => self.wrong(name, "a str"),
        }
    }
    pub fn ints(&self, name: &str) -> Result<&[i64]> {
        match self.get(name)? {
            Attribute::Ints(values) => Ok(values),
            _ => self.wrong(name, "a list of ints"),
        }
    }
    /// Counts: ints that are not negative.
    pub fn sizes(&self, name: &str) -> Result<Vec<usize>> {
        let values = self.ints(name)?;
        let sizes = values.iter().map(|&v| usize::try_from(v)).collect::<std::result::Result<Vec<_>, _>>();
        sizes.map_err(|_| Error::Value(format!("`{name}`: expected ints >= 0, got {values:?}")))
    }
    /// Two counts of at least 1: a kernel, strides, a dilation.
    pub fn pair(&self, name: &str) -> Result<[usize; 2]> {
        match self.ints(name)? {
            &[a, b] if a > 0 && b > 0 => Ok([a as usize, b as usize]),
            other => Err(Error::Value(format!("`{name}`: expected two ints >= 1, got {other:?}"))),
        }
    }
}
