// Prints, as JSON, what other services' own libraries build for a photo of 600x800, and the size that
// each service documents for it. Run by tests/dialects/test_libraries.py.
import { createRequire } from "node:module";

import ImgixClient from "@imgix/js-core";
import { Cloudinary } from "@cloudinary/url-gen";
import { fill, limitFit, pad, scale } from "@cloudinary/url-gen/actions/resize";
import { autoGravity, compass } from "@cloudinary/url-gen/qualifiers/gravity";
import { transformUrl } from "unpic";

const require = createRequire(import.meta.url);
const PHOTO = "sku/123.jpg";
const built = [];

function add(service, library, url, width, height) {
  built.push({ service, library, url: url.replace(/^https?:\/\/[^/]+/, ""), width, height });
}

const imgix = new ImgixClient({ domain: "shop.imgix.net" });
const asks = [
  [{ w: 300 }, 300, 400],
  [{ w: 300, h: 300, fit: "crop", crop: "faces,top" }, 300, 300],
  [{ w: 300, h: 300, fit: "fill", fill: "solid", "fill-color": "ff0000" }, 300, 300],
  [{ w: 300, ar: "2:1", fit: "crop", auto: "format,compress" }, 300, 150],
  [{ h: 200, dpr: 2 }, 300, 400],
];
for (const [params, width, height] of asks) add("imgix", "js-core", imgix.buildURL(PHOTO, params), width, height);
for (const part of imgix.buildSrcSet(PHOTO, { fm: "jpg" }, { widths: [150, 450] }).split(",\n")) {
  const [url, width] = part.split(" ");
  add("imgix", "js-core srcset", url, parseInt(width), (parseInt(width) * 4) / 3);
}

const cloud = new Cloudinary({ cloud: { cloudName: "demo" } });
const image = () => cloud.image(PHOTO);
add("cloudinary", "url-gen", image().resize(scale().width(300)).toURL(), 300, 400);
add("cloudinary", "url-gen", image().resize(fill().width(300).height(300).gravity(autoGravity())).format("auto").quality("auto").toURL(), 300, 300);
add("cloudinary", "url-gen", image().resize(fill().width(200).aspectRatio("2:1").gravity(compass("north"))).toURL(), 200, 100);
add("cloudinary", "url-gen", image().resize(pad().width(300).height(300)).format("png").toURL(), 300, 300);
add("cloudinary", "url-gen", image().resize(limitFit().width(300).height(300)).toURL(), 225, 300);
const sdk = require("cloudinary").v2;
sdk.config({ cloud_name: "demo" });
add("cloudinary", "node sdk", sdk.url(PHOTO, { width: 300, height: 150, crop: "fill", gravity: "auto", fetch_format: "auto" }), 300, 150);
add("cloudinary", "node sdk", sdk.url(PHOTO, { transformation: [{ crop: "crop", x: 100, y: 100, width: 300, height: 300 }, { width: 150, crop: "scale" }], version: 1712 }), 150, 150);

const nextLoader = require("next/dist/shared/lib/image-loader.js").default;
const config = { ...require("next/dist/shared/lib/image-config.js").imageConfigDefault, qualities: [75] };
add("next", "next/image", nextLoader({ config, src: "/" + PHOTO, width: 300, quality: 75 }), 300, 400);

const providers = {
  cloudflare: `https://shop.example/${PHOTO}`,
  cloudinary: `https://res.cloudinary.com/demo/image/upload/v1/${PHOTO}`,
  imgix: `https://shop.imgix.net/${PHOTO}`,
  ipx: `/${PHOTO}`,
  nextjs: `/${PHOTO}`,
  shopify: `https://cdn.shopify.com/${PHOTO}`,
  vercel: `/${PHOTO}`,
  wordpress: `https://shop.files.wordpress.com/${PHOTO}`,
};
for (const [provider, url] of Object.entries(providers)) {
  const service = { nextjs: "next", vercel: "next" }[provider] ?? provider;
  const made = transformUrl({ url, width: 300, provider });
  add(service, `unpic ${provider}`, String(made), 300, 400);
  if (service === "next") continue; // these have no height
  add(service, `unpic ${provider}`, String(transformUrl({ url, width: 300, height: 300, provider })), 300, 300);
}

console.log(JSON.stringify(built));
