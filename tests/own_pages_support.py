"""What a reader sees of generated Markdown, by a real parse with the extensions of the book."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from docutils import nodes
from docutils.core import publish_doctree
from myst_parser.parsers.docutils_ import Parser

ROOT = Path(__file__).resolve().parents[1]
EXTENSIONS = yaml.safe_load((ROOT / "_config.yml").read_text())["parse"]["myst_enable_extensions"]
REFERENCE = re.compile(r"\{ref\}`([^`]+)`")  # Sphinx alone knows this role


def parsed(markdown: str) -> nodes.document:
    """The document tree of a text; roles of Sphinx become their text."""
    settings = {
        "myst_enable_extensions": EXTENSIONS,
        "report_level": 1,
        "halt_level": 6,
        "warning_stream": False,
        "_disable_config": True,
    }
    text = REFERENCE.sub(r"\1", markdown)
    return publish_doctree(text, parser=Parser(), settings_overrides=settings)


def complaints(document: nodes.document) -> list[str]:
    """Everything that the parser found wrong, but for headings that come twice."""
    found = [one.astext() for one in document.findall(nodes.system_message)]
    return [one for one in found if "Duplicate implicit target name" not in one]


def one_line(text: str) -> str:
    """The text with every run of white space as one space."""
    return " ".join(text.split())
