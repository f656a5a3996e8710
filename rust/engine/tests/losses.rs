//! Softmax and the losses through the graph: gradients of first and second order against central differences.

use corten_engine::{Attribute, Attributes, Builder, DType, Data, Error, Graph, Spec, Value};

fn with(pairs: &[(&str, Attribute)]) -> Attributes {
    Attributes(pairs.iter().map(|(name, value)| (name.to_string(), value.clone())).collect())
}

fn f32s(graph: &mut Graph, shape: &[usize], values: &[f32]) -> Value {
    graph.input(Spec::f32(shape).unwrap(), Some(Data::F32(values.to_vec()))).unwrap()
}

fn labels(graph: &mut Graph, values: &[i32]) -> Value {
    let spec = Spec::new(DType::I32, &[values.len()]).unwrap();
    graph.input(spec, Some(Data::I32(values.to_vec()))).unwrap()
}

fn numbers(graph: &Graph, value: Value) -> Vec<f32> {
    match &*graph.data(value).unwrap() {
        Data::F32(values) => values.clone(),
        other => panic!("{other:?}"),
    }
}

fn sample(n: usize, seed: usize) -> Vec<f32> {
    (0..n).map(|i| ((i * 37 + seed * 11) % 41) as f32 / 45.0 + 0.05).collect()
}

/// Weights that make of any result a scalar with a gradient of its own everywhere.
fn weigh(graph: &mut Graph, y: Value) -> Value {
    let spec = graph.spec(y).clone();
    let weights = f32s(graph, &spec.shape, &sample(spec.len(), 3));
    let y = graph.push("multiply", &[y, weights], Attributes::default()).unwrap()[0];
    let axes = Attribute::Ints((0..spec.rank() as i64).collect());
    graph.push("sum", &[y], with(&[("axes", axes), ("keepdims", Attribute::Bool(false))])).unwrap()[0]
}

/// A loss and the inputs it was built from.
type Loss<'a> = &'a dyn Fn(&mut Graph, &[Vec<f32>]) -> (Value, Vec<Value>);

/// Checks d f / d input for both inputs (where they are float32) against central differences of `f`.
fn check(name: &str, f: Loss<'_>, inputs: &[Vec<f32>]) {
    let mut graph = Graph::new(true);
    let (loss, values) = f(&mut graph, inputs);
    let found = graph.gradients(loss, &values).unwrap();
    for (which, gradient) in found.iter().enumerate() {
        let gradient = gradient.map(|g| numbers(&graph, g)).unwrap_or(vec![0.0; inputs[which].len()]);
        for at in 0..inputs[which].len() {
            let shifted = |h: f32| {
                let mut inputs = inputs.to_vec();
                inputs[which][at] += h;
                let mut graph = Graph::new(true);
                let (loss, _) = f(&mut graph, &inputs);
                f64::from(numbers(&graph, loss)[0])
            };
            let h = 4e-3;
            let want = (shifted(h) - shifted(-h)) / (2.0 * f64::from(h));
            let error = (f64::from(gradient[at]) - want).abs();
            assert!(error <= 4e-3 * (1.0 + want.abs()), "{name} input {which} at {at}: {} {want}", gradient[at]);
        }
    }
}

/// The sum of the squares of the gradients by `values`: its own gradient is of second order.
fn steepness(graph: &mut Graph, loss: Value, values: &[Value]) -> Value {
    let mut total = graph.fill(&[], 0.0).unwrap();
    for gradient in graph.gradients(loss, values).unwrap().into_iter().flatten() {
        let square = graph.push("square", &[gradient], Attributes::default()).unwrap()[0];
        let part = weigh(graph, square);
        total = graph.push("add", &[total, part], Attributes::default()).unwrap()[0];
    }
    total
}

#[test]
fn softmax_gradients_of_both_orders() {
    for name in ["softmax", "log_softmax"] {
        let first = |graph: &mut Graph, inputs: &[Vec<f32>]| {
            let x = f32s(graph, &[3, 4], &inputs[0]);
            let y = graph.push(name, &[x], Attributes::default()).unwrap()[0];
            (weigh(graph, y), vec![x])
        };
        check(name, &first, &[sample(12, 1)]);
        let second = |graph: &mut Graph, inputs: &[Vec<f32>]| {
            let (loss, values) = first(graph, inputs);
            (steepness(graph, loss, &values), values)
        };
        check(name, &second, &[sample(12, 1)]);
    }
}

#[test]
fn dense_losses_have_gradients_by_predictions_and_targets() {
    let none = with(&[("ignore_class", Attribute::Ints(vec![])), ("delta", Attribute::Float(0.2))]);
    let second_order = ["mean_squared_error", "softmax_cross_entropy", "sigmoid_cross_entropy"];
    for name in [
        "softmax_cross_entropy",
        "cross_entropy",
        "binary_cross_entropy",
        "sigmoid_cross_entropy",
        "mean_squared_error",
        "mean_absolute_error",
        "huber",
    ] {
        let first = |graph: &mut Graph, inputs: &[Vec<f32>]| {
            let (t, x) = (f32s(graph, &[3, 4], &inputs[0]), f32s(graph, &[3, 4], &inputs[1]));
            let y = graph.push(name, &[t, x], none.clone()).unwrap()[0];
            (weigh(graph, y), vec![t, x])
        };
        let inputs = [sample(12, 2), sample(12, 5)];
        check(name, &first, &inputs);
        if second_order.contains(&name) {
            let second = |graph: &mut Graph, given: &[Vec<f32>]| {
                let (loss, values) = first(graph, &[inputs[0].clone(), given[0].clone()]);
                (steepness(graph, loss, &values[1..]), values[1..].to_vec())
            };
            check(name, &second, &inputs[1..]);
        }
    }
}

#[test]
fn labels_are_checked_at_use_and_ignored_when_asked() {
    for name in ["softmax_cross_entropy", "cross_entropy"] {
        let push = |graph: &mut Graph, values: &[i32], x: &[f32], ignore: Vec<i64>| {
            let (t, x) = (labels(graph, values), f32s(graph, &[3, 4], x));
            let ignore = with(&[("ignore_class", Attribute::Ints(ignore))]);
            graph.push(name, &[t, x], ignore).map(|y| (y[0], x))
        };
        let f = |graph: &mut Graph, inputs: &[Vec<f32>]| {
            let (y, x) = push(graph, &[3, -1, 0], &inputs[0], vec![-1]).unwrap();
            (weigh(graph, y), vec![x])
        };
        check(name, &f, &[sample(12, 1)]);
        let bad = push(&mut Graph::new(true), &[0, 1, 4], &sample(12, 1), vec![]).unwrap_err();
        assert_eq!(bad, Error::Index(format!("{name}: expected labels from 0 to 3, got 4 at position 2")));
        let short = push(&mut Graph::new(true), &[0, 1], &sample(12, 1), vec![]).unwrap_err();
        assert!(matches!(short, Error::Shape(_)), "{short}");
    }
}
