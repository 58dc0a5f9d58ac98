"""The simulated frames that the accuracy and diversity pages share, with their tokens."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dfe.config import Profile, kept_path
from dfe.config.kept import DATABASE
from dfe.data.corpus import fresh_units
from dfe.face import OpenHead
from dfe.model import DFE
from dfe.tokens import encode_once


class Database(NamedTuple):
    """Simulated frames with their truth, their expression vectors and their tokens."""

    units: NDArray[np.float32]  # (N, 86) weights that the simulator drew
    psi: NDArray[np.float32]  # (N, 50)
    codes: NDArray[np.int64]  # (N, L)


def load_database(profile: Profile, model: DFE) -> Database:
    """Simulate the profile's database; the tokens are kept in `build/<profile>/tokens`."""
    units = fresh_units(profile.database.simulated, profile.database.seed)
    psi = OpenHead().units_to_psi(units)
    path = kept_path(profile, "tokens/simulated.safetensors", DATABASE)
    return Database(units, psi, encode_once(model, psi, path))
