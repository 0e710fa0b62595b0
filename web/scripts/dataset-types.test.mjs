import { describe, expect, it } from 'vitest'
import { datasetTypes } from './dataset-types.mjs'

const dataset = {
  id: 'markets.load_forecast', title: 'Load forecast', grain: 'one row per run', key: ['market', 'interval_start'],
  columns: [
    { name: 'market', dtype: 'text', unit: null, meaning: "The market's code.", nullable: false, key: true, allowed: ['CAISO', "O'HARE"] },
    { name: 'interval_start', dtype: 'instant', unit: null, meaning: 'Start.', nullable: false, key: true, allowed: null },
    { name: 'load_mw', dtype: 'float64', unit: 'MW', meaning: 'Load. */ hostile', nullable: true, key: false, allowed: null },
  ],
}

describe('types of datasets', () => {
  it('carry unit, absence and allowed values', () => {
    const text = datasetTypes({ datasets: [dataset] })
    expect(text).toContain('export interface MarketsLoadForecastRow {')
    expect(text).toContain("market: 'CAISO' | 'O\\'HARE'")
    expect(text).toContain('/** Load. * / hostile Unit: MW. */\n  load_mw: number | null')
    expect(text).toContain("'markets.load_forecast': ['market', 'interval_start'],")
  })

  it('do not depend on the order of the answer', () => {
    const other = { ...dataset, id: 'markets.a' }
    expect(datasetTypes({ datasets: [dataset, other] })).toBe(datasetTypes({ datasets: [other, dataset] }))
  })

  it('are refused for an unknown type and for an empty answer', () => {
    expect(() => datasetTypes({ datasets: [{ ...dataset, columns: [{ ...dataset.columns[0], dtype: 'blob' }] }] })).toThrow(/found dtype blob/)
    expect(() => datasetTypes({ datasets: [] })).toThrow(/found no datasets/)
  })
})
