import type { Params } from "./edge.js";

export function words(modifiers: Record<string, unknown>): Params;
declare const provider: unknown;
export default provider;
