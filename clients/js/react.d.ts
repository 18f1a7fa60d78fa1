import type { ImgHTMLAttributes, ReactElement } from "react";
import type { ImageOptions, Params } from "./edge.js";

export interface EdgeImageProps
  extends Omit<ImgHTMLAttributes<HTMLImageElement>, "src" | "srcSet" | "sizes">,
    ImageOptions {
  base: string;
  path: string;
  params?: Params;
  blurhash?: string;
}

export function EdgeImage(props: EdgeImageProps): ReactElement;
