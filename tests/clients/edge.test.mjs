// Run by tests/clients/test_javascript.py: node --test
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import * as edge from "../../clients/js/edge.js";
import { edgeLoader } from "../../clients/js/next.js";
import { extract, generate, transform } from "../../clients/js/unpic.js";

const vectors = JSON.parse(readFileSync(new URL("../../clients/vectors.json", import.meta.url)));

for (const v of vectors.urls) {
  test(`url: ${v.name}`, () => assert.equal(edge.url(v.base, v.path, v.params), v.url));
}
for (const v of vectors.srcsets) {
  test(`srcset: ${v.name}`, () => {
    const options = { widths: v.widths ?? undefined, densities: v.densities ?? undefined };
    assert.equal(edge.srcset(v.base, v.path, v.params, options), v.srcset);
  });
}
for (const v of vectors.sizes) {
  test(`sizes: ${v.name}`, () => assert.equal(edge.sizes(v.lengths), v.sizes));
}
for (const v of vectors.signed) {
  test(`sign: ${v.name}`, async () => {
    const key = { kid: vectors.kid, secret: vectors.secret, expires: v.expires ?? undefined };
    assert.equal(await edge.sign(v.unsigned, key), v.url);
  });
}

test("a URL is signed once, and takes every word once", async () => {
  const key = { kid: "a", secret: "b".repeat(16) };
  await assert.rejects(edge.sign("/a.jpg?w=1&w=2", key), RangeError);
  await assert.rejects(edge.sign("/a.jpg?sig=0", key), RangeError);
});

test("attributes are those of an <img>", () => {
  const made = edge.attributes("", "a.jpg", { fmt: "thumb" }, { widths: [100, 200, 300] });
  assert.equal(made.src, "/a.jpg?fmt=thumb&w=200");
  assert.equal(made.srcset.split(", ").length, 3);
  assert.equal(made.sizes, "100vw");
});

test("a BlurHash of one colour is that colour everywhere", () => {
  const pixels = edge.blurhash("00OZZy", 4, 3); // one component
  assert.equal(pixels.length, 48);
  assert.deepEqual([...pixels.slice(0, 4)], [...pixels.slice(44)]);
});

test("what is no BlurHash is refused", () => {
  assert.throws(() => edge.blurhash("00"), RangeError);
  assert.throws(() => edge.blurhash("L\u00e4"), RangeError);
});

test("the loader of Next writes width and quality, and keeps a picture's own words", () => {
  const load = edgeLoader("https://i.example", { fm: "webp" });
  assert.equal(load({ src: "/a b.jpg", width: 640 }), "https://i.example/a%20b.jpg?fm=webp&w=640");
  assert.equal(
    load({ src: "/a.jpg?fmt=thumb", width: 640, quality: 70 }),
    "https://i.example/a.jpg?fm=webp&fmt=thumb&q=70&w=640",
  );
});

test("unpic's operations go there and back", () => {
  const made = generate("https://i.example/a b.jpg", { width: 400, height: 300, format: "jpeg" });
  assert.equal(made, "https://i.example/a%20b.jpg?fit=cover&fm=jpg&h=300&w=400");
  const found = extract(made);
  assert.equal(found.src, "https://i.example/a%20b.jpg");
  assert.deepEqual(found.operations, { fit: "cover", format: "jpg", height: 300, width: 400 });
  assert.equal(transform(made, { width: 800 }), made.replace("w=400", "w=800"));
  assert.equal(extract("https://i.example/a.jpg"), null);
});
