//! Images under a change of coordinates: each output pixel is interpolated from the place in the input that it shows.

use crate::threads;

/// What is seen beyond the border.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fill {
    /// One number.
    Constant(f32),
    /// a a a | a b c d | d d d
    Nearest,
    /// c b a | a b c d | d c b
    Reflect,
    /// d c b | a b c d | c b a
    Mirror,
    /// b c d | a b c d | a b c
    Wrap,
}

/// Images (height, width, channels) in, (out_height, out_width, channels) out, each with eight numbers a0 … a2, b0 … b2,
/// c0, c1: the output's pixel (x, y) shows the input's place (a0 x + a1 y + a2, b0 x + b1 y + b2) / (c0 x + c1 y + 1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Warp {
    pub input: [usize; 2],
    pub output: [usize; 2],
    pub channels: usize,
    /// Between the four pixels around; else the nearest one.
    pub bilinear: bool,
    pub fill: Fill,
}

/// Numbers of a transform.
pub const NUMBERS: usize = 8;
/// Multiply-adds of an output pixel, beside those of its channels.
const PIXEL: usize = 40;
/// Elements of a task.
const TASK: usize = 8192;
/// Beyond this place whole numbers are no longer exact.
const FAR: f32 = 8_388_608.0;

/// A pixel that counts, and how much; the pixel may lie beyond the border.
type Tap = (Option<usize>, f32);

impl Warp {
    fn lengths(&self) -> (usize, usize) {
        let numbers = |[height, width]: [usize; 2]| height * width * self.channels;
        (numbers(self.input), numbers(self.output))
    }

    /// The place of output pixel (column, row) in the input: down, across.
    fn place(transform: &[f32], column: usize, row: usize) -> [f32; 2] {
        let [a0, a1, a2, b0, b1, b2, c0, c1] = *transform else { return [f32::NAN; 2] };
        let (x, y) = (column as f32, row as f32);
        let scale = c0 * x + c1 * y + 1.0;
        [(b0 * x + b1 * y + b2) / scale, (a0 * x + a1 * y + a2) / scale]
    }

    /// Where an axis of `size` shows cell `index`.
    fn cell(&self, index: i64, size: usize) -> Option<usize> {
        let size = size as i64;
        let inside = match self.fill {
            Fill::Constant(_) => return (0..size).contains(&index).then_some(index as usize),
            Fill::Nearest => index.clamp(0, size - 1),
            Fill::Wrap => index.rem_euclid(size),
            Fill::Reflect => match index.rem_euclid(2 * size) {
                index if index < size => index,
                index => 2 * size - 1 - index,
            },
            Fill::Mirror if size == 1 => 0,
            Fill::Mirror => match index.rem_euclid(2 * size - 2) {
                index if index < size => index,
                index => 2 * size - 2 - index,
            },
        };
        Some(inside as usize)
    }

    /// The cells of one axis that a place is between, and how much each counts.
    fn along(&self, place: f32, size: usize) -> [Tap; 2] {
        if !self.bilinear {
            return [(self.cell(place.round() as i64, size), 1.0), (None, 0.0)];
        }
        let before = place.floor();
        let part = place - before;
        [(self.cell(before as i64, size), 1.0 - part), (self.cell(before as i64 + 1, size), part)]
    }

    /// The pixels that output pixel (column, row) is made of, the first cells of the input they begin at; None where the
    /// place is no number.
    fn taps(&self, transform: &[f32], column: usize, row: usize) -> Option<[Tap; 4]> {
        let [down, across] = Self::place(transform, column, row);
        if !(down.is_finite() && across.is_finite()) {
            return None;
        }
        let [height, width] = self.input;
        let rows = self.along(down.clamp(-FAR, FAR), height);
        let columns = self.along(across.clamp(-FAR, FAR), width);
        let mut taps = [(None, 0.0); 4];
        for (tap, (i, j)) in taps.iter_mut().zip([(0, 0), (0, 1), (1, 0), (1, 1)]) {
            let ((r, by), (c, of)) = (rows[i], columns[j]);
            *tap = (r.zip(c).map(|(r, c)| (r * width + c) * self.channels), by * of);
        }
        Some(taps)
    }
}

/// Every output pixel; a place that is no number gives NaN.
pub fn warp(warp: &Warp, transforms: &[f32], x: &[f32], y: &mut [f32]) {
    let (from, to) = warp.lengths();
    let images = transforms.len() / NUMBERS;
    assert_eq!((x.len(), y.len()), (images * from, images * to), "images of a warp");
    if y.is_empty() {
        return;
    }
    assert!(from > 0, "a warp of images without pixels");
    let [height, width] = warp.output;
    let line = width * warp.channels;
    let rows = (TASK / line.max(1)).clamp(1, height);
    // Tasks are runs of rows of one image.
    let runs = height.div_ceil(rows);
    let shared = threads::Shared::new(y);
    threads::for_each(images * runs, rows * width * (PIXEL + 4 * warp.channels), |task| {
        let (image, first) = (task / runs, task % runs * rows);
        let rows = rows.min(height - first);
        let (x, transform) = (&x[image * from..][..from], &transforms[image * NUMBERS..][..NUMBERS]);
        // SAFETY: no two tasks have the same rows of the same image.
        let y = unsafe { shared.part(image * to + first * line, rows * line) };
        for (i, pixel) in y.chunks_exact_mut(warp.channels).enumerate() {
            interpolate(warp, warp.taps(transform, i % width, first + i / width), x, pixel);
        }
    });
}

fn interpolate(warp: &Warp, taps: Option<[Tap; 4]>, x: &[f32], pixel: &mut [f32]) {
    let Some(taps) = taps else { return pixel.fill(f32::NAN) };
    let fill = if let Fill::Constant(value) = warp.fill { value } else { 0.0 };
    pixel.fill(0.0);
    for (start, weight) in taps {
        // A pixel that does not count adds nothing, whatever it holds.
        if weight == 0.0 {
            continue;
        }
        match start {
            Some(start) => {
                for (y, &x) in pixel.iter_mut().zip(&x[start..][..warp.channels]) {
                    *y += weight * x;
                }
            }
            None => pixel.iter_mut().for_each(|y| *y += weight * fill),
        }
    }
}

/// `dx` of [`warp`], image by image, in the order of the output's pixels.
pub fn warp_gradient(warp: &Warp, transforms: &[f32], dy: &[f32], dx: &mut [f32]) {
    let (from, to) = warp.lengths();
    let images = transforms.len() / NUMBERS;
    assert_eq!((dx.len(), dy.len()), (images * from, images * to), "gradients of a warp");
    dx.fill(0.0);
    if dx.is_empty() || dy.is_empty() {
        return;
    }
    let width = warp.output[1];
    let work = to / warp.channels * (PIXEL + 4 * warp.channels);
    threads::for_each_chunk(dx, from, work, |image, dx| {
        let (dy, transform) = (&dy[image * to..][..to], &transforms[image * NUMBERS..][..NUMBERS]);
        for (i, pixel) in dy.chunks_exact(warp.channels).enumerate() {
            for (start, weight) in warp.taps(transform, i % width, i / width).into_iter().flatten() {
                if let (Some(start), true) = (start, weight != 0.0) {
                    for (dx, &dy) in dx[start..][..warp.channels].iter_mut().zip(pixel) {
                        *dx += weight * dy;
                    }
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(salt: usize, n: usize) -> Vec<f32> {
        (0..n).map(|i| ((i + salt) * 7919 % 1009) as f32 / 504.5 - 1.0).collect()
    }

    const FILLS: [Fill; 5] = [Fill::Constant(0.5), Fill::Nearest, Fill::Reflect, Fill::Mirror, Fill::Wrap];

    /// An image whose border is written out, many times over on each side, in place of rules for indices.
    fn extended(x: &[f32], size: usize, fill: Fill, index: i64) -> f32 {
        let copies = 40;
        let row: Vec<f32> = (0..2 * copies + 1)
            .flat_map(|copy| {
                let mut part = x.to_vec();
                let odd = (copy + copies) % 2 == 1;
                match fill {
                    Fill::Constant(value) if copy != copies => part.fill(value),
                    Fill::Nearest if copy < copies => part.fill(x[0]),
                    Fill::Nearest if copy > copies => part.fill(x[size - 1]),
                    Fill::Reflect if odd => part.reverse(),
                    _ => {}
                }
                part
            })
            .collect();
        row[(index + (copies * size) as i64) as usize]
    }

    fn reference(warp: &Warp, t: &[f32], x: &[f32], row: usize, column: usize) -> f64 {
        let [height, width] = warp.input;
        let t: Vec<f64> = t.iter().map(|&v| f64::from(v)).collect();
        let (c, r) = (column as f64, row as f64);
        let scale = t[6] * c + t[7] * r + 1.0;
        let (across, down) = ((t[0] * c + t[1] * r + t[2]) / scale, (t[3] * c + t[4] * r + t[5]) / scale);
        let at = |i: i64, j: i64| {
            let outside = !(0..height as i64).contains(&i) || !(0..width as i64).contains(&j);
            if let (Fill::Constant(value), true) = (warp.fill, outside) {
                return f64::from(value);
            }
            let line: Vec<f32> = (0..height).map(|i| extended(&x[i * width..][..width], width, warp.fill, j)).collect();
            f64::from(extended(&line, height, warp.fill, i))
        };
        if !warp.bilinear {
            return at(down.round() as i64, across.round() as i64);
        }
        let (i, j) = (down.floor(), across.floor());
        let (p, q) = (down - i, across - j);
        let (i, j) = (i as i64, j as i64);
        (1.0 - p) * ((1.0 - q) * at(i, j) + q * at(i, j + 1)) + p * ((1.0 - q) * at(i + 1, j) + q * at(i + 1, j + 1))
    }

    fn near(transforms: &[f32]) -> Vec<f32> {
        // Small turns and shifts of the identity, the perspective smaller still.
        transforms
            .chunks_exact(NUMBERS)
            .flat_map(|t| {
                let [a0, a1, a2, b0, b1, b2, c0, c1] = *t else { unreachable!() };
                [1.0 + 0.2 * a0, 0.2 * a1, 3.0 * a2, 0.2 * b0, 1.0 + 0.2 * b1, 3.0 * b2, 0.01 * c0, 0.01 * c1]
            })
            .collect()
    }

    #[test]
    fn against_the_reference() {
        for fill in FILLS {
            // Mirroring has no copies to write out; its rule is tested by itself.
            if fill == Fill::Mirror {
                continue;
            }
            for bilinear in [true, false] {
                let warp = Warp { input: [5, 7], output: [6, 4], channels: 1, bilinear, fill };
                let transforms = near(&values(1, 3 * NUMBERS));
                let x = values(2, 3 * 35);
                let mut y = vec![0.0; 3 * 24];
                super::warp(&warp, &transforms, &x, &mut y);
                for (i, &y) in y.iter().enumerate() {
                    let (image, row, column) = (i / 24, i % 24 / 4, i % 4);
                    let want = reference(&warp, &transforms[8 * image..][..8], &x[35 * image..][..35], row, column);
                    assert!((f64::from(y) - want).abs() < 1e-4, "{fill:?} {bilinear} {i}: {y} {want}");
                }
            }
        }
    }

    #[test]
    fn the_identity_copies_and_mirrors_fold() {
        let x = values(3, 2 * 4 * 5 * 3);
        let identity = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0].repeat(2);
        for fill in FILLS {
            for bilinear in [true, false] {
                let warp = Warp { input: [4, 5], output: [4, 5], channels: 3, bilinear, fill };
                let mut y = vec![0.0; x.len()];
                super::warp(&warp, &identity, &x, &mut y);
                assert_eq!(x, y);
            }
        }
        let warp = Warp { input: [1, 4], output: [1, 4], channels: 1, bilinear: true, fill: Fill::Mirror };
        let cells: Vec<_> = (-4..9).map(|i| warp.cell(i, 4).unwrap_or(9)).collect();
        assert_eq!(cells, [2, 3, 2, 1, 0, 1, 2, 3, 2, 1, 0, 1, 2]);
        assert_eq!(warp.cell(-3, 1), Some(0));
    }

    #[test]
    fn the_gradient_is_the_transpose() {
        for fill in FILLS {
            let fill = if let Fill::Constant(_) = fill { Fill::Constant(0.0) } else { fill };
            for bilinear in [true, false] {
                let warp = Warp { input: [5, 7], output: [6, 4], channels: 2, bilinear, fill };
                let transforms = near(&values(1, 3 * NUMBERS));
                let (x, dy) = (values(2, 3 * 70), values(3, 3 * 48));
                let (mut y, mut dx) = (vec![0.0; dy.len()], vec![9.0; x.len()]);
                super::warp(&warp, &transforms, &x, &mut y);
                warp_gradient(&warp, &transforms, &dy, &mut dx);
                let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
                assert!((dot(&y, &dy) - dot(&x, &dx)).abs() < 1e-3, "{fill:?} {bilinear}");
            }
        }
    }

    #[test]
    fn places_that_are_no_numbers_are_nan_and_far_ones_are_not() {
        let warp = Warp { input: [2, 2], output: [2, 2], channels: 1, bilinear: true, fill: Fill::Wrap };
        let mut y = vec![0.0; 4];
        super::warp(&warp, &[f32::NAN; 8], &[1.0; 4], &mut y);
        assert!(y.iter().all(|v| v.is_nan()));
        super::warp(&warp, &[1e30, 0.0, 0.0, 0.0, 1.0, -1e38, 0.0, 0.0], &[1.0; 4], &mut y);
        assert_eq!(y, [1.0; 4]);
    }
}
