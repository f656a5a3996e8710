//! NumPy's broadcasting: which element of each operand meets which element of the output.
//!
//! Neighbouring axes that an operand walks (or repeats) alike are merged, so that the common cases (same shape, one
//! scalar, a row vector, a column vector) come out with one or two axes and long inner loops.

/// The most axes an array may have.
pub const MAX_AXES: usize = 8;

/// How `K` contiguous operands are walked to fill a contiguous output.
#[derive(Clone, Copy, Debug)]
pub struct Broadcast<const K: usize> {
    /// Merged axes outside the innermost, innermost first.
    axes: usize,
    size: [usize; MAX_AXES],
    /// Elements from one index to the next along each outer axis; 0 where the operand repeats.
    step: [[usize; K]; MAX_AXES],
    /// The innermost merged axis: its size, and whether each operand repeats one element along it.
    pub inner: usize,
    pub repeats: [bool; K],
}

impl<const K: usize> Broadcast<K> {
    /// The shapes must broadcast to `output`, each axis of which is the largest of the operands' there.
    pub fn new(shapes: [&[usize]; K], output: &[usize]) -> Self {
        assert!(output.len() <= MAX_AXES, "broadcast: more than {MAX_AXES} axes");
        let mut plan =
            Broadcast { axes: 0, size: [1; MAX_AXES], step: [[0; K]; MAX_AXES], inner: 1, repeats: [false; K] };
        // Mostly nothing repeats.
        if shapes.iter().all(|&shape| shape == output) {
            plan.inner = output.iter().product();
            return plan;
        }
        let mut count = [1usize; K];
        // The innermost axis is kept as axis 0 until the end, then taken off.
        let mut patterns = [[false; K]; MAX_AXES];
        let mut axes = 0;
        for axis in 0..output.len() {
            let n = output[output.len() - 1 - axis];
            let sizes = shapes.map(|shape| if axis < shape.len() { shape[shape.len() - 1 - axis] } else { 1 });
            let largest = if sizes.contains(&0) { 0 } else { sizes.iter().copied().max().unwrap_or(1) };
            assert!(n == largest && sizes.iter().all(|&m| m == n || m == 1), "broadcast: shapes do not fit");
            if n == 1 {
                continue;
            }
            let pattern = sizes.map(|m| m == 1);
            if axes == 0 || patterns[axes - 1] != pattern {
                patterns[axes] = pattern;
                plan.size[axes] = n;
                for k in 0..K {
                    plan.step[axes][k] = if pattern[k] { 0 } else { count[k] };
                }
                axes += 1;
            } else {
                plan.size[axes - 1] *= n;
            }
            for k in 0..K {
                count[k] *= sizes[k];
            }
        }
        assert!(shapes.iter().all(|shape| shape.len() <= output.len()), "broadcast: an operand has more axes");
        if axes > 0 {
            (plan.inner, plan.repeats) = (plan.size[0], patterns[0]);
            plan.size.copy_within(1.., 0);
            plan.step.copy_within(1.., 0);
            plan.axes = axes - 1;
        }
        plan
    }

    /// The walk over the rows of the output from row `row` on.
    #[inline(always)]
    pub fn rows_from(&self, mut row: usize) -> Rows<'_, K> {
        let mut rows = Rows { plan: self, index: [0; MAX_AXES], offset: [0; K] };
        for axis in 0..self.axes {
            let i = row % self.size[axis];
            row /= self.size[axis];
            rows.index[axis] = i;
            for k in 0..K {
                rows.offset[k] += i * self.step[axis][k];
            }
        }
        rows
    }
}

/// Where each operand's row begins.
pub struct Rows<'a, const K: usize> {
    plan: &'a Broadcast<K>,
    index: [usize; MAX_AXES],
    pub offset: [usize; K],
}

impl<const K: usize> Rows<'_, K> {
    #[inline(always)]
    pub fn advance(&mut self) {
        for axis in 0..self.plan.axes {
            self.index[axis] += 1;
            let done = self.index[axis] == self.plan.size[axis];
            for k in 0..K {
                let step = self.plan.step[axis][k];
                self.offset[k] += step;
                if done {
                    self.offset[k] -= step * self.plan.size[axis];
                }
            }
            if !done {
                return;
            }
            self.index[axis] = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_cases_merge_into_few_axes() {
        let plan = Broadcast::new([&[2, 3, 4], &[2, 3, 4]], &[2, 3, 4]);
        assert_eq!((plan.axes, plan.inner, plan.repeats), (0, 24, [false, false]));
        let plan = Broadcast::new([&[2, 3, 4], &[]], &[2, 3, 4]);
        assert_eq!((plan.axes, plan.inner, plan.repeats), (0, 24, [false, true]));
        let plan = Broadcast::new([&[2, 3, 4], &[4]], &[2, 3, 4]);
        assert_eq!((plan.axes, plan.size[0], plan.step[0], plan.inner), (1, 6, [4, 0], 4));
        let plan = Broadcast::new([&[2, 3, 1], &[1, 1, 4]], &[2, 3, 4]);
        assert_eq!((plan.axes, plan.size[0], plan.step[0], plan.repeats), (1, 6, [1, 0], [true, false]));
        let plan = Broadcast::new([&[1, 1], &[1]], &[1, 1]);
        assert_eq!((plan.axes, plan.inner), (0, 1));
    }

    #[test]
    #[should_panic(expected = "do not fit")]
    fn shapes_that_do_not_fit_are_refused() {
        Broadcast::new([&[2, 3], &[2]], &[2, 3]);
    }
}
