//! Compiled programs against the eager graph: equal bit for bit, whatever the planner reuses, shares or writes in place.

use corten_engine::{
    Attribute, Attributes, Column, DType, Data, Dataset, Error, Graph, Order, Program, SliceMut, Spec, Value, Variable,
};
use std::sync::Arc;
use std::time::Duration;

fn none() -> Attributes {
    Attributes::default()
}

fn with(pairs: &[(&str, Attribute)]) -> Attributes {
    Attributes(pairs.iter().map(|(name, value)| (name.to_string(), value.clone())).collect())
}

fn f32s(shape: &[usize], seed: u64) -> (Spec, Data) {
    let spec = Spec::f32(shape).unwrap();
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let values = (0..spec.len()).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    });
    let data = Data::F32(values.collect());
    (spec, data)
}

fn variable(shape: &[usize], seed: u64) -> Arc<Variable> {
    let (spec, data) = f32s(shape, seed);
    Arc::new(Variable::new(spec, data).unwrap())
}

fn numbers(data: &Data) -> Vec<f32> {
    match data {
        Data::F32(values) => values.clone(),
        other => panic!("{other:?}"),
    }
}

/// A feed or, in an eager graph, the data themselves.
fn feed(graph: &mut Graph, spec: &Spec, data: &Data) -> Value {
    let data = graph.is_eager().then(|| data.clone());
    graph.input(spec.clone(), data).unwrap()
}

/// Runs a program once on float32 feeds that each have one row per batch entry.
fn run(program: &Program, feeds: &[(Spec, Data)], steps: usize) -> Result<Vec<Vec<f32>>, Error> {
    let batch = feeds[0].0.shape[0] / steps;
    let mut outputs: Vec<Vec<f32>> = program.outputs().map(|spec| vec![0.0; spec.len() * steps]).collect();
    let columns = feeds.iter().map(|(spec, data)| match data {
        Data::F32(values) => (Column::F32(values), spec.shape[1..].iter().product()),
        other => panic!("{other:?}"),
    });
    let dataset = Dataset { columns: columns.collect(), rows: feeds[0].0.shape[0] };
    let order = Order { rows: None, start: 0, batch, steps };
    let mut targets: Vec<SliceMut<'_>> = outputs.iter_mut().map(|o| SliceMut::F32(o)).collect();
    program.run_many(&dataset, &order, &mut targets, None, Duration::MAX, &mut || false)?;
    drop(targets);
    Ok(outputs)
}

/// A deterministic jumble of ops on (4, 6) values, some reused, some dead, with gradients and updates.
fn jumble(graph: &mut Graph, x: Value, weights: &[Arc<Variable>], seed: u64) -> Vec<Value> {
    let mut pool = vec![x];
    pool.extend(weights.iter().map(|w| graph.variable(w)));
    let mut state = seed * 2 + 1;
    let mut next = |n: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % n
    };
    for _ in 0..20 {
        let (a, b) = (pool[next(pool.len())], pool[next(pool.len())]);
        let made = match next(6) {
            0 => graph.push("add", &[a, b], none()),
            1 => graph.push("multiply", &[a, b], none()),
            2 => graph.push("tanh", &[a], none()),
            3 => graph.push("relu", &[a], none()),
            4 => {
                let shape = Attribute::Ints(vec![6, 4]);
                let turned = graph.push("reshape", &[a], with(&[("shape", shape)])).unwrap()[0];
                let back = Attribute::Ints(vec![4, -1]);
                graph.push("reshape", &[turned], with(&[("shape", back)]))
            }
            _ => graph.push("subtract", &[a, b], none()),
        };
        pool.push(made.unwrap()[0]);
    }
    let loss = *pool.last().unwrap();
    let wrt: Vec<Value> = weights.iter().map(|w| graph.variable(w)).chain([x]).collect();
    let gradients = graph.gradients(loss, &wrt).unwrap();
    for (weight, gradient) in weights.iter().zip(&gradients) {
        if let Some(gradient) = gradient {
            let old = graph.variable(weight);
            let new = graph.push("subtract", &[old, *gradient], none()).unwrap()[0];
            graph.update(weight, new).unwrap();
        }
    }
    [Some(loss), Some(pool[next(pool.len())]), gradients[weights.len()]].into_iter().flatten().collect()
}

#[test]
fn compiled_equals_eager_bit_for_bit_on_jumbled_graphs() {
    for seed in 0..40 {
        let (spec, data) = f32s(&[4, 6], seed + 100);
        let weights = |at: u64| [variable(&[4, 6], at + 1), variable(&[4, 6], at + 2)];
        let (compiled, eager) = (weights(seed), weights(seed));
        let mut graph = Graph::new(true);
        let x = feed(&mut graph, &spec, &data);
        let shown = jumble(&mut graph, x, &eager, seed);
        let want: Vec<Vec<f32>> = shown.iter().map(|&v| numbers(&graph.data(v).unwrap())).collect();
        graph.finish().unwrap();

        let mut graph = Graph::new(false);
        let x = feed(&mut graph, &spec, &data);
        let shown = jumble(&mut graph, x, &compiled, seed);
        let program = Program::compile(&graph, &[x], &shown).unwrap();
        let got = run(&program, &[(spec, data)], 1).unwrap();
        let bits = |all: &[Vec<f32>]| all.iter().flatten().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&got), bits(&want), "seed {seed}");
        for (a, b) in compiled.iter().zip(&eager) {
            assert_eq!(*a.read(), *b.read(), "seed {seed}");
        }
    }
}

#[test]
fn many_steps_in_one_call_equal_single_calls() {
    let make = |w: &Arc<Variable>| {
        let mut graph = Graph::new(false);
        let x = graph.input(Spec::f32(&[2, 3]).unwrap(), None).unwrap();
        let old = graph.variable(w);
        let y = graph.push("multiply", &[x, old], none()).unwrap()[0];
        let new = graph.push("add", &[old, y], none()).unwrap()[0];
        graph.update(w, new).unwrap();
        Program::compile(&graph, &[x], &[y]).unwrap()
    };
    let (many, single) = (variable(&[2, 3], 5), variable(&[2, 3], 5));
    let (spec, data) = f32s(&[8, 3], 9);
    let got = run(&make(&many), &[(spec, data.clone())], 4).unwrap();
    let program = make(&single);
    let all = numbers(&data);
    let mut want = Vec::new();
    for part in all.chunks(6) {
        let feeds = [(Spec::f32(&[2, 3]).unwrap(), Data::F32(part.to_vec()))];
        want.extend(run(&program, &feeds, 1).unwrap().remove(0));
    }
    assert_eq!(got[0], want);
    assert_eq!(*many.read(), *single.read());
}

#[test]
fn swapped_variables_read_the_old_values() {
    let (a, b) = (variable(&[3], 1), variable(&[3], 2));
    let (old_a, old_b) = (numbers(&a.read()), numbers(&b.read()));
    let mut graph = Graph::new(false);
    let x = graph.input(Spec::f32(&[1]).unwrap(), None).unwrap();
    let (va, vb) = (graph.variable(&a), graph.variable(&b));
    graph.update(&a, vb).unwrap();
    graph.update(&b, va).unwrap();
    let program = Program::compile(&graph, &[x], &[va]).unwrap();
    let shown = run(&program, &[(Spec::f32(&[1]).unwrap(), Data::F32(vec![0.0]))], 1).unwrap();
    assert_eq!(shown[0], old_a, "an output shows the value at the beginning of the step");
    assert_eq!((numbers(&a.read()), numbers(&b.read())), (old_b, old_a));
}

#[test]
fn an_in_place_counter_is_read_before_it_counts() {
    let count = Arc::new(Variable::new(Spec::new(DType::I32, &[]).unwrap(), Data::I32(vec![41])).unwrap());
    let mut graph = Graph::new(false);
    let x = graph.input(Spec::f32(&[1]).unwrap(), None).unwrap();
    let old = graph.variable(&count);
    let new = graph.push("increment", &[old], with(&[("by", Attribute::Int(1))])).unwrap()[0];
    graph.update(&count, new).unwrap();
    let later = graph.push("cast", &[old], with(&[("dtype", Attribute::Text("float32".into()))])).unwrap()[0];
    let program = Program::compile(&graph, &[x], &[later]).unwrap();
    let shown = run(&program, &[(Spec::f32(&[3]).unwrap(), Data::F32(vec![0.0; 3]))], 3).unwrap();
    assert_eq!(shown[0], [41.0, 42.0, 43.0]);
    assert!(matches!(&*count.read(), Data::I32(v) if v == &[44]));
}

#[test]
fn nothing_is_computed_for_what_is_not_wanted() {
    let w = variable(&[6, 5], 3);
    let mut graph = Graph::new(false);
    let x = graph.input(Spec::f32(&[4, 6]).unwrap(), None).unwrap();
    let kernel = graph.variable(&w);
    let y = graph.push("dense", &[x, kernel], with(&[("activation", Attribute::Text("linear".into()))])).unwrap()[0];
    let before = graph.nodes().len();
    let found = graph.gradients(y, &[kernel]).unwrap();
    assert!(found[0].is_some());
    let names: Vec<&str> = graph.nodes()[before..].iter().map(|node| node.op.name()).collect();
    assert_eq!(names.iter().filter(|name| **name == "matmul").count(), 1, "only dw, not dx: {names:?}");
    let other = variable(&[2], 1);
    let unrelated = graph.variable(&other);
    assert_eq!(graph.gradients(y, &[unrelated]).unwrap(), [None]);
}

#[test]
fn errors_name_the_op_and_the_layer() {
    let mut graph = Graph::new(false);
    graph.set_scope("conv_1".into());
    let x = graph.input(Spec::f32(&[32, 28, 28, 4]).unwrap(), None).unwrap();
    let w = graph.variable(&variable(&[3, 3, 3, 16], 1));
    let pair = |v: i64| Attribute::Ints(vec![v, v]);
    let given = with(&[
        ("strides", pair(1)),
        ("dilation", pair(1)),
        ("groups", Attribute::Int(1)),
        ("padding", Attribute::Text("valid".into())),
        ("activation", Attribute::Text("relu".into())),
    ]);
    let error = graph.push("conv2d", &[x, w], given).unwrap_err();
    let text = "conv2d in layer \"conv_1\": kernel wants 3 input channels, input has 4 \
                (input (32, 28, 28, 4), kernel (3, 3, 3, 16))";
    assert_eq!(error, Error::Shape(text.into()));
}

#[test]
fn a_cancelled_run_changes_nothing() {
    let w = variable(&[512, 512], 1);
    let before = w.read().clone();
    let mut graph = Graph::new(false);
    let x = graph.input(Spec::f32(&[512, 512]).unwrap(), None).unwrap();
    let old = graph.variable(&w);
    let flags = with(&[("transpose_a", Attribute::Bool(false)), ("transpose_b", Attribute::Bool(false))]);
    let mut y = graph.push("matmul", &[x, old], flags.clone()).unwrap()[0];
    for _ in 0..400 {
        y = graph.push("matmul", &[y, old], flags.clone()).unwrap()[0];
    }
    graph.update(&w, y).unwrap();
    let program = Program::compile(&graph, &[x], &[]).unwrap();
    let (_, data) = f32s(&[512, 512], 4);
    let Data::F32(values) = &data else { panic!() };
    let dataset = Dataset { columns: vec![(Column::F32(values), 512)], rows: 512 };
    let order = Order { rows: None, start: 0, batch: 512, steps: 1 };
    let result = program.run_many(&dataset, &order, &mut [], None, Duration::MAX, &mut || true);
    assert_eq!(result, Err(Error::Interrupted));
    assert_eq!(*w.read(), before);
}

#[test]
fn runs_of_several_threads_take_turns_with_the_variables_they_share() {
    // A worker that waits for half of one run's kernel may take up the other run: nothing may be locked there.
    corten_kernels::threads::set_count(2);
    let w = variable(&[128, 128], 1);
    let flags = |a| with(&[("transpose_a", Attribute::Bool(a)), ("transpose_b", Attribute::Bool(false))]);
    let program = |writes: bool| {
        let mut graph = Graph::new(false);
        let x = graph.input(Spec::f32(&[1024, 128]).unwrap(), None).unwrap();
        let old = graph.variable(&w);
        let mut y = graph.push("matmul", &[x, old], flags(false)).unwrap()[0];
        for _ in 0..3 {
            y = graph.push("matmul", &[y, old], flags(false)).unwrap()[0];
        }
        if writes {
            let new = graph.push("matmul", &[y, y], flags(true)).unwrap()[0];
            graph.update(&w, new).unwrap();
        }
        Program::compile(&graph, &[x], &[y]).unwrap()
    };
    let (trains, predicts) = (program(true), program(false));
    let (x, (_, other)) = (f32s(&[1024, 128], 2), f32s(&[128, 128], 3));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| (0..40).for_each(|_| drop(run(&predicts, std::slice::from_ref(&x), 1).unwrap())));
        }
        for _ in 0..40 {
            run(&trains, std::slice::from_ref(&x), 1).unwrap();
            *w.write() = other.clone();
        }
    });
    corten_kernels::threads::set_count(0);
}

#[test]
fn absurd_shapes_are_errors() {
    assert!(matches!(Spec::f32(&[usize::MAX, 2]), Err(Error::Memory(_))));
    assert!(matches!(Spec::f32(&[1; 9]), Err(Error::Shape(_))));
    assert!(matches!(Data::zeros(&Spec::f32(&[1 << 50]).unwrap()), Err(Error::Memory(_))));
}
