export interface Operations {
  width?: number | string;
  height?: number | string;
  format?: string;
  quality?: number | string;
  [word: string]: unknown;
}

export interface Options {
  baseURL?: string;
}

export function extract(
  src: string | URL,
): { src: string; operations: Operations; options: Options } | null;
export function generate(src: string | URL, operations?: Operations, options?: Options): string;
export function transform(src: string | URL, operations?: Operations, options?: Options): string;
