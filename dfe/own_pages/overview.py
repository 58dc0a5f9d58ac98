"""Tables of the reader's pages: which data there are, and which of them are here."""

from __future__ import annotations

from collections.abc import Iterable

from dfe.config import Profile
from dfe.data.gated import GatedManifest, gated_ids, load_gated
from dfe.data.manifest import load_manifests
from dfe.own_pages.markdown import code, plain, table
from dfe.own_pages.state import LABELS, OBSERVER, Have, own_state


def own_table(profile: Profile) -> str:
    """All data sets that a reader can bring, and how much of each a build of `profile` has."""
    state = own_state(profile)
    heads = ["Data set", "Have?", "In the paper", "To compute or code", "Access and license"]
    return table(heads, (_row(load_gated(id), state[id]) for id in gated_ids()))


def _row(manifest: GatedManifest, have: Have) -> list[str]:
    needed = [name for names in manifest.features.values() for name in names]
    names = [
        f"{code(name)}{' ✓' * (name in have.extractors)}"
        for name in dict.fromkeys([*needed, *have.extractors])
    ]
    return [
        f"[{plain(manifest.title.partition(',')[0])}](#set-{manifest.id})",
        _degree(have) + _lacks(have),
        where(manifest),
        ", ".join(names + ["labels ✓"] * have.labels),
        f"**{manifest.access.route}**: {plain(manifest.licence)}",
    ]


def where(manifest: GatedManifest) -> str:
    """Sections and tables of the paper that are about a data set."""
    if manifest.used_in is None:
        return "not used"
    texts = [counted("section", map(plain, manifest.used_in.sections))]
    if manifest.used_in.tables:
        texts.append(counted("table", manifest.used_in.tables))
    return "; ".join(texts)


def counted(what: str, which: Iterable[object]) -> str:
    """Such as ``table 5`` or ``tables 6, 7``."""
    names = [str(one) for one in which]
    return f"{what}{'s' * (len(names) > 1)} {', '.join(names)}"


def own_have(profile: Profile) -> dict[str, str]:
    """Id of a data set -> what this build has of it, as a sentence."""
    return {id: words(id, one) for id, one in own_state(profile).items()}


def words(id: str, have: Have) -> str:
    """What a build has of one data set, as a sentence."""
    text = _degree(have)
    if here := ", ".join([*map(code, have.extractors), *["labels"] * have.labels]):
        text += f"; ingested: {here}" if have.degree == "in this build" else f" ({here})"
    elif have.degree == "not here" and have.copy_here:
        text += f": there is a copy in {code(f'$DFE_DATA/{id}')}, and nothing was ingested"
    return f"{text}{_lacks(have)}."


def _degree(have: Have) -> str:
    said = {
        "in this build": f"**Have**: in this build{_parts(have)}",
        "ingested": "**Have**: ingested, not in this build",
        "not here": "**Don't have**",
    }
    return said[have.degree]


def _lacks(have: Have) -> str:
    if not have.missing:
        return ""
    lacks = [one if one in (LABELS, OBSERVER) else code(one) for one in have.missing]
    return f". The profile names it{_parts(have)} and lacks {', '.join(lacks)}"


def _parts(have: Have) -> str:
    return f" ({', '.join(have.parts)})" if have.parts else ""


def open_sources() -> str:
    """The sources that are fetched, with their versions and licences."""
    rows = (
        [
            code(id),
            plain(one.title),
            f"{code(one.source.package)} {plain(one.source.version)}",
            plain(one.licence),
            "fetched",
        ]
        for id, one in load_manifests().items()
    )
    return table(["Source", "What", "Package", "License", "Have?"], rows)
