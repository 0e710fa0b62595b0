const PAGE_STEP = 20

/** Return how far a key moves down the rows; undefined when it does not. */
export function rowStep(key: string): number | undefined {
  switch (key) {
    case 'j': case 'ArrowDown': return 1
    case 'k': case 'ArrowUp': return -1
    case 'PageDown': return PAGE_STEP
    case 'PageUp': return -PAGE_STEP
    case 'Home': return -Infinity
    case 'End': return Infinity
    default: return undefined
  }
}

/** True where keys mean something else: in fields, dialogs, the drawer and its charts. */
export function isElsewhere(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  if (['INPUT', 'SELECT', 'TEXTAREA'].includes(target.tagName)) return true
  return target.closest('[role="dialog"], .drawer, .u-over') !== null
}
