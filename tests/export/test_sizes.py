"""Sizes that differ from trace to trace, and what stands for open ones."""

from __future__ import annotations

import itertools

import pytest

import corten
from corten.export.sizes import affine, among, product, size_of
from corten.export.trials import FAMILIES, filled, namings, open_names, samples_of


def test_a_size_is_a_number_where_all_traces_agree() -> None:
    assert size_of([3, 3, 3]) == 3 and size_of([3, 4, 3]) == (3, 4, 3)
    assert product([2, (3, 4), (5, 6)]) == (30, 48) and product([]) == 1


@pytest.mark.parametrize(("factor", "offset", "divisor"), [(1, 0, 1), (3, -2, 1), (2, 1, 1), (1, -1, 2), (1, 3, 4)])
def test_arithmetic_is_found_again(factor: int, offset: int, divisor: int) -> None:
    known = (97, 129, 113, 153)
    wanted = tuple((factor * size + offset) / divisor for size in known)
    assert all(size == int(size) for size in wanted)
    assert affine(tuple(map(int, wanted)), known) == (factor, offset, divisor)


def test_what_is_no_arithmetic_is_not_found() -> None:
    known = (97, 128, 111, 150)
    for wanted in (tuple(size // 2 for size in known), tuple(-(-size // 2) for size in known), (50, 50, 51, 50)):
        assert affine(wanted, known) is None
        assert not list(among(wanted, [known, (6, 9, 11, 16)]))


@pytest.mark.parametrize("family", FAMILIES)
def test_no_open_size_can_be_taken_for_another(family: int) -> None:
    names = ["batch", *(f"size_{place}" for place in range(6))]
    samples = samples_of(names, family)
    assert len({tuple(sizes) for sizes in samples.values()}) == len(names)
    assert min(map(min, samples.values())) > 1
    for a, b in itertools.permutations(samples.values(), 2):
        found = affine(tuple(a), tuple(b))
        assert found is None


def test_open_sizes_have_names_of_their_own_before_they_share_one() -> None:
    image, tokens = corten.Input((None, 8, 3)), corten.Input((None,))
    ways = list(namings([image, tokens], ["image", "tokens"]))
    assert ways[0] == [["batch", "image_height", 8, 3], ["batch", "tokens_time"]]
    assert ways[1] == [["batch", "image_height", 8, 3], ["batch", "image_height"]]
    assert open_names(ways[0]) == ["batch", "image_height", "tokens_time"]
    assert filled(ways[1], {"batch": 2, "image_height": 5}) == [[2, 5, 8, 3], [2, 5]]


def test_one_open_size_is_named_by_what_it_is() -> None:
    (way,) = namings([corten.Input((None, 4))], ["x"])
    assert way == [["batch", "time", 4]]
    assert next(namings([corten.Input((None, None, 3))], ["x"])) == [["batch", "height", "width", 3]]
