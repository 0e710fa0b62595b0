import { useState } from 'react'
import type { Snippets } from '@/lib/api/snippets'
import { CopyButton, Snippet } from './copy'

const TABS = [['curl', 'curl'], ['python', 'Python']] as const

/** The same read as a program: pick a language, copy. */
export function SnippetTabs({ snippets }: { snippets: Snippets }) {
  const [tab, setTab] = useState<keyof Snippets>('curl')
  return (
    <div className="stack">
      <div className="snippet-head"><div className="segmented" role="group" aria-label="Language">
        {TABS.map(([name, words]) => (
          <button key={name} type="button" className="button small" aria-pressed={tab === name} onClick={() => setTab(name)}>{words}</button>
        ))}
      </div><CopyButton text={snippets[tab]} /></div>
      <Snippet text={snippets[tab]} label={`Program in ${tab}`} />
    </div>
  )
}
