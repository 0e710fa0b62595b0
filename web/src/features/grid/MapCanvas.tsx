import { type KeyboardEvent, type PointerEvent, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from 'react'
import { PlaceIndex } from '@/lib/grid/place-index'
import { spread } from '@/lib/grid/spread'
import { type Point, type Size, type View, fitted, formatView, panned, parseView, toLayout, toScreen, zoomed } from '@/lib/grid/view'
import { token, useTheme } from '@/lib/theme'
import { setParams, useParam } from '@/lib/url/use-place'
import { draw } from './draw'
import { type Mark, type Scene, busRadius, isSame, roomOf } from './scene'

const LINE_REACH_PX = 7
const PAN_PX = 60
const SETTLE_MS = 250
const WHEEL_STEP = 1.0016
const ARROWS: Readonly<Record<string, Point>> = { ArrowLeft: { x: -1, y: 0 }, ArrowRight: { x: 1, y: 0 }, ArrowUp: { x: 0, y: 1 }, ArrowDown: { x: 0, y: -1 } }

interface CanvasProps {
  scene: Omit<Scene, 'focus' | 'area'>
  label: string
  /** What a bus or a line is, read aloud and shown beside it. */
  tell: (mark: Mark) => readonly string[]
  open: (mark: Mark) => void
}

/** Where the tip stands: beside the mark, turned inward near the right and lower edges. */
function tipStyle(at: Point, size: Size): Record<string, number> {
  const across = at.x > size.width - 260 ? { right: size.width - at.x + 14 } : { left: at.x + 14 }
  return at.y > size.height - 130 ? { ...across, bottom: size.height - at.y + 10 } : { ...across, top: at.y + 10 }
}

function useSize(): [(node: HTMLElement | null) => void, Size] {
  const [node, setNode] = useState<HTMLElement | null>(null)
  const [size, setSize] = useState<Size>({ width: 0, height: 0 })
  useLayoutEffect(() => {
    if (node === null) return undefined
    const watcher = new ResizeObserver(() => setSize({ width: node.clientWidth, height: node.clientHeight }))
    watcher.observe(node)
    return () => watcher.disconnect()
  }, [node])
  return [setNode, size]
}

/** The map: drag and two fingers move it, the wheel and + - look closer, arrows walk the buses, b the binding lines, n the lines of a bus. */
export function MapCanvas({ scene, label, tell, open }: CanvasProps) {
  const { binding } = scene
  const [host, size] = useSize()
  const { layout, network } = useMemo(() => {
    const layout = spread(scene.network.buses, size)
    return { layout, network: { ...scene.network, buses: layout.buses } }
  }, [scene.network, size])
  const { area, shrunk } = layout
  const canvas = useRef<HTMLCanvasElement>(null)
  const theme = useTheme()
  const asked = useParam('look')
  const whole = useMemo(() => fitted(network.buses, size), [network, size])
  const [moved, setMoved] = useState<{ of: string | undefined; whole: View; view: View } | undefined>(undefined)
  const view = moved?.of === asked && moved?.whole === whole ? moved.view : parseView(asked, whole, shrunk)
  const [hovered, setHovered] = useState<Mark | undefined>(undefined)
  const [walked, setWalked] = useState<Mark | undefined>(undefined)
  const index = useMemo(() => new PlaceIndex(network.buses, network.branches), [network])
  const fingers = useRef(new Map<number, Point>())
  const travelled = useRef(0)
  const settling = useRef<number | undefined>(undefined)
  const focus = hovered ?? walked

  useEffect(() => {
    const ctx = canvas.current?.getContext('2d')
    if (ctx === null || ctx === undefined || size.width === 0) return undefined
    const frame = requestAnimationFrame(() => {
      const ratio = window.devicePixelRatio
      const node = ctx.canvas
      if (node.width !== Math.round(size.width * ratio)) node.width = Math.round(size.width * ratio)
      if (node.height !== Math.round(size.height * ratio)) node.height = Math.round(size.height * ratio)
      ctx.setTransform(ratio, 0, 0, ratio, 0, 0)
      const known = new Map<string, string>()
      draw(ctx, { ...scene, network, area, focus }, view, size, (name) => {
        const held = known.get(name) ?? token(name)
        known.set(name, held)
        return held
      })
    })
    return () => cancelAnimationFrame(frame)
  }, [scene, network, area, focus, view, size, theme])

  const look = useCallback((next: View) => {
    setMoved({ of: asked, whole, view: next })
    window.clearTimeout(settling.current)
    settling.current = window.setTimeout(() => setParams({ look: formatView(next, whole, shrunk) }, 'replace'), SETTLE_MS)
  }, [asked, whole, shrunk])
  useEffect(() => () => window.clearTimeout(settling.current), [])
  const middle = { x: size.width / 2, y: size.height / 2 }
  const pointOf = (event: { clientX: number; clientY: number }): Point => {
    const box = canvas.current?.getBoundingClientRect()
    return { x: event.clientX - (box?.left ?? 0), y: event.clientY - (box?.top ?? 0) }
  }

  const markAt = (point: Point): Mark | undefined => {
    const at = toLayout(view, size, point)
    const bus = index.bus(at, (busRadius(roomOf({ network, area }, view)) + 5) / view.scale)
    if (bus !== undefined) return { kind: 'bus', at: bus }
    const branch = index.branch(at, LINE_REACH_PX / view.scale)
    return branch === undefined ? undefined : { kind: 'branch', at: branch }
  }

  useEffect(() => {
    const node = canvas.current
    if (node === null) return undefined
    const onWheel = (event: WheelEvent) => {
      event.preventDefault()
      look(zoomed(view, size, pointOf(event), WHEEL_STEP ** -event.deltaY, whole))
    }
    node.addEventListener('wheel', onWheel, { passive: false })
    return () => node.removeEventListener('wheel', onWheel)
  }, [look, view, size, whole])

  const onDown = (event: PointerEvent) => {
    event.currentTarget.setPointerCapture(event.pointerId)
    fingers.current.set(event.pointerId, pointOf(event))
    if (fingers.current.size === 1) travelled.current = 0
  }
  const onMove = (event: PointerEvent) => {
    const now = pointOf(event)
    const before = fingers.current.get(event.pointerId)
    if (before === undefined) {
      const mark = markAt(now)
      if (!isSame(mark, hovered)) setHovered(mark)
      return
    }
    fingers.current.set(event.pointerId, now)
    travelled.current += Math.hypot(now.x - before.x, now.y - before.y)
    const other = [...fingers.current].find(([id]) => id !== event.pointerId)?.[1]
    if (other === undefined) look(panned(view, { x: now.x - before.x, y: now.y - before.y }))
    else look(zoomed(view, size, { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 }, Math.hypot(now.x - other.x, now.y - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y)), whole))
  }
  const onUp = (event: PointerEvent) => {
    const wasAlone = fingers.current.size === 1
    fingers.current.delete(event.pointerId)
    if (event.type !== 'pointerup' || !wasAlone || travelled.current > 4) return
    const mark = markAt(pointOf(event))
    setWalked(mark)
    if (mark !== undefined) open(mark)
  }

  const go = (mark: Mark | undefined) => {
    if (mark === undefined) return
    setHovered(undefined)
    setWalked(mark)
    const branch = mark.kind === 'branch' ? network.branches[mark.at] : undefined
    const bus = network.buses[branch?.from ?? mark.at]
    if (bus === undefined) return
    const { x, y } = toScreen(view, size, bus)
    if (x < 20 || y < 20 || x > size.width - 20 || y > size.height - 20) look({ ...view, x: bus.x, y: bus.y })
  }
  const walk = (key: string): Mark | undefined => {
    const bus = walked?.kind === 'bus' ? walked.at : walked === undefined ? undefined : network.branches[walked.at]?.from
    const way = ARROWS[key]
    if (way !== undefined) return { kind: 'bus', at: bus === undefined ? 0 : index.beside(bus, way) ?? bus }
    const branches = key === 'b' ? [...binding.keys()] : network.branches.flatMap((one, at) => (one.from === bus || one.to === bus ? [at] : []))
    const next = branches[(branches.indexOf(walked?.kind === 'branch' ? walked.at : -1) + 1) % branches.length]
    return next === undefined ? undefined : { kind: 'branch', at: next }
  }
  const onKey = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const way = ARROWS[event.key]
    const factor = { '+': 1.4, '=': 1.4, '-': 1 / 1.4 }[event.key]
    if (way !== undefined && event.shiftKey) look(panned(view, { x: -way.x * PAN_PX, y: way.y * PAN_PX }))
    else if (factor !== undefined) look(zoomed(view, size, middle, factor, whole))
    else if (event.key === '0') look(whole)
    else if (way !== undefined || event.key === 'b' || event.key === 'n') go(walk(event.key))
    else if (event.key === 'Enter' && walked !== undefined) open(walked)
    else return
    event.preventDefault()
    event.stopPropagation()
  }

  const told = focus === undefined ? [] : tell(focus)
  const branch = focus?.kind === 'branch' ? network.branches[focus.at] : undefined
  const [a, b] = [network.buses[branch?.from ?? focus?.at ?? -1], network.buses[branch?.to ?? focus?.at ?? -1]]
  const at = a === undefined || b === undefined ? undefined : toScreen(view, size, { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 })
  return (
    <div className="map-host" ref={host}>
      <div className="map-focus" role="application" tabIndex={0} data-map aria-label={label} aria-roledescription="map" onKeyDown={onKey}>
        <canvas ref={canvas} onPointerDown={onDown} onPointerMove={onMove} onPointerUp={onUp} onPointerCancel={onUp} onPointerLeave={() => setHovered(undefined)} className={hovered === undefined ? undefined : 'pointing'} />
      </div>
      {at === undefined || told.length === 0 ? null : (
        <div className="map-tip" style={tipStyle(at, size)} aria-hidden="true">{told.map((line, row) => <div key={row} className={row === 0 ? 'strong' : undefined}>{line}</div>)}</div>
      )}
      <span className="visually-hidden" role="status">{walked === undefined ? '' : tell(walked).join(', ')}</span>
      <div className="map-buttons" role="group" aria-label="Look">
        <button type="button" className="button small" aria-label="Look closer" onClick={() => look(zoomed(view, size, middle, 1.4, whole))}>+</button>
        <button type="button" className="button small" aria-label="Look from further" onClick={() => look(zoomed(view, size, middle, 1 / 1.4, whole))}>−</button>
        <button type="button" className="button small" aria-label="The whole grid" disabled={formatView(view, whole, shrunk) === undefined} onClick={() => look(whole)}>Whole</button>
      </div>
    </div>
  )
}
