"""Which of ONNX's operators Corten runs, by ONNX's own tests of nodes: ``python scoreboard.py`` writes the table."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

PAGE = Path(__file__).parents[2] / "docs" / "guides" / "onnx_operators.md"

#: Some of the numbers that are expected are themselves no nearer to what they stand for (0 in a spectrum).
ABSOLUTE = 5e-7


@dataclass
class Score:
    """How the tests of one operator went."""

    passed: list[str] = field(default_factory=list)
    #: By test, what was said to be not supported.
    refused: dict[str, str] = field(default_factory=dict)
    #: By test, what was wrong.
    failed: dict[str, str] = field(default_factory=dict)

    @property
    def covered(self) -> bool:
        """Whether tests pass, and all others are refused for what they use."""
        return bool(self.passed) and not self.failed


def cases() -> Iterator[tuple[str, Any]]:
    """The operator of each test, and the test; those of functions and of operators written as others are left out."""
    from onnx.backend.test.loader import load_model_tests

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tests = load_model_tests(kind="node")
    for test in tests:
        if test.model is None:
            test = _from_files(test)
        operators = {node.op_type for node in test.model.graph.node}
        if len(operators) == 1 and "_expanded" not in test.name:
            domain = test.model.graph.node[0].domain
            yield (f"{domain}." if domain else "") + operators.pop(), test


def _from_files(test: Any) -> Any:
    """A test as newer versions of onnx have it, which do not keep tests in files."""
    from onnx import TensorProto, load, numpy_helper

    def arrays(folder: Path, kind: str) -> list[Any]:
        files = [folder / f"{kind}_{place}.pb" for place in range(len(list(folder.glob(f"{kind}_*.pb"))))]
        return [numpy_helper.to_array(TensorProto.FromString(file.read_bytes())) for file in files]

    folder = Path(test.model_dir)
    sets = [(arrays(inner, "input"), arrays(inner, "output")) for inner in sorted(folder.glob("test_data_set_*"))]
    model = load(folder / "model.onnx")
    return SimpleNamespace(name=test.name, model=model, data_sets=sets, rtol=test.rtol, atol=test.atol)


def judge(prepare: Callable[[Any], Any], test: Any, score: Score) -> None:
    """Runs one test."""
    from corten.onnx import UnknownValueError, UnsupportedOperatorError

    try:
        for inputs, wanted in test.data_sets:
            outputs = prepare(test.model).run(list(inputs))
            assert len(outputs) == len(wanted), f"expected {len(wanted)} outputs, got {len(outputs)}"
            for got, expected in zip(outputs, map(np.asarray, wanted)):
                assert (got.dtype, got.shape) == (expected.dtype, expected.shape), f"{got.dtype} {got.shape}"
                np.testing.assert_allclose(got, expected, rtol=test.rtol, atol=max(test.atol, ABSOLUTE))
    except (UnsupportedOperatorError, UnknownValueError) as error:
        score.refused[test.name] = str(error)
    except Exception as error:
        score.failed[test.name] = f"{type(error).__name__}: {error}"
    else:
        score.passed.append(test.name)


def scores(prepare: Callable[[Any], Any] | None = None) -> dict[str, Score]:
    """The score of every operator of which there are tests."""
    from corten.onnx import backend

    board: dict[str, Score] = {}
    for operator, test in cases():
        judge(prepare or backend.prepare, test, board.setdefault(operator, Score()))
    return board


def page(board: dict[str, Score]) -> str:
    """The table as Markdown."""
    import onnx

    from corten.onnx.operators import OPERATORS

    covered = sum(score.covered for score in board.values())
    lines = [
        "# ONNX operators",
        "",
        f"By the tests of nodes that come with onnx {onnx.__version__}: an operator is covered where its tests pass,",
        "but for those that are refused by name, because of types of elements or attributes that Corten does not have.",
        f"Of operators that run and are untested, the tests use nothing else. Floats may be off by {ABSOLUTE:.0e},",
        "or by as much as each test allows.",
        "",
        "`tests/onnx_import/scoreboard.py` writes this page.",
        "",
        f"{covered} operators are covered. What is refused raises `corten.onnx.UnsupportedOperatorError`.",
        "",
        "| operator | | tests that pass | refused |",
        "|---|---|---|---|",
    ]
    for name, score in sorted(board.items()):
        total = len(score.passed) + len(score.refused) + len(score.failed)
        mark = "covered" if score.covered else "untested" if name in OPERATORS and not score.failed else "no"
        lines.append(f"| {name} | {mark} | {len(score.passed)} of {total} | {_reasons(score)} |")
    return "\n".join(lines) + "\n"


def _reasons(score: Score) -> str:
    """In a few words, what was refused."""
    words: dict[str, None] = {}
    for text in score.refused.values():
        if "elements of type" in text:
            words["types of elements"] = None
        elif "only tensors" in text:
            words["sequences"] = None
        elif "1 operators are not supported" in text:
            words["the operator"] = None
        else:
            words[text.partition(": ")[2].partition(" is not supported")[0][:60] or text[:60]] = None
    return "; ".join(words).replace("|", "\\|")


if __name__ == "__main__":
    result = scores()
    PAGE.write_text(page(result), encoding="utf-8")
    print(sum(score.covered for score in result.values()), "operators are covered")
    for operator, score in sorted(result.items()):
        for name, reason in score.failed.items():
            print(operator, name, reason, file=sys.stderr)
