"""Every adapter has an id of its own, and the ids that the claims need are there."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from dfe.claims import book_claims
from dfe.data.adapters import Adapter, AdapterError
from dfe.data.adapters import registry as module
from dfe.data.adapters.registry import ADAPTERS, adapter

FORMATS = [path.stem for path in Path(module.__file__).parent.glob("[a-z]*.py")]


def test_no_two_adapters_share_an_id() -> None:
    assert len(ADAPTERS) == len(module._ALL)
    assert all(name == one.name for name, one in ADAPTERS.items())


@pytest.mark.parametrize("name", FORMATS)
def test_each_adapter_of_a_format_is_listed(name: str) -> None:
    made = vars(importlib.import_module(f"dfe.data.adapters.{name}")).values()
    assert all(one in ADAPTERS.values() for one in made if isinstance(one, Adapter))


def test_every_feature_that_the_claims_need_has_an_adapter() -> None:
    needs = {need for cell in book_claims().cells.values() for need in cell.needs}
    data_sets = {need for table in book_claims().tables.values() for need in table.needs}
    assert needs - data_sets - {"affectnet"} <= set(ADAPTERS)


def test_an_unknown_name_lists_the_known_ones() -> None:
    assert adapter("libreface").kind == "action_units"
    with pytest.raises(AdapterError, match="no adapter 'emoka'; there are .*emoca, "):
        adapter("emoka")
