import { describe, expect, it } from 'vitest'
import { Rows } from '@/lib/api/dataset-rows'
import { forecastHours, likeliest } from './forecast'

const iso = (hour: number) => `2026-11-22T${String(hour).padStart(2, '0')}:00:00Z`

function answered(cells: [constraint: string, run: string, hour: number, chance: number][]) {
  const column = <Value>(value: (one: (typeof cells)[number]) => Value) => cells.map(value)
  return forecastHours(new Rows<'grid.binding_forecast'>({
    dataset: 'grid.binding_forecast', as_of: iso(0), knowledge: 'published', commit: 1, count: cells.length, units: {}, next: null, left_out: [],
    columns: {
      constraint: column(([name]) => name), forecast_run: column(([, run]) => run), interval_start: column(([, , hour]) => iso(hour)), interval_end: column(([, , hour]) => iso(hour + 1)),
      binding_probability: column(([, , , chance]) => chance), shadow_price_mean_per_mwh: column(() => 4), shadow_price_q10_per_mwh: column(() => 0), shadow_price_q90_per_mwh: column(() => null), published_at: column(() => iso(0)),
    },
  }))
}

describe('a forecast of binding constraints', () => {
  it('tells run, hour and issue, and what is absent as missing', () => {
    const [day, real] = answered([['A', 'regression-DA', 7, 0.2], ['A', 'regression-RT5', 7, 0.1]])
    expect(day).toMatchObject({ run: 'DA', start: Date.parse(iso(7)), end: Date.parse(iso(8)), chance: 0.2, mean: 4, low: 0, high: Number.NaN, issued: Date.parse(iso(0)) })
    expect(real?.run).toBe('RT5')
  })

  it('has a most likely hour for each constraint, the first of equals, in whatever order the rows come', () => {
    const found = likeliest(answered([['A', 'regression-RT5', 9, 0.4], ['B', 'regression-RT5', 7, 0], ['A', 'regression-RT5', 8, 0.4], ['A', 'regression-RT5', 7, 0.1]]))
    expect([...found].map(([name, one]) => [name, one.start, one.chance])).toEqual([['A', Date.parse(iso(8)), 0.4], ['B', Date.parse(iso(7)), 0]])
  })
})
