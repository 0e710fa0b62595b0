import { describe, expect, it } from 'vitest'
import { spread } from './spread'
import { fitted, formatView, parseView, toScreen } from './view'

const buses = Array.from({ length: 40 }, (_, at) => ({ name: `B${at}`, location: `SIM:B${at}`, x: 0.5 + 0.5 * Math.sin(at * 12.9898) * Math.cos(at), y: 0.5 + 0.5 * Math.sin(at * 78.233), base_kv: 345 }))
const twins = [...buses, { ...buses[0], name: 'TWIN', location: 'SIM:TWIN' } as (typeof buses)[number]]
const wide = { width: 1400, height: 600 }
const tall = { width: 390, height: 700 }

describe('a layout in its window', () => {
  it('becomes wider in a wide window and higher in a tall one, within what keeps its shape', () => {
    expect(spread(buses, wide).shrunk).toEqual({ x: 1, y: 1.8 })
    const { x, y } = spread(buses, tall).shrunk
    expect(y).toBe(1)
    expect(x).toBeGreaterThan(1.5)
    expect(spread(buses, { width: 600, height: 600 }).shrunk.x).toBeLessThan(1.2)
  })

  it('keeps the order of buses and lays none on another, even two at one place', () => {
    for (const size of [wide, tall]) {
      const layout = spread(twins, size)
      expect(layout.buses.map((bus) => bus.name)).toEqual(twins.map((bus) => bus.name))
      const view = fitted(layout.buses, size)
      const places = layout.buses.map((bus) => toScreen(view, size, bus))
      const nearest = Math.min(...places.flatMap((one, at) => places.slice(at + 1).map((other) => Math.hypot(one.x - other.x, one.y - other.y))))
      expect(nearest).toBeGreaterThan(16)
    }
  })

  it('is addressed by the declared layout, so that a link means the same place in every window', () => {
    const [one, other] = [spread(buses, wide), spread(buses, tall)]
    const at = { ...fitted(one.buses, wide), x: 0.4, y: 0.3 }
    const text = formatView({ ...at, scale: at.scale * 2 }, fitted(one.buses, wide), one.shrunk)
    const there = parseView(text, fitted(other.buses, tall), other.shrunk)
    expect(there.x * other.shrunk.x).toBeCloseTo(at.x * one.shrunk.x, 3)
    expect(there.y * other.shrunk.y).toBeCloseTo(at.y * one.shrunk.y, 3)
  })

  it('leaves nothing and one bus as they are', () => {
    expect(spread([], wide).buses).toEqual([])
    expect(spread(buses.slice(0, 1), wide).buses).toEqual(buses.slice(0, 1))
    expect(spread(buses, { width: 0, height: 0 }).buses).toBe(buses)
  })
})
