import { attributes, blurhash, blurhashURL, sign, sizes, srcset, url } from "edge-images";
import { edgeLoader } from "edge-images/next";
import { transform } from "edge-images/unpic";

export const src: string = url("", "a.jpg", { w: 8, shadow: true, h: null });
export const dense: string = srcset("", "a.jpg", {}, { densities: [1, 2] });
export const lengths: string = sizes({ "min-width: 9px": "8px", default: "9px" });
export const made: { src: string } = attributes("", "a.jpg", {}, { widths: [8] });
export const signed: Promise<string> = sign(src, { kid: "a", secret: "b", expires: 9 });
export const pixels: Uint8ClampedArray = blurhash("00OZZy", 1, 1);
export const placeholder: string = blurhashURL("00OZZy");
export const loaded: string = edgeLoader("")({ src, width: 8 }) + transform(src, { width: 8 });
// @ts-expect-error a width is a number
srcset("", "a.jpg", {}, { widths: ["8"] });
