/** Words of the URL; see docs/urls.md. `true` is written 1; null and undefined are left out. */
export type Params = Record<string, string | number | boolean | null | undefined>;

export interface SrcsetOptions {
  /** Pixels; `WIDTHS` by default. */
  widths?: readonly number[];
  /** Where given, `x` descriptors are written instead. */
  densities?: readonly number[];
}

export interface ImageOptions extends SrcsetOptions {
  /** Media conditions to lengths; `default` comes last. */
  sizes?: Record<string, string>;
}

export interface Key {
  kid: string;
  secret: string;
  /** Seconds of Unix time. */
  expires?: number;
}

export const WIDTHS: readonly number[];
export const DENSITIES: readonly number[];
export function url(base: string, path: string, params?: Params): string;
export function srcset(base: string, path: string, params?: Params, options?: SrcsetOptions): string;
export function sizes(lengths: Record<string, string>): string;
export function attributes(
  base: string,
  path: string,
  params?: Params,
  options?: ImageOptions,
): { src: string; srcset: string; sizes: string };
export function sign(unsigned: string, key: Key): Promise<string>;
export function blurhash(hash: string, width?: number, height?: number): Uint8ClampedArray;
export function blurhashURL(hash: string, width?: number, height?: number): string;
