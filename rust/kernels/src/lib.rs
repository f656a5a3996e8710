//! Corten's kernels: slices in, slices out. Nothing here knows of graphs or of Python.
//!
//! * Every kernel takes an [`Isa`] first, so that tests run each one on every instruction set of the machine.
//! * Kernels never allocate what they return; scratch comes in as a slice or from [`scratch`].
//! * Work is cut into tasks by the size of the problem alone, never by the number of threads, and partial
//!   sums are combined in index order: the same bits come out on any number of threads.

pub mod accumulate;
#[cfg(test)]
mod accuracy;
pub mod activation;
pub mod attention;
pub mod batch_norm;
pub mod broadcast;
mod cache;
pub mod conv2d;
pub mod conv2d_max_pool2d;
pub mod cross_entropy;
pub mod elementwise;
mod environment;
pub mod gemm;
pub mod layer_norm;
pub mod layout;
pub mod loss;
pub mod optimizer;
pub mod pages;
pub mod pool2d;
pub mod prod;
pub mod recurrent;
pub mod reduce;
pub mod rng;
pub mod scratch;
pub mod simd;
pub mod softmax;
pub mod threads;
pub mod warp;

pub use simd::Isa;

/// Says what is wrong with a variable of Corten's own that is still to be read. The kernels, which have no way to say so,
/// take the default in its place.
pub fn check_environment() -> Result<(), String> {
    threads::check_environment()?;
    Isa::check_environment()
}
