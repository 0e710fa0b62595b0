import { type KeyboardEvent, useState } from 'react'
import type { Entitlements } from '@/lib/api/types'

export type Verdict = Entitlements['verdicts'][number]

const keyOf = (market: string, product: string, channel: string) => `${market}|${product}|${channel}`

/** Return the cell that an arrow, Home or End leads to; cells are counted row by row. */
export function cellBeside(key: string, at: number, wide: number, count: number): number | undefined {
  const line = Math.floor(at / wide)
  const next: Record<string, number> = {
    ArrowRight: Math.min(at + 1, (line + 1) * wide - 1), ArrowLeft: Math.max(at - 1, line * wide),
    ArrowDown: at + wide < count ? at + wide : at, ArrowUp: at - wide >= 0 ? at - wide : at,
    Home: line * wide, End: (line + 1) * wide - 1,
  }
  return next[key]
}

interface MatrixProps {
  answer: Entitlements
  chosen: Verdict | undefined
  choose: (verdict: Verdict) => void
}

/** Market and product against channel; one stop of the Tab key, arrows walk the cells, Enter chooses. */
export function Matrix({ answer: { markets, products, channels, verdicts }, chosen, choose }: MatrixProps) {
  const [at, setAt] = useState(0)
  const byKey = new Map(verdicts.map((one) => [keyOf(one.market, one.product, one.channel), one]))
  const onKey = (event: KeyboardEvent<HTMLElement>) => {
    const cells = [...event.currentTarget.querySelectorAll<HTMLElement>('td button')]
    const next = cellBeside(event.key, at, channels.length, cells.length)
    if (next === undefined) return
    event.preventDefault()
    setAt(next)
    cells[next]?.focus()
  }
  return (
    <div className="scroll-x" role="region" aria-label="Entitlement matrix">
      <table className="grid-table matrix" onKeyDown={onKey}>
        <thead><tr><th>Market</th><th>Product</th>{channels.map((channel) => <th key={channel}>{channel}</th>)}</tr></thead>
        <tbody>
          {markets.flatMap((market, block) => products.map((product, index) => (
            <tr key={`${market}${product}`} className={index === 0 ? 'first' : ''}>
              {index === 0 ? <th scope="rowgroup" rowSpan={products.length}>{market}</th> : null}
              <th scope="row">{product}</th>
              {channels.map((channel, column) => {
                const cell = (block * products.length + index) * channels.length + column
                const verdict = byKey.get(keyOf(market, product, channel))
                const allowed = verdict?.allowed === true
                const isChosen = chosen !== undefined && keyOf(market, product, channel) === keyOf(chosen.market, chosen.product, chosen.channel)
                return (
                  <td key={channel}>
                    <button type="button" tabIndex={cell === at ? 0 : -1} className={allowed ? 'yes' : 'no'} aria-label={`${market} ${product} ${channel}: ${allowed ? 'yes' : 'refused'}`} aria-pressed={isChosen} title={verdict?.why ?? 'no verdict'} onClick={() => {
                      setAt(cell)
                      if (verdict !== undefined) choose(verdict)
                    }}>{allowed ? 'yes' : '–'}</button>
                  </td>
                )
              })}
            </tr>
          )))}
        </tbody>
      </table>
    </div>
  )
}
