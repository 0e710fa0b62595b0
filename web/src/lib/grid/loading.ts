/** How full a line is, in steps that differ by colour and by thickness; what binds is marked by a sign besides. */
export const LOADING_STEPS = [
  { from: 0, words: 'below 50%', color: 'load-0', width: 1.2 },
  { from: 0.5, words: '50 to 75%', color: 'load-1', width: 2 },
  { from: 0.75, words: '75 to 90%', color: 'load-2', width: 3 },
  { from: 0.9, words: '90% and more', color: 'load-3', width: 4.2 },
] as const

/** Return |flow| over the limit; NaN when either is not known or the limit is none. */
export function loading(flow_mw: number, limit_mw: number): number {
  return limit_mw === 0 ? Number.NaN : Math.abs(flow_mw) / Math.abs(limit_mw)
}

/** Return the step of a loading, -1 when it is not known. */
export function loadingStep(share: number): number {
  if (!Number.isFinite(share)) return -1
  return LOADING_STEPS.findLastIndex((step) => share >= step.from)
}
