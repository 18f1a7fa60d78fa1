/** React: an `<img>` with `srcset`, `sizes` and a placeholder. */
import { createElement } from "react";
import { attributes, blurhashURL } from "./edge.js";

/**
 * One picture.
 *
 * @param {object} props `base`, `path`, `params`, `widths`, `densities`, `sizes` as `attributes` takes
 *   them; `blurhash` is shown until the picture is there; everything else goes to the `<img>`.
 */
export function EdgeImage({ base, path, params, widths, densities, sizes, blurhash, style, ...rest }) {
  const { srcset, ...made } = attributes(base, path, params, { widths, densities, sizes });
  const placeholder = blurhash && {
    backgroundImage: `url("${blurhashURL(blurhash)}")`,
    backgroundSize: "cover",
  };
  return createElement("img", {
    loading: "lazy",
    decoding: "async",
    alt: "",
    ...rest,
    ...made,
    srcSet: srcset,
    style: { ...placeholder, ...style },
  });
}
