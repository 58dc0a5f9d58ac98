"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

ProfileName = Annotated[
    str, typer.Option("--profile", help="smoke, quick, open, paper, or a YAML file")
]
