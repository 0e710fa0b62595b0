import type { ReactNode } from 'react'

/** Inline code marks only; everything else is text, so nothing in a page can become markup. */
function inline(text: string): ReactNode[] {
  return text.split(/(`[^`]+`)/).map((part, index) => (part.startsWith('`') ? <code key={index}>{part.slice(1, -1)}</code> : part))
}

/** Render the small part of Markdown that problem pages use: headings, paragraphs, lists, inline code. */
export function Markdown({ text }: { text: string }) {
  const blocks = text.replaceAll('\r\n', '\n').split(/\n{2,}/).map((block) => block.trim()).filter((block) => block !== '')
  return (
    <article className="prose">
      {blocks.map((block, index) => {
        const heading = /^(#{1,3}) (.*)$/.exec(block)
        if (heading !== null) return heading[1] === '#' ? <h1 key={index}>{inline(heading[2] ?? '')}</h1> : <h2 key={index}>{inline(heading[2] ?? '')}</h2>
        const lines = block.split('\n')
        if (lines.every((line) => /^[-*] /.test(line))) return <ul key={index}>{lines.map((line) => <li key={line}>{inline(line.slice(2))}</li>)}</ul>
        return <p key={index}>{inline(lines.join(' '))}</p>
      })}
    </article>
  )
}
