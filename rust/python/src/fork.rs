//! A fork waits until no thread is in a native call: a lock that a vanished thread held would be held in the child for
//! ever.

use pyo3::prelude::*;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread::sleep;
use std::time::{Duration, Instant};

static CALLS: AtomicUsize = AtomicUsize::new(0);
static FORKS: AtomicUsize = AtomicUsize::new(0);

const PAUSE: Duration = Duration::from_micros(200);
/// A native call returns, or looks at Python, far sooner. Longer waits only a fork out of a signal handler that
/// interrupted the very call.
const PATIENCE: Duration = Duration::from_secs(2);

/// One native call, from its making to its drop.
pub struct Call(());

impl Call {
    pub fn new() -> Call {
        loop {
            CALLS.fetch_add(1, SeqCst);
            if FORKS.load(SeqCst) == 0 {
                return Call(());
            }
            drop(Call(()));
            sleep(PAUSE);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        // A child that was forked out of a call began to count at 0.
        let _ = CALLS.fetch_update(SeqCst, SeqCst, |calls| calls.checked_sub(1));
    }
}

/// Waits for native calls to end and lets no other begin; called before `fork`.
#[pyfunction]
pub fn before_fork(py: Python<'_>) {
    FORKS.fetch_add(1, SeqCst);
    py.detach(|| {
        let began = Instant::now();
        while CALLS.load(SeqCst) > 0 && began.elapsed() < PATIENCE {
            sleep(PAUSE);
        }
    });
}

/// Lets native calls begin again; called after `fork`, in the parent and in the child.
#[pyfunction]
pub fn after_fork(child: bool) {
    if child {
        CALLS.store(0, SeqCst);
        FORKS.store(0, SeqCst);
    } else {
        let _ = FORKS.fetch_update(SeqCst, SeqCst, |forks| forks.checked_sub(1));
    }
}
