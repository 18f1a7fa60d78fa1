"""All settings: read once from the environment, validated, frozen. Only this package reads it.

`EDGE_<SECTION>_<FIELD>`: the section is a field of `Settings`, the field one of its dataclass.
Rendering is given `limits` and `decode` as values, whose classes lie in `edge.limits`.
"""

from edge.settings.http import HttpSettings, QuerySettings, ServerSettings, TracingSettings
from edge.settings.loading import SettingRow, Settings, load, naming, rows
from edge.settings.networks import ModelsSettings

__all__ = [
    "HttpSettings", "ModelsSettings", "QuerySettings", "ServerSettings", "SettingRow", "Settings",
    "TracingSettings", "load", "naming", "rows",
]  # fmt: skip
