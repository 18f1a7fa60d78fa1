"""`scripts/slim`: what goes from an image's environment; the image's tests hold the rest."""

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def slim() -> ModuleType:
    loader = SourceFileLoader("slim", str(ROOT / "scripts" / "slim"))
    spec = spec_from_loader("slim", loader)
    assert spec
    module = module_from_spec(spec)
    exec(compile(loader.get_data(loader.path), loader.path, "exec"), module.__dict__)
    return module


def test_tools_and_other_services_go_and_what_signs_in_to_s3_stays(slim) -> None:
    going = slim.unused()
    assert {"pip", "onnx", "setuptools", "pytest"} <= set(going)
    assert not {"numpy", "redis", "onnxruntime", "ml-dtypes", "aiobotocore"} & set(going)
    assert not {"isal", "openvino", "openvino-telemetry", "dramatiq"} & set(going)
    services = {path.name for path in going["botocore's other services"]}
    assert "ec2" in services
    assert not {"s3", "sts", "sso", "sso-oidc"} & services
