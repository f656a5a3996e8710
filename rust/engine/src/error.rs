//! The engine's one error type; the bindings turn each kind into a Python exception.

use std::fmt;

/// What went wrong: the kind decides the Python exception, the text says what, where, expected, got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    Shape(String),
    Type(String),
    Value(String),
    Index(String),
    Memory(String),
    /// What is asked for is held by what this call came from.
    Busy(String),
    /// The caller asked a run to stop.
    Interrupted,
    /// A broken promise inside Corten.
    Internal(String),
}

pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// The same error with `place` (an op, a layer) before its text.
    pub fn at(self, place: &str) -> Error {
        let put = |text: String| format!("{place}: {text}");
        match self {
            Error::Shape(text) => Error::Shape(put(text)),
            Error::Type(text) => Error::Type(put(text)),
            Error::Value(text) => Error::Value(put(text)),
            Error::Index(text) => Error::Index(put(text)),
            Error::Memory(text) => Error::Memory(put(text)),
            Error::Busy(text) => Error::Busy(put(text)),
            Error::Internal(text) => Error::Internal(put(text)),
            Error::Interrupted => Error::Interrupted,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Shape(text)
            | Error::Type(text)
            | Error::Value(text)
            | Error::Index(text)
            | Error::Memory(text)
            | Error::Busy(text)
            | Error::Internal(text) => f.write_str(text),
            Error::Interrupted => f.write_str("the run was interrupted"),
        }
    }
}

impl std::error::Error for Error {}
