"""Jobs over HTTP: a feed goes in, pictures come out, and every wrong word is named."""

import asyncio
import csv
import io
import json

import pytest

from edge.web.jobs import JobsRoutes
from edge.web.review import ReviewRoutes
from tests.parts import Answer
from tests.running import photo
from tests.web.jobs import AUTH, delete, get, items, over, post, run

FEED = "sku,url\na,/sku/123.jpg\nb,/sku/456.png\nc,/sku/789.webp\n"
PRIVATE = {"EDGE_JOBS_PRIVATE": "127.0.0.0/8"}


def problem(answer, status: int, param: str | None = None, slug: str = "feed-rejected") -> dict:
    """The problem document of an answer that must be one."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert told["type"] == f"/-/problems/{slug}"
    if param is not None:
        assert told["param"] == param
    return told


async def test_a_feed_is_taken_worked_off_and_reported(serve):
    server = await serve()
    answer = await post(server, "/-/jobs?query=w=64&label=spring", FEED)
    assert answer.status_code == 202
    told = answer.json()
    assert answer.headers["location"] == told["links"]["self"] == f"/-/jobs/{told['id']}"
    assert (told["total"], told["label"]) == (3, "spring")
    facts = await over(server, told["id"])
    assert facts["status"] == "succeeded"
    assert facts["counts"]["succeeded"] == facts["done"] == 3
    assert facts["cost"]["pictures"] == 3
    assert facts["cost"]["cpu_seconds"] > 0
    for item in await items(server, told["id"]):
        picture = await server.get(item["url"])
        assert picture.headers["cache-status"] == "edge; hit; detail=memory"
        assert len(picture.content) == item["bytes"]


async def test_a_second_run_finds_everything(serve):
    server = await serve()
    await run(server, "/-/jobs?query=w=64", FEED)
    renders = await server.metric("edge_renders_total")
    again = await run(server, "/-/jobs?query=w=64", FEED)
    assert (again["cached"], again["status"]) == (3, "succeeded")
    assert await server.metric("edge_renders_total") == renders


@pytest.mark.parametrize("form", ["json", "jsonl", "rss", "sitemap"])
async def test_every_form_of_feed_is_taken(serve, form):
    server = await serve()
    paths = ["sku/123.jpg", "sku/456.png"]
    lines = [{"sku": path[4:7], "path": path, "presets": ["thumb"]} for path in paths]
    google = "http://base.google.com/ns/1.0"
    bodies = {
        "json": (json.dumps({"items": lines, "label": "x"}), "application/json"),
        "jsonl": ("\n".join(map(json.dumps, lines)), "application/x-ndjson"),
        "rss": (
            f'<rss xmlns:g="{google}"><channel>'
            + "".join(
                f"<item><g:id>{path[4:7]}</g:id><g:image_link>https://cdn/{path}</g:image_link></item>"
                for path in paths
            )
            + "</channel></rss>",
            "application/xml",
        ),
        "sitemap": (
            '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" '
            'xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">'
            + "".join(
                f"<url><loc>https://s/p</loc><image:image><image:loc>https://s/{path}</image:loc>"
                "</image:image></url>"
                for path in paths
            )
            + "</urlset>",
            "text/xml",
        ),
    }
    body, kind = bodies[form]
    options = "?accept=webp" if form in ("json", "jsonl") else "?accept=webp&preset=thumb"
    facts = await run(server, f"/-/jobs{options}", body, content_type=kind)
    assert facts["total"] == 2
    assert facts["counts"]["failed"] == 0
    found = await items(server, facts["id"])
    assert [(item["sku"], item["preset"]) for item in found] == [("123", "thumb"), ("456", "thumb")]


async def test_a_feed_is_fetched_by_its_url(serve, http_origin):
    http_origin.answers["/feed.csv"] = Answer(FEED.encode(), headers={"Content-Type": "text/csv"})
    server = await serve(**PRIVATE)
    url = f"{http_origin.url}/feed.csv"
    for submit in (
        await post(server, f"/-/jobs?query=w=32&feed={url}"),
        await post(server, "/-/jobs", {"feed": url, "query": "w=32"}),
    ):
        assert submit.status_code == 202, submit.text
        assert submit.json()["total"] == 3
    problem(await post(server, f"/-/jobs?query=w=32&feed={http_origin.url}/none.csv"), 400, "feed")


async def test_a_feeds_url_may_not_lead_inside(serve, http_origin):
    server = await serve()
    answer = await post(server, f"/-/jobs?query=w=32&feed={http_origin.url}/feed.csv")
    problem(answer, 403, slug="address-forbidden")
    assert http_origin.seen == []
    problem(await post(server, "/-/jobs?feed=file:///etc/passwd"), 400, "feed")


async def test_bad_lines_are_named_and_do_not_stop_the_rest(serve):
    server = await serve()
    text = FEED + "d\n,/sku/123.jpg?\ne,\nf,/none.jpg\n"
    answer = await post(server, "/-/jobs?query=w=48", text)
    assert answer.status_code == 202
    assert [(one["line"], one["field"]) for one in answer.json()["refusals"]] == [
        (5, "line"), (7, "url"),
    ]  # fmt: skip
    facts = await over(server, answer.json()["id"])
    assert (facts["status"], facts["refused"]) == ("partial", 2)
    [failed] = await items(server, facts["id"], "failed")
    assert (failed["line"], failed["error_type"], failed["tries"]) == (8, "OriginalNotFound", 1)
    refused = await items(server, facts["id"], "refused")
    assert [one["line"] for one in refused] == [5, 7]


async def test_strict_refuses_the_feed_for_one_bad_line(serve):
    server = await serve()
    told = problem(await post(server, "/-/jobs?query=w=48&strict=1", FEED + "e,\n"), 400, "url")
    assert (told["diagnostics"]["line"], told["diagnostics"]["field"]) == (5, "url")
    assert (await get(server, "/-/jobs")).json()["jobs"] == []


@pytest.mark.parametrize(
    ("url", "body", "param"),
    [
        ("/-/jobs", "", "feed"),
        ("/-/jobs", "just words\nand more\n", "url"),
        ("/-/jobs", "sku,url\na,\n", "url"),
        ("/-/jobs?preset=amazn", FEED, "presets"),
        ("/-/jobs?wibble=1", FEED, "wibble"),
        ("/-/jobs?format=excel", FEED, "format"),
        ("/-/jobs?accept=gif", FEED, "accept"),
        ("/-/jobs", {"items": 7}, "items"),
        ("/-/jobs", {"items": [], "feed": "https://x/y"}, "items"),
        ("/-/jobs", {"items": []}, "feed"),
        ("/-/jobs", {"presets": ["amazon"]}, "items"),
        ("/-/jobs", {"feed": 7}, "feed"),
        ("/-/jobs?to=/etc", FEED, "to"),
        ("/-/jobs?to=gopher://x", FEED, "to"),
    ],
)
async def test_what_cannot_be_is_refused_before_the_start_by_field(serve, url, body, param):
    server = await serve()
    problem(await post(server, url, body), 400, param)
    assert (await get(server, "/-/jobs")).json()["jobs"] == []


@pytest.mark.parametrize("word", ["strict=maybe", "dry_run=maybe", "dry_run=1&samples=many"])
async def test_a_wrong_word_of_the_url_is_told_as_on_a_picture(serve, word):
    server = await serve()
    name = word.rpartition("&")[2].partition("=")[0]
    problem(await post(server, f"/-/jobs?{word}", FEED), 400, name, "invalid-parameter")


async def test_a_wrong_parameter_is_told_as_on_a_picture(serve):
    server = await serve()
    told = problem(await post(server, "/-/jobs?query=w=-3", FEED), 400, "w", "invalid-parameter")
    assert told["allowed"]


async def test_a_feed_that_is_too_large_is_refused(serve):
    server = await serve(EDGE_JOBS_FEED_BYTES="2k", EDGE_JOBS_FEED_ITEMS="2")
    problem(await post(server, "/-/jobs?query=w=9", FEED), 400, "feed")
    problem(await post(server, "/-/jobs?query=w=9", FEED + "x" * 3000), 400, "feed")


async def test_two_files_of_one_name_are_refused_with_both_lines(serve, tmp_path):
    server = await serve(EDGE_JOBS_EXPORT=str(tmp_path / "out"))
    body = "sku,url\na,/sku/123.jpg\nb,/sku/456.png\nA,/sku/789.webp\n"
    answer = await post(server, f"/-/jobs?preset=amazon&to={tmp_path}/out", body)
    told = problem(answer, 400, "pattern")
    assert told["diagnostics"]["lines"] == [2, 4]
    assert not (tmp_path / "out").exists()


async def test_every_route_asks_for_the_role(serve):
    server = await serve()
    routes = [
        ("GET", "/-/jobs"), ("POST", "/-/jobs"), ("GET", "/-/jobs/x"), ("DELETE", "/-/jobs/x"),
        ("GET", "/-/jobs/x/items"), ("GET", "/-/jobs/x/report.json"), ("POST", "/-/jobs/x/pause"),
        ("GET", "/-/jobs/ledger"), ("GET", "/-/review/items"), ("POST", "/-/review/x/1"),
        ("GET", "/-/review/x/1/original"),
    ]  # fmt: skip
    for method, url in routes:
        answer = await server.http.request(method, url)
        assert answer.status_code == 401, url
        assert answer.headers["www-authenticate"]


async def test_a_token_without_the_role_may_not(serve, tmp_path):
    file = tmp_path / "tokens.toml"
    file.write_text(
        '[[token]]\nname = "ops"\ntoken = "only-metrics-nothing-else"\nroles = ["metrics"]\n'
    )
    server = await serve(EDGE_ADMIN_FILE=str(file))
    headers = {"authorization": "Bearer only-metrics-nothing-else"}
    assert (await server.http.get("/-/jobs", headers=headers)).status_code == 403


@pytest.mark.parametrize("id", ["none", "20260101-000000-00000000", "..", "a" * 100, "%2e%2e"])
async def test_there_is_no_such_job(serve, id):
    server = await serve()
    answer = await get(server, f"/-/jobs/{id}")
    assert answer.status_code == 404


async def test_one_key_is_one_job(serve):
    server = await serve()
    first = await post(server, "/-/jobs?query=w=40", FEED, idempotency_key="march-7")
    again = await post(server, "/-/jobs?query=w=40", FEED, idempotency_key="march-7")
    assert again.status_code == 202
    assert again.json()["id"] == first.json()["id"]
    assert again.headers["idempotent-replayed"] == "true"
    other = await post(server, "/-/jobs?query=w=41", FEED, idempotency_key="march-7")
    problem(other, 422, "Idempotency-Key", "idempotency-key-reused")
    assert len((await get(server, "/-/jobs")).json()["jobs"]) == 1


async def test_a_refused_request_leaves_its_key_free(serve):
    server = await serve()
    problem(await post(server, "/-/jobs?query=w=40", "sku\na\n", idempotency_key="k"), 400)
    answer = await post(server, "/-/jobs?query=w=40", FEED, idempotency_key="k")
    assert answer.status_code == 202


async def test_a_job_is_paused_gone_on_with_and_cancelled(serve, photos):
    server = await serve(EDGE_JOBS_DEPTH="5")
    lines = "".join(f"s{n},/sku/123.jpg,w={100 + n}\n" for n in range(200))
    id = (await post(server, "/-/jobs", "sku,url,query\n" + lines)).json()["id"]
    paused = await post(server, f"/-/jobs/{id}/pause")
    assert (paused.status_code, paused.json()["status"]) == (202, "paused")
    done, before = (await get(server, f"/-/jobs/{id}")).json()["done"], -1
    while done != before:  # what had begun comes to its end
        await asyncio.sleep(1)
        before, done = done, (await get(server, f"/-/jobs/{id}")).json()["done"]
    assert done < 200
    problem(await post(server, f"/-/jobs/{id}/pause"), 409, "status", "job-conflict")
    assert (await post(server, f"/-/jobs/{id}/resume")).status_code == 202
    cancelled = await delete(server, f"/-/jobs/{id}")
    assert (cancelled.status_code, cancelled.json()["status"]) == (202, "cancelled")
    problem(await post(server, f"/-/jobs/{id}/resume"), 409, "status", "job-conflict")
    assert (await post(server, f"/-/jobs/{id}/retry")).status_code == 202
    facts = await over(server, id)
    assert (facts["status"], facts["counts"]["succeeded"]) == ("succeeded", 200)
    assert (await delete(server, f"/-/jobs/{id}")).status_code == 204
    assert (await get(server, f"/-/jobs/{id}")).status_code == 404


async def test_failed_items_are_tried_again_when_asked(serve, photos):
    server = await serve()
    facts = await run(server, "/-/jobs?query=w=50", FEED + "d,/sku/late.jpg\n")
    assert facts["status"] == "partial"
    photo(100, 100, 9).save(photos / "sku" / "late.jpg")
    await asyncio.sleep(1.1)  # for so long what was just missing stays so, whoever asks
    assert (await post(server, f"/-/jobs/{facts['id']}/retry")).status_code == 202
    facts = await over(server, facts["id"])
    assert (facts["status"], facts["counts"]["succeeded"]) == ("succeeded", 4)
    problem(await post(server, f"/-/jobs/{facts['id']}/retry"), 409, slug="job-conflict")


async def test_reports_come_as_json_csv_and_a_page(serve):
    server = await serve(EDGE_JOBS_PRICES="cpu:3600,picture:0.5")
    feed = FEED + "=cmd,/sku/123.jpg\nd\n"
    facts = await run(server, "/-/jobs?query=w=60%26strict=1&label=<b>", feed)
    place = f"/-/jobs/{facts['id']}/report"
    whole = (await get(server, f"{place}.json")).json()
    assert [item["state"] for item in whole["items"]] == ["succeeded"] * 4 + ["refused"]
    assert whole["cost"]["cost"] > 4 * 0.5
    table = await get(server, f"{place}.csv")
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert len(rows) == 5
    assert rows[3]["sku"] == "'=cmd", "a spreadsheet would run it"
    assert float(rows[0]["cost"]) > 0.5
    page = await get(server, f"{place}.html")
    assert "<script" not in page.text
    assert "&lt;b&gt;" in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    problem(await get(server, f"{place}.pdf"), 400, "report")


async def test_items_are_paged(serve):
    server = await serve()
    facts = await run(server, "/-/jobs?query=w=60", FEED)
    seen, cursor = [], ""
    while cursor is not None:
        page = (await get(server, f"/-/jobs/{facts['id']}/items?limit=2&cursor={cursor}")).json()
        seen += [item["sku"] for item in page["items"]]
        cursor = page["next"]
    assert seen == ["a", "b", "c"]
    problem(await get(server, f"/-/jobs/{facts['id']}/items?status=great"), 400, "status")
    for odd in ("x", "%C2%B2", "-1", "9" * 13):
        for word in ("cursor", "limit"):
            found = await get(server, f"/-/jobs/{facts['id']}/items?{word}={odd}")
            problem(found, 400, word, "invalid-parameter")


async def test_the_ledger_adds_up_by_label(serve):
    server = await serve(EDGE_JOBS_PRICES="picture:2", EDGE_JOBS_CURRENCY="CHF")
    await run(server, "/-/jobs?preset=thumb&accept=webp&label=a", FEED)
    await run(server, "/-/jobs?preset=thumb&accept=webp&query=w=30&label=b", FEED)
    mine = (await get(server, "/-/jobs/ledger?label=a")).json()
    every = (await get(server, "/-/jobs/ledger")).json()
    assert (mine["pictures"], mine["cost"], mine["currency"]) == (3, 6.0, "CHF")
    assert every["presets"]["thumb"]["pictures"] == 6


async def test_a_dry_run_tells_what_is_there_and_what_the_rest_takes(serve):
    server = await serve(EDGE_JOBS_PRICES="cpu:3600")
    await run(server, "/-/jobs?query=w=60", FEED)
    lines = FEED + "d,/none.jpg\ne\n" + "f,/sku/123.jpg,\n"
    told = (await post(server, "/-/jobs?query=w=60&dry_run=1", lines)).json()
    assert (told["cached"], told["missing"], told["failed"], told["refused"]) == (3, 0, 1, 2)
    told = (await post(server, "/-/jobs?query=w=61&dry_run=1", FEED)).json()
    assert (told["cached"], told["missing"], told["networks"]) == (0, 3, 0)
    assert told["presets"]["-"]["from"] == "ledger"
    assert told["cost"] > 0
    fresh = (
        await post(server, "/-/jobs?preset=thumb&accept=webp&dry_run=1&samples=2", FEED)
    ).json()
    assert fresh["presets"]["thumb"]["from"] == "2 samples"
    assert len((await get(server, "/-/jobs")).json()["jobs"]) == 1, "nothing was begun"


async def test_there_is_no_such_thing_to_do(serve):
    server = await serve()
    facts = await run(server, "/-/jobs?query=w=60", FEED)
    answer = await post(server, f"/-/jobs/{facts['id']}/explode")
    problem(answer, 404, "verb", "job-not-found")
    answer = await server.http.put("/-/jobs", headers=AUTH)
    assert answer.status_code == 405


async def test_openapi_describes_every_route_of_jobs_and_review(serve):
    server = await serve()
    document, processing = (await server.get("/-/openapi.json")).json(), server.parts.processing
    routes = {
        (method, route.path.replace(":int", ""))
        for part in (JobsRoutes(processing, None), ReviewRoutes(processing, None))
        for route in part.routes()
        for method in route.methods - {"HEAD"}
    }
    told = {
        (method.upper(), path)
        for path, item in document["paths"].items()
        for method in item
        if method != "parameters"
    }
    verbs = {path for _, path in told if path.startswith("/-/jobs/{id}/")}
    for method, path in routes:
        if path == "/-/jobs/{id}/{verb}":
            assert {f"/-/jobs/{{id}}/{verb}" for verb in ("pause", "resume", "retry")} <= verbs
        else:
            assert (method, path) in told
    assert json.dumps(document).count("#/components/schemas/Job") > 3
