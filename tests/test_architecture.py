"""Imports go one way, models -> layers, losses, optimizers -> ops -> graph -> _core, and start nothing."""

from __future__ import annotations

import ast
import importlib.util
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

# Found, not imported: what is read here may be what keeps the package from being imported.
SPEC = importlib.util.find_spec("corten")
assert SPEC is not None and SPEC.origin is not None, "corten is not installed"
PACKAGE = Path(SPEC.origin).parent

# A module may import from modules below its own, and from its own. A new module is put here, by decision.
LEVELS = [
    {"_core", "errors"},
    {"keywords", "serialization"},
    {"configured", "lookup"},
    {"arguments"},
    {"config", "graph"},
    {"ops"},
    {"random"},
    {"activations", "constraints", "initializers", "regularizers", "datasets"},
    {"layers", "losses", "optimizers"},
    {"metrics"},
    {"callbacks"},
    {"training"},
    {"saving"},
    {"export"},
    {"models"},
    {"explain", "onnx", "sklearn"},
    {"wrappers"},
    {"typing", "utils"},
    {"backend"},
    {"cli"},
    {"__main__"},
]
LEVEL = {module: level for level, modules in enumerate(LEVELS) for module in modules}

# Imported where they are used, never with Corten.
HEAVY = {
    "h5py",
    "keras",
    "matplotlib",
    "multiprocessing",
    "onnx",
    "pandas",
    "PIL",
    "safetensors",
    "scipy",
    "sklearn",
    "torch",
}
# Of the standard library, what only files, a terminal or a download needs.
SLOW = {"csv", "hashlib", "json", "pathlib", "random", "secrets", "shutil", "string", "tempfile", "urllib"}

MODULES = sorted(path for path in PACKAGE.rglob("*.py") if path.name != "__init__.py" or path.parent != PACKAGE)


def module_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(
    tree: ast.AST, package: list[str], at_import: bool = True, types: bool = False
) -> Iterator[tuple[str, bool]]:
    """Every imported name with dots, and whether it is imported when the module is; on demand those for types too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) and not types:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name, at_import) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) + 1 - node.level] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((f"{module}.{alias.name}", at_import) for alias in node.names)
        inside = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from imports(node, package, at_import and not inside, types)


def imported_by(path: Path, types: bool = False) -> list[tuple[str, bool]]:
    package = ["corten", *path.relative_to(PACKAGE).parent.parts]
    return list(imports(ast.parse(path.read_text(encoding="utf-8")), package, types=types))


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_go_down_and_never_sideways(path: Path) -> None:
    own = module_of(path)
    assert own in LEVEL, f"say in LEVELS on which level the module {own!r} is"
    for name, _ in imported_by(path):
        parts = name.split(".")
        if parts[0] != "corten" or parts[1:2] == ["__version__"]:
            continue
        other = parts[1] if len(parts) > 1 else ""
        if other == own:
            continue
        assert other in LEVEL, f"{path.name} imports {name}: import from the module that defines it"
        assert LEVEL[other] < LEVEL[own], f"{path.name} imports {name}: {own} stands on level {LEVEL[own]}"


def test_no_files_import_one_another_in_a_circle() -> None:
    """Neither when they are imported, nor in a function, nor for a type."""
    names = {".".join(["corten", *path.relative_to(PACKAGE).with_suffix("").parts]): path for path in MODULES}
    names = {name.removesuffix(".__init__"): path for name, path in names.items()}
    used = {name: {other for other, _ in imported_by(path, types=True)} for name, path in names.items()}
    # What a package hands on is its module's that defines it.
    handed = {f"{package}.{name.rpartition('.')[2]}": name for package in names for name in used[package]}
    edges = {}
    for module in names:
        others = {handed.get(name, name) for name in used[module]}
        edges[module] = {name if name in names else name.rpartition(".")[0] for name in others} - {module}
    while ends := {module for module, others in edges.items() if not others & set(edges)}:
        edges = {module: others for module, others in edges.items() if module not in ends}
    while starts := set(edges) - {other for others in edges.values() for other in others}:
        edges = {module: others for module, others in edges.items() if module not in starts}
    assert not edges, f"files in a circle: { ({m: sorted(o & set(edges)) for m, o in edges.items()}) }"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_nothing_heavy_is_imported_with_a_module(path: Path) -> None:
    # These are themselves imported where they are used: their classes derive from scikit-learn's.
    allowed = {"sklearn", "scipy"} if module_of(path) in ("sklearn", "wrappers") else set()
    heavy = {name for name, at_import in imported_by(path) if at_import and name.split(".")[0] in HEAVY - allowed}
    assert not heavy


def test_layers_never_touch_numpy_to_compute() -> None:
    """A layer is composed of ops; NumPy serves only to look at shapes and to hold arrays that were given."""
    banned = {"dot", "matmul", "einsum", "tensordot", "exp", "log", "maximum", "tanh", "sum", "mean"}
    found = [
        f"{path.name}:{node.lineno}: np.{node.attr}"
        for path in MODULES
        if module_of(path) == "layers"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "np" and node.attr in banned
    ]
    assert not found


def test_importing_starts_nothing_and_loads_little() -> None:
    program = f"""
import sys, threading
import numpy
before = set(sys.modules)
import corten
loaded = {{name.split(".")[0] for name in set(sys.modules) - before}}
print(sorted(loaded & {HEAVY | SLOW!r}), threading.active_count())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["[]", "1"]


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts native threads as Linux shows them")
def test_importing_builds_no_thread_pool() -> None:
    program = (
        "import os, numpy; n = len(os.listdir('/proc/self/task')); import corten, corten._core; "
        "print(len(os.listdir('/proc/self/task')) - n)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "0"


def test_the_wheel_stays_small() -> None:
    """Under 8 MB: a wheel is these files, each compressed as here."""
    files = [path for path in PACKAGE.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert sum(len(zlib.compress(path.read_bytes())) for path in files) < 8e6
