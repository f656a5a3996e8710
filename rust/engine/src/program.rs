//! The program: a graph compiled for fixed shapes, run once or over many batches in one call.

use crate::data::{Data, Slice, SliceMut};
use crate::dataset::{Dataset, Rows};
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::op::{Input, Output, Value};
use crate::plan::{Place, Plan, Region, Step};
use crate::spec::{DType, Spec};
use corten_kernels::threads;
use smallvec::SmallVec;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

/// A compiled graph. Runs from several threads at once each take an arena of their own.
#[derive(Debug)]
pub struct Program {
    plan: Plan,
    idle: Mutex<Vec<Arena>>,
    /// Nanoseconds spent in each step since [`Program::profile`] was asked for.
    spent: OnceLock<Vec<AtomicU64>>,
}

/// Which batches of a dataset to run: `steps` batches of `batch` rows each, the first of them beginning at `start` of
/// `rows` (or of the dataset itself).
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    pub rows: Option<&'a [u32]>,
    pub start: usize,
    pub batch: usize,
    pub steps: usize,
}

/// The elements of the values that live during a run only.
#[derive(Debug)]
struct Arena {
    /// One range for each type, in the order of [`DType::ALL`].
    elements: [Data; 3],
    /// One batch of each column that has to be gathered or cast.
    batch: Vec<Option<Data>>,
}

/// Elements that an arena is longer than planned, so that floats can begin on a cache line.
const SLACK: usize = 16;

impl Arena {
    fn new(plan: &Plan) -> Result<Arena> {
        let zeros = |dtype: DType| Data::zeros(&Spec::new(dtype, &[plan.arena[dtype as usize] + SLACK])?);
        let [f32, i32, u8] = DType::ALL.map(zeros);
        Ok(Arena { elements: [f32?, i32?, u8?], batch: vec![None; plan.feeds.len()] })
    }

    /// Where the first planned element is.
    fn start(data: &Data) -> usize {
        match data {
            Data::F32(data) => data.as_ptr().align_offset(64).min(SLACK),
            Data::I32(_) | Data::U8(_) => 0,
        }
    }

    fn read(&self, dtype: DType, start: usize, len: usize) -> Slice<'_> {
        let data = &self.elements[dtype as usize];
        let start = Arena::start(data) + start;
        data.slice().part(start..start + len)
    }

    /// Hands out the parts in `regions`, which are ascending and disjoint.
    fn split<'a>(&'a mut self, regions: &'a [Vec<Region>; 3], mut put: impl FnMut(&'a Region, SliceMut<'a>)) {
        for (data, regions) in self.elements.iter_mut().zip(regions) {
            let start = Arena::start(data);
            let (_, mut after) = data.slice_mut().split_at(start);
            let mut end = 0;
            for region in regions {
                let (_, from_region) = after.split_at(region.start - end);
                let (part, tail) = from_region.split_at(region.len);
                put(region, part);
                (after, end) = (tail, region.start + region.len);
            }
        }
    }
}

/// A variable as one run sees it; `Taken` while a step changes it in place.
enum Slot<'v> {
    Read(Slice<'v>),
    Write(&'v mut Data),
    Taken,
}

impl Slot<'_> {
    fn slice(&self) -> Result<Slice<'_>> {
        match self {
            Slot::Read(slice) => Ok(*slice),
            Slot::Write(data) => Ok(data.slice()),
            Slot::Taken => Err(Error::Internal("a variable is read while it is changed".into())),
        }
    }
}

type Inputs<'a> = SmallVec<[Option<Slice<'a>>; 8]>;
type Outputs<'a> = SmallVec<[Option<SliceMut<'a>>; 4]>;

impl Step {
    fn run(&self, plan: &Plan, arena: &mut Arena, slots: &mut [Slot<'_>], feeds: &[Slice<'_>]) -> Result<()> {
        let mut in_place: SmallVec<[(usize, usize, &mut Data); 4]> = SmallVec::new();
        for (output, (_, place)) in self.outputs.iter().enumerate() {
            if let Place::Variable(entry) = *place
                && let Slot::Write(data) = std::mem::replace(&mut slots[entry], Slot::Taken)
            {
                in_place.push((output, entry, data));
            }
        }
        let result = self.call(plan, arena, slots, feeds, &mut in_place);
        for (_, entry, data) in in_place {
            slots[entry] = Slot::Write(data);
        }
        result
    }

    fn call(
        &self,
        plan: &Plan,
        arena: &mut Arena,
        slots: &[Slot<'_>],
        feeds: &[Slice<'_>],
        in_place: &mut [(usize, usize, &mut Data)],
    ) -> Result<()> {
        let mut inputs: Inputs<'_> = SmallVec::from_elem(None, self.inputs.len());
        let mut outputs: Outputs<'_> = SmallVec::new();
        outputs.resize_with(self.outputs.len(), || None);
        for (input, (spec, place)) in self.inputs.iter().enumerate() {
            inputs[input] = match *place {
                Place::Feed(feed) => Some(feeds[feed]),
                Place::Constant(constant) => Some(plan.constants[constant].slice()),
                Place::Variable(entry) => Some(slots[entry].slice()?),
                Place::Arena { .. } => None,
                Place::Output => Some(Slice::empty(spec.dtype)),
            };
        }
        for (output, _, data) in in_place.iter_mut() {
            outputs[*output] = Some(data.slice_mut());
        }
        arena.split(&self.regions, |region, part| match region.output {
            Some(output) => outputs[output] = Some(part),
            None => {
                let part = part.into_slice();
                region.inputs.iter().for_each(|&input| inputs[input] = Some(part));
            }
        });
        let lost = || Error::Internal(format!("{}: an operand has no place", self.place));
        for &(input, output) in &self.copies {
            let from = inputs[input].ok_or_else(lost)?;
            outputs[output].as_mut().ok_or_else(lost)?.copy_from(from)?;
        }
        let mut operands: SmallVec<[Input<'_>; 8]> = SmallVec::new();
        for ((spec, _), data) in self.inputs.iter().zip(inputs) {
            operands.push(Input { spec, data: data.ok_or_else(lost)? });
        }
        let mut results: SmallVec<[Output<'_>; 4]> = SmallVec::new();
        for ((spec, _), data) in self.outputs.iter().zip(outputs) {
            results.push(Output { spec, data: data.ok_or_else(lost)? });
        }
        self.op.run(&operands, &mut results).map_err(|e| e.at(&self.place))
    }
}

/// What one call of `run_many` was asked for.
struct Batches<'a> {
    dataset: &'a Dataset<'a>,
    order: &'a Order<'a>,
    watch: Option<usize>,
    budget: Duration,
}

/// The locks of one run, in the order of the variables' ids.
enum Lock<'v> {
    Read(RwLockReadGuard<'v, Data>),
    Write(RwLockWriteGuard<'v, Data>),
}

impl Program {
    /// Compiles what `outputs` and the graph's updates need, fed by `inputs`.
    pub fn compile(graph: &Graph, inputs: &[Value], outputs: &[Value]) -> Result<Program> {
        Ok(Program { plan: Plan::new(graph, inputs, outputs)?, idle: Mutex::new(Vec::new()), spent: OnceLock::new() })
    }
    pub fn feeds(&self) -> &[Spec] {
        &self.plan.feeds
    }
    pub fn outputs(&self) -> impl Iterator<Item = &Spec> {
        self.plan.outputs.iter().map(|(spec, _)| spec)
    }
    /// Bytes of the arena that each concurrent run takes.
    pub fn arena_bytes(&self) -> usize {
        self.plan.arena[0] * 4 + self.plan.arena[1] * 4 + self.plan.arena[2]
    }
    /// Each op in running order, its layer, and the time spent in it since the first call of this function.
    pub fn profile(&self) -> Vec<(&str, Duration)> {
        let spent = self.spent.get_or_init(|| self.plan.steps.iter().map(|_| AtomicU64::new(0)).collect());
        let times = spent.iter().map(|nanos| Duration::from_nanos(nanos.load(Ordering::Relaxed)));
        self.plan.steps.iter().map(|step| step.place.as_str()).zip(times).collect()
    }
    /// The op names in running order.
    pub fn steps(&self) -> impl Iterator<Item = &str> {
        self.plan.steps.iter().map(|step| step.place.as_str())
    }

    /// Runs batch after batch of `dataset`, one column for each feed, until `order.steps` are done or `budget` is
    /// spent (at least one batch is run); returns how many. Output `o` of step `s` goes to the `s`-th part of
    /// `outputs[o]`. Where output `watch` is not finite, the loop ends after that step. `cancelled` is asked now and
    /// then on the calling thread; once it says yes, the batch in work is dropped and nothing of it is kept.
    pub fn run_many(
        &self,
        dataset: &Dataset<'_>,
        order: &Order<'_>,
        outputs: &mut [SliceMut<'_>],
        watch: Option<usize>,
        budget: Duration,
        cancelled: &mut dyn FnMut() -> bool,
    ) -> Result<usize> {
        self.check(dataset, order, outputs)?;
        let idle = || self.idle.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let popped = idle().pop();
        let mut arena = match popped {
            Some(arena) => arena,
            None => Arena::new(&self.plan)?,
        };
        // Locked here and not on the pool: a worker that waits for its half of a kernel may begin another run, and a lock
        // that this run holds would then stop the very thread that has to release it.
        let mut locks: Vec<Lock<'_>> = self
            .plan
            .variables
            .iter()
            .map(|(variable, written)| match written {
                true => Lock::Write(variable.write()),
                false => Lock::Read(variable.read()),
            })
            .collect();
        let mut slots: Vec<Slot<'_>> = locks
            .iter_mut()
            .map(|lock| match lock {
                Lock::Read(data) => Slot::Read(data.slice()),
                Lock::Write(data) => Slot::Write(data),
            })
            .collect();
        let batches = Batches { dataset, order, watch, budget };
        let mut run = || threads::with_flush(|| self.steps_of(&mut arena, &mut slots, &batches, outputs));
        // A small step is done before anybody would ask whether it is still wanted.
        let result = match self.plan.work < 4 * threads::GRAIN {
            true => run(),
            false => threads::interruptible(cancelled, run).unwrap_or(Err(Error::Interrupted)),
        };
        idle().push(arena);
        result
    }

    fn check(&self, dataset: &Dataset<'_>, order: &Order<'_>, outputs: &[SliceMut<'_>]) -> Result<()> {
        if dataset.columns.len() != self.plan.feeds.len() || outputs.len() != self.plan.outputs.len() {
            return Err(Error::Internal("a program got too few or too many arrays".into()));
        }
        for ((column, width), spec) in dataset.columns.iter().zip(&self.plan.feeds) {
            if width.checked_mul(dataset.rows) != Some(column.len()) || width * order.batch != spec.len() {
                return Err(Error::Shape(format!("the graph wants {spec:?}, got rows of {width} elements")));
            }
        }
        let rows = order.rows.map_or(dataset.rows, <[u32]>::len);
        if order.batch.checked_mul(order.steps).and_then(|n| n.checked_add(order.start)).is_none_or(|end| end > rows) {
            return Err(Error::Internal(format!("{} batches of {} exceed {rows} rows", order.steps, order.batch)));
        }
        Ok(())
    }

    fn steps_of(
        &self,
        arena: &mut Arena,
        slots: &mut [Slot<'_>],
        batches: &Batches<'_>,
        outputs: &mut [SliceMut<'_>],
    ) -> Result<usize> {
        let began = Instant::now();
        let Batches { dataset, order, watch, budget } = *batches;
        let mut staged: Vec<Option<Data>> = std::mem::take(&mut arena.batch);
        staged.resize(self.plan.feeds.len(), None);
        let mut done = 0;
        let result = (|| {
            while done < order.steps {
                let from = order.start + done * order.batch;
                let rows = match order.rows {
                    Some(rows) => Rows::Listed(&rows[from..from + order.batch]),
                    None => Rows::Range(from, from + order.batch),
                };
                for (index, spec) in self.plan.feeds.iter().enumerate() {
                    if self.direct(dataset, index, rows).is_some() {
                        continue;
                    }
                    if staged[index].is_none() {
                        staged[index] = Some(Data::zeros(spec)?);
                    }
                    if let Some(data) = &mut staged[index] {
                        dataset.gather(index, rows, &mut data.slice_mut())?;
                    }
                }
                let feeds: SmallVec<[Slice<'_>; 8]> = (0..self.plan.feeds.len())
                    .map(|index| {
                        let ours = staged[index].as_ref().map(Data::slice);
                        self.direct(dataset, index, rows).or(ours).unwrap_or(Slice::F32(&[]))
                    })
                    .collect();
                self.step(arena, slots, &feeds, outputs, done)?;
                done += 1;
                let bad = watch.is_some_and(|index| match &outputs[index] {
                    SliceMut::F32(values) => !values[done - 1].is_finite(),
                    _ => false,
                });
                if bad || began.elapsed() >= budget {
                    break;
                }
            }
            Ok(done)
        })();
        arena.batch = staged;
        result
    }

    /// The batch as it lies in the dataset, where neither order nor type has to change.
    fn direct<'d>(&self, dataset: &Dataset<'d>, index: usize, rows: Rows<'_>) -> Option<Slice<'d>> {
        let (Rows::Range(from, to), (column, width)) = (rows, &dataset.columns[index]) else { return None };
        let slice = column.direct(from * width, (to - from) * width)?;
        (slice.dtype() == self.plan.feeds[index].dtype).then_some(slice)
    }

    fn step(
        &self,
        arena: &mut Arena,
        slots: &mut [Slot<'_>],
        feeds: &[Slice<'_>],
        outputs: &mut [SliceMut<'_>],
        index: usize,
    ) -> Result<()> {
        let mut run = |range: Range<usize>, ready: fn() -> Result<()>| -> Result<()> {
            for position in range {
                ready()?;
                let began = self.spent.get().map(|spent| (spent, Instant::now()));
                self.plan.steps[position].run(&self.plan, arena, slots, feeds)?;
                if let Some((spent, began)) = began {
                    spent[position].fetch_add(began.elapsed().as_nanos() as u64, Ordering::Relaxed);
                }
            }
            ready()
        };
        let wanted = || if threads::cancelled() { Err(Error::Interrupted) } else { Ok(()) };
        run(0..self.plan.commit, wanted)?;
        // From here on variables change.
        threads::uninterruptible(|| run(self.plan.commit..self.plan.steps.len(), || Ok(())))?;
        for (output, (spec, place)) in outputs.iter_mut().zip(&self.plan.outputs) {
            let (begin, len) = (index * spec.len(), spec.len());
            if output.len() < begin + len {
                return Err(Error::Internal("an output array is too short".into()));
            }
            let (_, after) = output.reborrow().split_at(begin);
            after.split_at(len).0.copy_from(self.read(arena, slots, feeds, spec, *place)?)?;
        }
        for (entry, spec, place) in &self.plan.updates {
            let Slot::Write(data) = std::mem::replace(&mut slots[*entry], Slot::Taken) else {
                return Err(Error::Internal("an updated variable is not held for writing".into()));
            };
            let copied = self.read(arena, slots, feeds, spec, *place).and_then(|from| data.slice_mut().copy_from(from));
            slots[*entry] = Slot::Write(data);
            copied?;
        }
        Ok(())
    }

    fn read<'a>(
        &'a self,
        arena: &'a Arena,
        slots: &'a [Slot<'_>],
        feeds: &[Slice<'a>],
        spec: &Spec,
        place: Place,
    ) -> Result<Slice<'a>> {
        match place {
            Place::Feed(feed) => Ok(feeds[feed]),
            Place::Constant(constant) => Ok(self.plan.constants[constant].slice()),
            Place::Variable(entry) => slots[entry].slice(),
            Place::Arena { start, len } => Ok(arena.read(spec.dtype, start, len)),
            Place::Output => Err(Error::Internal("an in-place input has no place of its own".into())),
        }
    }
}
