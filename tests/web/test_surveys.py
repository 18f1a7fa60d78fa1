"""What readiness tells while a part takes its time: what that part said the last time."""

import asyncio
from dataclasses import dataclass, field

import pytest

from edge.web.surveys import Surveys


@dataclass(frozen=True)
class Said:
    """One part's answer."""

    name: str
    ready: bool = True
    detail: str = ""


@dataclass
class Part:
    """Answers when it is let, with what is set by then."""

    answer: Said
    let: asyncio.Event = field(default_factory=asyncio.Event)
    asked: int = 0

    async def states(self) -> list[Said]:
        self.asked += 1
        await self.let.wait()
        return [self.answer]


READY = {"models": {"matting": {"ready": True}}}


async def test_what_nobody_has_heard_of_yet_is_waited_for():
    part = Part(Said("matting"))
    surveys = Surveys({"models": part.states}, moment=0)
    told = asyncio.create_task(surveys.of(["models"]))
    await asyncio.sleep(0.05)
    assert not told.done()
    part.let.set()
    assert await told == READY


async def test_while_a_part_is_slow_what_it_said_last_is_told():
    """Networks that wait behind renders hold up no probe."""
    part = Part(Said("matting"))
    part.let.set()
    surveys = Surveys({"models": part.states}, moment=0)
    await surveys.of(["models"])
    part.let.clear()
    part.answer = Said("matting", ready=False, detail="gone")
    assert await surveys.of(["models"]) == READY
    assert await surveys.of(["models"]) == READY
    assert part.asked == 2, "one survey is under way, whoever asks"
    part.let.set()
    for _ in range(3):  # it takes a few turns of the loop
        await surveys.of(["models"])
    part.let.clear()
    told = await surveys.of(["models"])
    assert told == {"models": {"matting": {"ready": False, "detail": "gone"}}}


async def test_news_that_come_at_once_are_told_at_once():
    part = Part(Said("/"))
    part.let.set()
    surveys = Surveys({"origins": part.states}, moment=60)
    await surveys.of(["origins"])
    part.answer = Said("/", ready=False, detail="cannot be read")
    told = await surveys.of(["origins"])
    assert told == {"origins": {"/": {"ready": False, "detail": "cannot be read"}}}


async def test_one_slow_kind_does_not_hold_what_others_say():
    slow, quick = Part(Said("matting")), Part(Said("/"))
    slow.let.set()
    quick.let.set()
    surveys = Surveys({"models": slow.states, "origins": quick.states}, moment=0.2)
    await surveys.of(["models", "origins"])
    slow.let.clear()
    quick.answer = Said("/", ready=False)
    told = await surveys.of(["models", "origins"])
    assert told == READY | {"origins": {"/": {"ready": False}}}


async def test_a_kind_that_never_answers_is_not_ready():
    part = Part(Said("matting"))
    surveys = Surveys({"models": part.states}, longest=0.01)
    told = await surveys.of(["models"])
    assert told == {"models": {"models": {"ready": False, "detail": "no answer in 0.01 s"}}}


async def test_a_fault_while_asking_is_told_without_its_words(caplog):
    async def broken() -> list[Said]:
        raise RuntimeError("password=1234")

    told = await Surveys({"tiers": broken}).of(["tiers"])
    assert told == {"tiers": {"tiers": {"ready": False, "detail": "cannot be asked"}}}
    assert "a survey failed" in caplog.text


async def test_a_kind_that_is_not_asked_about_is_not_asked():
    part, other = Part(Said("/")), Part(Said("matting"))
    part.let.set()
    surveys = Surveys({"origins": part.states, "models": other.states})
    assert set(await surveys.of(["origins"])) == {"origins"}
    assert await surveys.of([]) == {}
    assert other.asked == 0


@pytest.mark.parametrize("moment", [0, 10])
async def test_who_leaves_takes_no_survey_with_him(moment):
    part = Part(Said("matting"))
    surveys = Surveys({"models": part.states}, moment=moment)
    asking = asyncio.create_task(surveys.of(["models"]))
    await asyncio.sleep(0.01)
    asking.cancel()
    part.let.set()
    assert await surveys.of(["models"]) == READY
    assert part.asked == 1


async def test_who_waits_when_no_more_is_asked_is_told_so():
    part, quick = Part(Said("matting")), Part(Said("/"))
    quick.let.set()
    surveys = Surveys({"models": part.states, "origins": quick.states}, moment=0)
    asking = asyncio.create_task(surveys.of(["models", "origins"]))
    await asyncio.sleep(0.01)
    surveys.close()
    told = {"models": {"ready": False, "detail": "no longer asked"}}
    assert await asking == {"models": told, "origins": {"/": {"ready": True}}}
