//! Arrays of rows, from which a program takes its batches: gathered in any order and cast to what the graph expects.

use crate::data::{Slice, SliceMut};
use crate::error::{Error, Result};

/// The rows of one array: the first axis counts them.
#[derive(Clone, Copy, Debug)]
pub enum Column<'a> {
    F32(&'a [f32]),
    F64(&'a [f64]),
    U8(&'a [u8]),
    I32(&'a [i32]),
    I64(&'a [i64]),
}

/// Columns with equally many rows, and the elements in a row of each.
#[derive(Clone, Debug)]
pub struct Dataset<'a> {
    pub columns: Vec<(Column<'a>, usize)>,
    pub rows: usize,
}

/// Which rows of a dataset go into one batch.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rows<'a> {
    Range(usize, usize),
    Listed(&'a [u32]),
}

fn gather<S: Copy, T>(source: &[S], width: usize, rows: Rows<'_>, into: &mut [T], cast: impl Fn(S) -> T) {
    match rows {
        Rows::Range(from, to) => {
            into.iter_mut().zip(&source[from * width..to * width]).for_each(|(t, &s)| *t = cast(s));
        }
        Rows::Listed(rows) => {
            for (&row, part) in rows.iter().zip(into.chunks_exact_mut(width.max(1))) {
                let row = row as usize;
                part.iter_mut().zip(&source[row * width..(row + 1) * width]).for_each(|(t, &s)| *t = cast(s));
            }
        }
    }
}

impl Dataset<'_> {
    /// Copies the given rows of column `index` into `into`.
    pub(crate) fn gather(&self, index: usize, rows: Rows<'_>, into: &mut SliceMut<'_>) -> Result<()> {
        let (column, width) = &self.columns[index];
        let width = *width;
        let highest = match rows {
            Rows::Range(from, to) if from <= to => to,
            Rows::Range(..) => return Err(Error::Internal("rows run backwards".into())),
            Rows::Listed(rows) => rows.iter().max().map_or(0, |&row| row as usize + 1),
        };
        if highest > self.rows {
            return Err(Error::Index(format!("row {} of a data set of {} rows", highest - 1, self.rows)));
        }
        match (column, into) {
            (Column::F32(from), SliceMut::F32(into)) => gather(from, width, rows, into, |v| v),
            (Column::F64(from), SliceMut::F32(into)) => gather(from, width, rows, into, |v| v as f32),
            (Column::U8(from), SliceMut::F32(into)) => gather(from, width, rows, into, f32::from),
            (Column::I32(from), SliceMut::F32(into)) => gather(from, width, rows, into, |v| v as f32),
            (Column::I64(from), SliceMut::F32(into)) => gather(from, width, rows, into, |v| v as f32),
            (Column::U8(from), SliceMut::U8(into)) => gather(from, width, rows, into, |v| v),
            (Column::U8(from), SliceMut::I32(into)) => gather(from, width, rows, into, i32::from),
            (Column::I32(from), SliceMut::I32(into)) => gather(from, width, rows, into, |v| v),
            (Column::I64(from), SliceMut::I32(into)) => {
                gather(from, width, rows, into, |v| i32::try_from(v).unwrap_or(i32::MIN));
                // Rare: look again, now for the number itself.
                let bad = |&&value: &&i64| i32::try_from(value).is_err();
                let wide = into.contains(&i32::MIN).then(|| match rows {
                    Rows::Range(from_row, to) => from[from_row * width..to * width].iter().find(bad),
                    Rows::Listed(rows) => rows.iter().flat_map(|&row| &from[row as usize * width..][..width]).find(bad),
                });
                if let Some(Some(value)) = wide {
                    return Err(Error::Index(format!("integer {value} does not fit into int32")));
                }
            }
            (column, into) => {
                let name = into.dtype().name();
                return Err(Error::Type(format!("the graph wants {name}, the data are {}", column.name())));
            }
        }
        Ok(())
    }
}

impl<'a> Column<'a> {
    pub fn name(&self) -> &'static str {
        match self {
            Column::F32(_) => "float32",
            Column::F64(_) => "float64",
            Column::U8(_) => "uint8",
            Column::I32(_) => "int32",
            Column::I64(_) => "int64",
        }
    }
    pub fn len(&self) -> usize {
        match self {
            Column::F32(data) => data.len(),
            Column::F64(data) => data.len(),
            Column::U8(data) => data.len(),
            Column::I32(data) => data.len(),
            Column::I64(data) => data.len(),
        }
    }
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The elements from `start` on as a slice of the graph's own type, if no cast is needed.
    pub(crate) fn direct(&self, start: usize, len: usize) -> Option<Slice<'a>> {
        match self {
            Column::F32(data) => data.get(start..start + len).map(Slice::F32),
            Column::I32(data) => data.get(start..start + len).map(Slice::I32),
            Column::U8(data) => data.get(start..start + len).map(Slice::U8),
            _ => None,
        }
    }
}
