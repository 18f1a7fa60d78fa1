"""All settings: read once from the environment, validated, frozen. Only this package reads it.

`EDGE_<SECTION>_<FIELD>`: the section is a field of `Settings`, the field one of its dataclass.
Rendering is given `settings.limits` as a value and knows nothing else of it.
"""

from edge.settings.http import Http, Query, Server, Tracing
from edge.settings.limits import Decode, Limits
from edge.settings.loading import Row, Settings, load, naming, rows
from edge.settings.networks import ModelsFolder

__all__ = [
    "Decode", "Http", "Limits", "ModelsFolder", "Query", "Row", "Server", "Settings",
    "Tracing", "load", "naming", "rows",
]  # fmt: skip
