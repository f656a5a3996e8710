//! `attention` of several heads, and its weights.

use super::algebra::{View, Where, gradient_of_formula, multiply, weighted_sum};
use super::dropout::{Dropout, expect_state, stream};
use super::matmul::Matmul;
use super::reshape::Reshape;
use super::softmax::Softmax;
use super::{expect_f32, isa};
use crate::attributes::Attributes;
use crate::data::Data;
use crate::error::{Error, Result};
use crate::op::{Builder, Gradient, Input, Op, Output, Value};
use crate::spec::{Dims, Spec};
use corten_kernels::attention as kernel;
use std::sync::Arc;

/// Inputs q (batch, T, heads, depth), k (batch, S, key heads, depth), v (batch, S, key heads, value depth), perhaps a mask
/// (batch or 1, heads or 1, T or 1, S) and a random state; outputs y (batch, T, heads, value depth) and the weights (batch,
/// heads, T, S) before any was dropped.
#[derive(Clone, Copy, Debug)]
struct Attention {
    scale: f32,
    causal: bool,
    masked: bool,
    /// With a rate above 0 the last input is a random state.
    rate: f32,
}

pub(crate) fn make(attributes: &Attributes) -> Result<Arc<dyn Op>> {
    let rate = attributes.float("rate")? as f32;
    if !(0.0..1.0).contains(&rate) {
        return Err(Error::Value(format!("`rate`: expected 0 <= rate < 1, got {rate}")));
    }
    let (scale, causal) = (attributes.float("scale")? as f32, attributes.flag("causal")?);
    Ok(Arc::new(Attention { scale, causal, masked: attributes.flag("masked")?, rate }))
}

impl Attention {
    /// The sizes of the problem, or why the operands do not fit.
    fn sizes(&self, q: &Spec, k: &Spec, v: &Spec) -> Result<kernel::Attention> {
        expect_f32(&[q, k, v])?;
        let (q, k, v) = (q.shape.as_slice(), k.shape.as_slice(), v.shape.as_slice());
        let (&[batch, queries, heads, depth], &[_, keys, key_heads, key_depth], &[.., value_depth]) = (q, k, v) else {
            return Err(bad(q, k, v));
        };
        let divide = if key_heads == 0 { heads == 0 } else { heads.is_multiple_of(key_heads) };
        if v.len() != 4 || k[..3] != v[..3] || k[0] != batch || key_depth != depth || !divide {
            return Err(bad(q, k, v));
        }
        let Attention { scale, causal, .. } = *self;
        Ok(kernel::Attention {
            batch,
            queries,
            keys,
            heads,
            key_heads,
            depth,
            value_depth,
            scale,
            causal,
            dropout: None,
        })
    }

    /// The sizes, with the random numbers of this run.
    fn problem(&self, [q, k, v]: [&Input<'_>; 3], state: Option<&Input<'_>>) -> Result<kernel::Attention> {
        let dropout = state.map(stream).transpose()?.map(|stream| (stream, self.rate));
        Ok(kernel::Attention { dropout, ..self.sizes(q.spec, k.spec, v.spec)? })
    }

    /// Splits what follows the operands into mask and state.
    fn extras<'a, T>(&self, extras: &'a [T]) -> Result<(Option<&'a T>, Option<&'a T>)> {
        let (masked, random) = (usize::from(self.masked), usize::from(self.rate > 0.0));
        if extras.len() != masked + random {
            return Err(Error::Type(format!("expected {} inputs, got {}", 3 + masked + random, 3 + extras.len())));
        }
        Ok((extras.first().filter(|_| self.masked), extras.last().filter(|_| random > 0)))
    }

    /// The same in ops that have gradients: y and the weights.
    fn formula(&self, graph: &mut dyn Builder, [q, k, v]: [Value; 3], extras: &[Value]) -> Result<[Value; 2]> {
        let sizes = self.sizes(graph.spec(q), graph.spec(k), graph.spec(v))?;
        let turned = |graph: &mut dyn Builder, x: Value| graph.apply1(View::Transpose { axes: vec![0, 2, 1, 3] }, &[x]);
        let shared = |graph: &mut dyn Builder, x: Value| {
            let &[batch, keys, heads, depth] = graph.spec(x).shape.as_slice() else { return Ok(x) };
            let x = graph.apply1(Reshape::to(&[batch, keys, heads, 1, depth]), &[x])?;
            let group = sizes.heads / heads.max(1);
            let wide = graph.apply1(View::BroadcastTo { shape: vec![batch, keys, heads, group, depth] }, &[x])?;
            graph.apply1(Reshape::to(&[batch, keys, sizes.heads, depth]), &[wide])
        };
        let (k, v) = (shared(graph, k)?, shared(graph, v)?);
        let (q, k, v) = (turned(graph, q)?, turned(graph, k)?, turned(graph, v)?);
        let scores = graph.apply1(Matmul { transpose_a: false, transpose_b: true }, &[q, k])?;
        let scale = graph.fill(&[], self.scale)?;
        let mut scores = multiply(graph, scores, scale)?;
        let (mask, state) = self.extras(extras)?;
        let mut masks: Vec<Value> = mask.copied().into_iter().collect();
        if self.causal {
            let past = (0..sizes.queries).flat_map(|t| (0..sizes.keys).map(move |s| f32::from(u8::from(s <= t))));
            masks.push(graph.constant(Spec::f32(&[sizes.queries, sizes.keys])?, Data::F32(past.collect())));
        }
        for mask in masks {
            let nothing = graph.fill(&[], kernel::MASKED)?;
            scores = graph.apply1(Where, &[mask, scores, nothing])?;
        }
        let weights = graph.apply1(Softmax { log: false }, &[scores])?;
        let mut dropped = weights;
        if let Some(&state) = state {
            dropped = graph.apply1(Dropout { rate: self.rate }, &[weights, state])?;
        }
        let y = graph.apply1(Matmul { transpose_a: false, transpose_b: false }, &[dropped, v])?;
        Ok([turned(graph, y)?, weights])
    }
}

fn bad(q: &[usize], k: &[usize], v: &[usize]) -> Error {
    Error::Shape(format!(
        "expected (batch, T, heads, depth), (batch, S, key heads, depth) and (batch, S, key heads, value depth), got {}, {} \
         and {}",
        Dims(q),
        Dims(k),
        Dims(v)
    ))
}

/// Refuses a mask that is not (batch or 1, heads or 1, T or 1, S).
fn expect_mask(p: &kernel::Attention, mask: &Spec) -> Result<()> {
    expect_f32(&[mask])?;
    let fits = |got: usize, full: usize| got == full || got == 1;
    match mask.shape.as_slice() {
        &[b, n, t, s] if fits(b, p.batch) && fits(n, p.heads) && fits(t, p.queries) && s == p.keys => Ok(()),
        got => Err(Error::Shape(format!(
            "expected a mask ({}, {}, {}, {}), or 1 in place of the first three, got {}",
            p.batch,
            p.heads,
            p.queries,
            p.keys,
            Dims(got)
        ))),
    }
}

/// The mask as the kernel walks it: axes of size 1 stay where they are.
fn mask<'a>(mask: &Input<'a>) -> Result<kernel::Mask<'a>> {
    let &[b, n, t, s] = mask.shape() else { return Err(Error::Internal("a mask has four axes".into())) };
    let stride = |size: usize, stride: usize| if size == 1 { 0 } else { stride };
    Ok(kernel::Mask { data: mask.f32()?, strides: [stride(b, n * t * s), stride(n, t * s), stride(t, s)] })
}

impl Op for Attention {
    fn name(&self) -> &'static str {
        "attention"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        let [q, k, v, extras @ ..] = inputs else {
            return Err(Error::Type("expected queries, keys and values".into()));
        };
        let p = self.sizes(q, k, v)?;
        let (mask, state) = self.extras(extras)?;
        mask.map(|mask| expect_mask(&p, mask)).transpose()?;
        state.map(|state| expect_state(state)).transpose()?;
        let y = Spec::f32(&[p.batch, p.queries, p.heads, p.value_depth])?;
        Ok(vec![y, Spec::f32(&[p.batch, p.heads, p.queries, p.keys])?])
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let [q, k, v, extras @ ..] = inputs else { return Err(Error::Internal("attention has operands".into())) };
        let (mask_input, state) = self.extras(extras)?;
        let p = self.problem([q, k, v], state)?;
        let mask = mask_input.map(mask).transpose()?;
        let [y, weights] = outputs else { return Err(Error::Internal("attention has two outputs".into())) };
        kernel::forward(isa(), &p, mask, [q.f32()?, k.f32()?, v.f32()?], y.f32()?, weights.f32()?);
        Ok(())
    }
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let shape = graph.spec(at.outputs[0]).shape.clone();
        let dy = match at.dys[0] {
            Some(dy) => dy,
            None => graph.fill(&shape, 0.0)?,
        };
        let mut inputs = [&at.inputs[..3], &[at.outputs[1], dy], &at.inputs[3..]].concat();
        inputs.extend(at.dys[1]);
        let op = AttentionGradient { of: *self, pulled: at.dys[1].is_some() };
        let gradients = graph.apply(op, &inputs)?.into_iter().map(Some);
        Ok(gradients.chain(std::iter::repeat(None)).take(at.inputs.len()).collect())
    }
    fn work(&self, inputs: &[&Spec], outputs: &[Spec]) -> usize {
        outputs[1].len() * (inputs[0].shape[3] + inputs[2].shape[3] + 24)
    }
}

/// Inputs q, k, v, the weights, dy, the extras of [`Attention`], and perhaps the gradient of the weights; outputs dq, dk
/// and dv.
#[derive(Debug)]
struct AttentionGradient {
    of: Attention,
    /// Whether the weights have a gradient of their own.
    pulled: bool,
}

impl AttentionGradient {
    /// The extras of the forward, and the gradient of the weights.
    fn extras<'a, T>(&self, inputs: &'a [T]) -> (&'a [T], Option<&'a T>) {
        let extras = &inputs[5..];
        if self.pulled { (&extras[..extras.len() - 1], extras.last()) } else { (extras, None) }
    }
}

impl Op for AttentionGradient {
    fn name(&self) -> &'static str {
        "attention_gradient"
    }
    fn outputs(&self, inputs: &[&Spec]) -> Result<Vec<Spec>> {
        Ok(inputs[..3].iter().map(|&spec| spec.clone()).collect())
    }
    fn run(&self, inputs: &[Input<'_>], outputs: &mut [Output<'_>]) -> Result<()> {
        let [q, k, v, weights, dy, ..] = inputs else { return Err(Error::Internal("gradient's operands".into())) };
        let (extras, dweights) = self.extras(inputs);
        let (mask_input, state) = self.of.extras(extras)?;
        let p = self.of.problem([q, k, v], state)?;
        let forward = kernel::Forward {
            q: q.f32()?,
            k: k.f32()?,
            v: v.f32()?,
            weights: weights.f32()?,
            dy: dy.f32()?,
            dweights: dweights.map(Input::f32).transpose()?,
        };
        let [dq, dk, dv] = outputs else { return Err(Error::Internal("there are three gradients".into())) };
        let mask = mask_input.map(mask).transpose()?;
        kernel::gradient(isa(), &p, mask, forward, [dq.f32()?, dk.f32()?, dv.f32()?]);
        Ok(())
    }
    /// By the formula, whose weights are a function of q and k.
    fn gradient(&self, graph: &mut dyn Builder, at: &Gradient<'_>) -> Result<Vec<Option<Value>>> {
        let (extras, dweights) = self.extras(at.inputs);
        let mut places = vec![0, 1, 2, 4];
        places.extend(dweights.map(|_| at.inputs.len() - 1));
        let inputs: Vec<Value> = places.iter().map(|&i| at.inputs[i]).collect();
        let want: Vec<bool> = places.iter().map(|&i| at.want[i]).collect();
        let formula = |graph: &mut dyn Builder, values: &[Value]| {
            let &[q, k, v, dy, ref dweights @ ..] = values else { return Err(Error::Internal("four values".into())) };
            let outputs = self.of.formula(graph, [q, k, v], extras)?;
            let weights = [&[dy], dweights].concat();
            let total = weighted_sum(graph, outputs.into_iter().zip(weights))?;
            let total = total.ok_or_else(|| Error::Internal("attention has outputs".into()))?;
            let gradients = graph.gradients(total, &[q, k, v])?;
            let shapes = [q, k, v].map(|value| graph.spec(value).shape.clone());
            gradients.into_iter().zip(shapes).map(|(d, shape)| d.map_or_else(|| graph.fill(&shape, 0.0), Ok)).collect()
        };
        let gradients = gradient_of_formula(graph, &inputs, at.dys, &want, formula)?;
        let mut by_input = vec![None; at.inputs.len()];
        places.into_iter().zip(gradients).for_each(|(place, d)| by_input[place] = d);
        Ok(by_input)
    }
    fn work(&self, inputs: &[&Spec], _: &[Spec]) -> usize {
        inputs[3].len() * (3 * inputs[0].shape[3] + 2 * inputs[2].shape[3] + 24)
    }
}
