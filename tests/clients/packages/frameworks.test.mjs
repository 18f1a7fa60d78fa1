// Run by tests/clients/test_javascript.py in a folder with the packages: node --test
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";

import { edgeLoader } from "edge-images/next";
import { EdgeImage } from "edge-images/react";
import * as provider from "edge-images/unpic";
import { transformBaseImageProps } from "@unpic/core/base";
import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";

const require = createRequire(import.meta.url);
const BASE = "https://images.example.com";

test("next/image writes its srcset with the loader", () => {
  const Image = require("next/image").default;
  const html = renderToStaticMarkup(
    createElement(Image, { src: "/a.jpg", width: 100, height: 50, alt: "a", loader: edgeLoader(BASE, { fm: "webp" }) }),
  );
  assert.match(html, / srcSet="https:\/\/images\.example\.com\/a\.jpg\?fm=webp&amp;w=128 1x, /);
  assert.match(html, / src="https:\/\/images\.example\.com\/a\.jpg\?fm=webp&amp;w=256"/);
});

test("the React component is an <img> with srcset, placeholder and what else was given", () => {
  const html = renderToStaticMarkup(
    createElement(EdgeImage, {
      base: BASE, path: "a b.jpg", params: { fmt: "thumb" }, widths: [200, 400], sizes: { default: "50vw" },
      blurhash: "LEHV6nWB2yk8pyo0adR*.7kCMdnj", alt: "a", className: "card",
    }),
  );
  assert.match(html, /srcSet="[^"]*a%20b\.jpg\?fmt=thumb&amp;w=200 200w, [^"]* 400w"/);
  assert.match(html, /sizes="50vw"/);
  assert.match(html, /class="card"/);
  assert.match(html, /background-image:url\(&quot;data:image\/bmp;base64,/);
});

test("unpic's own component maths ask for widths through the provider", () => {
  const props = transformBaseImageProps({
    src: `${BASE}/a.jpg?fmt=thumb`, width: 400, height: 300, layout: "constrained",
    transformer: provider.transform,
  });
  assert.match(props.src, /\?fit=cover&fmt=thumb&h=300&w=400$/);
  const first = props.srcset.split(",\n")[0];
  const [, high, wide] = /h=(\d+)&w=(\d+)/.exec(first);
  assert.ok(Math.abs(high / wide - 0.75) < 0.01, first);
});
