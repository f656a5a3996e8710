//! A variable: an array that outlives a run.

use crate::data::Data;
use crate::error::{Error, Result};
use crate::spec::Spec;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

/// A weight, an optimizer slot, a moving average, a metric's sum, a counter. Many runs may read it at once; a run that
/// updates it holds it alone.
#[derive(Debug)]
pub struct Variable {
    id: u64,
    spec: Spec,
    data: RwLock<Data>,
}

impl Variable {
    pub fn new(spec: Spec, data: Data) -> Result<Variable> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        if data.slice().len() != spec.len() || data.slice().dtype() != spec.dtype {
            return Err(Error::Shape(format!("expected {spec:?}, got {} elements", data.slice().len())));
        }
        Ok(Variable { id: NEXT.fetch_add(1, Ordering::Relaxed), spec, data: RwLock::new(data) })
    }
    /// Grows with every variable made: the order in which programs lock.
    pub fn id(&self) -> u64 {
        self.id
    }
    pub fn spec(&self) -> &Spec {
        &self.spec
    }
    /// A panic elsewhere does not make the numbers unreadable.
    pub fn read(&self) -> RwLockReadGuard<'_, Data> {
        self.data.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
    pub fn write(&self) -> RwLockWriteGuard<'_, Data> {
        self.data.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}
