//! Work that is given up once nobody wants it any more.

use super::Denormals;
use std::cell::Cell;
use std::ptr::NonNull;
use std::time::{Duration, Instant};

/// Who asks whether the work of this thread is still wanted.
struct Watch<'a> {
    ask: &'a mut dyn FnMut() -> bool,
    asked: Instant,
    ended: bool,
    /// How the thread treated denormals before the work began: who is asked may be anybody's code.
    denormals: Denormals,
}

thread_local! {
    static WATCH: Cell<Option<NonNull<Watch<'static>>>> = const { Cell::new(None) };
    static ASKING: Cell<bool> = const { Cell::new(false) };
}

/// Sets who is asked until the end of a scope.
struct Watched(Option<NonNull<Watch<'static>>>);

impl Watched {
    fn by(watch: Option<NonNull<Watch<'static>>>) -> Watched {
        Watched(WATCH.replace(watch))
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        WATCH.set(self.0);
    }
}

/// Runs `f`, whose loops ask `cancelled` every 50 ms, on this thread. Once it says yes they end where they are, what they
/// were to write half written; then the result is None.
pub fn interruptible<R>(cancelled: &mut dyn FnMut() -> bool, f: impl FnOnce() -> R) -> Option<R> {
    let mut watch = Watch { ask: cancelled, asked: Instant::now(), ended: false, denormals: Denormals::current() };
    // Only the lifetime changes: it is this thread's watch until `f` has returned, and no longer.
    let watched = Watched::by(Some(NonNull::from(&mut watch).cast()));
    let result = f();
    drop(watched);
    (!watch.ended).then_some(result)
}

/// Runs `f`, whose loops go to their end whoever may be asked.
pub fn uninterruptible<R>(f: impl FnOnce() -> R) -> R {
    let _watched = Watched::by(None);
    f()
}

/// Puts back, at the end of a scope, whether the thread was being asked before.
struct Asking(bool);

impl Drop for Asking {
    fn drop(&mut self) {
        ASKING.set(self.0);
    }
}

/// Whether this thread is being asked: what it does now it does in the midst of its own work, and what that holds it must
/// not wait for.
pub fn asking() -> bool {
    ASKING.get()
}

/// Whether the work of this thread is no longer wanted.
pub fn cancelled() -> bool {
    const PAUSE: Duration = Duration::from_millis(50);
    let Some(watch) = WATCH.get() else { return false };
    // SAFETY: it lies on the stack of `interruptible`, which waits for what asks here; and nobody else has a reference,
    // for while the question is asked there is no watch.
    let watch = unsafe { &mut *watch.as_ptr() };
    if !watch.ended && watch.asked.elapsed() >= PAUSE {
        let _asking = Asking(ASKING.replace(true));
        watch.ended = uninterruptible(|| watch.denormals.during(|| (watch.ask)()));
        watch.asked = Instant::now();
    }
    watch.ended
}
