"""Which Keras wrote a configuration, and what its values mean: dtypes, activations, initializers, regularizers."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from ..errors import CorruptFileError, UnsafeFileError

__all__ = ["Origin", "layer_name", "plain"]

#: 0.2 x + 0.5 between 0 and 1; Keras 3's hard_sigmoid is x / 6 + 0.5.
HARD_SIGMOID = {
    "module": "corten",
    "class_name": "function",
    "config": "keras2_hard_sigmoid",
    "registered_name": "corten>keras2_hard_sigmoid",
}  # fmt: skip

# Those that mean the same in every Keras that has them; hard_sigmoid does not.
_ACTIVATIONS = {
    "elu", "exponential", "gelu", "leaky_relu", "linear", "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid",
    "silu", "softmax", "softplus", "softsign", "swish", "tanh",
}  # fmt: skip
_ACTIVATION_LAYERS = {"ELU", "LeakyReLU", "PReLU", "ReLU", "Softmax", "ThresholdedReLU"}
_INITIALIZERS = {
    "Constant", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Identity", "LecunNormal", "LecunUniform",
    "Ones", "Orthogonal", "RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling", "Zeros",
}  # fmt: skip
_INITIALIZER_ALIASES = {"one": "Ones", "zero": "Zeros", "normal": "RandomNormal", "uniform": "RandomUniform"}
_REGULARIZERS = {"L1": "L1", "L2": "L2", "L1L2": "L1L2", "OrthogonalRegularizer": "OrthogonalRegularizer"}
_CONSTRAINTS = {"MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm"}
_DTYPES = {"float32", "float64", "float16", "bfloat16", "bool", "string"} | {
    f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)
}
_OF_KERAS = re.compile(r"(tf_)?keras($|\.)|tensorflow\.(python\.)?keras($|\.)|builtins$")


@dataclass(frozen=True)
class Origin:
    """The Keras that wrote a file, the names that the reader knows besides, and the translation of what is nested."""

    text: str
    custom: Collection[str]
    nested: Callable[[Any, Origin], dict[str, Any]]

    @property
    def version(self) -> tuple[int, ...]:
        """The numbers of the version: 2, 2, 4 of ``2.2.4-tf``."""
        return tuple(int(number) for number in re.findall(r"\d+", self.text.partition("-")[0])[:3])

    @property
    def tensorflow(self) -> bool:
        """Whether it is the Keras within TensorFlow 2, or tf-keras: not the one with several backends."""
        return self.version >= (2, 4) or (self.text.endswith("-tf") and self.version >= (2, 3))

    @property
    def several_backends(self) -> bool:
        """Whether it is the Keras on TensorFlow, Theano or CNTK, before it became TensorFlow's own."""
        return self.version < (2, 4) and not self.text.endswith("-tf")

    def is_custom(self, entry: dict[str, Any]) -> bool:
        """Whether the class is one that the reader registered; refuses one that is neither that nor Keras's."""
        name, registered = entry["class_name"], entry.get("registered_name")
        if name in self.custom or (isinstance(registered, str) and registered in self.custom):
            return True
        module = entry.get("module")
        foreign = isinstance(module, str) and not _OF_KERAS.match(module)
        if ">" in name or (isinstance(registered, str) and ">" in registered) or foreign:
            label = registered if isinstance(registered, str) else name
            raise ValueError(f"class {label} is not Keras's own, and nothing is registered by that name")
        return False

    def value(self, key: str, value: Any, where: str) -> Any:
        """A value of a configuration in Keras 3's form; what it is, is told by its name."""
        if key == "dtype":
            return self.dtype(value, where)
        if key == "activation" or key.endswith("_activation"):
            return self.activation(value, where)
        for ending, translate in (
            ("_initializer", self.initializer),
            ("_regularizer", self.regularizer),
            ("_constraint", self.constraint),
        ):
            if key.endswith(ending):
                return translate(value, f"{where}, {key}")
        return plain(value)

    def dtype(self, value: Any, where: str) -> str | None:
        """The name of a dtype or of the policy that stands for it; what mixes two is refused."""
        if isinstance(value, dict):
            value = _mapping(value.get("config"), where).get("name")
        if value in (None, "_infer", "infer"):
            return None
        if value not in _DTYPES:
            raise ValueError(f"{where}: expected a single dtype such as float32, got the policy {value!r}")
        return str(value)

    def activation(self, value: Any, where: str) -> Any:
        """The name of an activation; Keras 2's hard_sigmoid by a name of its own; or a layer in place of one."""
        if isinstance(value, dict) and value.get("class_name") in _ACTIVATION_LAYERS:
            return self.nested(value, self)
        name = value
        if isinstance(value, dict):
            registered = value.get("registered_name")
            name = value.get("config") if value.get("class_name") == "function" else value.get("class_name")
            if registered in self.custom:
                return value
        if name is None:
            return "linear"
        if name == "hard_sigmoid":
            return dict(HARD_SIGMOID) if self.version < (3,) else name
        if name == "softmax_v2":
            return "softmax"
        if isinstance(name, str) and (name in _ACTIVATIONS or name in self.custom or self.version >= (3,)):
            return name
        raise ValueError(f"{where}: activation {name!r} is not known")

    def initializer(self, value: Any, where: str) -> Any:
        """An initializer: by name, or with its configuration."""
        if value is None:
            return None
        name, config = _named(value, where)
        name = name.removesuffix("V1").removesuffix("V2").removesuffix("Initializer")
        name = _INITIALIZER_ALIASES.get(name, name if name[:1].isupper() else _camel(name))
        if name not in _INITIALIZERS:
            return self._custom("initializers", value, where)
        config = {key: plain(item) for key, item in config.items() if key not in ("dtype", "partition_info")}
        return _object("initializers", name, config)

    def regularizer(self, value: Any, where: str) -> Any:
        """A regularizer: by name, or with its configuration."""
        if value is None:
            return None
        name, config = _named(value, where)
        camel = {"l1": "L1", "l2": "L2", "l1_l2": "L1L2", "L1L2Regularizer": "L1L2", "WeightRegularizer": "L1L2"}
        name = camel.get(name, name)
        if name not in _REGULARIZERS:
            return self._custom("regularizers", value, where)
        config = {key: float(item) if key in ("l1", "l2") else item for key, item in plain(config).items()}
        return _object("regularizers", name, config)

    def constraint(self, value: Any, where: str) -> Any:
        """A constraint: by name, or with its configuration."""
        if value is None:
            return None
        name, config = _named(value, where)
        camel = {"maxnorm": "MaxNorm", "nonneg": "NonNeg", "unitnorm": "UnitNorm"}
        name = camel.get(name, name if name[:1].isupper() else _camel(name))
        if name not in _CONSTRAINTS:
            return self._custom("constraints", value, where)
        renamed = {"m": "max_value", "low": "min_value", "high": "max_value"}
        return _object("constraints", name, {renamed.get(key, key): plain(item) for key, item in config.items()})

    def _custom(self, kind: str, value: Any, where: str) -> Any:
        name = value.get("class_name", value.get("name")) if isinstance(value, dict) else value
        registered = value.get("registered_name") if isinstance(value, dict) else None
        if name in self.custom or registered in self.custom:
            return value
        raise ValueError(f"{where}: {name!r} is not among Keras's {kind}")


def plain(value: Any) -> Any:
    """A value without the marks that JSON writers of Keras 2 put on arrays, shapes and tuples."""
    if isinstance(value, dict):
        if value.keys() == {"type", "value"}:
            return plain(value["value"])
        if value.get("class_name") in ("TensorShape", "__tuple__") and "items" in value:
            return plain(value["items"])
        if value.get("class_name") == "__lambda__":
            raise UnsafeFileError("a lambda in a file is code, and is not run")
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def layer_name(name: Any) -> str:
    """The name of a layer in Keras 3, where it has no slash in it."""
    if not isinstance(name, str) or not name:
        raise CorruptFileError(f"model configuration: expected the name of a layer, got {name!r}")
    return name.replace("/", "_")


def _named(value: Any, where: str) -> tuple[str, dict[str, Any]]:
    """Name and configuration of an object, in any of the forms: a name, Keras 2's dict, Keras 1's flat one."""
    if isinstance(value, str):
        return value, {}
    if isinstance(value, dict) and isinstance(value.get("class_name"), str):
        return value["class_name"], _mapping(value.get("config") or {}, where)
    if isinstance(value, dict) and isinstance(value.get("name"), str):
        return value["name"], {key: item for key, item in value.items() if key != "name"}
    raise CorruptFileError(f"{where}: expected a name or an object with class_name and config, got {str(value)[:80]!r}")


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise CorruptFileError(f"{where}: expected a configuration, got {str(value)[:80]!r}")
    return value


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _object(kind: str, name: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"module": f"keras.{kind}", "class_name": name, "config": config, "registered_name": None}
