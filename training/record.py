"""Store what each network answers to its known question, as reference.json beside its config.

Run after every change of weights: readiness then holds each runtime's answer against it. An answer
is stored only if the network has passed the question without one (faithful, or not flat).
"""

import argparse
import asyncio
import sys
from pathlib import Path

from edge.models import selftest
from edge.models.embedded import EmbeddedModels
from edge.models.repository import Repository
from edge.tools import catalogue

FOLDER = Path(__file__).parent.parent / "triton_models"


async def renew(folder: Path) -> bool:
    """Whether all networks passed; one that did not keeps no stored answer."""
    models = EmbeddedModels(folder)
    try:
        names = models.names()
        for name in names:
            Repository(folder).state_digest(name)
            (folder / name / selftest.FILE).unlink(missing_ok=True)
        checked = await catalogue.check(models, folder)
        good = [row.name for row in checked if row.ready]
        if good:
            await catalogue.record(models, folder, good)
    finally:
        await models.close()
    for row in checked:
        print(f"{row.name}: {'recorded' if row.ready else 'NOT recorded'}, it {row.detail}")
    return len(good) == len(names)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=Path, default=FOLDER, help="the model repository")
    sys.exit(not asyncio.run(renew(parser.parse_args().models)))
