/**
 * URLs of an edge image server: one picture, a `srcset`, a signature, a placeholder.
 *
 * No dependencies; for browsers, Node 20 and newer, Deno, Bun and workers. `clients/vectors.json`
 * holds this module to what the server's own code writes.
 */

/** Widths in pixels of a `srcset`. */
export const WIDTHS = Object.freeze([320, 480, 640, 828, 1080, 1280, 1668, 2048, 2560]);

/** Device pixels per pixel of the page, for a picture of fixed size. */
export const DENSITIES = Object.freeze([1, 2, 3]);

/** Percent-encodes everything but the unreserved characters of RFC 3986. */
function encode(text) {
  return encodeURIComponent(text).replace(/[!'()*]/g, (c) => "%" + c.charCodeAt(0).toString(16).toUpperCase());
}

function encodePath(path) {
  return "/" + path.replace(/^\/+/, "").split("/").map(encode).join("/");
}

/** Sorted by the encoded name alone: as whole texts, `bg-remove=on` would come before `bg=fff`. */
function query(params) {
  return Object.entries(params)
    .filter(([, value]) => value !== undefined && value !== null)
    .map(([name, value]) => [encode(name), encode(written(value))])
    .sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    .map((pair) => pair.join("="))
    .join("&");
}

function written(value) {
  return typeof value === "boolean" ? String(Number(value)) : String(value);
}

/**
 * The URL of one picture.
 *
 * @param {string} base scheme and host, such as `https://images.example.com`; empty for a path alone
 * @param {string} path of the original, not encoded: `sku/red shoe.jpg`
 * @param {Record<string, unknown>} [params] words of the URL; `true` is written 1, `null` left out
 * @returns {string}
 */
export function url(base, path, params = {}) {
  const words = query(params);
  return base.replace(/\/+$/, "") + encodePath(path) + (words ? "?" + words : "");
}

function atWidth(params, width) {
  if (params.w == null || params.h == null) return { ...params, w: width };
  const high = Math.max(1, Math.floor((Number(params.h) * width) / Number(params.w) + 0.5));
  return { ...params, w: width, h: high };
}

/**
 * A `srcset`: with `w` descriptors by default, with `x` descriptors where `densities` is given.
 *
 * @param {string} base
 * @param {string} path
 * @param {Record<string, unknown>} [params] with both `w` and `h`, `h` keeps its proportion to `w`
 * @param {{widths?: readonly number[], densities?: readonly number[]}} [options]
 */
export function srcset(base, path, params = {}, options = {}) {
  if (options.densities) {
    return options.densities
      .map((d) => `${url(base, path, { ...params, dpr: d === 1 ? null : d })} ${d}x`)
      .join(", ");
  }
  return (options.widths ?? WIDTHS)
    .map((width) => `${url(base, path, atWidth(params, width))} ${width}w`)
    .join(", ");
}

/**
 * The `sizes` attribute, from media conditions to lengths; the condition `default` comes last.
 *
 * @param {Record<string, string>} lengths `{"min-width: 900px": "33vw", default: "100vw"}`
 */
export function sizes(lengths) {
  const { default: last = "100vw", ...rest } = lengths;
  const parts = Object.entries(rest).map(([media, length]) => `${bracketed(media)} ${length}`);
  return [...parts, last].join(", ");
}

function bracketed(media) {
  return media.startsWith("(") ? media : `(${media})`;
}

/**
 * The attributes of an `<img>` that is as wide as the page lets it be.
 *
 * @returns {{src: string, srcset: string, sizes: string}}
 */
export function attributes(base, path, params = {}, options = {}) {
  const widths = options.widths ?? WIDTHS;
  const middle = widths[Math.floor(widths.length / 2)];
  return {
    src: url(base, path, params.w == null ? { ...params, w: middle } : params),
    srcset: srcset(base, path, params, options),
    sizes: sizes(options.sizes ?? {}),
  };
}

/**
 * Signs a URL that `url` has made. For servers only: whoever has the secret can sign anything.
 *
 * @param {string} unsigned an absolute URL or a path with its query
 * @param {{kid: string, secret: string, expires?: number}} key `expires` in seconds of Unix time
 * @returns {Promise<string>}
 * @throws {RangeError} a parameter comes twice, or it is signed already
 */
export async function sign(unsigned, { kid, secret, expires }) {
  const [, base, path, , given = ""] = /^([a-z]+:\/\/[^/?#]*)?([^?#]*)(\?([^#]*))?/i.exec(unsigned);
  const params = {};
  for (const [name, value] of new URLSearchParams(given)) {
    if (Object.hasOwn(params, name)) throw new RangeError(`${name} comes twice`);
    params[name] = value;
  }
  if ("sig" in params || "s" in params) throw new RangeError("the URL is signed already");
  const words = query({ ...params, kid, exp: expires });
  const clean = encodePath(decodeURIComponent(path));
  const text = new TextEncoder().encode(`edge1\n${clean}\n${words}`);
  const bytes = new TextEncoder().encode(secret);
  const hmac = { name: "HMAC", hash: "SHA-256" };
  const imported = await crypto.subtle.importKey("raw", bytes, hmac, false, ["sign"]);
  const digest = new Uint8Array(await crypto.subtle.sign("HMAC", imported, text));
  const sig = Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${base ?? ""}${clean}?${words}&sig=${sig}`;
}

const BASE83 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~";

function base83(text) {
  let value = 0;
  for (const character of text) {
    const digit = BASE83.indexOf(character);
    if (digit < 0) throw new RangeError(`a BlurHash has no ${JSON.stringify(character)}`);
    value = value * 83 + digit;
  }
  return value;
}

function toLinear(level) {
  const share = level / 255;
  return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
}

function toSrgb(share) {
  const level = share <= 0.0031308 ? share * 12.92 : 1.055 * share ** (1 / 2.4) - 0.055;
  return Math.round(Math.min(1, Math.max(0, level)) * 255);
}

/**
 * The pixels of a BlurHash (https://github.com/woltapp/blurhash, Algorithm.md), which
 * `/-/explain/{path}` tells of each picture as `blurhash`.
 *
 * @param {string} hash
 * @param {number} [width] in pixels
 * @param {number} [height] in pixels
 * @returns {Uint8ClampedArray} RGBA, row by row: what `new ImageData(pixels, width)` takes
 * @throws {RangeError} this is no BlurHash
 */
export function blurhash(hash, width = 32, height = 32) {
  const size = base83(hash.slice(0, 1));
  const [across, down] = [(size % 9) + 1, Math.floor(size / 9) + 1];
  if (hash.length !== 4 + 2 * across * down) throw new RangeError("this is no BlurHash");
  const largest = (base83(hash.slice(1, 2)) + 1) / 166;
  const average = base83(hash.slice(2, 6));
  const colours = [[average >> 16, (average >> 8) & 255, average & 255].map(toLinear)];
  for (let at = 6; at < hash.length; at += 2) {
    const value = base83(hash.slice(at, at + 2));
    const levels = [Math.floor(value / 361), Math.floor(value / 19) % 19, value % 19];
    colours.push(levels.map((level) => Math.sign(level - 9) * ((level - 9) / 9) ** 2 * largest));
  }
  const pixels = new Uint8ClampedArray(width * height * 4);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const sum = [0, 0, 0];
      for (let j = 0; j < down; j++) {
        for (let i = 0; i < across; i++) {
          const wave = Math.cos((Math.PI * x * i) / width) * Math.cos((Math.PI * y * j) / height);
          colours[j * across + i].forEach((value, channel) => (sum[channel] += value * wave));
        }
      }
      pixels.set([...sum.map(toSrgb), 255], 4 * (y * width + x));
    }
  }
  return pixels;
}

/**
 * A BlurHash as `data:` URL of a small bitmap, for `background-image` or `src` until the picture is
 * there. Works where there is no canvas.
 */
export function blurhashURL(hash, width = 16, height = 16) {
  const pixels = blurhash(hash, width, height);
  const header = new DataView(new ArrayBuffer(54));
  const length = 54 + pixels.length;
  header.setUint16(0, 0x424d);
  header.setUint32(2, length, true);
  header.setUint32(10, 54, true);
  header.setUint32(14, 40, true);
  header.setInt32(18, width, true);
  header.setInt32(22, -height, true); // rows from the top
  header.setUint16(26, 1, true);
  header.setUint16(28, 32, true);
  header.setUint32(34, pixels.length, true);
  const file = new Uint8Array(length);
  file.set(new Uint8Array(header.buffer));
  for (let at = 0; at < pixels.length; at += 4) {
    file.set([pixels[at + 2], pixels[at + 1], pixels[at], 255], 54 + at);
  }
  return "data:image/bmp;base64," + btoa(String.fromCharCode(...file));
}
