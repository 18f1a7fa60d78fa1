"""Memory of pictures that are done: kept for the next one."""

import subprocess
import sys

PROGRAM = """
import resource, sys
import numpy as np
from edge import freed_memory
if sys.argv[1] == "keep":
    freed_memory.keep()
for _ in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(2**25, np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
freed_memory.give_back()
"""


def faults(word: str) -> int:
    """Page faults of the second of two pictures of 32 MiB, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, word], check=True, capture_output=True, text=True
    )
    return int(done.stdout)


def test_the_memory_of_a_picture_serves_the_next_one():
    assert faults("keep") < 50 < faults("leave")
