"""CITATION.cff, as far as published metadata repeat it.

Format: Citation File Format 1.2.0 (Druskat et al. 2021, doi 10.5281/zenodo.5171937).
"""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dfe.config import describe_errors


class CitationError(ValueError):
    """CITATION.cff is missing or lacks something; the message says what."""


class Author(BaseModel):
    """A person (given and family names) or a group (`name`)."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str | None = None
    given_names: str | None = Field(None, alias="given-names")
    family_names: str | None = Field(None, alias="family-names")
    orcid: str | None = Field(None, pattern=r"^https://orcid\.org/(\d{4}-){3}\d{3}[\dX]$")

    @property
    def full_name(self) -> str:
        """The whole name, in the order in which it is spoken."""
        return self.name or " ".join(part for part in (self.given_names, self.family_names) if part)


class Citation(BaseModel):
    """What the project is called, who made it, and under which licence."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    title: str = Field(min_length=1)
    abstract: str = Field(min_length=1)
    version: str = Field(min_length=1)
    license: str = Field(min_length=1, description="identifier of SPDX")
    authors: tuple[Author, ...] = Field(min_length=1)
    keywords: tuple[str, ...] = ()


def read_citation(path: Path) -> Citation:
    """Read what metadata need of a CITATION.cff.

    Raises
    ------
    CitationError
        If the file is missing or not YAML, or lacks a title, abstract, version, licence or author.
    """
    try:
        return Citation.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CitationError(f"{path.name} is not readable as YAML: {error}") from error
    except ValidationError as error:
        raise CitationError(f"{path.name} lacks something:\n{describe_errors(error)}") from error
