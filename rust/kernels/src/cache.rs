//! What is worth knowing of the processor's caches. It decides where numbers are copied to, never what comes out.

use std::sync::OnceLock;

/// Bytes of a core's first cache of data: 32 KB in processors up to about 2019, 48 KB and more since.
pub fn nearest() -> usize {
    static BYTES: OnceLock<usize> = OnceLock::new();
    *BYTES.get_or_init(|| ask().unwrap_or(48 * 1024))
}

/// As the processor describes its caches itself.
#[cfg(target_arch = "x86_64")]
fn ask() -> Option<usize> {
    use std::arch::x86_64::{__cpuid, __cpuid_count, __get_cpuid_max};
    const OF_DATA: u32 = 1;
    // Intel's description is leaf 4; AMD's, of the same form, 0x8000001d, where bit 22 of 0x80000001's ecx promises it.
    let amd = __get_cpuid_max(0x8000_0000).0 >= 0x8000_001d && __cpuid(0x8000_0001).ecx & (1 << 22) != 0;
    let leaf = if amd { 0x8000_001d } else { 4 };
    if !amd && __get_cpuid_max(0).0 < leaf {
        return None;
    }
    (0..8).map(|index| __cpuid_count(leaf, index)).take_while(|cache| cache.eax & 31 != 0).find_map(|cache| {
        let (kind, level) = (cache.eax & 31, cache.eax >> 5 & 7);
        let ways = (cache.ebx >> 22) as usize + 1;
        let partitions = (cache.ebx >> 12 & 0x3ff) as usize + 1;
        let line = (cache.ebx & 0xfff) as usize + 1;
        let sets = cache.ecx as usize + 1;
        (kind == OF_DATA && level == 1).then_some(ways * partitions * line * sets)
    })
}

/// Asks for `numbers` that will be used soon, so that they are near by then: where rows lie apart, as those of one step of
/// a sequence do, the processor does not foresee the next.
#[inline(always)]
pub fn fetch(numbers: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    for line in numbers.chunks(16) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: SSE is part of x86-64, and nothing is read.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = numbers;
}

#[cfg(not(target_arch = "x86_64"))]
fn ask() -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_first_cache_has_a_sensible_size() {
        let bytes = super::nearest();
        assert!((8 * 1024..=1024 * 1024).contains(&bytes), "{bytes}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn linux_says_the_same() {
        let said = std::fs::read_to_string("/sys/devices/system/cpu/cpu0/cache/index0/size").unwrap_or_default();
        if let (Some(kilobytes), Some(asked)) =
            (said.trim().strip_suffix('K').and_then(|k| k.parse::<usize>().ok()), super::ask())
        {
            assert_eq!(asked, kilobytes * 1024);
        }
    }
}
