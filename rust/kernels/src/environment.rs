//! What environment variables say.

use crate::{Isa, threads};

/// The value of a variable, without spaces around it; None where it is empty or not set.
pub(crate) fn value(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?;
    let text = value.to_string_lossy();
    Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_string)
}

/// Says what is wrong with a variable of Corten's own that is still to be read. The kernels, which have no way to say so,
/// take the default in its place.
pub fn check() -> Result<(), String> {
    threads::check_environment()?;
    Isa::check_environment()
}
