"""Where files lie that no setting names."""

import os
from pathlib import Path

BUNDLED_NETWORKS = str(Path(__file__).resolve().parents[2] / "triton_models")


def cache_home() -> str:
    """The user's folder for what can be made or fetched anew (XDG base directory specification)."""
    return os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
