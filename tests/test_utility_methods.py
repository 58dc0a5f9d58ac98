"""Methods: what they refuse, and that they are compared on the same clips only."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from dfe.utility import Method, UtilityError, check_same_ids


def method(ids: list[str], name: str = "rival") -> Method:
    return Method(name, np.zeros((len(ids), 2)), np.array(ids))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"features": np.zeros(3)}, r"tokens: features must be real numbers.*float64 \(3,\)"),
        ({"features": np.zeros((3, 0))}, r"N, D > 0"),
        ({"features": np.zeros((3, 2), complex)}, "complex128"),
        ({"features": np.array([["a"], ["b"], ["c"]])}, "real numbers"),
        ({"features": np.zeros((2, 2))}, r"ids must be str \(2,\)"),
        ({"ids": np.array([1, 2, 3])}, "int64"),
        ({"ids": np.array(["a", "b", "a"])}, "clip a comes twice"),
        ({"features": np.array([[0, 1], [0, np.nan], [0, 0]])}, "feature 1 of clip b is nan"),
        ({"features": np.array([[0], [0], [-np.inf]])}, "feature 0 of clip c is -inf"),
    ],
)
def test_a_method_refuses(change: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {"features": np.zeros((3, 2)), "ids": np.array(["a", "b", "c"])}
    assert len(Method("tokens", **good)) == 3
    with pytest.raises(UtilityError, match=message):
        Method("tokens", **(good | change))


@pytest.mark.parametrize("dtype", [bool, np.int64, np.float32])
def test_features_may_be_codes(dtype: type) -> None:
    assert len(Method("tokens", np.ones((2, 3), dtype), np.array(["a", "b"]))) == 2


def test_equal_ids_pass() -> None:
    check_same_ids([method(["a", "b"]), method(["a", "b"]), method(["a", "b"])])
    check_same_ids([method(["a"])])
    check_same_ids([])


@pytest.mark.parametrize(
    ("first", "other", "message"),
    [
        (["a", "b"], ["a"], r"^rival, compared with tokens, lacks 1 clips \(b\)\. "),
        (["a"], ["a", "b"], r"^rival, compared with tokens, has too many: 1 clips \(b\)\. "),
        (["a", "b"], ["a", "c"], r"lacks 1 clips \(b\) and has too many: 1 clips \(c\)\."),
        (["a"], list("abcdef"), r"too many: 5 clips \(b, c, d, e, f\)\."),
        (["a"], list("abcdefg"), r"too many: 6 clips \(b, c, d, e, f and 1 more\)"),
        (["a"], list("abcdefgh"), r"too many: 7 clips \(b, c, d, e, f and 2 more\)"),
        (list("abcdefgh"), ["a"], r"lacks 7 clips \(b, c, d, e, f and 2 more\)"),
        (["a", "b", "c"], ["a", "c", "b"], "of tokens in another order: row 1 is c, not b"),
    ],
)
def test_other_ids_are_listed(first: list[str], other: list[str], message: str) -> None:
    tokens, same, rival = method(first, "tokens"), method(first, "same"), method(other)
    for methods in ([tokens, rival], [tokens, same, rival], [tokens, rival, same]):
        with pytest.raises(UtilityError, match=message):
            check_same_ids(methods)
