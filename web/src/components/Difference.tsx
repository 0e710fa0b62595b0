import { direction, signedText } from '@/lib/units/format'

const ARROWS = { up: '↑', down: '↓', flat: '' } as const

/** A difference by sign, arrow and colour. */
export function Difference({ value }: { value: number }) {
  const way = direction(value)
  return <span className={way === 'flat' ? undefined : way}><span className="arrow" aria-hidden="true">{ARROWS[way]}</span>{signedText(value)}</span>
}
