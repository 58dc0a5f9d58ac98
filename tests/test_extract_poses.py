"""`.pose` clips: which frames count, the reference face, and the real clips' quirks."""

from __future__ import annotations

import numpy as np
import pytest
from extract_support import landmarker_model, member_paths, write_pose

from dfe.data.extract.align import RIGID_POINTS, align_landmarks
from dfe.data.extract.arkit import ARKIT_NAMES
from dfe.data.extract.blendshapes import BlendshapeNetwork
from dfe.data.extract.canonical import canonical_face
from dfe.data.extract.errors import ExtractionError
from dfe.data.extract.poses import (
    DEPTH_SCALE,
    MISSING,
    REFERENCE,
    REPEATED,
    pose_frames,
    read_pose,
)


def _network(points: np.ndarray) -> np.ndarray:
    """A network whose first score is the height of point 0."""
    scores = np.zeros((len(points), 52), np.float32)
    scores[:, 0] = points[:, 0, 1]
    return scores


def _clip(heights: list[float]) -> np.ndarray:
    points = np.random.default_rng(0).random((1, 478, 3)).repeat(len(heights), axis=0) * 100
    points[:, 0, 1] = heights
    return points


def test_frames_that_are_no_observation_are_counted(tmp_path):
    sure = np.ones((7, 478))
    sure[2, 5] = 0  # one point missing
    points = _clip([10, 11, 12, 11, 14, 14, 15])
    points[6, 9, 2] = np.nan
    path = write_pose(tmp_path / "a.pose", points, sure, 25)
    frames = pose_frames(path, _network, reference=True)
    assert frames.frame.tolist() == [1, 4]  # 3 repeats 1, the last frame kept before it
    np.testing.assert_allclose(frames.timestamp, [1 / 25, 4 / 25])
    np.testing.assert_allclose(frames.scores[:, 0], [1, 4])
    assert frames.skipped == {MISSING: 2, REPEATED: 2, REFERENCE: 1}
    assert frames.landmarks.shape == (2, 478, 3) and frames.landmarks.dtype == np.float32


def test_without_reference_all_frames_count_from_zero(tmp_path):
    path = write_pose(tmp_path / "a.pose", _clip([10, 11]), np.ones((2, 478)), 30)
    frames = pose_frames(path, _network, reference=False)
    np.testing.assert_allclose(frames.scores[:, 0], [10, 11])
    assert not frames.skipped


def test_a_clip_of_the_reference_alone_is_empty(tmp_path):
    path = write_pose(tmp_path / "a.pose", _clip([10]), np.ones((1, 478)), 30)
    frames = pose_frames(path, _network, reference=True)
    assert len(frames.frame) == 0 and frames.skipped == {REFERENCE: 1}


def test_bad_files_are_refused_by_name(tmp_path):
    with pytest.raises(ExtractionError, match="gone.pose: no such file"):
        read_pose(tmp_path / "gone.pose")
    for content in (b"", b"no pose"):
        (tmp_path / "a.pose").write_bytes(content)
        with pytest.raises(ExtractionError, match="a.pose: not a readable pose file"):
            read_pose(tmp_path / "a.pose")
    path = write_pose(tmp_path / "b.pose", _clip([1, 2])[:, :468], np.ones((2, 468)), 30)
    with pytest.raises(ExtractionError, match="478 points, has .*FACE_LANDMARKS .468"):
        read_pose(path)
    sure = np.ones((2, 478))
    sure[0] = 0
    path = write_pose(tmp_path / "c.pose", _clip([1, 2]), sure, 30)
    with pytest.raises(ExtractionError, match="c.pose: the first frame has no face"):
        pose_frames(path, _network, reference=True)


def test_a_truncated_file_is_refused(tmp_path):
    path = write_pose(tmp_path / "a.pose", _clip([1, 2, 3]), np.ones((3, 478)), 30)
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ExtractionError, match="a.pose: not a readable pose file"):
        read_pose(path)


def test_network_refuses_what_it_cannot_score(tmp_path):
    with pytest.raises(ExtractionError, match="model.task: no face landmarker model"):
        BlendshapeNetwork(tmp_path / "model.task")
    network = BlendshapeNetwork(landmarker_model())
    assert network(np.zeros((0, 478, 3))).shape == (0, 52)
    with pytest.raises(ValueError, match="finite"):
        network(np.full((1, 478, 3), np.nan))
    with pytest.raises(ValueError, match=r"not \(478, 3\)"):
        network(np.zeros((478, 3)))


def test_real_clips_share_one_reference_face_with_half_closed_eyes():
    paths = member_paths("spoken-to-signed", "pose")[::40]
    faces = [read_pose(path) for path in paths]
    assert all((face.points[0] == faces[0].points[0]).all() for face in faces)
    frames = pose_frames(paths[0], _network, reference=True)
    assert frames.skipped == {REFERENCE: 1}
    assert len(frames.frame) == len(faces[0].present) - 1
    scores = BlendshapeNetwork(landmarker_model())(faces[0].points[:1])[0]
    score = dict(zip(ARKIT_NAMES, scores, strict=True))
    assert score["eyeLookDownLeft"] > 0.3 and score["eyeLookDownRight"] > 0.3
    assert score["eyeBlinkLeft"] > 0.1 and score["eyeBlinkRight"] > 0.1


def test_depth_scale_is_the_best_fit_of_the_real_reference_face():
    face = read_pose(member_paths("spoken-to-signed", "pose")[0]).points[:1].astype(np.float64)
    rigid = list(RIGID_POINTS)

    def misfit(factor: float) -> float:
        stretched = face * [1, 1, factor / DEPTH_SCALE]
        return float(((align_landmarks(stretched)[0, rigid] - canonical_face()[rigid]) ** 2).sum())

    factors = np.arange(200, 600, 10)
    assert abs(factors[np.argmin([misfit(f) for f in factors])] - DEPTH_SCALE) <= 10
