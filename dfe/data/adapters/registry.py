"""Every adapter, by the id that `book/claims.yml` and the command line use."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from dfe.data.adapters.affwild2 import AFFWILD2
from dfe.data.adapters.arkit import LIVE_LINK, LIVE_LINK_PSI, MEDIAPIPE, MEDIAPIPE_PSI
from dfe.data.adapters.base import Adapter, AdapterError
from dfe.data.adapters.embeddings import MAE_FACE, MARLIN, VIDEOMAE
from dfe.data.adapters.emoca import EMOCA, EMOCA_WITH_JAW
from dfe.data.adapters.facial_basis_text import FACIAL_BASIS
from dfe.data.adapters.inferno import INFERNO, INFERNO_WITH_JAW
from dfe.data.adapters.libreface import LIBREFACE
from dfe.data.adapters.openface import EDAIC_OPENFACE, OPENFACE
from dfe.data.adapters.smirk import SMIRK

_ALL = (
    *(EMOCA, EMOCA_WITH_JAW, INFERNO, INFERNO_WITH_JAW, SMIRK, FACIAL_BASIS),
    *(AFFWILD2, LIBREFACE, OPENFACE, EDAIC_OPENFACE, LIVE_LINK, MEDIAPIPE),
    *(LIVE_LINK_PSI, MEDIAPIPE_PSI, MAE_FACE, MARLIN, VIDEOMAE),
)
#: Id -> adapter.
ADAPTERS: Mapping[str, Adapter] = MappingProxyType({one.name: one for one in _ALL})


def adapter(name: str) -> Adapter:
    """Return the adapter of a program.

    Raises
    ------
    AdapterError
        If there is none; the message lists those that there are.
    """
    if name not in ADAPTERS:
        raise AdapterError(f"no adapter {name!r}; there are {', '.join(sorted(ADAPTERS))}")
    return ADAPTERS[name]
