"""What is measured of a run: each measure as its own function gives it, and text over seeds."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import numpy as np
import pandas as pd
import pytest
import torch

from dfe.ablations import (
    clip_leakage,
    code_measures,
    face_mirror,
    leakage_table,
    over_seeds,
    subject_leakage,
    template_measures,
)
from dfe.config import ModelConfig
from dfe.data.table import FeatureTable, Metadata, Source
from dfe.face import FaceModel, OpenHead
from dfe.metrics import asymmetry, average_nmi, explained_variance, pair_similarity, presence
from dfe.model import DFE

PSI = np.random.default_rng(0).normal(size=(60, 50)).astype(np.float32)


@pytest.fixture(scope="module")
def model() -> DFE:
    torch.manual_seed(0)
    return DFE(ModelConfig(layers=1, width=16, feedforward=16, codebook_size=8, stages=2)).eval()


def table(clips: int, subjects: int, datasets: int = 1, frames: int = 6) -> FeatureTable:
    """Frames of clips that take turns between subjects and data sets."""
    n = clips * frames
    clip = np.repeat(np.arange(clips), frames)
    names = [f"set-{i}" for i in range(datasets)]
    sha = "0" * 64
    sources = tuple(
        Source(manifest=n, extractor="x", extractor_version="1", inputs_sha256=sha) for n in names
    )
    return FeatureTable(
        dataset=np.array(names)[clip % datasets],
        clip=(clip // datasets).astype(str),
        subject=np.array([f"s{i}" for i in clip // datasets % subjects]),
        frame=np.tile(np.arange(frames), clips),
        timestamp=np.zeros(n),
        psi=np.zeros((n, 50), np.float32),
        scores=None,
        landmarks=None,
        metadata=Metadata(origin="real", face="open-head", face_sha256=sha, sources=sources),
    )


def test_code_measures_per_origin(model: DFE) -> None:
    found = code_measures(model, {"real": PSI, "simulated": PSI[:30], "none": PSI[:1]})
    assert found["bits"] == 6  # two stages of eight codes
    assert found["R² real"] == explained_variance(PSI, model.reconstruct(PSI))
    active = presence(model.encode(PSI[:30]), 8)
    assert found["NMI simulated"] == pytest.approx(average_nmi(active).value, nan_ok=True)
    assert found["dead simulated"] == (~active.any(0)).sum()
    assert 0 < found["entropy real"] <= 1
    assert not any(name.endswith("none") for name in found)


def test_codes_that_are_known_are_not_encoded_again(model: DFE) -> None:
    held_out = {"real": PSI, "simulated": PSI[:30], "none": PSI[:1]}
    encoded = {origin: model.encode(psi) for origin, psi in held_out.items()}
    assert code_measures(model, held_out, encoded) == code_measures(model, held_out)
    other = encoded | {"real": np.zeros_like(encoded["real"])}
    found = code_measures(model, held_out, other)
    assert found["entropy real"] == 0 and found["entropy simulated"] > 0


def test_template_measures_are_table_8_in_square_meters() -> None:
    face = OpenHead()
    left, right, jaw = (
        face.unit_displacements[face.unit_names.index(name)]
        for name in ("mouthSmileLeft", "mouthSmileRight", "jawOpen")
    )
    moved = np.stack([left, right, jaw])
    found = template_measures(moved, face)
    distance, vector = (pair_similarity(moved, r) for r in ("distance", "vector"))
    assert found["dot"] == pytest.approx(distance.dot / 1e6)
    assert found["dot (vectors)"] == pytest.approx(vector.dot / 1e6)
    assert (found["cosine"], found["cosine (vectors)"]) == (distance.cosine, vector.cosine)
    assert found["asymmetry"] == pytest.approx((0.5 + 0.5 + 0) / 3, abs=0.01)
    assert 0 < found["locality"] <= 1


def test_tokens_that_do_not_move_have_no_asymmetry() -> None:
    face = OpenHead()
    moved = np.concatenate([face.unit_displacements[:3], np.zeros_like(face.template)[None]])
    whole, part = template_measures(moved, face), template_measures(moved[:3], face)
    assert whole["asymmetry"] == part["asymmetry"]


def test_planted_subjects_and_clips_are_found() -> None:
    rows = table(clips=12, subjects=3)
    subject = np.eye(3)[np.unique(rows.subject, return_inverse=True)[1]]
    assert subject_leakage(subject, rows).accuracy == 1
    clip = np.eye(12)[np.unique(rows.clip, return_inverse=True)[1]]
    assert clip_leakage(clip, rows).accuracy == 1
    assert clip_leakage(np.ones((len(rows), 2)), rows).accuracy == pytest.approx(1 / 12)


def test_clips_of_the_same_name_in_two_data_sets_are_two_clips() -> None:
    rows = table(clips=12, subjects=3, datasets=2)
    assert len(np.unique(rows.clip)) == 6
    assert len(clip_leakage(np.ones((len(rows), 2)), rows).hits) == 12


def test_bags_are_compared_by_square_roots() -> None:
    rows = table(clips=2, subjects=2, frames=2)
    # From (1, 0), the second half (0.64, 0.09) is nearer than (0.5, 0); from the square roots
    # (1, 0), the square root (0.71, 0) of the latter is nearer than (0.8, 0.3).
    bags = np.array([[1, 0], [0.64, 0.09], [0, 1], [0.5, 0]])
    assert clip_leakage(bags, rows).hits[0] == 0


def test_over_seeds_gives_mean_and_spread_as_text() -> None:
    index = pd.MultiIndex.from_tuples([("b", 0), ("b", 1), ("a", 0)], names=["run", "seed"])
    runs = pd.DataFrame(
        {"x": [1.25, 3.25, 5.0], "y": [0.5, 0.5, np.nan], "count": [2, 5, 9]}, index
    )
    found = over_seeds(runs, digits=2)
    assert found.index.name == "run" and list(found.index) == ["b", "a"]
    assert found.loc["b"].tolist() == ["2.25 ± 1.41", "0.50 ± 0.00", "3.5 ± 2.1"]
    assert found.loc["a"].tolist() == ["5", "–", "9"]


def test_names_that_differ_between_data_sets() -> None:
    rows = table(clips=2, subjects=1, datasets=2, frames=1)
    assert rows.clip_id.tolist() == ["set-0/0", "set-1/0"]
    assert rows.subject_id.tolist() == ["set-0/s0", "set-1/s0"]


def test_a_nearly_symmetric_face_has_a_mirror_and_one_off_its_center_has_none() -> None:
    head = OpenHead()
    mirror = face_mirror(head)
    np.testing.assert_array_equal(mirror[mirror], np.arange(len(mirror)))
    bent = SimpleNamespace(
        template=head.template + np.random.default_rng(1).normal(0, 0.5, head.template.shape)
    )
    near = head.template[face_mirror(cast(FaceModel, bent))] - head.template[mirror]
    assert np.linalg.norm(near, axis=1).max() < 10, "the same place, give or take a vertex"
    off = SimpleNamespace(template=head.template + np.array([30.0, 0, 0]))
    with pytest.raises(ValueError, match="no mirror image"):
        face_mirror(cast(FaceModel, off))


def plane(spacing: float, shift: float = 0.0) -> FaceModel:
    """A square of 20 x 20 vertices, `shift` mm off its plane of symmetry."""
    place = spacing * (np.arange(20) - 9.5)
    x, y = np.meshgrid(place, place)
    template = np.stack([x.ravel() + shift, y.ravel(), np.zeros(400)], axis=1)
    regions = np.repeat([0, 1], 200)
    names = ("low", "high")
    face = SimpleNamespace(template=template, regions=regions, region_names=names)
    return cast(FaceModel, face)


@pytest.mark.parametrize(
    ("spacing", "near", "far"),
    [
        (4.0, 5.9, 6.1),  # partners are twice the shift apart: up to three times the spacing
        (0.2, 0.49, 0.51),  # but never less than a millimeter
    ],
)
def test_a_partner_lies_within_three_times_the_spacing(
    spacing: float, near: float, far: float
) -> None:
    face_mirror(plane(spacing, near))
    with pytest.raises(ValueError, match="no mirror image"):
        face_mirror(plane(spacing, far))


def test_templates_are_measured_on_a_nearly_symmetric_face() -> None:
    face = plane(4.0, 0.8)
    mirror = np.arange(400).reshape(20, 20)[:, ::-1].ravel()  # the same vertices as on its center
    moved = np.random.default_rng(2).normal(size=(3, 400, 3)).astype(np.float32)
    np.testing.assert_array_equal(face_mirror(face), mirror)
    expected = asymmetry(moved, mirror).mean()
    assert template_measures(moved, face)["asymmetry"] == pytest.approx(expected)


def test_leakage_is_a_table_and_says_nothing_of_subjects_with_one_clip_each() -> None:
    rows = table(clips=12, subjects=3)
    on = np.random.default_rng(0).random((len(rows), 5)) < 0.5
    found = leakage_table({"tokens": on, "ψ": rows.psi + on[:, :1]}, rows, 20)
    assert list(found.index) == ["tokens", "ψ"]
    assert found.loc["tokens", "chance"] == f"{1 / 3:.3f}"
    assert found.loc["tokens", "clip from its other half"] != "–"
    assert found.loc["ψ", "clip from its other half"] == "–", "ψ has no frequencies"
    subjects = subject_leakage(on, rows)
    assert found.loc["tokens", "subject of a frame"].startswith(f"{subjects.accuracy:.3f}")
    alone = leakage_table({"tokens": on}, table(clips=12, subjects=12), 20)
    assert list(alone.columns) == ["clip from its other half", "chance (clip)"]
    assert leakage_table({}, rows, 20).empty
