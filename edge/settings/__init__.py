"""All settings: read once from the environment, validated, frozen. Only this package reads it.

`EDGE_<SECTION>_<FIELD>`: the section is a field of `Settings`, the field one of its dataclass.
Rendering is given `limits` and `decode` as values, whose classes lie in `edge.limits`.
"""

from edge.settings.http import Http, Query, Server, Tracing
from edge.settings.loading import Row, Settings, load, naming, rows
from edge.settings.networks import ModelsFolder

__all__ = [
    "Http", "ModelsFolder", "Query", "Row", "Server", "Settings",
    "Tracing", "load", "naming", "rows",
]  # fmt: skip
