//! Working memory that a thread keeps between kernels: packed panels, a row of partial sums.

use std::cell::RefCell;

/// Floats in a cache line; slices handed out begin on one.
const LINE: usize = 16;

/// What a kernel panics with when its scratch cannot be had; the bindings turn it into a `MemoryError`.
#[derive(Clone, Copy, Debug)]
pub struct OutOfMemory {
    pub bytes: usize,
}

thread_local! {
    static FREE: RefCell<Vec<Vec<f32>>> = const { RefCell::new(Vec::new()) };
}

/// Lends `len` floats, begun on a cache line, of unspecified content. Calls may nest.
pub fn with<R>(len: usize, f: impl FnOnce(&mut [f32]) -> R) -> R {
    let mut buffer = FREE.with_borrow_mut(Vec::pop).unwrap_or_default();
    if buffer.len() < len + LINE {
        let missing = len + LINE - buffer.len();
        if buffer.try_reserve_exact(missing).is_err() {
            // As a panic, but without its message: this is no defect.
            std::panic::resume_unwind(Box::new(OutOfMemory { bytes: missing * size_of::<f32>() }));
        }
        crate::pages::prefer_large(&buffer);
        buffer.resize(len + LINE, 0.0);
    }
    let start = buffer.as_ptr().align_offset(LINE * size_of::<f32>()).min(LINE);
    let result = f(&mut buffer[start..start + len]);
    FREE.with_borrow_mut(|free| free.push(buffer));
    result
}

/// An empty list with room for `len`; as [`with`] where there is no memory for it.
pub fn list<T>(len: usize) -> Vec<T> {
    let mut list = Vec::new();
    if list.try_reserve_exact(len).is_err() {
        std::panic::resume_unwind(Box::new(OutOfMemory { bytes: len.saturating_mul(size_of::<T>()) }));
    }
    list
}
