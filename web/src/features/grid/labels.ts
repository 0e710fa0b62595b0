import type { Network } from '@/lib/grid/network'

const FONT = '11px "Inter Variable", system-ui, sans-serif'
const HALO_PX = 3
const HALF_PX = 6

interface Box {
  left: number
  right: number
  top: number
  bottom: number
}

interface Look {
  /** Pixels between the point and the text. */
  gap: number
  color: string
  halo: string
}

/** Writes beside points, on the side that has fewer lines; what would lie over an earlier label is left out. */
export class Labels {
  private readonly ctx: CanvasRenderingContext2D
  private readonly places: Float32Array
  private readonly look: Look
  /** Per bus how far its lines lean to the right. */
  private readonly lean: Float32Array
  private readonly taken: Box[] = []

  constructor(ctx: CanvasRenderingContext2D, network: Network, places: Float32Array, look: Look) {
    this.ctx = ctx
    this.places = places
    this.look = look
    this.lean = new Float32Array(network.buses.length)
    for (const { from, to } of network.branches) {
      const way = Math.sign((places[2 * to] ?? 0) - (places[2 * from] ?? 0))
      this.lean[from] = (this.lean[from] ?? 0) + way
      this.lean[to] = (this.lean[to] ?? 0) - way
    }
    ctx.font = FONT
    ctx.textBaseline = 'middle'
  }

  write(bus: number, text: string): void {
    const { ctx, look } = this
    const [px, y] = [this.places[2 * bus] ?? 0, this.places[2 * bus + 1] ?? 0]
    const width = ctx.measureText(text).width
    const x = (this.lean[bus] ?? 0) > 0 ? px - look.gap - width : px + look.gap
    const box = { left: x - 1, right: x + width + 1, top: y - HALF_PX, bottom: y + HALF_PX }
    if (this.taken.some((one) => one.left < box.right && one.right > box.left && one.top < box.bottom && one.bottom > box.top)) return
    this.taken.push(box)
    ctx.lineWidth = HALO_PX
    ctx.strokeStyle = look.halo
    ctx.strokeText(text, x, y)
    ctx.fillStyle = look.color
    ctx.fillText(text, x, y)
  }
}
