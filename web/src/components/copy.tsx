import { useState } from 'react'
import { Icon } from './Icon'

type Outcome = 'ready' | 'copied' | 'refused'
const WORDS: Record<Outcome, string> = { ready: '', copied: 'Copied', refused: 'The browser refused' }

/** A button that copies text and says whether it did. */
export function CopyButton({ text, label = 'Copy' }: { text: string | (() => string); label?: string }) {
  const [outcome, setOutcome] = useState<Outcome>('ready')
  const copy = () => {
    const settle = (next: Outcome) => {
      setOutcome(next)
      window.setTimeout(() => setOutcome('ready'), 1500)
    }
    navigator.clipboard.writeText(typeof text === 'string' ? text : text()).then(() => settle('copied'), () => settle('refused'))
  }
  return (
    <button type="button" className="button small" onClick={copy}>
      <Icon name="copy" size={14} /> <span aria-live="polite">{WORDS[outcome] === '' ? label : WORDS[outcome]}</span>
    </button>
  )
}

export function Snippet({ text, label }: { text: string; label: string }) {
  return (
    <div className="snippet"><pre tabIndex={0} aria-label={label}>{text}</pre></div>
  )
}
