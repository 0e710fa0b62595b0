import type { SeriesStore } from '@/lib/stream/series-store'
import { isoInstant } from '@/lib/time/format'
import { plainNumber } from '@/lib/units/format'
import { figures } from './rows'
import type { DayAhead } from './use-prices'

const HEAD = ['location', 'market', 'interval_start', 'interval_end', 'rt5_price', 'change', 'da_price', 'dart', 'congestion', 'loss', 'unit']

const cents = (value: number) => plainNumber(Math.round(value * 1e6) / 1e6)

/** Return the rows as tab-separated values with a head; instants in UTC, missing values empty. */
export function priceTsv(store: SeriesStore, rows: readonly number[], prices: DayAhead, unit: string): string {
  const lines = rows.map((row) => {
    const found = figures(store, row, prices)
    const numbers = [found.rt, found.change, found.da, found.dart, found.congestion, found.loss].map(cents)
    return [store.keys[row], store.text('market', row), isoInstant(found.start), isoInstant(found.end), ...numbers, unit].join('\t')
  })
  return [HEAD.join('\t'), ...lines].join('\n')
}
