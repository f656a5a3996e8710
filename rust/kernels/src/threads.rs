//! Threads: the one place that names rayon.
//!
//! The pool is built at first use and belongs to the process that built it: a forked child builds its own. A loop is
//! cut by the size of the problem alone; which thread runs which piece never shows in the result.

use std::cell::Cell;
use std::ops::Range;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

mod cores;
mod watch;

use crate::environment;
pub use watch::{asking, cancelled, interruptible, uninterruptible};

/// Multiply-adds (or an equal amount of other work) below which a piece is not worth handing to another thread.
pub const GRAIN: usize = 100_000;

struct Pool {
    threads: usize,
    rayon: rayon::ThreadPool,
    /// The pool before this one, of another thread count.
    older: Option<&'static Pool>,
}

static POOL: AtomicPtr<Pool> = AtomicPtr::new(std::ptr::null_mut());
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// The most threads that may be asked for.
pub const MOST: usize = 1024;

/// How many threads a parallel loop may use: what [`set_count`] said, else `CORTEN_NUM_THREADS`, `RAYON_NUM_THREADS` or
/// `OMP_NUM_THREADS`, else the processors that affinity and cgroup leave to this process.
pub fn count() -> usize {
    match COUNT.load(Ordering::Relaxed) {
        0 => {
            let wanted = asked_for(environment::value).unwrap_or_default();
            let threads = wanted.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, |n| n.get()));
            COUNT.store(threads, Ordering::Relaxed);
            threads
        }
        threads => threads,
    }
}

/// Says what is wrong with `CORTEN_NUM_THREADS`, which [`count`] passes over, if the count is still to be asked for.
pub fn check_environment() -> Result<(), String> {
    if COUNT.load(Ordering::Relaxed) == 0 { asked_for(environment::value).map(drop) } else { Ok(()) }
}

/// The number of threads that environment variables ask for. A wrong value of Corten's own is an error; what others'
/// hold counts where it is a number that this library can use, of a list (one for each level of nesting) the first.
fn asked_for(value: impl Fn(&str) -> Option<String>) -> Result<Option<usize>, String> {
    let number = |text: &str| text.trim().parse().ok().filter(|threads| (1..=MOST).contains(threads));
    if let Some(text) = value("CORTEN_NUM_THREADS") {
        let wrong = || format!("CORTEN_NUM_THREADS: expected an integer from 1 to {MOST}, got {text:?}");
        return number(&text).ok_or_else(wrong).map(Some);
    }
    let first = |name| number(value(name)?.split(',').next()?);
    Ok(first("RAYON_NUM_THREADS").or_else(|| first("OMP_NUM_THREADS")))
}

/// Sets how many threads later loops may use; 0 asks the environment again.
pub fn set_count(threads: usize) {
    COUNT.store(threads, Ordering::Relaxed);
}

/// The pool of this thread count. Never freed: a forked child must not touch its parent's threads, and a loop may still
/// run on a pool that `set_count` replaced.
fn pool(threads: usize) -> Option<&'static Pool> {
    // SAFETY: the pointer is null or came from `Box::leak` below, and nothing frees it.
    let newest: Option<&'static Pool> = unsafe { POOL.load(Ordering::Acquire).as_ref() };
    let found = std::iter::successors(newest, |pool| pool.older).find(|pool| pool.threads == threads);
    if found.is_some() {
        return found;
    }
    if !forgotten_by_children() {
        return None;
    }
    let rayon = rayon::ThreadPoolBuilder::new()
        // The caller of a loop is one of its threads.
        .num_threads(threads - 1)
        .thread_name(|i| format!("corten-{i}"))
        .start_handler(|_| {
            Denormals::FLUSHED.set();
        })
        .build()
        .ok()?;
    let made = Box::leak(Box::new(Pool { threads, rayon, older: newest }));
    POOL.store(made, Ordering::Release);
    Some(made)
}

/// Sees to it that a forked child, which has none of its parent's threads, begins without a pool. To ask in every loop
/// which process it is would take as long as starting the loop.
#[cfg(unix)]
fn forgotten_by_children() -> bool {
    type Handler = Option<extern "C" fn()>;
    unsafe extern "C" {
        fn pthread_atfork(prepare: Handler, parent: Handler, child: Handler) -> i32;
    }
    extern "C" fn forget() {
        POOL.store(std::ptr::null_mut(), Ordering::Release);
    }
    static DONE: OnceLock<bool> = OnceLock::new();
    // SAFETY: the handler does nothing but an atomic store, which a child may do.
    *DONE.get_or_init(|| unsafe { pthread_atfork(None, None, Some(forget)) == 0 })
}

/// There is no fork here.
#[cfg(not(unix))]
fn forgotten_by_children() -> bool {
    true
}

thread_local! {
    static ALONE: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f` with every loop inside it on this thread: for a task whose data lie in this core's own cache, where another
/// thread that took a part would have to fetch them.
pub fn single_threaded<R>(f: impl FnOnce() -> R) -> R {
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            ALONE.set(self.0);
        }
    }
    let _restore = Restore(ALONE.replace(true));
    f()
}

/// The body of a loop: does a range of its tasks.
type Body<'a> = dyn Fn(Range<usize>) + Sync + 'a;

/// A loop on this thread alone.
fn one_by_one(tasks: usize, work: usize, f: &Body) {
    // Few questions, for they take their time too.
    let step = (GRAIN / work.max(1)).max(1);
    for from in (0..tasks).step_by(step) {
        if tasks > step && cancelled() {
            return;
        }
        f(from..tasks.min(from + step));
    }
}

/// Calls `f(task)` for every task in `0..tasks`, each about `work` multiply-adds.
///
/// The calling thread works itself and never waits for a helper to wake: a helper that comes too late finds the loop
/// closed. Each begins on a stretch of its own, so that what it wrote in the loop before may still be in its cache, and
/// then takes from the others'.
pub fn for_each(tasks: usize, work: usize, f: impl Fn(usize) + Sync) {
    for_each_range(tasks, work, &|range: Range<usize>| range.for_each(&f));
}

/// [`for_each`], compiled once for all loops; their bodies, which it calls by ranges, are compiled once each.
fn for_each_range(tasks: usize, work: usize, f: &Body) {
    let most = (tasks.saturating_mul(work) / GRAIN).min(tasks);
    if most < 2 || ALONE.get() {
        return one_by_one(tasks, work, f);
    }
    let count = count();
    let threads = count.min(most);
    let pool = if threads > 1 { pool(count) } else { None };
    let Some(pool) = pool else { return one_by_one(tasks, work, f) };
    // Tasks taken at once: few enough that all end together.
    let leaf = (GRAIN / 4 / work.max(1)).clamp(1, tasks.div_ceil(threads));
    let job = Arc::new(Job::new(tasks, threads, leaf, f));
    let closing = Closing(&job);
    enlist(pool, job.clone(), threads - 1);
    job.work(0);
    drop(closing);
    let panic = job.panic.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
    if let Some(panic) = panic {
        std::panic::resume_unwind(panic);
    }
}

/// One parallel loop.
struct Job {
    /// The helpers at work, and whether others still may begin.
    state: AtomicUsize,
    joined: AtomicUsize,
    /// Where the caller runs.
    core: Option<usize>,
    stretches: Box<[Stretch]>,
    leaf: usize,
    /// The caller's closure: alive until the job is closed and no helper is at work.
    f: *const Body<'static>,
    panic: Mutex<Option<Box<dyn std::any::Any + Send>>>,
}

/// The tasks `next..end`; on a cache line of its own (two, for they are fetched in pairs).
#[repr(align(128))]
struct Stretch {
    next: AtomicUsize,
    end: usize,
}

// SAFETY: the closure is `Sync`, and `join` reaches it only while its owner waits in `Closing`.
unsafe impl Send for Job {}
// SAFETY: as above.
unsafe impl Sync for Job {}

const CLOSED: usize = 1 << (usize::BITS - 1);

impl Job {
    fn new<'a>(tasks: usize, threads: usize, leaf: usize, f: &'a Body<'a>) -> Job {
        let cut = |i: usize| tasks * i / threads;
        let stretch = |i| Stretch { next: AtomicUsize::new(cut(i)), end: cut(i + 1) };
        // SAFETY: only the lifetime changes; see the field.
        let f = unsafe { std::mem::transmute::<*const Body<'a>, *const Body<'static>>(f) };
        let stretches = (0..threads).map(stretch).collect();
        Job {
            state: AtomicUsize::new(0),
            joined: AtomicUsize::new(1),
            core: cores::current(),
            stretches,
            leaf,
            f,
            panic: Mutex::new(None),
        }
    }

    /// Takes tasks until none is left, those of stretch `own` first.
    fn work(&self, own: usize) {
        // SAFETY: called by the owner before it closes the job, and by helpers that `join` let in.
        let f = unsafe { &*self.f };
        for i in 0..self.stretches.len() {
            let Stretch { next, end } = &self.stretches[(own + i) % self.stretches.len()];
            loop {
                let from = next.fetch_add(self.leaf, Ordering::Relaxed);
                if from >= *end {
                    break;
                }
                // Asked on the caller's thread; helpers have nobody to ask.
                if cancelled() {
                    return self
                        .stretches
                        .iter()
                        .for_each(|stretch| stretch.next.store(stretch.end, Ordering::Relaxed));
                }
                f(from..*end.min(&(from + self.leaf)));
            }
        }
    }

    /// Helps; to be called only while `state` counts the helper.
    fn join(&self) {
        let own = self.joined.fetch_add(1, Ordering::Relaxed) % self.stretches.len();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| self.work(own)));
        if let Err(panic) = outcome {
            *self.panic.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(panic);
        }
    }
}

/// Lets no helper begin any more and waits for those at work, even when the loop ends by a panic.
struct Closing<'a>(&'a Job);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.state.fetch_or(CLOSED, Ordering::AcqRel);
        let mut looks = 0;
        while self.0.state.load(Ordering::Acquire) != CLOSED {
            // What is left is a task or so: not worth sleeping, but where a helper has lost its core, it needs ours.
            looks += 1;
            if looks < 256 { std::hint::spin_loop() } else { std::thread::yield_now() }
        }
    }
}

/// Asks `helpers` threads to join; each that comes asks half of the rest, so that many wake soon.
fn enlist(pool: &'static Pool, job: Arc<Job>, helpers: usize) {
    if helpers == 0 {
        return;
    }
    pool.rayon.spawn(move || {
        cores::leave(job.core);
        if job.state.fetch_add(1, Ordering::AcqRel) & CLOSED == 0 {
            let rest = helpers - 1;
            enlist(pool, job.clone(), rest / 2);
            enlist(pool, job.clone(), rest - rest / 2);
            job.join();
        }
        job.state.fetch_sub(1, Ordering::AcqRel);
        linger();
    });
}

/// Looks out for the next loop for a while before this helper sleeps: in a program of small ops it comes within
/// microseconds, and a sleeper takes as long to wake, if the system puts it on a core of its own at all. The core is
/// offered to whoever else wants it after every few looks, for the offer takes as long as all of them.
fn linger() {
    const PATIENCE: Duration = Duration::from_millis(1);
    const LOOKS: usize = 8;
    thread_local! {
        static LINGERS: Cell<bool> = const { Cell::new(false) };
    }
    if LINGERS.replace(true) {
        return;
    }
    let mut idle = Instant::now();
    while idle.elapsed() < PATIENCE {
        for _ in 0..LOOKS {
            match rayon::yield_now() {
                Some(rayon::Yield::Executed) => idle = Instant::now(),
                _ => std::hint::spin_loop(),
            }
        }
        std::thread::yield_now();
    }
    LINGERS.set(false);
}

/// A pointer that tasks share to write disjoint parts of one slice.
pub struct Shared<T>(*mut T, usize);

// SAFETY: `part` is the only access, and its caller vouches that no two tasks take overlapping parts.
unsafe impl<T: Send> Send for Shared<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    pub fn new(slice: &mut [T]) -> Self {
        Shared(slice.as_mut_ptr(), slice.len())
    }
    /// # Safety
    /// No other part in use at the same time may overlap `start..start + len`; the slice must outlive the part.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn part<'a>(&self, start: usize, len: usize) -> &'a mut [T] {
        assert!(start.checked_add(len).is_some_and(|end| end <= self.1));
        // SAFETY: within bounds by the line above, unaliased by the caller's word.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(start), len) }
    }
    pub fn pointer(&self) -> *mut T {
        self.0
    }
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.1
    }
}

/// Cuts `out` into chunks of `chunk` elements (the last may be shorter) and calls `f(index, chunk)` on each; `work` is
/// the multiply-adds of a full chunk.
pub fn for_each_chunk<T: Send>(out: &mut [T], chunk: usize, work: usize, f: impl Fn(usize, &mut [T]) + Sync) {
    let (len, chunk) = (out.len(), chunk.max(1));
    let shared = Shared::new(out);
    for_each(len.div_ceil(chunk), work, |i| {
        // SAFETY: chunks of different indices do not overlap.
        f(i, unsafe { shared.part(i * chunk, chunk.min(len - i * chunk)) });
    });
}

/// [`for_each_chunk`] over two slices cut into equally many chunks.
pub fn for_each_chunk2<T: Send, U: Send>(
    a: (&mut [T], usize),
    b: (&mut [U], usize),
    work: usize,
    f: impl Fn(usize, &mut [T], &mut [U]) + Sync,
) {
    let ((a, chunk_a), (b, chunk_b)) = (a, b);
    let (len_a, len_b) = (a.len(), b.len());
    assert_eq!(len_a.div_ceil(chunk_a.max(1)), len_b.div_ceil(chunk_b.max(1)));
    let shared = Shared::new(b);
    for_each_chunk(a, chunk_a, work, |i, part| {
        // SAFETY: chunks of different indices do not overlap.
        f(i, part, unsafe { shared.part(i * chunk_b, chunk_b.min(len_b - i * chunk_b)) });
    });
}

/// [`for_each_chunk`] over several slices of one length, cut alike.
pub fn for_each_chunks<T: Send, const N: usize>(
    slices: [&mut [T]; N],
    chunk: usize,
    work: usize,
    f: impl Fn(usize, [&mut [T]; N]) + Sync,
) {
    let (len, chunk) = (slices.first().map_or(0, |s| s.len()), chunk.max(1));
    assert!(slices.iter().all(|s| s.len() == len), "slices cut alike must be equally long");
    let shared = slices.map(Shared::new);
    for_each(len.div_ceil(chunk), work, |i| {
        // SAFETY: chunks of different indices do not overlap, and different slices never do.
        f(i, shared.each_ref().map(|s| unsafe { s.part(i * chunk, chunk.min(len - i * chunk)) }));
    });
}

/// Calls `f(k, rows)` with row `rows[k]` of each slice, a row `inner` long. The rows must ascend: no two tasks share one.
pub fn for_each_row<T: Send, const N: usize>(
    slices: [&mut [T]; N],
    inner: usize,
    rows: &[usize],
    work: usize,
    f: impl Fn(usize, [&mut [T]; N]) + Sync,
) {
    assert!(rows.windows(2).all(|pair| pair[0] < pair[1]), "rows must ascend");
    let shared = slices.map(Shared::new);
    for_each(rows.len(), work, |k| {
        // SAFETY: rows of different indices do not overlap, and different slices never do.
        f(k, shared.each_ref().map(|s| unsafe { s.part(rows[k] * inner, inner) }));
    });
}

/// Calls `f(first row, parts)` on runs of at most `run` rows, as even as can be; each slice holds `rows` equal rows.
/// `work` is the multiply-adds of a run.
pub fn for_each_run<T: Send, const N: usize>(
    slices: [&mut [T]; N],
    rows: usize,
    run: usize,
    work: usize,
    f: impl Fn(usize, [&mut [T]; N]) + Sync,
) {
    assert!(slices.iter().all(|s| s.len() % rows.max(1) == 0), "every slice holds the same number of rows");
    let shared = slices.map(|s| (s.len() / rows.max(1), Shared::new(s)));
    let tasks = rows.div_ceil(run.max(1));
    for_each(tasks, work, |i| {
        let (from, to) = (rows * i / tasks, rows * (i + 1) / tasks);
        // SAFETY: runs of different indices do not overlap, and different slices never do.
        f(from, shared.each_ref().map(|(row, s)| unsafe { s.part(from * row, (to - from) * row) }));
    });
}

/// How a thread treats denormals, as its control register has it.
#[derive(Clone, Copy, PartialEq)]
pub(crate) struct Denormals(u64);

/// Runs `f` with denormals flushed to zero on this thread, as they are on the pool's, and restores what was set.
pub fn with_flush<R>(f: impl FnOnce() -> R) -> R {
    Denormals::FLUSHED.during(f)
}

impl Denormals {
    /// Runs `f` with denormals treated so on this thread, and restores what was set.
    pub(crate) fn during<R>(self, f: impl FnOnce() -> R) -> R {
        struct Restore(Denormals);
        impl Drop for Restore {
            fn drop(&mut self) {
                self.0.set();
            }
        }
        let _restore = Restore(self.set());
        f()
    }
}

#[cfg(target_arch = "x86_64")]
impl Denormals {
    /// The bits FTZ and DAZ of MXCSR.
    const FLUSHED: Denormals = Denormals(0x8040);

    fn control() -> u32 {
        let mut control = 0u32;
        // SAFETY: MXCSR is stored to a local.
        unsafe { core::arch::asm!("stmxcsr [{}]", in(reg) &raw mut control, options(nostack)) };
        control
    }
    pub(crate) fn current() -> Denormals {
        Denormals(u64::from(Denormals::control()) & Denormals::FLUSHED.0)
    }
    /// Returns what was set before.
    fn set(self) -> Denormals {
        let control = Denormals::control();
        let wanted = control & !(Denormals::FLUSHED.0 as u32) | self.0 as u32;
        if wanted != control {
            // SAFETY: MXCSR is loaded from a local; only its flush bits change.
            unsafe { core::arch::asm!("ldmxcsr [{}]", in(reg) &raw const wanted, options(nostack)) };
        }
        Denormals(u64::from(control) & Denormals::FLUSHED.0)
    }
}

#[cfg(target_arch = "aarch64")]
impl Denormals {
    /// The bit FZ of FPCR.
    const FLUSHED: Denormals = Denormals(1 << 24);

    fn control() -> u64 {
        let mut control: u64;
        // SAFETY: FPCR is only read.
        unsafe { core::arch::asm!("mrs {}, fpcr", out(reg) control, options(nomem, nostack)) };
        control
    }
    pub(crate) fn current() -> Denormals {
        Denormals(Denormals::control() & Denormals::FLUSHED.0)
    }
    /// Returns what was set before.
    fn set(self) -> Denormals {
        let control = Denormals::control();
        let wanted = control & !Denormals::FLUSHED.0 | self.0;
        if wanted != control {
            // SAFETY: only FPCR's flush bit changes.
            unsafe { core::arch::asm!("msr fpcr, {}", in(reg) wanted, options(nomem, nostack)) };
        }
        Denormals(control & Denormals::FLUSHED.0)
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
impl Denormals {
    const FLUSHED: Denormals = Denormals(0);

    pub(crate) fn current() -> Denormals {
        Denormals(0)
    }
    fn set(self) -> Denormals {
        Denormals(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_end_early_once_nobody_wants_them() {
        for count in [1, 3] {
            set_count(count);
            let done = AtomicUsize::new(0);
            let task = |_| {
                done.fetch_add(1, Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(5));
            };
            assert_eq!(interruptible(&mut || true, || for_each(10_000, GRAIN, task)), None);
            assert!(done.load(Ordering::Relaxed) < 1000);
            assert!(!cancelled());
            done.store(0, Ordering::Relaxed);
            assert_eq!(interruptible(&mut || true, || uninterruptible(|| for_each(30, GRAIN, task))), Some(()));
            assert_eq!(interruptible(&mut || false, || for_each(30, GRAIN, task)), Some(()));
            assert_eq!(done.load(Ordering::Relaxed), 60);
        }
        set_count(0);
    }

    #[test]
    fn every_task_runs_once_and_chunks_do_not_overlap() {
        for (len, chunk) in [(0, 3), (1, 3), (7, 3), (1000, 7)] {
            let mut out = vec![0u32; len];
            for_each_chunk(&mut out, chunk, GRAIN, |i, part| part.iter_mut().for_each(|v| *v += i as u32 + 1));
            assert!(out.iter().enumerate().all(|(k, &v)| v == (k / chunk) as u32 + 1));
        }
    }

    #[test]
    fn loops_inside_loops_and_loops_of_several_callers_end() {
        set_count(3);
        let total = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        for_each(7, GRAIN, |_| for_each(5, GRAIN, |_| _ = total.fetch_add(1, Ordering::Relaxed)));
                    }
                });
            }
        });
        assert_eq!(total.into_inner(), 4 * 50 * 7 * 5);
    }

    #[test]
    fn a_panic_in_a_task_reaches_the_caller_whoever_ran_it() {
        set_count(3);
        for bad in [0, 1, 63] {
            let run = || for_each(64, GRAIN, |task| assert!(task != bad, "on purpose"));
            assert!(std::panic::catch_unwind(run).is_err());
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_helper_leaves_its_callers_core_and_may_come_back() {
        // Threads of their own: their affinity and the time of the last move are theirs.
        let moved = std::thread::spawn(|| {
            let before = cores::allowed();
            let here = cores::current();
            cores::leave(here);
            (before, here, cores::current(), cores::allowed())
        });
        let (before, here, there, after) = moved.join().expect("the thread ends");
        assert!(before.is_some() && before == after, "the cores a thread may use are put back");
        if before.is_some_and(|mask| mask.iter().map(|bits| bits.count_ones()).sum::<u32>() > 1) {
            assert_ne!(here, there);
        }
    }

    #[test]
    fn denormals_are_flushed_inside_and_kept_outside() {
        let tiny = std::hint::black_box(f32::MIN_POSITIVE / 4.0);
        assert!(std::hint::black_box(tiny * 0.5) > 0.0);
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        assert_eq!(with_flush(|| std::hint::black_box(std::hint::black_box(tiny) * 0.5)), 0.0);
        assert!(std::hint::black_box(tiny * 0.5) > 0.0);
    }

    #[test]
    fn who_is_asked_within_a_kernel_has_denormals_as_outside() {
        let halved = || std::hint::black_box(std::hint::black_box(f32::MIN_POSITIVE / 4.0) * 0.5);
        let mut seen = Vec::new();
        let mut ask = || {
            assert!(asking());
            seen.push(halved());
            false
        };
        let kernel = || {
            with_flush(|| {
                std::thread::sleep(Duration::from_millis(60));
                assert!(!cancelled());
                halved()
            })
        };
        let inside = interruptible(&mut ask, kernel);
        assert!(!asking());
        assert_eq!(seen, [f32::MIN_POSITIVE / 8.0]);
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        assert_eq!(inside, Some(0.0));
        // A caller that has them flushed itself is asked so.
        #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
        with_flush(|| {
            let mut asked = None;
            let mut ask = || {
                asked = Some(halved());
                false
            };
            interruptible(&mut ask, kernel);
            assert_eq!(asked, Some(0.0));
        });
    }

    #[test]
    fn variables_of_ones_own_must_be_right_and_those_of_others_may_be_anything() {
        let asked = |given: &[(&str, &str)]| {
            let given: Vec<(String, String)> = given.iter().map(|&(k, v)| (k.into(), v.into())).collect();
            asked_for(move |name| given.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()))
        };
        assert_eq!(asked(&[]), Ok(None));
        assert_eq!(asked(&[("CORTEN_NUM_THREADS", "3"), ("OMP_NUM_THREADS", "2")]), Ok(Some(3)));
        assert_eq!(asked(&[("CORTEN_NUM_THREADS", "1024")]), Ok(Some(1024)));
        for wrong in ["two", "0", "-1", "1025", "3000", "4,2", "2.0", "99999999999999999999"] {
            let error = asked(&[("CORTEN_NUM_THREADS", wrong), ("OMP_NUM_THREADS", "2")]).expect_err(wrong);
            assert!(error.contains("CORTEN_NUM_THREADS") && error.contains(wrong) && error.contains("1 to 1024"));
        }
        assert_eq!(asked(&[("OMP_NUM_THREADS", "4,2")]), Ok(Some(4)));
        for unusable in ["two", "0", "-1", "3000", ",2", "$N"] {
            assert_eq!(asked(&[("OMP_NUM_THREADS", unusable)]), Ok(None));
            assert_eq!(asked(&[("RAYON_NUM_THREADS", unusable), ("OMP_NUM_THREADS", "5")]), Ok(Some(5)));
        }
    }
}
