"""Where a class differs on purpose from Keras's class of the same name: parameter by parameter, with the reason.

``{class: {parameter: reason}}``; ``"*"`` stands for a parameter of every class. test_keras_parity.py checks that every
other parameter has Keras's name, order and default, and that no line here has become untrue.
"""

from __future__ import annotations

DIFFERENCES: dict[str, dict[str, str]] = {}

#: Functions of ``corten.ops`` that differ from the function of the same name in ``keras.ops``.
OPS_DIFFERENCES: dict[str, str] = {
    "arange": "the step is 1 by default, not None",
    "eye": "dtype is float32 by default, not None: there is no floatx to ask for",
    "full": "dtype is float32 by default, not None",
    "full_like": "dtype is float32 by default, not None",
    "identity": "gives its argument; Keras gives the identity matrix, which here is eye(n)",
    "matmul": "either operand may be taken transposed, without a copy",
    "max": "takes no initial value",
    "min": "takes no initial value",
    "one_hot": "dtype is float32 by default, not None; sparse=True is an error",
    "ones": "dtype is float32 by default, not None",
    "ones_like": "dtype is float32 by default, not None",
    "prod": "takes no dtype: arithmetic is in float32",
    "round": "rounds to whole numbers only",
    "where": "needs both values; the positions alone have no shape that is known before the run",
    "zeros": "dtype is float32 by default, not None",
    "zeros_like": "dtype is float32 by default, not None",
}

#: Layers that hand a mask on where Keras's layer of that name loses it, with the reason.
MASK_DIFFERENCES: dict[str, str] = {
    "RMSNormalization": "works step by step, as LayerNormalization, which hands the mask on",
}

#: Where a program for Keras meets other behaviour on purpose.
BEHAVIOUR_DIFFERENCES: dict[str, str] = {
    "load_model(safe_mode=False), Lambda layers with code in a file": (
        "refused: no code in a file is ever run, and no module is imported because a file names it"
    ),
    "a saved functional model whose layer was called with training=False": (
        "keeps that, as the call did; Keras's own mode overrides it"
    ),
    "model.save to .keras": "keeps random states too, where Keras does not look: dropout goes on where it was",
    "pickle and deepcopy of a model": "keep the optimizer's state, and work before a model is built",
    "compile(loss=...), a function of several outputs at once": (
        "not supported: a loss belongs to one output; compute_loss or add_loss take any structure"
    ),
    "compile(steps_per_execution=n), the last execution": (
        "callbacks hear of the last batch that was run; Keras counts on to a multiple of n"
    ),
    "Input(optional=True)": "not supported yet",
    "Model({...: ...}), a list of inputs": "ValueError where there are several; Keras takes them in the dict's order",
    "evaluate in a callback, or while another thread trains": (
        "counts apart, and what the epoch reports is the mean over its own batches; in Keras the two are mixed"
    ),
    "an attribute set after predict or fit": "counts from the next step on; Keras goes on with what it has traced",
    "EarlyStopping(monitor=...) and its like, no such value in the logs": (
        "always a warning that lists the logs; Keras raises ValueError after the first epoch where the name tells no "
        "direction, and training is lost"
    ),
    "EarlyStopping(mode=...) and its like, an unknown mode": "ValueError; Keras warns and takes 'auto'",
    "EarlyStopping(monitor=...) and its like, an array of several numbers": (
        "ValueError that names the monitor; Keras compares the array, or saves in every epoch"
    ),
    "EarlyStopping and its like, NaN": (
        "NaN is never the best; in Keras a NaN in the first epoch is the best for ever, so that no later epoch is"
    ),
    "EarlyStopping.monitor_op": "there is none: the direction is asked of the metric at each comparison",
    "CSVLogger": (
        "no columns val_... where fit has no validation data; an array is written as JSON; a last line that was cut is "
        "ended before append=True goes on"
    ),
    "LambdaCallback(name_of_no_hook=...)": "TypeError: it would never be called, and is mostly a misspelt hook",
    "ReduceLROnPlateau with an optimizer that follows a schedule": (
        "TypeError when training begins; Keras raises it when the rate is first to be reduced, epochs later"
    ),
    "ModelCheckpoint, a value of the validation in the file's name": (
        "without validation data ValueError when training begins; epochs that validation_freq skips are not saved, "
        "with a warning. Keras raises KeyError after the epoch"
    ),
    "TerminateOnNaN(raise_error=True)": (
        "on_train_end is called whenever training ends, by an error too: files are closed, best weights restored"
    ),
    "ModelCheckpoint(save_weights_only=True)": "writes safetensors whatever the name's ending; warns where it is .h5",
    "fit(validation_data=generator)": (
        "once the generator is used up, one warning, and no validation from then on; validation_steps of what can be "
        "iterated over again are the same batches in every epoch"
    ),
    "fit(steps_per_epoch=...) of data that end earlier": (
        "as in Keras; of a generator, which cannot begin anew, training stops with a warning"
    ),
    "gradient_accumulation_steps": (
        "schedules, moving averages (use_ema) and Nadam's momenta count updates, as iterations do, so that k batches "
        "accumulated are one batch k times as large; Keras counts every batch"
    ),
    "Optimizer.name": "the class name in lower case for every one; Keras numbers them (adam_1) and writes adam_w",
    "Optimizer.apply(grads, new_variables)": "builds what is new; Keras raises ValueError for unknown variables",
    "Variable.overwrite_with_gradient": "not looked at: it serves float8 training",
    "unexpected keyword arguments": "TypeError everywhere, with the name that is meant; Keras: ValueError in places",
    "gradients of std, norm and sqrt at 0, of x^b with 0 < b < 1 at 0": (
        "0, a subgradient of lengths and deviations; Keras has NaN or infinity (docs/decisions/0018)"
    ),
    "gradients of what where() did not choose": "none, even where the slope there is infinite or NaN; Keras has NaN",
    "NaN at steps or in predictions that a mask leaves out": (
        "has no part in a recurrent layer's or a loss's value and gradient; Keras multiplies by 0, which leaves NaN"
    ),
    "GlobalAveragePooling1D of a row that is all padding": "0; Keras divides by no steps, which is NaN",
    "BinaryFocalCrossentropy, CategoricalFocalCrossentropy of logits": (
        "computed from the logits, as the other cross-entropies: exact, with a gradient, beyond where a probability "
        "is clipped; for gamma < 1 no NaN where the answer is sure and right"
    ),
    "CategoricalCrossentropy of probabilities that sum to 0": "they are held at 1e-7; Keras has NaN",
    "Adam and its like, a gradient whose square overflows": (
        "finite gradients beyond 1.8e19 count as 1.8e19; in Keras inf - inf leaves NaN in the slots for ever"
    ),
    "RMSprop(centered=True), gradients that are all alike": (
        "the estimated variance is not below 0; in Keras rounding puts it there, and the root is NaN"
    ),
    "epsilon=0 in optimizers": "no gradient is no step; Keras has 0 / 0",
    "a layer called with a mask that it does not hand on": (
        "no warning where call takes mask and so has used it, nor where all outputs have masks; Keras warns there too"
    ),
    "the argument mask of call": (
        "that which the first argument carries, also where other tensors are given beside it, such as initial_state; "
        "Keras then gives None, and padding counts as data"
    ),
    "a mask that does not fit the output": "ShapeError if compute_mask gave it, lost if not; Keras hands it on",
    "Softmax, a mask that the input carries": (
        "is of the first axes, so that Softmax(axis=1) weighs the steps that count; Keras holds it against the last"
    ),
    "GlobalAveragePooling1D, recurrent layers, Attention: a mask of another shape": (
        "ShapeError; Keras broadcasts it where NumPy can, and a mask (batch, 1) counts for every step"
    ),
    "Attention(...)(return_attention_scores=True) in training": (
        "the weights before dropout, as MultiHeadAttention gives them in Keras too; Keras's Attention: after it"
    ),
    "MultiHeadAttention, the argument query_mask": "is used; Keras takes the mask that the query carries in its place",
    "MultiHeadAttention, a step that may attend to nothing": (
        "attends to all equally; in Keras so where no scores are returned, and to nothing where they are"
    ),
    "RMSNormalization(axis=...) of an axis that is not the last": (
        "its scale belongs to that axis; Keras multiplies it along the last, or fails"
    ),
    "LayerNormalization(rms_scaling=True)": "TypeError: RMSNormalization is the layer for it",
    "BatchNormalization(renorm=True), (synchronized=True)": "ValueError: not supported",
    "recurrent layers, unroll=True": (
        "changes nothing; in Keras the output before the first step that counts is then zero in place of the initial "
        "state, and Bidirectional no longer shows zeros where steps are masked"
    ),
    "GRU(use_cudnn=True), LSTM(use_cudnn=True)": "ValueError: there is no GPU; Keras fails when the layer is called",
    "Embedding of numbers that are not whole": "IndexError; Keras cuts them off",
    "pooling by a window that is larger than the input": "ShapeError; Keras gives an output without elements",
    "merging layers, batches of 1 and of n": "the one sample is merged with each of n; Keras raises if both are known",
    "arguments of call that are no tensors": "may be given by position; Keras raises ValueError",
    "the shape that build is given": "has None for the batch, of arrays too; Keras gives the array's batch",
    "Layer.trainable = False": (
        "is asked of the layer: the flag trainable of its variables stays, and with it the order of weights; Keras "
        "sets the flags"
    ),
    "Layer.add_weight(dtype=...)": "float32 or int32; Keras has bool and the others too",
    "Layer.get_config": "an attribute that was set to another value since is told as it is now, whatever its layer",
    "copy.copy of layers, models, metrics": "TypeError; in Keras both share variables and trackers",
    "wrong types of arguments": "ArgumentTypeError, which is a TypeError as well as Keras's ValueError",
    "arguments of older versions": "FutureWarning with the name of today; Keras: UserWarning, or nothing",
    "a layer's call within fit, predict, evaluate": (
        "is traced: its tensors have no numbers, unless run_eagerly=True; in Keras this depends on the backend"
    ),
    "TextVectorization(vocabulary='file')": "TypeError: the words are given as a list",
    "InputLayer(sparse=True), (optional=True)": "ValueError: not supported, and so there are no such attributes",
    "an integer argument": (
        "any integer that can be an index, at once an error where it is a bool, a float or out of range; Keras leaves "
        "it to the backend"
    ),
    "activation='linear' or 'relu' of ops": "other names are an error, for the op computes these two itself",
    "dot_product_attention, query heads no multiple of the key heads": (
        "ShapeError at once; Keras infers a shape for symbolic tensors and fails when numbers come"
    ),
    "layer_normalization(gamma, beta), rms_normalization(scale), of other sizes than the axes'": (
        "ShapeError: they have the sizes of the normalised axes; Keras infers a shape even where none can be broadcast"
    ),
    "layer_normalization(rms_scaling=True)": "unknown: outdated in Keras, and no RMS normalisation, which has its op",
    "one_hot of labels outside 0 .. num_classes - 1": "IndexError; in Keras a row of zeros",
    "one_hot(dtype='bool')": "uint8, as every result of a comparison",
    "normalize(order=...)": "any number of at least 1, inf too; Keras takes whole ones",
    "softmax along an axis of size 1": "a warning, as in Keras, in words of its own",
    "full, arange, linspace, ..._like with an integer dtype": (
        "IndexError for a number that the type does not have; NumPy wraps it round"
    ),
    "RandomNormal(stddev=...), TruncatedNormal(stddev=...), negative": "ValueError",
    "regularizers.OrthogonalRegularizer, wrong mode or rank": "ValueError in words of its own",
    "ranks of a loss or metric given as a function": "aligned for every function, lambda, Loss subclass and Metric "
    "subclass, where Keras aligns for functions given as a loss alone; a function that broadcasts the samples of "
    "targets or predictions along another axis of the other, as (n,) with (n, k, 1), is refused",
    "the loss of many batches, where a mask leaves steps out or the reduction is 'mean_with_sample_weight'": "each "
    "batch counts by what its mean is over, the steps let through or the sum of the weights, so that the loss does not "
    "depend on the batch size; Keras counts it by its samples",
    "masks in metrics": "hold for every metric of Corten; in Keras for those that are means of a function alone",
    "samples without weight in metrics": "do not count whatever they hold, NaN too; in Keras NaN times 0 is NaN",
    "targets that a loss has no meaning for": "are a ValueError in fit, evaluate and their like: below 0 or above 1 "
    "for binary cross-entropies, KL divergence and categorical hinge, below 0 for categorical cross-entropies and "
    "Poisson, outside -1 to 1 for hinges; targets that are masked, have no weight or are made by a step of one's own "
    "are not looked at. In Keras the loss falls without end",
    "top k of equal predictions": "the first k of them, as argmax has it; in Keras all of them, and a dead network is "
    "always right. The same for the one class that F scores without a threshold take of each row",
    "reset_state of a metric": "leaves alone a layer's weight that is an attribute of the metric; Keras sets it to 0",
    "names of the metrics of several outputs": "always begin with the output's name, output_1 where no layer gives one",
    "accuracy of NaN": "0; in Keras NaN counts as class 0, or as below the threshold",
    "sums and counts of metrics": "go on beyond 2^24, where those of Keras stop, by a second variable for each",
    "AUC of predictions outside 0 to 1": "they are told apart; Keras takes them for 0 or 1",
    "R2Score": "its sums are of distances from one of the targets, for squares of large targets cancel",
    "losses.get": "gives a Loss for a name, where Keras gives the function",
    "get_config of losses": "holds all arguments; in Keras some lack their own, as the delta of Huber",
    "beta of FBetaScore": "may be an int, and so may the threshold",
    "SparseCategoricalAccuracy": "labels must have the shape of the predictions without the last axis; Keras reshapes "
    "labels of (2, 1) to predictions of (1, 2, 3)",
    "loss_weights": "are numbers; Keras takes an array with a weight for each sample, too",
    "an output that the model does not have": "is a ValueError in loss, metrics and y; in Keras a KeyError for nested "
    "outputs",
    "the order of metrics of several outputs": "by name, as evaluate gives them in Keras too; within Keras they are in "
    "the order of the outputs until then",
    "dtype of losses and metrics": "float32; Keras takes any, and computes accuracies in int32",
    "norm, std, normalize, clipnorm, unit norms, cosine similarity of numbers whose squares overflow": (
        "right: the norm of [3e30, 4e30] is 5e30; Keras on JAX gives inf, and 0 where it divides by that"
    ),
    "layer, RMS, group and batch normalisation far from zero, or of huge numbers": (
        "right; Keras takes the variance as mean(x^2) - mean(x)^2, which cancels (0.17 off for numbers of 1e4 +- 1e-2)"
    ),
    "silu, gelu, hard_silu of minus infinity, softsign of infinity": "the limits, 0 and +-1; Keras on JAX gives NaN",
    "hard_shrink, soft_shrink, threshold of NaN": "NaN; a comparison drops it in Keras, which gives 0 or default_value",
    "sparsemax of large equal logits, plus infinity or NaN": (
        "[2e7, 2e7] gives halves, where Keras gives inf; with plus infinity or NaN all are NaN, as in softmax"
    ),
    "log2 and log10 of exact powers": "whole numbers, as in C and NumPy; Keras on JAX misses 46 powers of two",
    "RandomContrast(f)": (
        "contrasts from 1 - f to 1 + f, and of (lower, upper) from 1 - lower to 1 + upper, as Keras says; it takes "
        "1 to 1 + f, and the smaller of two numbers for the lower one"
    ),
    "RandomCrop": (
        "each image at a place of its own, and a part of the right size in inference too, as Keras says; it cuts all "
        "images of a batch at one place, and leaves them as they are in inference"
    ),
    "RandomPerspective": (
        "leaves an image as it is whose corners would be seen from behind; Keras then divides by numbers near 0"
    ),
    "RandomSaturation(f), RandomColorDegeneration(f)": (
        "draw from 0 to f, as Keras says; it draws from -f, and what is below 0 leaves gray or is stronger colours. "
        "Colours are not made stronger than full, beyond which Keras has values below the range"
    ),
    "RandomInvert, Solarization, a value_range that does not begin at 0": "low + high - x; Keras: high - x",
    "Solarization, factors (lower, upper)": "both are parts of the range; in Keras the lower one counts in 1/255",
    "MixUp, CutMix: labels": (
        "of CutMix mix by the pixels that were pasted, Keras: by the rectangle's area; numbers of classes are refused, "
        "where Keras mixes the numbers or broadcasts them"
    ),
    "RandAugment": (
        "chooses for each image, and from seven augmentations; in Keras one choice serves the batch, and sharpness, "
        "posterization, automatic contrast and equalization are among them"
    ),
    "augmentation layers: bounding boxes": "refused; images, labels and segmentation masks are taken",
    "ops.image.affine_transform": (
        "c0 and c1 count, one transform may serve a batch, and the result is float32; in Keras the first is so on "
        "TensorFlow alone"
    ),
    "squareplus of large numbers": "right; Keras squares them, and cancels below zero",
}
