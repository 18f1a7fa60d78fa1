"""Backgrounds by name: a scene that is not there is answered with those that are."""


async def test_a_scene_that_is_not_there_lists_those_that_are(serve):
    server = await serve()
    for query in ("bg=scene:sant&w=60", "bg=scene:sant&w=60&fm=png"):
        answer = await server.get(f"/sku/123.jpg?{query}")
        told = answer.json()
        assert (answer.status_code, told["param"]) == (400, "bg")
        assert told["allowed"] == ["scene:sand", "scene:sky"]
        assert told["nearest"] == "scene:sand"


async def test_a_folder_of_ones_own_is_listed_instead(serve, photos):
    server = await serve(EDGE_ORIGIN_SCENES=str(photos / "sku"))
    told = (await server.get("/sku/123.jpg?bg=scene:oak")).json()
    assert told["allowed"] == ["scene:123", "scene:456", "scene:789"]
