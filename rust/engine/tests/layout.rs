//! Data movement through the graph: gradients are the opposite movement, and what does not fit is named.

use corten_engine::{Attribute, Attributes, DType, Data, Error, Graph, Spec, Value};

fn with(pairs: &[(&str, Attribute)]) -> Attributes {
    Attributes(pairs.iter().map(|(name, value)| (name.to_string(), value.clone())).collect())
}

fn ints(name: &str, values: &[i64]) -> (String, Attribute) {
    (name.to_string(), Attribute::Ints(values.to_vec()))
}

fn slice(begin: &[i64], size: &[i64], step: &[i64]) -> Attributes {
    Attributes([ints("begin", begin), ints("size", size), ints("step", step)].into())
}

fn floats(graph: &mut Graph, shape: &[usize], from: f32) -> Value {
    let spec = Spec::f32(shape).unwrap();
    let data = Data::F32((0..spec.len()).map(|i| from + i as f32).collect());
    graph.input(spec, Some(data)).unwrap()
}

fn integers(graph: &mut Graph, values: &[i32]) -> Value {
    let spec = Spec::new(DType::I32, &[values.len()]).unwrap();
    graph.input(spec, Some(Data::I32(values.to_vec()))).unwrap()
}

fn read(graph: &Graph, value: Value) -> Vec<f32> {
    match &*graph.data(value).unwrap() {
        Data::F32(values) => values.clone(),
        other => panic!("{other:?}"),
    }
}

/// d sum(y * weights) / dx, where the weights are 1, 2, 3 ... in y's order.
fn pulled_back(graph: &mut Graph, y: Value, x: Value) -> Vec<f32> {
    let shape = graph.spec(y).shape.clone();
    let weights = floats(graph, &shape, 1.0);
    let loss = graph.push("multiply", &[y, weights], Attributes::default()).unwrap()[0];
    let dx = graph.gradients(loss, &[x]).unwrap()[0].unwrap();
    read(graph, dx)
}

#[test]
fn gradients_move_back() {
    let mut graph = Graph::new(true);
    let x = floats(&mut graph, &[2, 3], 0.0);
    let turned = graph.push("transpose", &[x], Attributes([ints("axes", &[1, 0])].into())).unwrap()[0];
    assert_eq!(read(&graph, turned), [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]);
    assert_eq!(pulled_back(&mut graph, turned, x), [1.0, 3.0, 5.0, 2.0, 4.0, 6.0]);

    let part = graph.push("slice", &[x], slice(&[0, 2], &[2, 2], &[1, -2])).unwrap()[0];
    assert_eq!(read(&graph, part), [2.0, 0.0, 5.0, 3.0]);
    assert_eq!(pulled_back(&mut graph, part, x), [2.0, 0.0, 1.0, 4.0, 0.0, 3.0]);

    let around =
        Attributes([ints("low", &[1, 0]), ints("high", &[0, 1]), ("value".into(), Attribute::Float(9.0))].into());
    let padded = graph.push("pad", &[x], around).unwrap()[0];
    assert_eq!(read(&graph, padded), [9.0, 9.0, 9.0, 9.0, 0.0, 1.0, 2.0, 9.0, 3.0, 4.0, 5.0, 9.0]);
    assert_eq!(pulled_back(&mut graph, padded, x), [5.0, 6.0, 7.0, 9.0, 10.0, 11.0]);

    let other = floats(&mut graph, &[2, 1], 7.0);
    let joined = graph.push("concatenate", &[other, x], with(&[("axis", Attribute::Int(1))])).unwrap()[0];
    assert_eq!(read(&graph, joined), [7.0, 0.0, 1.0, 2.0, 8.0, 3.0, 4.0, 5.0]);
    assert_eq!(pulled_back(&mut graph, joined, x), [2.0, 3.0, 4.0, 6.0, 7.0, 8.0]);

    let indices = integers(&mut graph, &[1, 0, 1]);
    let rows = graph.push("gather", &[x, indices], Attributes::default()).unwrap()[0];
    assert_eq!(read(&graph, rows), [3.0, 4.0, 5.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(pulled_back(&mut graph, rows, x), [4.0, 5.0, 6.0, 8.0, 10.0, 12.0]);

    let column = floats(&mut graph, &[2, 1], 1.0);
    let wide = graph.push("broadcast_to", &[column], Attributes([ints("shape", &[2, 2, 2])].into())).unwrap()[0];
    assert_eq!(read(&graph, wide), [1.0, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0]);
    assert_eq!(pulled_back(&mut graph, wide, column), [14.0, 22.0]);
}

#[test]
fn what_does_not_fit_is_named() {
    let mut graph = Graph::new(true);
    let x = floats(&mut graph, &[2, 3], 0.0);
    let tall = floats(&mut graph, &[4, 2], 0.0);
    let indices = integers(&mut graph, &[1, 2, -1]);
    let half = floats(&mut graph, &[2], 0.5);
    let large = floats(&mut graph, &[1], 1_099_511_627_776.0);
    let mut text = |name: &str, inputs: &[Value], attributes: Attributes| match graph.push(name, inputs, attributes) {
        Err(Error::Shape(text) | Error::Index(text) | Error::Type(text) | Error::Value(text)) => text,
        other => panic!("{name}: {other:?}"),
    };
    let to = |dtype: &str| with(&[("dtype", Attribute::Text(dtype.into()))]);
    assert_eq!(text("gather", &[x, indices], Attributes::default()), "gather: index 2 at position 1 is outside 0..2");
    let classes = with(&[("classes", Attribute::Int(3))]);
    assert_eq!(text("one_hot", &[indices], classes), "one_hot: index -1 at position 2 is outside 0..3");
    assert_eq!(text("cast", &[half], to("int32")), "cast: 0.5 at position 0 is no int32");
    assert_eq!(text("cast", &[large], to("int32")), "cast: 1099511627776 at position 0 is no int32");
    assert_eq!(text("cast", &[indices], to("uint8")), "cast: -1 at position 2 is no uint8");
    assert!(text("cast", &[half], to("float64")).contains("expected float32, int32 or uint8, got \"float64\""));
    let joined = text("concatenate", &[x, tall], with(&[("axis", Attribute::Int(0))]));
    assert_eq!(joined, "concatenate: inputs 0 and 1 differ in more than axis 0: (2, 3), (4, 2)");
    for (begin, size, step) in [
        ([0, 0], [3, 3], [1, 1]),
        ([2, 0], [1, 1], [1, 1]),
        ([1, 1], [2, 3], [-1, -1]),
        ([0, 0], [1, 1], [1, 0]),
        ([0, 0], [2, i64::MAX], [1, i64::MAX]),
    ] {
        assert!(text("slice", &[x], slice(&begin, &size, &step)).contains("do not fit into input (2, 3)"));
    }
    assert!(text("slice", &[x], slice(&[0], &[1], &[1])).contains("do not fit"));
    assert!(
        text("transpose", &[x], Attributes([ints("axes", &[0, 0])].into())).contains("are not those of input (2, 3)")
    );
    let wide = Attributes([ints("shape", &[2, 4])].into());
    assert_eq!(text("broadcast_to", &[x], wide), "broadcast_to: (2, 3) does not broadcast to (2, 4)");
}
