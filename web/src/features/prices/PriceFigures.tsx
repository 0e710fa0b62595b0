import { useMemo } from 'react'
import { Difference } from '@/components/Difference'
import { AgeLabel, type FreshnessRule, KeyFigure, ageTone } from '@/components/labels'
import type { Location } from '@/lib/api/types'
import { isHub } from '@/lib/kinds'
import { hourEndingLabel } from '@/lib/time/zone'
import { marketClock } from '@/lib/time/markets'
import { useNowEvery } from '@/lib/time/use-now'
import { countText, numberText, signedText } from '@/lib/units/format'
import { useScope } from '@/lib/url/scope'
import type { PricesModel } from './model'
import { figures } from './rows'
import type { DayAhead } from './use-prices'

interface FiguresProps {
  model: PricesModel
  version: number
  rows: readonly number[]
  names: ReadonlyMap<string, Location>
  prices: DayAhead
  unit: string
  rule: FreshnessRule | undefined
}

function reference(model: PricesModel, names: ReadonlyMap<string, Location>, market: string | undefined, hub: string | undefined): string | undefined {
  const here = [...model.store.rows.keys()].filter((id) => model.store.present[model.store.rows.get(id) ?? 0] === 1)
  if (hub !== undefined && here.includes(hub)) return hub
  const inScope = here.filter((id) => market === undefined || names.get(id)?.market === market).sort()
  const preferred = market === undefined ? inScope.filter((id) => id.startsWith('SIM:')) : inScope
  const from = preferred.length > 0 ? preferred : inScope
  return from.find((id) => isHub(names.get(id)?.kind ?? '')) ?? from.find((id) => names.get(id)?.kind === 'zone') ?? from[0]
}

/** The numbers of the head: the reference hub now, against day-ahead, and how far the market spreads. */
export function PriceFigures({ model, rows, names, prices, unit, rule }: FiguresProps) {
  const { market, hub, asOf } = useScope()
  const now = useNowEvery(10_000)
  const { membership } = model.store
  // eslint-disable-next-line react-hooks/exhaustive-deps -- the store changes in place; membership says when
  const id = useMemo(() => reference(model, names, market, hub), [model, membership, names, market, hub])
  const row = id === undefined ? undefined : model.store.rows.get(id)
  if (id === undefined || row === undefined) return <KeyFigure name="RT5">–</KeyFigure>
  const found = figures(model.store, row, prices)
  let low = Infinity
  let high = -Infinity
  let negative = 0
  for (const one of rows) {
    const price = model.store.value('price_per_mwh', one)
    if (!Number.isFinite(price)) continue
    low = Math.min(low, price)
    high = Math.max(high, price)
    if (price < 0) negative += 1
  }
  const clock = marketClock(names.get(id)?.market)
  const isStale = ageTone((asOf === undefined ? now : Date.parse(asOf)) - found.end, rule) === 'alarm'
  const name = names.get(id)?.name ?? id
  return (
    <>
      <KeyFigure name={`${name} RT5`} unit={unit} note={<>{isStale ? null : <Difference value={found.change} />} <AgeLabel instant={found.end} rule={rule} /></>}>{isStale ? <span className="aged">{numberText(found.rt)}</span> : numberText(found.rt)}</KeyFigure>
      <KeyFigure name={`DA, HE ${hourEndingLabel(clock.zone, found.start)} ${clock.abbreviation}`} unit={unit}>{numberText(found.da)}</KeyFigure>
      <KeyFigure name="DART" unit={unit} note="DA − RT">{isStale ? <span className="aged">{signedText(found.dart)}</span> : <Difference value={found.dart} />}</KeyFigure>
      <KeyFigure name="RT5 low – high" unit={unit}>{numberText(low)} <span className="dim">–</span> {numberText(high)}</KeyFigure>
      <KeyFigure name="Below zero" note={`of ${countText(rows.length)}`}>{countText(negative)}</KeyFigure>
    </>
  )
}
