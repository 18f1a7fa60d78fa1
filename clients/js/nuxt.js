/** @nuxt/image: a provider. */
import { defineProvider } from "@nuxt/image/runtime";
import { url } from "./edge.js";

const NAMES = {
  width: "w",
  height: "h",
  format: "fm",
  quality: "q",
  background: "bg",
  position: "g",
  rotate: "rot",
};

/** The words of edge for the modifiers of @nuxt/image; what has another name passes as it is. */
export function words(modifiers) {
  return Object.fromEntries(
    Object.entries(modifiers).map(([name, value]) => [NAMES[name] ?? name, value]),
  );
}

export default defineProvider({
  getImage(src, { modifiers = {}, baseURL = "" }) {
    return { url: url(baseURL, decodeURIComponent(src), words(modifiers)) };
  },
});
