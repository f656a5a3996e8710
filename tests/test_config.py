"""Settings of the environment and of ``corten.config``: right ones are obeyed, wrong ones are not passed over."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import corten
from contracts.subprocesses import finish, output, start
from corten import _core

#: What is said of a setting when it is first needed, by each of the ways in which that can be. The environment is read
#: again until it is right, so one process can try many values.
FIRST_USES = """
import json, os, sys
import numpy as np, corten
uses = {
    "op": lambda: corten.ops.exp([1.0]),
    "long op": lambda: corten.ops.matmul(np.ones((200, 200)), np.ones((200, 200))),
    "graph": lambda: corten.layers.Dense(1)(np.ones((2, 3), np.float32)),
    "random": lambda: corten.random.normal((2,), seed=1),
    "num_threads": corten.config.num_threads,
    "cpu_info": corten.config.cpu_info,
}
said = {}
for value in VALUES:
    os.environ["NAME"] = value
    for name, use in uses.items():
        try: use()
        except Exception as error: said.setdefault(value, []).append(f"{type(error).__name__}: {error}")
print(json.dumps(said))
"""


def said(name: str, values: list[str]) -> dict[str, list[str]]:
    program = FIRST_USES.replace("NAME", name).replace("VALUES", repr(values))
    found: dict[str, list[str]] = json.loads(output(program, CORTEN_NUM_THREADS="", CORTEN_ISA=""))
    return found


def test_a_wrong_number_of_threads_is_an_error_wherever_it_is_first_needed() -> None:
    wrong = ["two", "0", "-1", "1025", "3000", "4,2", "2.0", "1e3", "99999999999999999999999"]
    errors = said("CORTEN_NUM_THREADS", [*wrong, "", " 2 "])
    for value in wrong:
        expected = f'ValueError: CORTEN_NUM_THREADS: expected an integer from 1 to 1024, got "{value}"'
        assert errors.pop(value) == [expected] * 6
    assert not errors


def test_an_unknown_instruction_set_is_an_error_that_names_those_there_are() -> None:
    wrong = ["quantum", "avx", "scalar,avx2", "0"]
    errors = said("CORTEN_ISA", [*wrong, " "])
    for value in wrong:
        expected = (
            f"ValueError: CORTEN_ISA: expected an instruction set that this machine has ({', '.join(_core.isas())}), "
            f'got "{value}"'
        )
        assert errors.pop(value) == [expected] * 6
    assert not errors


def test_instruction_sets_are_named_in_any_case() -> None:
    for isa, write in zip(_core.isas(), (str.upper, str.title, "  {}\t".format)):
        assert output("import corten; print(corten._core.isa())", CORTEN_ISA=write(isa)).strip() == isa


def test_variables_of_other_libraries_count_where_they_can_be_used() -> None:
    cases = [
        ({"OMP_NUM_THREADS": "4,2"}, 4),
        ({"OMP_NUM_THREADS": " 5 "}, 5),
        ({"RAYON_NUM_THREADS": "6", "OMP_NUM_THREADS": "4"}, 6),
        ({"RAYON_NUM_THREADS": "none", "OMP_NUM_THREADS": "7"}, 7),
        *(({"RAYON_NUM_THREADS": wrong, "OMP_NUM_THREADS": wrong}, 0) for wrong in ("0", "-1", "3000", "$N", ",,")),
    ]
    program = f"""
    import os, corten
    for variables, _ in {cases}:
        for name in ("RAYON_NUM_THREADS", "OMP_NUM_THREADS"): os.environ.pop(name, None)
        os.environ.update(variables)
        corten.config.set_num_threads(0)
        print(corten.config.num_threads())
    """
    found = [int(line) for line in output(program, CORTEN_NUM_THREADS="").split()]
    machine = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for (variables, threads), got in zip(cases, found, strict=True):
        assert got == threads if threads else got <= machine, variables


def test_a_wrong_setting_can_be_mended_or_overruled_in_the_program() -> None:
    program = """
    import os, corten
    try: corten.ops.exp([1.0])
    except ValueError: pass
    corten.config.set_num_threads(3)
    print(corten.config.num_threads(), corten.ops.exp([0.0])[0])
    corten.config.set_num_threads(0)
    try: corten.ops.exp([1.0])
    except ValueError: print("again")
    os.environ["CORTEN_NUM_THREADS"] = "2"
    print(corten.config.num_threads(), corten.ops.exp([0.0])[0])
    """
    assert output(program, CORTEN_NUM_THREADS="two").split() == ["3", "1.0", "again", "2", "1.0"]


def test_a_misspelt_variable_is_told() -> None:
    code, _, err = finish(start("import corten", CORTEN_THREADS="4", CORTEN_DATA="", CORTEN_ISA="scalar"))
    assert code == 0
    assert (
        "CORTEN_THREADS is unknown and has no effect; Corten reads CORTEN_DATA, CORTEN_ISA, CORTEN_NUM_THREADS" in err
    )
    assert finish(start("import corten", CORTEN_DATA="", CORTEN_ISA="scalar"))[2] == ""


def test_a_data_folder_that_is_none_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CORTEN_DATA", str(tmp_path / "nowhere"))
    with (
        pytest.warns(UserWarning, match="CORTEN_DATA is not a folder: .*nowhere"),
        pytest.raises(OSError, match="nowhere"),
    ):
        corten.datasets.shakespeare.load_data()


@pytest.mark.parametrize(
    ("threads", "error"),
    [(-1, ValueError), (1025, ValueError), (2**70, ValueError), (True, TypeError), (2.0, TypeError), ("2", TypeError)],
)
def test_a_number_of_threads_that_cannot_be(threads: Any, error: type[Exception]) -> None:
    before = corten.config.num_threads()
    with pytest.raises(error, match="set_num_threads: threads: expected an int"):
        corten.config.set_num_threads(threads)
    assert corten.config.num_threads() == before
    corten.config.set_num_threads(np.int32(2))
    assert corten.config.num_threads() == 2
    corten.config.set_num_threads(0)
