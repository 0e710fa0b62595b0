import { type KeyboardEvent, startTransition, useEffect, useRef, useState } from 'react'
import { place, setParams, useParam } from '@/lib/url/use-place'

const PARAM = 'q'
const SETTLE_MS = 200
const inAddress = () => place().params.get(PARAM) ?? ''

/** The search of a page: what is typed answers at once, the address follows when the typing rests. */
export function useSearch(): [search: string, type: (text: string) => void] {
  const asked = useParam(PARAM) ?? ''
  const [draft, setDraft] = useState({ text: asked, of: asked })
  // An address that moved meanwhile (back, a link, our own settling) has the last word.
  return [draft.of === asked ? draft.text : asked, (text) => setDraft({ text, of: inAddress() })]
}

interface SearchBoxProps {
  label: string
  type: (text: string) => void
  onEnter?: () => void
}

/** A search field that never waits for the rows it filters: letters appear first, rows follow as a transition. */
export function SearchBox({ label, type, onEnter }: SearchBoxProps) {
  const asked = useParam(PARAM) ?? ''
  const input = useRef<HTMLInputElement>(null)
  const written = useRef(asked)
  const timer = useRef<number | undefined>(undefined)
  useEffect(() => {
    if (asked === written.current || input.current === null) return
    window.clearTimeout(timer.current)
    written.current = asked
    input.current.value = asked
  }, [asked])
  useEffect(() => () => window.clearTimeout(timer.current), [])

  const settle = (text: string) => {
    written.current = text
    setParams({ [PARAM]: text }, 'replace')
  }
  const onKey = (event: KeyboardEvent<HTMLInputElement>) => {
    if (event.key === 'Enter' || event.key === 'ArrowDown') onEnter?.()
    if (event.key !== 'Escape') return
    event.preventDefault()
    event.currentTarget.blur()
  }
  return (
    <input ref={input} className="input" data-page-search type="search" placeholder={`${label}  /`} aria-label={label} defaultValue={asked} onKeyDown={onKey} onChange={(event) => {
      const text = event.target.value
      startTransition(() => type(text))
      window.clearTimeout(timer.current)
      timer.current = window.setTimeout(() => settle(text), SETTLE_MS)
    }} />
  )
}
