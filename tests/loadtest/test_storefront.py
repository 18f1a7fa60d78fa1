"""The storefront's load: what its visitors ask for, how a run is judged, and one short real run."""

import json
import math
import random
import subprocess
import sys
from pathlib import Path

import pytest

from edge.variants import presets
from edge.variants.query import read
from loadtest.storefront import comparing, objectives, report, shop
from loadtest.storefront.recording import Recorder, Sample, outcome, quantile, summary

ROOT = Path(__file__).parent.parent.parent
PHOTOS = [f"{number}.jpg" for number in range(300)]


class TestTheVisitors:
    def test_popularity_follows_the_law_that_is_named(self):
        popular, rng = shop.Popularity(1000, 0.8), random.Random(1)
        counts = [0] * 1000
        for _ in range(200_000):
            counts[popular.one(rng)] += 1
        for rank in (0, 1, 9, 99):
            assert counts[rank] / 200_000 == pytest.approx(popular.share(rank), rel=0.15)
        assert popular.share(0) / popular.share(9) == pytest.approx(10**0.8)
        assert sum(popular.share(rank) for rank in range(1000)) == pytest.approx(1)

    def test_a_browser_takes_the_smallest_width_of_the_srcset_that_is_sharp(self):
        phone = shop.Visitor(390, 3.0, "*/*", "image/jpeg")
        assert phone.width(1.0) == 1280
        assert phone.width(0.5) == 640
        assert shop.Visitor(1920, 2.0, "*/*", "").width(1.0) == shop.WIDTHS[-1]

    def test_everything_that_is_asked_for_is_in_the_grammar_but_what_is_meant_to_be_wrong(self):
        rng, popular, shipped = random.Random(2), shop.Popularity(300), presets.load()
        asked = list(shop.fan_out(PHOTOS[0], shop.PRESETS))
        for _ in range(200):
            who = shop.visitor(rng)
            asked += shop.listing(rng, who, PHOTOS, popular)
            asked += shop.product(rng, who, PHOTOS, popular)
            asked.append(shop.crawl(rng, PHOTOS))
        right = [each for each in asked if 200 in each.statuses]
        for each in right:
            read(each.path.partition("?")[2], shipped, strict=True)
        assert len(right) < len(asked)
        assert {each.accept for each in asked} == {row[0] for row in shop.ACCEPTS}

    def test_a_listing_shows_no_picture_twice(self):
        rng = random.Random(3)
        paths = [
            each.path for each in shop.listing(rng, shop.visitor(rng), PHOTOS, shop.Popularity(300))
        ]
        assert 1 < len(paths) == len(set(paths)) <= shop.LISTED


class TestWhatIsSeen:
    @pytest.mark.parametrize(
        ("status", "header", "came"),
        [
            (200, "edge; hit; detail=memory", "memory"),
            (200, "edge; hit; detail=redis", "redis"),
            (200, "edge; fwd=uri-miss; stored", "render"),
            (200, "edge; fwd=uri-miss; stored; collapsed", "joined"),
            (200, "edge; fwd=uri-miss", "fallback"),
            (304, "edge; hit; detail=memory", "304"),
            (404, "", "4xx"),
            (503, "", "refused"),
            (504, "", "late"),
            (502, "", "failed"),
            (0, "", "failed"),
        ],
    )
    def test_an_answer_says_where_it_came_from(self, status, header, came):
        assert outcome(status, header) == came

    def test_a_quantile_is_one_of_the_values(self):
        assert quantile([3, 1, 2, 4], 0.5) == 2
        assert quantile([3, 1, 2, 4], 0.99) == 4
        assert math.isnan(quantile([], 0.5))

    def test_one_url_that_shows_two_pictures_is_noticed(self):
        recorder = Recorder()
        for body in (b"a", b"a", b"b"):
            recorder.body("/1.jpg?w=40", "image/jpeg", body)
        recorder.body("/1.jpg?w=40", "image/webp", b"c")
        assert recorder.wrong.total() == 1

    def test_counts_go_on_where_a_replica_was_replaced(self):
        recorder = Recorder()
        for at, (base, renders) in enumerate([("a", 5.0), ("a", 9.0), ("b", 2.0), ("b", 3.0)]):
            recorder.state(at, [100], {base: {"edge_renders_total": renders}})
        assert [state.renders for state in recorder.states] == [5, 9, 11, 12]


def run_of(**changed: float) -> Recorder:
    """A run of eighty answers: each phase as many hits in 10 ms as renders in 400."""
    recorder = Recorder()
    for at, phase in enumerate(("cold", "warm", "deploy", "after")):
        for number in range(20):
            came = "memory" if number % 2 else "render"
            seconds = changed.get(came, 0.01 if number % 2 else 0.4)
            recorder.samples.append(Sample(at, phase, "shopper", came, 200, seconds, 5000))
    recorder.state(4, [100.0], {"a": {"edge_renders_total": 40.0}})
    return recorder


class TestTheVerdict:
    def test_the_stated_objectives_are_numbers_of_a_run(self):
        numbers = summary(run_of())
        verdicts = {v.objective.number: v for v in objectives.judge(numbers, objectives.load())}
        assert all(verdict.value is not None for verdict in verdicts.values())
        assert not verdicts["warm.hit_share"].met, "half of them were hits"
        assert verdicts["warm.hit_p99_over_render_p50"].value == pytest.approx(0.025)

    def test_one_failure_in_the_deploy_fails_the_run(self):
        recorder = run_of()
        recorder.samples.append(Sample(2, "deploy", "bot", "failed", 0, 0.1, 0))
        missed = {
            v.objective.number
            for v in objectives.judge(summary(recorder), objectives.load())
            if not v.met
        }
        assert {"failed", "deploy.failed"} <= missed

    def test_a_number_that_is_missing_is_not_met(self):
        [verdict] = objectives.judge({}, [objectives.Objective("warm.hit_share", "", at_least=0)])
        assert not verdict.met

    def test_an_objective_without_a_bound_is_no_objective(self, tmp_path):
        file = tmp_path / "objectives.toml"
        file.write_text('[failed]\nwhy = "because"\n')
        with pytest.raises(ValueError, match="at_most"):
            objectives.load(file)

    def test_the_report_is_one_file_that_says_all(self):
        recorder = run_of()
        numbers = summary(recorder)
        told = report.write(
            "A shop", recorder, numbers, objectives.judge(numbers, objectives.load())
        )
        assert told.count("<svg") == 6
        assert "failed" in told
        for text in ("warm.hit_share", "Render rate", "Memory", "Refusals", "shopper"):
            assert text in told
        assert "http://" not in told.replace("http://www.w3.org", "").replace(
            "http://purl.org", ""
        ).replace("http://creativecommons.org", ""), "it loads nothing"


class TestTwoRuns:
    def test_what_became_worse_stands_first(self):
        before, after = summary(run_of()), summary(run_of(memory=0.05))
        found = comparing.changes(before, after)
        assert found[0].ratio == pytest.approx(5)
        assert "hit" in found[0].number or "memory" in found[0].number
        assert comparing.worse(found, 1.25)
        assert not comparing.worse(comparing.changes(before, before), 1.0)

    def test_faster_is_not_worse(self):
        found = comparing.changes(summary(run_of(memory=0.05)), summary(run_of()))
        assert not comparing.worse(found, 1.0)


CERTAIN = """
[wrong_answers]
at_most = 0
[failed]
at_most = 0
["deploy.failed"]
at_most = 0
["after.hit_share"]
at_least = 0.05
[renders]
at_least = 20
"""
"""What a short run on any machine must show: nothing that depends on its speed."""


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "loadtest.storefront", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=1800,
    )  # fmt: skip


@pytest.mark.slow
def test_a_short_run_with_a_deploy_in_the_middle_loses_nothing(tmp_path: Path):
    (tmp_path / "objectives.toml").write_text(CERTAIN)
    done = command(
        *("--seconds", "15", "--products", "12", "--shoppers", "3", "--bots", "1"),
        *("--presets", "thumb", "--objectives", str(tmp_path / "objectives.toml")),
        *("--out", str(tmp_path / "run.html")),
    )
    assert done.returncode == 0, done.stdout + done.stderr
    run = json.loads((tmp_path / "run.json").read_text())
    assert all(objective["met"] for objective in run["objectives"])
    numbers = run["numbers"]
    assert (
        sum(numbers[f"{phase}.requests"] for phase in ("cold", "warm", "deploy", "after"))
        == (numbers["requests"])
    )
    assert numbers["deploy.requests"] > 0
    assert numbers["shopper.304.p50_ms"] > 0, "browsers came back"
    assert (tmp_path / "run.html").read_text().count("<svg") == 6
    same = command("--compare", str(tmp_path / "run.json"), str(tmp_path / "run.json"))
    assert same.returncode == 0, same.stdout
    worse = run | {"numbers": numbers | {"render_p50_ms": numbers["render_p50_ms"] * 2}}
    (tmp_path / "worse.json").write_text(json.dumps(worse))
    slower = command("--compare", str(tmp_path / "run.json"), str(tmp_path / "worse.json"))
    assert slower.returncode == 1
    assert "render_p50_ms" in slower.stdout


def test_what_is_no_run_cannot_be_compared(tmp_path: Path):
    (tmp_path / "a.json").write_text("[]")
    done = command("--compare", str(tmp_path / "a.json"), str(tmp_path / "a.json"))
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
