import { describe, expect, it } from 'vitest'
import { type Box, Labels, crosses } from './labels'

/** A canvas that only remembers what was written where; every letter is 6 pixels wide. */
function paper() {
  const written: { text: string; x: number; y: number }[] = []
  const ctx = { measureText: (text: string) => ({ width: text.length * 6 }), strokeText: () => undefined, fillText: (text: string, x: number, y: number) => written.push({ text, x, y }) }
  return { written, labels: new Labels(ctx as unknown as CanvasRenderingContext2D, { width: 400, height: 300 }, { color: '', halo: '' }) }
}

const boxOf = ({ text, x, y }: { text: string; x: number; y: number }): Box => ({ left: x, right: x + text.length * 6, top: y - 6, bottom: y + 6 })
const apart = (a: Box, b: Box) => a.right <= b.left || b.right <= a.left || a.bottom <= b.top || b.bottom <= a.top

describe('labels of the map', () => {
  it('know a line that enters a box from one that passes it', () => {
    const box = { left: 0, right: 10, top: 0, bottom: 10 }
    expect(crosses(box, { x: -5, y: 5 }, { x: 15, y: 5 })).toBe(true)
    expect(crosses(box, { x: 4, y: 4 }, { x: 6, y: 6 })).toBe(true)
    expect(crosses(box, { x: -5, y: 12 }, { x: 15, y: 12 })).toBe(false)
    expect(crosses(box, { x: -5, y: 6 }, { x: 6, y: 17 })).toBe(false)
  })

  it('never lie on one another, on a bus or beyond the edge, however dense the buses', () => {
    const { labels, written } = paper()
    const buses = Array.from({ length: 80 }, (_, at) => ({ x: 24 + (at % 10) * 38, y: 20 + Math.floor(at / 10) * 36 }))
    for (const bus of buses) labels.block(bus, 6)
    for (const bus of buses) labels.write(bus, '61.7', 10, false)
    expect(written.length).toBeGreaterThan(40)
    const boxes = written.map(boxOf)
    boxes.forEach((box, at) => {
      expect(box.left >= 0 && box.right <= 400 && box.top >= 0 && box.bottom <= 300).toBe(true)
      for (const other of boxes.slice(at + 1)) expect(apart(box, other)).toBe(true)
      for (const { x, y } of buses) expect(apart(box, { left: x - 6, right: x + 6, top: y - 6, bottom: y + 6 })).toBe(true)
    })
  })

  it('turn away from a line, and are left out rather than written over one that binds, unless they must', () => {
    const beside = paper()
    beside.labels.line({ x: 200, y: 150 }, { x: 300, y: 150 }, 4)
    beside.labels.write({ x: 200, y: 150 }, '61.7', 10, false)
    expect(beside.written[0]?.x).toBeLessThan(200)
    const closed = (must: boolean) => {
      const { labels, written } = paper()
      for (let y = 100; y <= 200; y += 8) labels.line({ x: 100, y }, { x: 300, y }, 4)
      labels.write({ x: 200, y: 150 }, '61.7', 10, must)
      return written.length
    }
    expect([closed(false), closed(true)]).toEqual([0, 1])
  })
})
