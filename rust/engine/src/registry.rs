//! The ops by name: one line each.

use crate::attributes::Attributes;
use crate::error::{Error, Result};
use crate::graph::Graph;
use crate::op::{Op, Value};
use crate::ops;
use std::sync::Arc;

type Make = fn(&Attributes) -> Result<Arc<dyn Op>>;

/// Sorted by family; `corten.ops` has a function for each.
const OPS: &[(&str, Make)] = &[
    // matrix products and convolution
    ("matmul", ops::matmul::make),
    ("dense", ops::dense::make),
    ("conv2d", ops::conv2d::make),
    ("conv2d_input_gradient", ops::conv2d::make_input_gradient),
    // attention
    ("attention", ops::attention::make),
    // pooling
    ("max_pool2d", ops::pool2d::make_max),
    ("average_pool2d", ops::pool2d::make_average),
    // images under a change of coordinates
    ("warp", ops::warp::make),
    // normalisation
    ("batch_norm", ops::batch_norm::make),
    ("affine", ops::batch_norm::make_affine),
    ("layer_norm", ops::layer_norm::make),
    // recurrence
    ("simple_rnn", ops::recurrent::simple_rnn::make),
    ("lstm", ops::recurrent::lstm::make),
    ("gru", ops::recurrent::gru::make),
    // element by element
    ("add", ops::elementwise::make_add),
    ("subtract", ops::elementwise::make_subtract),
    ("multiply", ops::elementwise::make_multiply),
    ("divide", ops::elementwise::make_divide),
    ("maximum", ops::elementwise::make_maximum),
    ("minimum", ops::elementwise::make_minimum),
    ("power", ops::elementwise::make_power),
    ("floor_divide", ops::elementwise::make_floor_divide),
    ("remainder", ops::elementwise::make_remainder),
    ("equal", ops::elementwise::make_equal),
    ("not_equal", ops::elementwise::make_not_equal),
    ("less", ops::elementwise::make_less),
    ("less_equal", ops::elementwise::make_less_equal),
    ("greater", ops::elementwise::make_greater),
    ("greater_equal", ops::elementwise::make_greater_equal),
    ("where", ops::elementwise::make_where),
    // functions of one number
    ("relu", ops::activation::make_relu),
    ("relu6", ops::activation::make_relu6),
    ("leaky_relu", ops::activation::make_leaky_relu),
    ("elu", ops::activation::make_elu),
    ("selu", ops::activation::make_selu),
    ("gelu", ops::activation::make_gelu),
    ("silu", ops::activation::make_silu),
    ("hard_silu", ops::activation::make_hard_silu),
    ("sigmoid", ops::activation::make_sigmoid),
    ("hard_sigmoid", ops::activation::make_hard_sigmoid),
    ("tanh", ops::activation::make_tanh),
    ("softplus", ops::activation::make_softplus),
    ("softsign", ops::activation::make_softsign),
    ("exp", ops::activation::make_exp),
    ("expm1", ops::activation::make_expm1),
    ("log", ops::activation::make_log),
    ("log2", ops::activation::make_log2),
    ("log10", ops::activation::make_log10),
    ("log1p", ops::activation::make_log1p),
    ("sqrt", ops::activation::make_sqrt),
    ("rsqrt", ops::activation::make_rsqrt),
    ("square", ops::activation::make_square),
    ("reciprocal", ops::activation::make_reciprocal),
    ("abs", ops::activation::make_abs),
    ("negative", ops::activation::make_negative),
    ("sign", ops::activation::make_sign),
    ("floor", ops::activation::make_floor),
    ("ceil", ops::activation::make_ceil),
    ("round", ops::activation::make_round),
    ("sin", ops::activation::make_sin),
    ("cos", ops::activation::make_cos),
    ("erf", ops::activation::make_erf),
    // reductions
    ("sum", ops::reduce::make_sum),
    ("mean", ops::reduce::make_mean),
    ("max", ops::reduce::make_max),
    ("min", ops::reduce::make_min),
    ("prod", ops::reduce::make_prod),
    ("norm", ops::reduce::make_norm),
    ("argmax", ops::reduce::make_argmax),
    ("argmin", ops::reduce::make_argmin),
    // softmax and losses
    ("softmax", ops::softmax::make_softmax),
    ("log_softmax", ops::softmax::make_log_softmax),
    ("softmax_cross_entropy", ops::cross_entropy::make_softmax_cross_entropy),
    ("cross_entropy", ops::cross_entropy::make_cross_entropy),
    ("binary_cross_entropy", ops::loss::make_binary_cross_entropy),
    ("sigmoid_cross_entropy", ops::loss::make_sigmoid_cross_entropy),
    ("mean_squared_error", ops::loss::make_mean_squared_error),
    ("mean_absolute_error", ops::loss::make_mean_absolute_error),
    ("huber", ops::loss::make_huber),
    // optimizers
    ("sgd", ops::optimizer::make_sgd),
    ("rmsprop", ops::optimizer::make_rmsprop),
    ("adam", ops::optimizer::make_adam),
    ("nadam", ops::optimizer::make_nadam),
    ("adamax", ops::optimizer::make_adamax),
    ("adagrad", ops::optimizer::make_adagrad),
    ("adadelta", ops::optimizer::make_adadelta),
    ("lion", ops::optimizer::make_lion),
    // states and random numbers
    ("dropout", ops::dropout::make),
    ("random_normal", ops::random::make_normal),
    ("random_uniform", ops::random::make_uniform),
    ("increment", ops::increment::make),
    ("divide_count", ops::increment::make_divide),
    ("accumulate", ops::accumulate::make),
    // shapes
    ("identity", ops::identity::make),
    ("stop_gradient", ops::identity::make_stop_gradient),
    ("reshape", ops::reshape::make),
    ("transpose", ops::view::make_transpose),
    ("slice", ops::view::make_slice),
    ("broadcast_to", ops::view::make_broadcast_to),
    ("pad", ops::pad::make),
    ("split", ops::split::make),
    ("concatenate", ops::concatenate::make),
    ("gather", ops::gather::make),
    ("one_hot", ops::gather::make_one_hot),
    ("mask_steps", ops::mask_steps::make),
    ("cast", ops::cast::make),
];

pub(crate) fn make(name: &str, attributes: &Attributes) -> Result<Arc<dyn Op>> {
    match OPS.iter().find(|(known, _)| *known == name) {
        Some((_, make)) => make(attributes),
        None => Err(Error::Value(format!("unknown op `{name}`"))),
    }
}

impl Graph {
    /// Appends the op of this name and returns its outputs.
    pub fn push(&mut self, name: &str, inputs: &[Value], attributes: Attributes) -> Result<Vec<Value>> {
        let op = make(name, &attributes).map_err(|error| error.at(&self.place(name)))?;
        self.append(op, inputs, attributes)
    }
}

/// The names of all ops.
pub fn names() -> impl Iterator<Item = &'static str> {
    OPS.iter().map(|(name, _)| *name)
}
