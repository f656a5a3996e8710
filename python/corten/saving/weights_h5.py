"""Variables in HDF5, as Keras 3 lays them out: ``layers/dense/vars/0``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import numpy as np

from corten.errors import CorruptFileError
from corten.graph import Array, Variable, assign
from corten.saving.hdf5_closed import Group, has_attribute, read_dataset, shape_and_dtype
from corten.saving.stored import Stored, Window, read_into, window_of, write_from

__all__ = [
    "create_hdf5",
    "import_h5py",
    "is_legacy",
    "matching_variables",
    "read_variables",
    "stored_arrays",
    "write_variables",
]


def import_h5py(what: str) -> Any:
    """The module h5py.

    Raises:
        ImportError: it is not installed; the message names the extra.
    """
    try:
        import h5py
    except ImportError as error:
        raise ImportError(
            f"{what} needs the package h5py: pip install corten[h5]; files that end in .safetensors need nothing"
        ) from error
    return h5py


class _Watched:
    """A file that remembers why it could not be written: libhdf5 forgets it, or does not say so."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.failure: OSError | None = None

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._file, name)

        def watched(*args: Any) -> Any:
            try:
                return method(*args)
            except OSError as error:
                self.failure = self.failure or error
                raise

        return watched


@contextmanager
def create_hdf5(file: BinaryIO, what: str = "an HDF5 file") -> Iterator[Any]:
    """The root of a new HDF5 file.

    Raises:
        ImportError: h5py is not installed.
        OSError: the file cannot be written.
    """
    h5py, watched = import_h5py(what), _Watched(file)
    try:
        with h5py.File(watched, "w") as root:
            yield root
    except Exception as error:
        if watched.failure is not None and watched.failure is not error:
            raise watched.failure from error
        raise
    if watched.failure is not None:
        raise watched.failure


def write_variables(file: BinaryIO, places: Mapping[str, Sequence[Variable]], names: Mapping[str, str]) -> None:
    """Writes an HDF5 file of the variables at each path.

    Args:
        names: of the parts, by path; Keras writes them and reads them not.
    """
    written: list[tuple[Variable, int]] = []
    with create_hdf5(file) as root:
        for path, variables in places.items():
            group = root.create_group(f"{path}/vars" if path else "vars")
            if path in names:
                group.attrs["name"] = names[path]
            for index, variable in enumerate(variables):
                offset = _reserve(group, str(index), variable)
                if offset is not None:
                    written.append((variable, offset))
    write_from(file, [variable for variable, _ in written], [offset for _, offset in written])


def _reserve(group: Any, name: str, variable: Variable) -> int | None:
    """Makes a dataset without its numbers; gives where in the file they belong, None where there are none."""
    from h5py import h5d, h5p, h5s, h5t

    creation = h5p.create(h5p.DATASET_CREATE)
    creation.set_layout(h5d.CONTIGUOUS)
    creation.set_alloc_time(h5d.ALLOC_TIME_EARLY)
    creation.set_fill_time(h5d.FILL_TIME_NEVER)
    kind = h5t.STD_I32LE if variable.dtype == "int32" else h5t.IEEE_F32LE
    space = h5s.create_simple(variable.shape) if variable.shape else h5s.create(h5s.SCALAR)
    offset = h5d.create(group.id, name.encode(), kind, space, creation).get_offset()
    return None if offset is None else int(offset)


def stored_arrays(root: Group, path: str) -> Group | None:
    """The group that holds the arrays of the part at ``path``."""
    return root.find(f"{path}/vars" if path else "vars")


def is_legacy(root: Group) -> bool:
    """Whether the file is laid out as Keras 2 did, by the names of layers."""
    names = has_attribute(root, "layer_names") or has_attribute(root, "layer_names0")
    return names or "model_weights" in root.groups


def read_variables(
    root: Group, places: Mapping[str, Sequence[Variable]], skip: Callable[[str], bool]
) -> list[tuple[Variable, str, Group]]:
    """Where each variable's array is: the group and the name in it; nothing is read before all are compared.

    Args:
        skip: says of a path in the file whether it is left out.

    Raises:
        CorruptFileError: an array is missing, has another shape, or there are more of them than variables.
    """
    pairs: list[tuple[Variable, str, Group]] = []
    for path, variables in places.items():
        group = stored_arrays(root, path)
        count = 0 if group is None else len(group.datasets)
        if count != len(variables):
            raise CorruptFileError(
                f"{root.where(path)}: expected {len(variables)} arrays, got {count}; is it a file of another model?"
            )
        for index, variable in enumerate(variables if group is not None else ()):
            assert group is not None
            shape, _ = shape_and_dtype(group, str(index))
            if shape != variable.shape:
                raise CorruptFileError(
                    f"{group.where(str(index))}: {variable.path!r}: expected shape {variable.shape}, got {shape}"
                )
            pairs.append((variable, str(index), group))
    unknown = [path for path in _stored_paths(root) if path not in places and not skip(path)]
    if unknown:
        raise CorruptFileError(f"{root.where(unknown[0])}: the model has no part at this place")
    return pairs


def matching_variables(root: Group, path: str, variables: Sequence[Variable]) -> list[tuple[Variable, str, Group]]:
    """Of the variables of one part those whose arrays are there and have their shapes."""
    group = stored_arrays(root, path)
    return [
        (variable, str(index), group)
        for index, variable in enumerate(variables)
        if group is not None
        and str(index) in group.datasets
        and shape_and_dtype(group, str(index))[0] == variable.shape
    ]


def _stored_paths(root: Group) -> list[str]:
    """The paths at which there are arrays."""
    paths = {path.rpartition("/")[0] for path, _, _ in root.walk()}
    return sorted(path.removesuffix("/vars") if path != "vars" else "" for path in paths)


def read_pair(variable: Variable, name: str, group: Group) -> Any:
    """The array of one variable, in its dtype."""
    array = read_dataset(group, name, variable.shape)
    kind = "iu" if variable.dtype == "int32" else "fiu"
    if array.dtype.kind not in kind:
        raise CorruptFileError(f"{group.where(name)}: expected {variable.dtype}, got {array.dtype}")
    converted = array.astype(variable.dtype, copy=False)
    if variable.dtype == "int32" and not np.array_equal(converted, array):
        raise CorruptFileError(f"{group.where(name)}: numbers beyond int32")
    return converted


class StoredDatasets(Stored):
    """The arrays of one part, in their order.

    Args:
        root: of the file.
        path: of the part.
        stream: what ``root`` was opened from.
    """

    def __init__(self, root: Group, path: str, stream: Any) -> None:
        group = stored_arrays(root, path)
        self._places = [] if group is None else [(group, str(index)) for index in range(len(group.datasets))]
        self._stream = stream
        self.shapes = [shape_and_dtype(group, name)[0] for group, name in self._places]

    def arrays(self) -> list[Array]:
        return [read_dataset(group, name) for group, name in self._places]

    def into(self, variables: Sequence[Variable]) -> None:
        read_pairs([(v, name, group) for v, (group, name) in zip(variables, self._places, strict=True)], self._stream)


def assign_pairs(pairs: Sequence[tuple[Variable, str, Group]]) -> None:
    """Reads the arrays into the variables: all of them or none."""
    assign([variable for variable, _, _ in pairs], [read_pair(*pair) for pair in pairs])


def read_pairs(pairs: Sequence[tuple[Variable, str, Group]], stream: Any) -> None:
    """Reads the arrays into the variables one after the other; those that lie in the file as variables do, without an
    array between. After an error some have theirs.
    """
    window = window_of(stream)
    direct: list[tuple[Variable, int]] = []
    for variable, name, group in pairs:
        offset = None if window is None else _offset(variable, name, group, window)
        if offset is None:
            assign([variable], [read_pair(variable, name, group)])
        else:
            direct.append((variable, offset))
    if window is not None:
        read_into(window.file, [variable for variable, _ in direct], [offset for _, offset in direct])


def _offset(variable: Variable, name: str, group: Group, window: Window) -> int | None:
    """Where in the real file the numbers are, if they are what a variable holds, whole and in one piece."""
    from h5py import h5d

    dataset = group.datasets[name]
    creation = dataset.id.get_create_plist()
    plain = creation.get_layout() == h5d.CONTIGUOUS and dataset.dtype.str == np.dtype(variable.dtype).str
    offset = dataset.id.get_offset() if plain and not dataset.file.userblock_size else None
    if offset is None or offset + 4 * variable.size > window.size:
        return None
    return int(window.begin + offset)
