"""The PHP client writes what the server writes, run by PHP itself."""

import shutil

import pytest

from tests.clients.running import HERE, run


@pytest.mark.skipif(not shutil.which("php"), reason="no php: apt-get install php-cli")
def test_every_vector():
    lines = run("php", HERE / "check.php").splitlines()
    assert len(lines) == 1, lines
    assert int(lines[0].split()[0]) > 20
