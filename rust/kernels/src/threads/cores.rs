//! On which core a thread runs. Only Linux is asked.

#[cfg(all(test, target_os = "linux"))]
pub use linux::allowed;
#[cfg(target_os = "linux")]
pub use linux::{current, leave};

#[cfg(target_os = "linux")]
mod linux {
    use std::cell::Cell;
    use std::time::{Duration, Instant};

    /// Bits for the cores, as many as the C library's own `cpu_set_t` has.
    type Mask = [u64; 16];

    unsafe extern "C" {
        fn sched_getcpu() -> i32;
        fn sched_getaffinity(thread: i32, size: usize, mask: *mut u64) -> i32;
        fn sched_setaffinity(thread: i32, size: usize, mask: *const u64) -> i32;
    }

    pub fn current() -> Option<usize> {
        // SAFETY: no arguments, no state.
        usize::try_from(unsafe { sched_getcpu() }).ok()
    }

    /// Goes to another core if this thread is on `core`. After a busy spell Linux may wake a helper on its caller's
    /// core though others are idle, and leave it there for as long as both are busy: it would then never help.
    pub fn leave(core: Option<usize>) {
        thread_local! {
            static LAST: Cell<Option<Instant>> = const { Cell::new(None) };
        }
        let Some(core) = core.filter(|&core| current() == Some(core) && core < Mask::default().len() * 64) else {
            return;
        };
        // Where the other cores are busy it may come back at once; then let it.
        if LAST.get().is_some_and(|last| last.elapsed() < Duration::from_millis(10)) {
            return;
        }
        LAST.set(Some(Instant::now()));
        let Some(mask) = allowed() else { return };
        let mut others = mask;
        others[core / 64] &= !(1 << (core % 64));
        if others != Mask::default() && allow(&others) {
            allow(&mask);
        }
    }

    /// The cores that this thread may use.
    pub fn allowed() -> Option<Mask> {
        let mut mask = Mask::default();
        // SAFETY: the size is that of the mask; thread 0 is the calling one.
        let read = unsafe { sched_getaffinity(0, size_of::<Mask>(), mask.as_mut_ptr()) };
        (read >= 0).then_some(mask)
    }

    fn allow(mask: &Mask) -> bool {
        // SAFETY: as above.
        unsafe { sched_setaffinity(0, size_of::<Mask>(), mask.as_ptr()) == 0 }
    }
}

#[cfg(not(target_os = "linux"))]
pub fn current() -> Option<usize> {
    None
}

#[cfg(not(target_os = "linux"))]
pub fn leave(_core: Option<usize>) {}
