//! Large pages for large arrays: a product of matrices that spans thousands of small pages waits for their addresses.

/// Asks the system to back the memory of `buffer`, whatever its length now, with large pages where it can. To be called
/// before the memory is first touched; nothing depends on the answer.
pub fn prefer_large<T>(buffer: &Vec<T>) {
    const LARGE: usize = 2 << 20;
    let bytes = buffer.capacity() * size_of::<T>();
    if bytes < 2 * LARGE {
        return;
    }
    #[cfg(target_os = "linux")]
    {
        use std::ffi::{c_int, c_void};
        unsafe extern "C" {
            fn madvise(address: *mut c_void, length: usize, advice: c_int) -> c_int;
        }
        const MADV_HUGEPAGE: c_int = 14;
        let start = (buffer.as_ptr() as usize).next_multiple_of(LARGE);
        let end = (buffer.as_ptr() as usize + bytes) / LARGE * LARGE;
        // SAFETY: the range lies within the buffer's own allocation, and the advice changes no content.
        unsafe { madvise(start as *mut c_void, end.saturating_sub(start), MADV_HUGEPAGE) };
    }
}

/// Numbers of which all bits zero is one.
///
/// # Safety
/// All bits zero must be a value of the type.
pub unsafe trait Zero: Copy {}
// SAFETY: the number 0.
unsafe impl Zero for f32 {}
// SAFETY: the number 0.
unsafe impl Zero for i32 {}
// SAFETY: the number 0.
unsafe impl Zero for u8 {}

/// So many zeros; None where there is no memory for them. Of a large array no page is touched here: whoever writes there
/// first, on all threads, gets it.
pub fn zeros<T: Zero>(len: usize) -> Option<Vec<T>> {
    use std::alloc::{Layout, alloc_zeroed};
    let layout = Layout::array::<T>(len).ok()?;
    if layout.size() == 0 {
        return Some(Vec::new());
    }
    // SAFETY: the layout has a size.
    let memory = unsafe { alloc_zeroed(layout) };
    if memory.is_null() {
        return None;
    }
    // SAFETY: allocated just now by the global allocator with this very layout, and zero is a value of `T`.
    let buffer = unsafe { Vec::from_raw_parts(memory.cast::<T>(), len, len) };
    prefer_large(&buffer);
    Some(buffer)
}

#[cfg(test)]
mod tests {
    #[test]
    fn zeros_are_zero_or_nothing() {
        for len in [0, 1, 1000, 3 << 20] {
            assert!(
                super::zeros::<f32>(len).is_some_and(|zeros| zeros.len() == len && zeros.iter().all(|&v| v == 0.0))
            );
        }
        assert!(super::zeros::<i32>(usize::MAX).is_none() && super::zeros::<u8>(isize::MAX as usize).is_none());
    }

    #[test]
    fn the_memory_stays_usable() {
        let mut buffer: Vec<f32> = Vec::with_capacity(3 << 20);
        super::prefer_large(&buffer);
        buffer.resize(3 << 20, 1.0);
        assert!(buffer.iter().all(|&v| v == 1.0));
        super::prefer_large(&Vec::<u8>::new());
    }
}
