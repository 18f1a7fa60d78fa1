"""Every room's tests. Pure rooms need pytest and hypothesis alone; the others get real parts."""

import os
from importlib.util import find_spec

from hypothesis import HealthCheck
from hypothesis import settings as searching

_NEEDED = ("boto3", "httpx", "numpy", "PIL", "redis", "uvicorn")
pytest_plugins = ["tests.virtual_time"]
if all(map(find_spec, _NEEDED)):
    pytest_plugins.append("tests.servers")

# How long an example takes says how busy the machine is, and nothing of what is tested.
searching.register_profile("edge", deadline=None, suppress_health_check=[HealthCheck.too_slow])
searching.load_profile("edge")

os.environ["EDGE_MODELS_BACKEND"] = "onnxruntime"  # no server measures anything at its start
os.environ["EDGE_FILES_VERDICTS"] = ""  # no note of what tests render, unless one asks for it
os.environ["EDGE_MODELS_FETCHED"] = ""  # the shipped networks, unless a test asks for fetched ones
