// Prints, as JSON, what other services' own libraries build for a photo of 600x800, and the size that
// each service documents for it. Run by tests/dialects/test_client_libraries.py.
import { createRequire } from "node:module";

import ImgixClient from "@imgix/js-core";
import { Cloudinary } from "@cloudinary/url-gen";
import { fill, limitFit, pad, scale } from "@cloudinary/url-gen/actions/resize";
import { autoGravity, compass } from "@cloudinary/url-gen/qualifiers/gravity";
import { createElement } from "react";
import { renderToStaticMarkup } from "react-dom/server";
import { transformUrl } from "unpic";

const require = createRequire(import.meta.url);
const PHOTO = "sku/123.jpg";
const built = [];

// `centring` is where a covering crop is taken: 0 to 1 from the left, and from the top.
function add(service, library, url, width, height, centring) {
  built.push({ service, library, url: url.replace(/^https?:\/\/[^/]+/, ""), width, height, centring });
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

// Packages do not export these files by name: a Nuxt application gets them by its build.
const within = (path) => import(new URL(`node_modules/${path}`, import.meta.url));
const nuxt = async (provider) => (await within(`@nuxt/image/dist/runtime/providers/${provider}.js`)).default();
const context = { options: { nuxt: { baseURL: "/" } } };
const [nuxtIpx, nuxtShopify] = [await nuxt("ipx"), await nuxt("shopify")];
const modifiers = [
  [{ width: 300 }, 300, 400],
  [{ height: 200, format: "png" }, 150, 200],
  [{ width: 300, height: 300 }, 300, 300, [0.5, 0.5]],
  [{ width: 300, height: 200, position: "top", format: "webp" }, 300, 200, [0.5, 0]],
  [{ width: 300, height: 200, position: "bottom", quality: 90 }, 300, 200, [0.5, 1]],
  [{ width: 300, height: 300, fit: "contain", background: "ffffff" }, 300, 300],
  [{ width: 300, height: 300, fit: "inside" }, 225, 300],
];
for (const [asked, width, height, centring] of modifiers) {
  const { url } = nuxtIpx.getImage(`/${PHOTO}`, { modifiers: { ...asked } }, context);
  add("ipx", "nuxt ipx", url, width, height, centring);
}
const shop = { baseURL: "https://cdn.shopify.com" };
for (const [crop, centring] of [["center", [0.5, 0.5]], ["top", [0.5, 0]], ["bottom", [0.5, 1]]]) {
  const asked = { modifiers: { width: 300, height: 200, crop }, ...shop };
  add("shopify", "nuxt shopify", nuxtShopify.getImage(`/${PHOTO}`, asked, context).url, 300, 200, centring);
}

// Shopify's own: Hydrogen's loader, and what its component writes into a page.
const { Image, shopifyLoader } = await import("@shopify/hydrogen-react/Image");
const onShopify = `https://cdn.shopify.com/${PHOTO}`;
add("shopify", "hydrogen loader", shopifyLoader({ src: onShopify, width: 300 }), 300, 400);
for (const [crop, centring] of [["center", [0.5, 0.5]], ["top", [0.5, 0]], ["bottom", [0.5, 1]]]) {
  add("shopify", "hydrogen loader", shopifyLoader({ src: onShopify, width: 300, height: 200, crop }), 300, 200, centring);
}
const data = { url: onShopify, width: 600, height: 800, altText: "" };
const page = renderToStaticMarkup(createElement(Image, { data, sizes: "50vw", aspectRatio: "1/1" }));
for (const part of page.match(/srcSet="([^"]*)"/i)[1].replaceAll("&amp;", "&").split(", ")) {
  const [url, width] = part.split(" ");
  add("shopify", "hydrogen component", url, parseInt(width), parseInt(width), [0.5, 0.5]);
}

console.log(JSON.stringify(built));
