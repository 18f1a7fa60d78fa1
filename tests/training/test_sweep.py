"""The sweep holds what rendering makes against known answers, with one number at several values."""

import asyncio
import math

import numpy as np
import pytest
from PIL import Image

from edge.rendering.numbers import numbers
from tests.rendering.stage import NoModels
from training import sweep
from training.calibrate import Bench, replaced
from training.known import Given
from training.truths import TRUTHS, Truth


@pytest.mark.parametrize("truth", TRUTHS.values(), ids=TRUTHS)
def test_every_truth_is_about_numbers_that_there_are(truth):
    assert all(any(one.title.startswith(start) for one in numbers()) for start in truth.of)


def test_cases_without_an_answer_do_not_count():
    truth = Truth("levels", (), lambda given: [], lambda given, case: case)
    assert sweep.mean_error(truth, None, [1.0, math.nan, 3.0]) == 2


def test_a_truth_is_measured_by_the_number_as_it_is_moved(tmp_path):
    """A sample of one tile tells the loss of a picture of two halves worse than one of nine."""
    folder, dice = tmp_path / "sr_train", np.random.default_rng(1)
    folder.mkdir()
    halves = np.concatenate([dice.integers(0, 255, (640, 320, 3)), np.full((640, 320, 3), 90)], 1)
    halves[::3, 320:] += 60
    Image.fromarray(halves.astype(np.uint8)).save(folder / "one.png")
    bench = Bench(NoModels())
    loop = asyncio.new_event_loop()
    given, truth = Given(tmp_path, None, bench, loop), TRUTHS["sample"]
    cases = truth.cases(given)
    [across] = [one for one in numbers() if one.title == "output.sample.across"]
    with replaced((across, 1)):
        worse = sweep.mean_error(truth, given, cases)
    bench.close()
    loop.close()
    assert sweep.mean_error(truth, given, cases) < worse
