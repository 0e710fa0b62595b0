import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { EmptyState, QueryStates } from '@/components/states'
import { getJson } from '@/lib/api/client'
import type { Entitlements } from '@/lib/api/types'

type Verdict = Entitlements['verdicts'][number]

const keyOf = (market: string, product: string, channel: string) => `${market}|${product}|${channel}`

/** Market and product against channel: what is allowed, and for the chosen cell, why. */
export function EntitlementsPanel() {
  const query = useQuery({ queryKey: ['entitlements'], queryFn: ({ signal }) => getJson<Entitlements>('/v1/entitlements', {}, signal) })
  const [chosen, setChosen] = useState<Verdict | undefined>(undefined)
  return (
    <section className="panel" aria-labelledby="matrix-head">
      <header><h2 id="matrix-head">What this account may see</h2><span className="dim small">deny by default; choose a cell to see why</span></header>
      <QueryStates query={query} lines={10}>
        {({ markets, products, channels, verdicts }) => {
          if (verdicts.length === 0) return <EmptyState title="Nothing is granted">A tenant administrator grants market, product and channel.</EmptyState>
          const byKey = new Map(verdicts.map((one) => [keyOf(one.market, one.product, one.channel), one]))
          return (
            <>
              <p className="why" role="status">{chosen === undefined ? <span className="dim">No cell chosen.</span> : <><strong>{chosen.market} × {chosen.product} × {chosen.channel}</strong> {chosen.allowed ? 'allowed' : 'refused'}: {chosen.why}</>}</p>
              <div className="scroll-x" tabIndex={0} role="region" aria-label="Entitlement matrix">
                <table className="grid-table matrix">
                  <thead><tr><th>Market</th><th>Product</th>{channels.map((channel) => <th key={channel}>{channel}</th>)}</tr></thead>
                  <tbody>
                    {markets.flatMap((market) => products.map((product, index) => (
                      <tr key={`${market}${product}`} className={index === 0 ? 'first' : ''}>
                        {index === 0 ? <th scope="rowgroup" rowSpan={products.length}>{market}</th> : null}
                        <th scope="row">{product}</th>
                        {channels.map((channel) => {
                          const verdict = byKey.get(keyOf(market, product, channel))
                          const words = verdict?.allowed === true ? 'yes' : 'refused'
                          return <td key={channel}><button type="button" className={verdict?.allowed === true ? 'yes' : 'no'} aria-label={`${market} ${product} ${channel}: ${words}`} aria-pressed={verdict !== undefined && verdict === chosen} title={verdict?.why ?? 'no verdict'} onClick={() => setChosen(verdict)}>{verdict?.allowed === true ? 'yes' : '–'}</button></td>
                        })}
                      </tr>
                    )))}
                  </tbody>
                </table>
              </div>
            </>
          )
        }}
      </QueryStates>
    </section>
  )
}
