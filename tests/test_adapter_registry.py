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


def test_expression_vectors_name_their_face_and_nothing_else_does() -> None:
    faces = {name: one.face for name, one in ADAPTERS.items() if one.kind == "psi"}
    assert set(faces.values()) == {"flame", "open-head"}
    on_head = {name for name, face in faces.items() if face == "open-head"}
    assert on_head == {"live-link-psi", "mediapipe-blendshapes-psi"}
    assert not any(one.face for name, one in ADAPTERS.items() if name not in faces)


def test_programs_that_write_a_folder_for_each_picture_tell_crops_from_images() -> None:
    """For all others a recording is a file or a folder, whatever its pictures were."""
    assert {name for name, one in ADAPTERS.items() if one.find_crops} == {"emoca", "emoca-jaw"}


def test_every_feature_that_the_claims_need_has_an_adapter() -> None:
    needs = {need for cell in book_claims().cells.values() for need in cell.needs}
    data_sets = {need for table in book_claims().tables.values() for need in table.needs}
    assert needs - data_sets - {"affectnet"} <= set(ADAPTERS)


def test_an_unknown_name_lists_the_known_ones() -> None:
    assert adapter("libreface").kind == "action_units"
    with pytest.raises(AdapterError, match="no adapter 'emoka'; there are .*emoca, "):
        adapter("emoka")
