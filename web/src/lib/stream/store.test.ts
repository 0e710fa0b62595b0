import { describe, expect, it } from 'vitest'
import { FakeSurroundings } from './fake-surroundings'
import { Pacer } from './pacer'
import { SeriesStore } from './series-store'

const SHAPE = { key: ['market', 'location'], timeColumn: 'interval_start', endColumn: 'interval_end', numbers: ['price'], texts: ['source'] }

function rows(cells: [location: string, minute: number, price: number | null][]) {
  return {
    market: cells.map(() => 'SIM'),
    location: cells.map(([location]) => location),
    interval_start: cells.map(([, minute]) => new Date(minute * 60_000).toISOString()),
    interval_end: cells.map(([, minute]) => new Date((minute + 5) * 60_000).toISOString()),
    price: cells.map(([, , price]) => price),
    source: cells.map(() => 'sim'),
  }
}

describe('series store', () => {
  it('keeps the newest interval of each series and the value before it', () => {
    const store = new SeriesStore(SHAPE)
    store.apply(rows([['A', 0, 10], ['B', 0, 20]]), false)
    expect(store.apply(rows([['A', 5, 11]]), true)).toEqual([0])
    expect(store.apply(rows([['A', 0, 99]]), true)).toEqual([])
    expect([store.value('price', 0), store.previous('price', 0), store.bumps[0]]).toEqual([11, 10, 1])
    expect(store.text('source', 1)).toBe('sim')
  })

  it('takes a revision of the interval it holds', () => {
    const store = new SeriesStore(SHAPE)
    store.apply(rows([['A', 5, 10]]), false)
    expect(store.apply(rows([['A', 5, 12]]), true)).toEqual([0])
    expect(store.value('price', 0)).toBe(12)
    expect(store.previous('price', 0)).toBeNaN()
    store.setPrevious('price', 'SIM|A', 300_000, 9)
    store.setPrevious('price', 'SIM|A', 0, 99)
    store.apply(rows([['A', 5, 13]]), true)
    expect(store.previous('price', 0)).toBe(9)
  })

  it('does not flash for equal values, nor for a snapshot', () => {
    const store = new SeriesStore(SHAPE)
    store.apply(rows([['A', 0, 10]]), false)
    expect(store.apply(rows([['A', 5, 10]]), true)).toEqual([])
    expect(store.bumps[0]).toBe(0)
    expect(store.start[0]).toBe(300_000)
  })

  it('keeps a null as missing', () => {
    const store = new SeriesStore(SHAPE)
    store.apply(rows([['A', 0, null]]), false)
    expect(store.value('price', 0)).toBeNaN()
  })

  it('lets go of series that the next snapshot lacks, and takes them back', () => {
    const store = new SeriesStore(SHAPE)
    store.apply(rows([['A', 0, 1], ['B', 0, 2]]), false)
    store.beginSnapshot()
    store.apply(rows([['B', 5, 3]]), false)
    store.endSnapshot()
    expect([...store.present.slice(0, 2)]).toEqual([0, 1])
    store.apply(rows([['A', 10, 4]]), true)
    expect(store.present[0]).toBe(1)
  })

  it('grows past its first capacity without losing a value', () => {
    const store = new SeriesStore(SHAPE)
    store.apply(rows(Array.from({ length: 3000 }, (_, index) => [`L${index}`, 0, index] as [string, number, number])), false)
    expect(store.keys).toHaveLength(3000)
    for (const index of [0, 255, 256, 2999]) expect(store.value('price', index)).toBe(index)
  })
})

describe('pacer', () => {
  it('paints at most four times a second and never drops the last change', () => {
    const around = new FakeSurroundings()
    const painted: number[] = []
    const pacer = new Pacer({ now: around.now, after: around.after, frame: (run) => void around.after(16, run) }, () => painted.push(around.time))
    for (let count = 0; count < 500; count += 1) {
      pacer.touch()
      around.advance(2)
    }
    around.advance(1000)
    expect(painted.length).toBeLessThanOrEqual(5)
    for (let index = 1; index < painted.length; index += 1) expect((painted[index] ?? 0) - (painted[index - 1] ?? 0)).toBeGreaterThanOrEqual(250)
    expect(painted.at(-1)).toBeGreaterThanOrEqual(around.time - 1000)
  })
})
