/** unpic: a provider (`extract`, `generate`, `transform`) for its components' `transformer`. */
import { url } from "./edge.js";

const NAMES = { width: "w", height: "h", format: "fm", quality: "q" };
const OPERATIONS = Object.fromEntries(Object.entries(NAMES).map(([long, short]) => [short, long]));
const NUMBERS = ["width", "height", "quality"];
const FORMATS = { jpeg: "jpg" };

function parts(src, options = {}) {
  const [, host = "", path, , given = ""] = /^([a-z]+:\/\/[^/?#]*)?([^?#]*)(\?([^#]*))?/i.exec(String(src));
  return { base: options.baseURL ?? host, path: decodeURIComponent(path), given };
}

/**
 * What a URL of edge asks for, or null where it asks for nothing.
 *
 * @returns {{src: string, operations: Record<string, unknown>, options: {baseURL: string}} | null}
 */
export function extract(src) {
  const { base, path, given } = parts(src);
  if (!given) return null;
  const operations = {};
  for (const [name, value] of new URLSearchParams(given)) {
    const long = OPERATIONS[name] ?? name;
    operations[long] = NUMBERS.includes(long) && !Number.isNaN(Number(value)) ? Number(value) : value;
  }
  return { src: url(base, path), operations, options: { baseURL: base } };
}

/**
 * The URL for some operations of unpic; words of edge pass as they are. Width and height together
 * crop, as unpic expects of every provider.
 */
export function generate(src, operations = {}, options = {}) {
  const { base, path } = parts(src, options);
  const words = {};
  for (const [name, value] of Object.entries(operations)) {
    words[NAMES[name] ?? name] = name === "format" ? (FORMATS[value] ?? value) : rounded(value);
  }
  if (words.w != null && words.h != null) words.fit ??= "cover";
  return url(base, path, words);
}

function rounded(value) {
  return typeof value === "number" ? Math.round(value) : value;
}

/** The URL of a picture that may be asked for already: new operations win over its own. */
export function transform(src, operations = {}, options = {}) {
  const before = extract(src);
  return generate(before?.src ?? src, { ...before?.operations, ...operations }, options);
}
