/** Next.js: a loader for `next/image`. */
import { url } from "./edge.js";

/**
 * A loader: `export default edgeLoader("https://images.example.com")` in the file that
 * `images.loaderFile` of next.config names, with `images.loader: "custom"`.
 *
 * @param {string} base of the image server
 * @param {Record<string, unknown>} [params] words for every picture
 * @returns {(picture: {src: string, width: number, quality?: number}) => string} a `src` may carry
 *   words of its own (`/sku/1.jpg?fmt=thumb`); they win over `params`
 */
export function edgeLoader(base, params = {}) {
  return ({ src, width, quality }) => {
    const [path, own = ""] = src.split("?");
    const words = { ...params, ...Object.fromEntries(new URLSearchParams(own)) };
    return url(base, decodeURIComponent(path), { ...words, w: width, q: quality ?? words.q });
  };
}
