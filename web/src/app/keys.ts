import { useEffect } from 'react'
import { go, place, setParams } from '@/lib/url/use-place'
import type { Overlay } from './Frame'
import { PAGES } from './routes'

const CLOCKS = [undefined, 'utc', 'local'] as const

function isTyping(target: EventTarget | null): boolean {
  return target instanceof HTMLElement && (target.isContentEditable || ['INPUT', 'SELECT', 'TEXTAREA'].includes(target.tagName))
}

function nextClock(): void {
  const now = place().params.get('tz')
  const index = CLOCKS.findIndex((one) => one === now)
  setParams({ tz: CLOCKS[(Math.max(0, index) + 1) % CLOCKS.length] }, 'replace')
}

/** Open the panel of the page in view that has this key; false when the page has none. */
export function pressHotkey(key: string): boolean {
  const button = [...document.querySelectorAll<HTMLElement>(`[data-hotkey="${key}"]`)].find((one) => one.offsetWidth > 0)
  button?.click()
  return button !== undefined
}

/** Keys of every page: Ctrl-K, ?, g then a letter, z, a, c, and / for the page's own search. */
export function useGlobalKeys(open: (overlay: Overlay) => void): void {
  useEffect(() => {
    let goPressedAt = -Infinity
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() === 'k' && (event.ctrlKey || event.metaKey)) {
        event.preventDefault()
        open('palette')
        return
      }
      if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return
      const page = event.timeStamp - goPressedAt < 1200 ? PAGES.find((one) => one.letter === event.key) : undefined
      goPressedAt = event.key === 'g' ? event.timeStamp : -Infinity
      if (page !== undefined) {
        event.preventDefault()
        go(page.path)
        return
      }
      const search = document.querySelector<HTMLInputElement>('input[data-page-search]')
      const actions: Record<string, () => unknown> = {
        '?': () => open('keys'),
        z: nextClock,
        a: () => pressHotkey('a'),
        c: () => pressHotkey('c'),
        '/': () => search?.focus(),
      }
      const action = actions[event.key]
      if (action === undefined) return
      event.preventDefault()
      action()
    }
    window.addEventListener('keydown', onKey)
    return () => window.removeEventListener('keydown', onKey)
  }, [open])
}
