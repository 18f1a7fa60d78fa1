"""Who may do what under `/-/`, and with which key a URL may be signed, while the server runs."""

import pytest

from edge.variants import signing
from tests.running import TOKEN

METRICS, JOBS = "a-token-for-the-metrics", "a-token-for-the-jobs-alone"
FILE = (
    f'[[token]]\nname = "grafana"\ntoken = "{METRICS}"\nroles = ["metrics"]\n'
    f'[[token]]\nname = "studio"\ntoken = "{JOBS}"\nroles = ["jobs", "review"]\n'
)
FIRST, SECOND = "the first of the secrets", "the second of the secrets"


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


@pytest.fixture
def tokens(tmp_path):
    file = tmp_path / "tokens.toml"
    file.write_text(FILE)
    return file


def signed(secret: str, path: str = "sku/123.jpg", query: str = "w=60") -> str:
    return f"/{path}?" + signing.sign(path, query, signing.SigningKeys.of([("shop", secret)]))


async def purge(server, token):
    return await server.http.post("/-/purge", json={"tag": "x"}, headers=bearer(token))


async def test_a_token_is_good_for_its_roles_alone(serve, tokens):
    server = await serve(EDGE_ADMIN_FILE=str(tokens))
    assert (await purge(server, TOKEN)).status_code == 200
    answer = await purge(server, METRICS)
    assert answer.status_code == 403
    assert answer.json()["type"].endswith("role-missing")
    assert answer.headers["cache-control"] == "no-store"
    assert (await purge(server, METRICS + "x")).status_code == 401


async def test_two_tokens_in_one_request_are_none(serve):
    server = await serve()
    twice = [("authorization", f"Bearer {TOKEN}")] * 2
    answer = await server.http.post("/-/purge", json={"tag": "x"}, headers=twice)
    assert answer.status_code == 401


async def test_tokens_are_exchanged_without_a_restart(serve, tokens):
    server = await serve(EDGE_ADMIN_FILE=str(tokens), EDGE_ADMIN_METRICS="1")
    assert (await server.get("/-/metrics", **bearer(METRICS))).status_code == 200
    tokens.write_text(FILE.replace(METRICS, "another-token-for-the-metrics"))
    await server.parts.reload()
    assert (await server.get("/-/metrics", **bearer(METRICS))).status_code == 401
    answer = await server.get("/-/metrics", **bearer("another-token-for-the-metrics"))
    assert answer.status_code == 200


async def test_a_file_that_is_just_being_written_takes_nothing_away(serve, tokens):
    """Written in place it is empty first; whoever means no token at all takes the setting away."""
    server = await serve(EDGE_ADMIN_FILE=str(tokens), EDGE_ADMIN_METRICS="1")
    for text in ("", "\n", FILE[:40]):
        tokens.write_text(text)
        await server.parts.reload()
        assert (await server.get("/-/metrics", **bearer(METRICS))).status_code == 200


async def test_metrics_and_what_readiness_knows_are_for_the_role_where_that_is_set(serve, tokens):
    server = await serve(EDGE_ADMIN_FILE=str(tokens), EDGE_ADMIN_METRICS="1")
    assert (await server.get("/-/metrics")).status_code == 401
    assert (await server.get("/-/metrics", **bearer(JOBS))).status_code == 403
    assert (await server.get("/-/metrics", **bearer(METRICS))).status_code == 200
    assert (await server.get("/-/readyz")).json() == {"status": "ready"}
    assert "origins" in (await server.get("/-/readyz", **bearer(METRICS))).json()
    assert (await server.get("/-/healthz")).status_code == 200


async def test_a_revoked_key_signs_nothing_any_more_not_even_a_remembered_url(serve, tmp_path):
    file = tmp_path / "keys.toml"
    file.write_text(f'[[key]]\nid = "shop"\nsecret = "{FIRST}"\n')
    server = await serve(EDGE_SIGNING_FILE=str(file), EDGE_SIGNING_REQUIRED="1")
    for _ in range(2):
        assert (await server.get(signed(FIRST))).status_code == 200
    file.write_text(f'[[key]]\nid = "shop"\nsecret = "{SECOND}"\n')
    await server.parts.reload()
    assert (await server.get(signed(FIRST))).status_code == 403
    assert (await server.get(signed(SECOND))).status_code == 200


async def test_a_key_is_held_to_its_paths_and_presets(serve, tmp_path):
    file = tmp_path / "keys.toml"
    file.write_text(
        f'[[key]]\nid = "shop"\nsecret = "{FIRST}"\npaths = ["/sku"]\npresets = ["thumb"]\n'
    )
    server = await serve(EDGE_SIGNING_FILE=str(file))
    assert (await server.get("/sku/123.jpg?w=60")).status_code == 200
    for query in ("fmt=thumb", "preset=Thumb", "fmt=thumb,webp"):
        assert (await server.get(signed(FIRST, query=query))).status_code == 200, query
    for path, query in (("sku/123.jpg", "w=60"), ("sku/123.jpg", "fmt=amazon"), ("a", "fmt=thumb")):
        answer = await server.get(signed(FIRST, path, query))
        assert answer.status_code == 403
        assert answer.json()["type"].endswith("signature-out-of-scope")


async def test_explain_needs_a_permission_of_its_own_where_urls_are_signed(serve, tokens):
    keys = {"EDGE_SIGNING_KEYS": f"shop:{FIRST}", "EDGE_SIGNING_REQUIRED": "1"}
    server = await serve(EDGE_ADMIN_FILE=str(tokens), **keys)
    assert (await server.get("/-/explain" + signed(FIRST))).status_code == 401
    assert (await server.get("/-/explain/sku/123.jpg?w=60", **bearer(JOBS))).status_code == 403
    assert (await server.get("/-/explain/sku/123.jpg?w=60", **bearer(TOKEN))).status_code == 200
    assert (await server.get("/sku/123.jpg?w=60", **bearer(TOKEN))).status_code == 403
