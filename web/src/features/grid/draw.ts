import { LOADING_STEPS, loading, loadingStep } from '@/lib/grid/loading'
import { type Point, type Size, type View, toScreen } from '@/lib/grid/view'
import { HEAT_STEPS, heatStep } from '@/lib/units/heat'
import { numberText } from '@/lib/units/format'
import { Labels } from './labels'
import { type Mark, type Scene, busRadius, roomOf } from './scene'

/** Room around a bus, on average, from which its price is written beside it, and its name. */
const LABELS_FROM_PX = 58
const NAMES_FROM_PX = 118
/** How far the ring around a chosen bus reaches beyond it. */
const RING_PX = 6

class Painter {
  private readonly places: Float32Array
  private readonly visible: Uint8Array
  private readonly ctx: CanvasRenderingContext2D
  private readonly scene: Scene
  private readonly size: Size
  private readonly token: (name: string) => string
  private readonly radius: number
  /** Room around a bus in pixels, on average. */
  private readonly room: number

  constructor(ctx: CanvasRenderingContext2D, scene: Scene, view: View, size: Size, token: (name: string) => string) {
    this.ctx = ctx
    this.scene = scene
    this.size = size
    this.token = token
    const { buses } = scene.network
    this.room = roomOf(scene, view)
    this.radius = busRadius(this.room)
    this.places = new Float32Array(buses.length * 2)
    this.visible = new Uint8Array(buses.length)
    buses.forEach((bus, at) => {
      const { x, y } = toScreen(view, size, bus)
      this.places[2 * at] = x
      this.places[2 * at + 1] = y
      this.visible[at] = x > -20 && y > -20 && x < size.width + 20 && y < size.height + 20 ? 1 : 0
    })
  }

  paint(): void {
    this.ctx.clearRect(0, 0, this.size.width, this.size.height)
    this.ctx.lineCap = 'round'
    this.ctx.lineJoin = 'round'
    this.lines()
    this.bindings()
    this.buses()
    this.labels()
    for (const mark of this.scene.selected) this.ring(mark, 'accent', 2)
    if (this.scene.focus !== undefined) this.ring(this.scene.focus, 'text', 2)
  }

  private place(bus: number): Point {
    return { x: this.places[2 * bus] ?? 0, y: this.places[2 * bus + 1] ?? 0 }
  }

  private isShown(branch: number): boolean {
    const one = this.scene.network.branches[branch]
    if (one === undefined) return false
    const [a, b] = [this.place(one.from), this.place(one.to)]
    return Math.max(a.x, b.x) > 0 && Math.min(a.x, b.x) < this.size.width && Math.max(a.y, b.y) > 0 && Math.min(a.y, b.y) < this.size.height
  }

  private trace(branch: number): void {
    const one = this.scene.network.branches[branch]
    if (one === undefined) return
    const [a, b] = [this.place(one.from), this.place(one.to)]
    this.ctx.moveTo(a.x, a.y)
    this.ctx.lineTo(b.x, b.y)
  }

  /** One path for each step of loading, lightest first, so that ten thousand lines are a handful of strokes. */
  private lines(): void {
    const { network, snapshot, found } = this.scene
    const byStep: number[][] = [[], ...LOADING_STEPS.map(() => [])]
    network.branches.forEach((branch, at) => {
      if (!this.isShown(at)) return
      const limit = snapshot?.limit_mw[at] ?? Number.NaN
      const step = loadingStep(loading(snapshot?.flow_mw[at] ?? Number.NaN, Number.isFinite(limit) ? limit : branch.rating_mw))
      byStep[step + 1]?.push(at)
    })
    const thin = this.room < 12 ? 0.5 : 1
    byStep.forEach((branches, index) => {
      const step = LOADING_STEPS[index - 1]
      this.ctx.beginPath()
      for (const at of branches) this.trace(at)
      this.ctx.setLineDash(step === undefined ? [2, 4] : [])
      this.ctx.lineWidth = Math.max(0.6, (step?.width ?? 1.2) * thin)
      this.ctx.strokeStyle = this.token(step?.color ?? 'faint')
      this.ctx.globalAlpha = found === undefined ? 1 : 0.35
      this.ctx.stroke()
    })
    this.ctx.setLineDash([])
    this.ctx.globalAlpha = 1
  }

  /** A binding line has rails on both sides and an arrow head along its flow. */
  private bindings(): void {
    for (const [at, one] of this.scene.binding) {
      if (!this.isShown(at)) continue
      for (const [color, width] of [['text', 8], ['bg', 5.6], ['load-3', 3.4]] as const) {
        this.ctx.beginPath()
        this.trace(at)
        this.ctx.lineWidth = width * (this.room < 12 ? 0.6 : 1)
        this.ctx.strokeStyle = this.token(color)
        this.ctx.stroke()
      }
      this.arrow(at, one.direction === 'to_from')
    }
  }

  private arrow(branch: number, isBackward: boolean): void {
    const one = this.scene.network.branches[branch]
    if (one === undefined) return
    const [a, b] = isBackward ? [this.place(one.to), this.place(one.from)] : [this.place(one.from), this.place(one.to)]
    const length = Math.hypot(b.x - a.x, b.y - a.y)
    if (length < 14) return
    const [ux, uy] = [(b.x - a.x) / length, (b.y - a.y) / length]
    const [mx, my] = [(a.x + b.x) / 2, (a.y + b.y) / 2]
    const half = Math.min(7, length / 4)
    this.ctx.beginPath()
    this.ctx.moveTo(mx + ux * half, my + uy * half)
    this.ctx.lineTo(mx - ux * half - uy * half, my - uy * half + ux * half)
    this.ctx.lineTo(mx - ux * half + uy * half, my - uy * half - ux * half)
    this.ctx.closePath()
    this.ctx.fillStyle = this.token('text')
    this.ctx.strokeStyle = this.token('bg')
    this.ctx.lineWidth = 1.5
    this.ctx.fill()
    this.ctx.stroke()
  }

  private shape(at: number, radius: number): void {
    const { x, y } = this.place(at)
    if (radius < 3) this.ctx.rect(x - radius, y - radius, 2 * radius, 2 * radius)
    else if (this.scene.plants.has(at)) this.ctx.roundRect(x - radius, y - radius, 2 * radius, 2 * radius, 2)
    else {
      this.ctx.moveTo(x + radius, y)
      this.ctx.arc(x, y, radius, 0, 2 * Math.PI)
    }
  }

  private buses(): void {
    const { snapshot, scale, found } = this.scene
    const byStep: number[][] = Array.from({ length: HEAT_STEPS + 1 }, () => [])
    const below: number[] = []
    this.visible.forEach((shown, at) => {
      if (shown === 0) return
      const price = snapshot?.price[at] ?? Number.NaN
      byStep[Number.isFinite(price) ? heatStep(scale, price) : HEAT_STEPS]?.push(at)
      if (price < 0) below.push(at)
    })
    byStep.forEach((buses, step) => {
      for (const isFaint of found === undefined ? [false] : [true, false]) {
        this.ctx.beginPath()
        for (const at of buses) if (found?.has(at) !== isFaint) this.shape(at, this.radius)
        this.ctx.globalAlpha = isFaint ? 0.25 : 1
        this.ctx.fillStyle = step === HEAT_STEPS ? this.token('bg') : this.token(`map-heat-${step}`)
        this.ctx.fill()
        if (this.radius >= 2.4) {
          this.ctx.lineWidth = 1.2
          this.ctx.strokeStyle = this.token(step === HEAT_STEPS ? 'faint' : 'map-edge')
          this.ctx.stroke()
        }
      }
    })
    this.ctx.globalAlpha = 1
    if (this.radius >= 3) this.bars(below)
  }

  /** Prices below zero carry a bar, as a minus sign does. */
  private bars(buses: readonly number[]): void {
    this.ctx.beginPath()
    for (const at of buses) {
      const { x, y } = this.place(at)
      this.ctx.moveTo(x - this.radius * 0.55, y)
      this.ctx.lineTo(x + this.radius * 0.55, y)
    }
    this.ctx.lineWidth = Math.max(1.4, this.radius * 0.28)
    this.ctx.strokeStyle = this.token('map-edge')
    this.ctx.stroke()
  }

  /** Prices beside the buses, what matters first: the chosen, the ends of what binds, then those furthest from the middle. */
  private labels(): void {
    const { network, snapshot, found, scale, binding, selected } = this.scene
    const everywhere = this.room >= LABELS_FROM_PX
    if (!everywhere && found === undefined) return
    const wanted = network.buses.flatMap((_, at) => (this.visible[at] === 0 || found?.has(at) === false ? [] : [at]))
    const labels = new Labels(this.ctx, this.size, { color: this.token('text'), halo: this.token('bg') })
    const ringed = new Set(selected.flatMap((mark) => (mark.kind === 'bus' ? [mark.at] : [])))
    const first = new Set(ringed)
    this.visible.forEach((shown, at) => {
      if (shown === 1) labels.block(this.place(at), this.radius + (ringed.has(at) ? RING_PX : 0))
    })
    network.branches.forEach(({ from, to }, at) => {
      if (binding.has(at)) first.add(from).add(to)
      if (this.isShown(at)) labels.line(this.place(from), this.place(to), binding.has(at) ? 4 : 1)
    })
    const price = (at: number) => snapshot?.price[at] ?? Number.NaN
    const weight = (at: number) => (first.has(at) ? Infinity : Math.abs(price(at) - scale.centre) || 0)
    const hasNames = this.room >= NAMES_FROM_PX || found !== undefined
    for (const at of wanted.sort((a, b) => (weight(a) === weight(b) ? a - b : weight(b) - weight(a)))) {
      const name = hasNames ? `${network.buses[at]?.name ?? ''}  ` : ''
      labels.write(this.place(at), `${name}${Number.isFinite(price(at)) ? numberText(price(at), 1) : ''}`, this.radius + (ringed.has(at) ? RING_PX + 4 : 4), first.has(at) || found !== undefined)
    }
  }

  private ring(mark: Mark, color: string, width: number): void {
    this.ctx.lineWidth = width
    this.ctx.strokeStyle = this.token(color)
    if (mark.kind === 'bus') {
      this.ctx.beginPath()
      this.ctx.arc(this.place(mark.at).x, this.place(mark.at).y, this.radius + RING_PX - 1, 0, 2 * Math.PI)
      this.ctx.stroke()
      return
    }
    const one = this.scene.network.branches[mark.at]
    if (one === undefined) return
    const [a, b] = [this.place(one.from), this.place(one.to)]
    const length = Math.hypot(b.x - a.x, b.y - a.y) || 1
    const [nx, ny] = [(-7 * (b.y - a.y)) / length, (7 * (b.x - a.x)) / length]
    this.ctx.beginPath()
    this.ctx.moveTo(a.x + nx, a.y + ny)
    this.ctx.lineTo(b.x + nx, b.y + ny)
    this.ctx.lineTo(b.x - nx, b.y - ny)
    this.ctx.lineTo(a.x - nx, a.y - ny)
    this.ctx.closePath()
    this.ctx.stroke()
  }
}

/** Draw the map; `token` gives a colour by its name. Time is linear in what is in view. */
export function draw(ctx: CanvasRenderingContext2D, scene: Scene, view: View, size: Size, token: (name: string) => string): void {
  new Painter(ctx, scene, view, size, token).paint()
}
