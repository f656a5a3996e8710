//! A variable: an array that outlives a run.

use crate::data::{Data, Slice};
use crate::error::{Error, Result};
use crate::spec::Spec;
use corten_kernels::threads::asking;
use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError, TryLockResult};

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
        if asking() {
            return at_once(self.data.try_read());
        }
        self.data.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
    pub fn write(&self) -> RwLockWriteGuard<'_, Data> {
        if asking() {
            return at_once(self.data.try_write());
        }
        self.data.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// What a call unwinds with that would wait for a variable in the midst of a run of its own thread: a signal handler's,
/// which may be waiting for what that run holds.
#[derive(Debug)]
pub struct WouldDeadlock;

fn at_once<G>(lock: TryLockResult<G>) -> G {
    match lock {
        Ok(guard) => guard,
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        Err(TryLockError::WouldBlock) => resume_unwind(Box::new(WouldDeadlock)),
    }
}

/// Gives each variable its value: who holds several at once sees all of the old or all of the new.
pub fn assign_all(pairs: Vec<(Arc<Variable>, Data)>) {
    let (variables, values): (Vec<_>, Vec<_>) = pairs.into_iter().unzip();
    let mut locks = lock_all(&variables, Variable::write);
    for (variable, value) in variables.iter().zip(values) {
        if let Some(place) = locks.get_mut(&variable.id) {
            **place = value;
        }
    }
}

/// Makes every element of the variables zero, at one moment.
pub fn clear_all(variables: &[Arc<Variable>]) {
    for data in lock_all(variables, Variable::write).values_mut() {
        match &mut **data {
            Data::F32(values) => values.fill(0.0),
            Data::I32(values) => values.fill(0),
            Data::U8(values) => values.fill(0),
        }
    }
}

/// Hands each variable's position and value to `put`: those of one moment, for no assignment or run comes between.
pub fn read_all(variables: &[Arc<Variable>], mut put: impl FnMut(usize, Slice<'_>) -> Result<()>) -> Result<()> {
    let locks = lock_all(variables, Variable::read);
    variables.iter().enumerate().try_for_each(|(index, variable)| match locks.get(&variable.id) {
        Some(data) => put(index, data.slice()),
        None => Err(Error::Internal("a variable was not locked".into())),
    })
}

/// Locks each variable once, in the order of the ids, as programs do.
fn lock_all<'v, G>(variables: &'v [Arc<Variable>], lock: impl Fn(&'v Variable) -> G) -> BTreeMap<u64, G> {
    let sorted: BTreeMap<u64, &'v Variable> = variables.iter().map(|variable| (variable.id, &**variable)).collect();
    sorted.into_iter().map(|(id, variable)| (id, lock(variable))).collect()
}
