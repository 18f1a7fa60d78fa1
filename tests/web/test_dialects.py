"""URLs of other services are answered with our own pictures."""

from urllib.parse import quote

from edge.variants import signing

KEY = "a-secret-of-this-shop"
BUILT = "/demo/image/upload/c_fill,w_120,h_90/f_jpg/v1/sku/123.jpg"


async def test_one_picture_in_three_dialects_is_rendered_once(serve):
    server = await serve(EDGE_DIALECTS="all")
    ours = await server.get("/sku/123.jpg?w=120&h=90&fit=cover&fm=jpg")
    theirs = await server.get(BUILT)
    third = await server.get("/imgix/sku/123.jpg?w=120&h=90&fit=crop&fm=jpg")
    assert {answer.status_code for answer in (ours, theirs, third)} == {200}
    assert ours.headers["etag"] == theirs.headers["etag"] == third.headers["etag"]
    assert await server.metric("edge_renders_total") == 1


async def test_explain_shows_what_was_understood_and_what_was_passed_over(serve):
    server = await serve()
    told = (
        await server.get("/-/explain/cdn-cgi/image/width=120,border=3,blur=9/sku/123.jpg")
    ).json()
    assert told["path"] == "sku/123.jpg"
    assert told["canonical"].endswith("w=120")
    assert told["ignored"] == ["border=3", "blur=9 (nearest: blur=4)"]


async def test_the_strict_grammar_refuses_it_and_names_the_nearest(serve):
    server = await serve(EDGE_QUERY_STRICT="1")
    answer = await server.get("/cdn-cgi/image/width=120,blur=9/sku/123.jpg")
    assert answer.status_code == 400
    assert answer.json()["param"] == "blur"
    assert answer.json()["nearest"] == "blur=4"


async def test_a_wrong_value_names_what_the_service_has(serve):
    answer = await (await serve()).get("/cdn-cgi/image/fit=outside,width=9/sku/123.jpg")
    assert answer.status_code == 400
    assert "squeeze" in answer.json()["allowed"]


async def test_a_signature_covers_the_url_as_it_stands(serve):
    server = await serve(EDGE_SIGNING_KEYS=f"k:{KEY}", EDGE_SIGNING_REQUIRED="1")
    assert (await server.get(BUILT)).status_code == 403
    keys = signing.SigningKeys.of([("k", KEY)])
    query = signing.sign(BUILT.removeprefix("/"), "", keys, None)
    assert (await server.get(f"{BUILT}?{query}")).status_code == 200
    other = BUILT.replace("w_120", "w_121")
    assert (await server.get(f"{other}?{query}")).status_code == 403


async def test_a_key_bound_to_paths_signs_the_photo_not_the_spelling(serve, tmp_path):
    file = tmp_path / "keys.toml"
    file.write_text(f'[[key]]\nid = "k"\nsecret = "{KEY}"\npaths = ["/outlet"]\n')
    server = await serve(EDGE_SIGNING_FILE=str(file), EDGE_SIGNING_REQUIRED="1")
    path = "/_next/image"
    words = f"kid=k&url={quote('/sku/123.jpg', safe='')}&w=90"
    sig = signing.sign(path.removeprefix("/"), words, signing.SigningKeys.of([("k", KEY)]), None)
    answer = await server.get(f"{path}?{sig}")
    assert answer.status_code == 403
    assert answer.json()["type"].endswith("signature-out-of-scope")


async def test_a_source_elsewhere_is_refused_and_the_setting_is_named(serve):
    answer = await (await serve()).get("/_next/image?url=http%3A%2F%2F169.254.169.254%2Fa.jpg&w=9")
    assert answer.status_code == 400
    assert "EDGE_QUERY_SOURCES" in answer.json()["detail"]


async def test_our_own_words_keep_their_meaning(serve):
    server = await serve(EDGE_DIALECTS="all")
    ours = await server.get("/sku/123.jpg?w=100&h=50&fit=fill&fm=jpg")
    told = (await server.get("/-/explain/sku/123.jpg?w=100&h=50&fit=fill&fm=jpg")).json()
    assert ours.status_code == 200
    assert "fit=fill" in told["canonical"]
