"""Stored landmarks to scores: the last network of MediaPipe's Face Landmarker by itself.

`face_blendshapes.tflite`, inside the landmarker's `.task` file, maps 146 of the 478 landmarks to
the 52 scores, so landmarks that someone stored can be scored without any image.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from dfe.data.extract.arkit import ARKIT_NAMES, to_arkit_order
from dfe.data.extract.errors import ExtractionError, require
from dfe.data.extract.quiet import native_stderr_silenced

_NETWORK = "face_blendshapes.tflite"
_LAST_SCORED = ARKIT_NAMES.index("tongueOut")  # the network scores the names before it

#: Order of the network's outputs (`kBlendshapeNames` in MediaPipe's face_blendshapes_graph.cc).
OUTPUT_NAMES: tuple[str, ...] = ("_neutral", *ARKIT_NAMES[:_LAST_SCORED])

# fmt: off
#: Landmarks that the network reads (`kLandmarksSubsetIdxs` in face_blendshapes_graph.cc).
INPUT_POINTS: tuple[int, ...] = (
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66,
    67, 70, 78, 80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144,
    145, 146, 148, 149, 150, 152, 153, 154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173,
    176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251, 263, 267, 269, 270, 276, 282, 283, 284,
    285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318, 321, 323, 324, 332,
    334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386,
    387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472, 473,
    474, 475, 476, 477,
)
# fmt: on


class BlendshapeNetwork:
    """Scores of stored landmarks; agrees with MediaPipe's own scores to about 3e-6.

    Parameters
    ----------
    model
        The `face_landmarker_v2.task` file.

    Raises
    ------
    ExtractionError
        If the file is missing, is not a landmarker model, or the TFLite runtime is missing.
    """

    def __init__(self, model: Path) -> None:
        try:
            with zipfile.ZipFile(model) as archive:
                network = archive.read(_NETWORK)
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise ExtractionError(
                f"{model}: no face landmarker model with {_NETWORK} ({error}); fetch it first"
            ) from error
        interpreter = require("ai_edge_litert.interpreter").Interpreter
        with native_stderr_silenced():
            self._network = interpreter(model_content=network, num_threads=1)
            self._network.allocate_tensors()
        self._input = self._network.get_input_details()[0]["index"]
        self._output = self._network.get_output_details()[0]["index"]

    def __call__(self, landmarks: np.ndarray) -> np.ndarray:
        """Score landmarks (N, 478, 2 or more), pixels in both axes -> (N, 52) float32.

        Columns are in the order of `ARKIT_NAMES`. Depth is not used.

        Raises
        ------
        ValueError
            If the landmarks have another shape or are not finite.
        """
        if landmarks.ndim != 3 or landmarks.shape[1] != 478 or landmarks.shape[2] < 2:
            raise ValueError(f"landmarks must have shape (N, 478, 2 or 3), not {landmarks.shape}")
        points = landmarks[:, INPUT_POINTS, :2].astype(np.float32)  # (N, 146, 2)
        if not np.isfinite(points).all():
            raise ValueError("landmarks must be finite: drop missing frames first")
        # One frame per call: the network's accelerated kernels refuse any other batch size.
        scores = np.stack([self._score(frame) for frame in points]) if len(points) else points
        return to_arkit_order(OUTPUT_NAMES, scores.reshape(len(points), len(OUTPUT_NAMES)))

    def _score(self, points: np.ndarray) -> np.ndarray:
        self._network.set_tensor(self._input, points[None])
        self._network.invoke()
        return np.array(self._network.get_tensor(self._output)).ravel()  # (52,)
