//! What is worth knowing of the processor's caches. It decides where numbers are copied to, never what comes out.

use std::sync::OnceLock;

/// Bytes of a core's own caches of data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caches {
    pub first: usize,
    pub second: usize,
}

impl Caches {
    /// The first cache of processors since about 2019 has so much, or more; before it was 32 KB.
    pub const WIDE: usize = 48 * 1024;

    /// Those of this machine.
    pub fn here() -> Caches {
        static CACHES: OnceLock<Caches> = OnceLock::new();
        *CACHES.get_or_init(|| Caches { first: ask(1).unwrap_or(Caches::WIDE), second: ask(2).unwrap_or(1024 * 1024) })
    }
}

/// The cache of data on a level, as the processor itself describes it.
#[cfg(target_arch = "x86_64")]
fn ask(wanted: u32) -> Option<usize> {
    use std::arch::x86_64::{__cpuid, __cpuid_count, __get_cpuid_max};
    const OF_INSTRUCTIONS: u32 = 2;
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
        (kind != OF_INSTRUCTIONS && level == wanted).then_some(ways * partitions * line * sets)
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
fn ask(_: u32) -> Option<usize> {
    None
}

#[cfg(test)]
mod tests {
    use super::Caches;

    #[test]
    fn caches_have_sensible_sizes() {
        let Caches { first, second } = Caches::here();
        assert!((8 * 1024..=1024 * 1024).contains(&first), "{first}");
        assert!((first..=64 * 1024 * 1024).contains(&second), "{second}");
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn linux_says_the_same() {
        for (level, index) in [(1, 0), (2, 2)] {
            let file = format!("/sys/devices/system/cpu/cpu0/cache/index{index}/size");
            let said = std::fs::read_to_string(file).unwrap_or_default();
            if let (Some(kilobytes), Some(asked)) =
                (said.trim().strip_suffix('K').and_then(|k| k.parse::<usize>().ok()), super::ask(level))
            {
                assert_eq!(asked, kilobytes * 1024, "level {level}");
            }
        }
    }
}
