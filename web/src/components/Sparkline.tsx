const WIDTH = 96
const HEIGHT = 20

/** A line of the last points; NaN breaks it, zero is drawn when the line crosses it. Decorative: the table has the numbers. */
export function Sparkline({ values }: { values: readonly number[] }) {
  const finite = values.filter(Number.isFinite)
  if (finite.length < 2) return <svg className="spark" width={WIDTH} height={HEIGHT} aria-hidden="true" />
  const low = Math.min(...finite)
  const high = Math.max(...finite)
  const span = high - low || 1
  const x = (index: number) => (index / (values.length - 1)) * (WIDTH - 4) + 2
  const y = (value: number) => HEIGHT - 2 - ((value - low) / span) * (HEIGHT - 4)
  let path = ''
  let pen = false
  values.forEach((value, index) => {
    if (!Number.isFinite(value)) {
      pen = false
      return
    }
    path += `${pen ? 'L' : 'M'}${x(index).toFixed(1)} ${y(value).toFixed(1)}`
    pen = true
  })
  const last = values.findLastIndex(Number.isFinite)
  return (
    <svg className="spark" width={WIDTH} height={HEIGHT} aria-hidden="true">
      {low < 0 && high > 0 ? <line x1="0" x2={WIDTH} y1={y(0)} y2={y(0)} /> : null}
      <path d={path} />
      <circle cx={x(last)} cy={y(values[last] ?? 0)} r="1.8" />
    </svg>
  )
}
