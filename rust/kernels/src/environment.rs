//! What environment variables say.

/// The value of a variable, without spaces around it; None where it is empty or not set.
pub(crate) fn value(name: &str) -> Option<String> {
    let value = std::env::var_os(name)?;
    let text = value.to_string_lossy();
    Some(text.trim()).filter(|text| !text.is_empty()).map(str::to_string)
}
