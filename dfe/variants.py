"""The runs of the ablation and loss chapters: each is a change of settings and nothing else.

`ABLATIONS` are the rows of Table 7 of the paper, `READINGS` the points where equations 5 to 7 can
be read in more than one way. Both lists start from the run that changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from dfe.config import ConfigError, Profile, Seed, override


class Variant(NamedTuple):
    """One run.

    Attributes
    ----------
    name
        Name of its folder, and of the option of `dfe train`.
    label
        What it is called in tables and figures.
    changes
        Dotted settings of a profile -> value.
    paper
        Labels of its row in Tables 7 and 8 of the paper; empty where the paper has none.
    """

    name: str
    label: str
    changes: Mapping[str, Any] = MappingProxyType({})
    paper: tuple[str, ...] = ()


_FULL = Variant("full", "full model", paper=("Ours",))
_NO_ORTHOGONALITY = Variant(
    "no-orthogonality",
    "without orthogonality",
    {"loss.orthogonality_weight": 0.0},
    ("Ours w/o orthogonality loss",),
)
_NO_L1 = Variant("no-l1", "without ℓ1", {"loss.l1_weight": 0.0}, ("Ours w/o L1 loss",))

#: Appendix A, in the order of Table 7, the full model first.
ABLATIONS: tuple[Variant, ...] = (
    _FULL,
    Variant("k256", "K = 256", {"model.codebook_size": 256}, ("Ours w/ Codebook Size 256",)),
    Variant("k16", "K = 16", {"model.codebook_size": 16}, ("Ours w/ Codebook Size 16",)),
    Variant(
        "one-quantizer",
        "one quantizer",
        {"model.stages": 1},
        ("Ours w/ Single Quantizer (VQ-VAE)", "Single Quantizer (VQ-VAE)"),
    ),
    Variant(
        "transformer-decoder",
        "transformer decoder",
        {"model.decoder": "transformer"},
        ("Ours w/ Transformer Decoder",),
    ),
    _NO_ORTHOGONALITY,
    _NO_L1,
)

#: Readings of equations 5 to 7, and what their terms do when they are gone or strong.
READINGS: tuple[Variant, ...] = (
    _FULL,
    Variant("moving-average", "codebook by moving averages", {"loss.codebook_update": "ema"}),
    Variant(
        "commitment-after", "commitment of z_i as printed", {"loss.commitment_residual": "after"}
    ),
    Variant("no-commitment", "without commitment", {"loss.commitment_weight": 0.0}),
    Variant("norms-as-means", "squared norms as means", {"loss.squared_norm": "mean"}),
    _NO_ORTHOGONALITY,
    Variant("unit-codes", "orthogonality of unit codes", {"loss.orthogonality_norm": "cosine"}),
    Variant(
        "decoded-codes", "orthogonality of decoded codes", {"loss.orthogonality_of": "decoded"}
    ),
    Variant("orthogonality-100", "orthogonality × 100", {"loss.orthogonality_weight": 100.0}),
    _NO_L1,
    Variant("l1-sparse", "ℓ1 weight 0.1 (λ_sparse)", {"loss.l1_weight": 0.1}),
    Variant(
        "l1-codes",
        "ℓ1 of the codes, weight 0.1",
        {"loss.l1_target": "codes", "loss.l1_weight": 0.1},
    ),
    Variant("l1-strong", "ℓ1 weight 1", {"loss.l1_weight": 1.0}),
)

#: Every run, by name.
VARIANTS: Mapping[str, Variant] = MappingProxyType({v.name: v for v in (*ABLATIONS, *READINGS)})


def variant_profile(profile: Profile, name: str, seed: Seed) -> Profile:
    """Return the profile of one run: the variant's changes, its seed, and `profile.variants`.

    Raises
    ------
    ConfigError
        If there is no such variant, or a setting does not fit the profile.
    """
    if name not in VARIANTS:
        raise ConfigError(f"no variant {name!r}; known: {', '.join(VARIANTS)}")
    shorter = {
        "training.steps": profile.variants.steps,
        "training.initialization_share": profile.variants.initialization_share,
    }
    return override(profile, shorter | {"training.seed": seed} | dict(VARIANTS[name].changes))
