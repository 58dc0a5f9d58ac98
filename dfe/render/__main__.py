"""``python -m dfe.render --check``: does off-screen drawing work on this machine?"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from dfe.render.backend import RenderingError, check_rendering


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the renderer and return 0, or print what to install and return 1."""
    parser = argparse.ArgumentParser(prog="python -m dfe.render", description=__doc__)
    parser.add_argument("--check", action="store_true", required=True, help="test the OpenGL stack")
    parser.parse_args(arguments)
    try:
        print(f"off-screen rendering works: {check_rendering()}")
    except RenderingError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
