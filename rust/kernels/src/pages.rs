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

#[cfg(test)]
mod tests {
    #[test]
    fn the_memory_stays_usable() {
        let mut buffer: Vec<f32> = Vec::with_capacity(3 << 20);
        super::prefer_large(&buffer);
        buffer.resize(3 << 20, 1.0);
        assert!(buffer.iter().all(|&v| v == 1.0));
        super::prefer_large(&Vec::<u8>::new());
    }
}
