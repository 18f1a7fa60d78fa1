import type { Params } from "./edge.js";

export function edgeLoader(
  base: string,
  params?: Params,
): (picture: { src: string; width: number; quality?: number }) => string;
