// Run by tests/clients/test_javascript.py in a folder with the packages: node --test
import assert from "node:assert/strict";
import { test } from "node:test";

import { Liquid } from "liquidjs";

const SNIPPETS = process.env.EDGE_CLIENTS + "/liquid";
const engine = new Liquid({ root: SNIPPETS, extname: ".liquid", strictFilters: true });
// Shopify's own filter, as its documentation says of a picture without parameters
engine.registerFilter("image_url", (image) => (typeof image === "string" ? image : image.src));

const SHOE = { src: "//shop.example/cdn/shop/files/red-shoe.jpg?v=1700000001", alt: 'A "red" shoe' };
const HOST = { image_host: "https://images.example.com" };

function url(words, image = SHOE, settings = HOST) {
  return engine.parseAndRender(`{% render 'edge-url', image: image, settings: settings${words} %}`, { image, settings }, { globals: { settings } });
}

test("a width", async () => {
  assert.equal(await url(", width: 800"), "https://images.example.com/files/red-shoe.jpg?v=1700000001&w=800");
});

test("width and height without a crop cut at the centre, as image_url does", async () => {
  assert.equal(
    await url(", width: 800, height: 600"),
    "https://images.example.com/files/red-shoe.jpg?fit=cover&h=600&v=1700000001&w=800",
  );
});

test("Shopify's crops become gravities", async () => {
  assert.match(await url(", width: 8, height: 6, crop: 'center'"), /\?fit=cover&h=6&/);
  assert.match(await url(", width: 8, height: 6, crop: 'top'"), /\?fit=cover&g=north&h=6&/);
});

test("a padding colour pads", async () => {
  assert.match(await url(", width: 8, height: 6, pad_color: '#ffeedd'"), /\?bg=ffeedd&fit=pad&h=6&/);
});

test("pjpg is a JPEG, and a preset is named", async () => {
  assert.match(await url(", format: 'pjpg', preset: 'thumb', quality: 70"), /\?fm=jpg&fmt=thumb&q=70&v=/);
});

test("a product's picture is in its own folder", async () => {
  const image = { src: "//shop.example/cdn/shop/products/shoe.png" };
  assert.equal(await url("", image), "https://images.example.com/products/shoe.png");
});

test("without the theme's setting Shopify's own URL is left", async () => {
  assert.equal(await url(", width: 8", SHOE, {}), SHOE.src);
});

test("the <img> has a srcset, keeps its ratio and escapes its text", async () => {
  const html = await engine.parseAndRender(
    "{% render 'edge-image', image: image, widths: '200, 400', width: 300, height: 200, crop: 'center', class: 'card' %}",
    { image: SHOE },
    { globals: { settings: HOST } },
  );
  const base = "https://images.example.com/files/red-shoe.jpg?fit=cover";
  assert.match(html, /alt="A &#34;red&#34; shoe"/);
  assert.match(html, / width="300" height="200" class="card"/);
  const srcset = /srcset="([^"]*)"/.exec(html)[1];
  assert.equal(srcset, `${base}&h=133&v=1700000001&w=200 200w, ${base}&h=267&v=1700000001&w=400 400w`);
});
