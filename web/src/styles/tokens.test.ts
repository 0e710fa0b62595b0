import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const css = readFileSync(new URL('./tokens.css', import.meta.url), 'utf8')
const [dark = '', light = ''] = css.slice(css.indexOf(':root')).split(":root[data-theme='light']")

function tokens(text: string): Map<string, string> {
  return new Map([...text.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name, value]) => [name ?? '', value ?? '']))
}

function luminance(color: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16) / 255).map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4)) as [number, number, number]
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

function contrast(one: string, other: string): number {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b) as [number, number]
  return (high + 0.05) / (low + 0.05)
}

/** Least contrast as the design of the hub writes it: words, then what is coloured, on each ground. */
const LEAST: readonly [color: string, grounds: readonly string[], least: number][] = [
  ['text', ['bg', 'panel'], 10], ['text', ['raised'], 10], ['dim', ['bg', 'panel'], 7], ['dim', ['raised'], 4.5],
  ...['accent', 'up', 'down', 'alarm', 'warn', 'ok'].map((color) => [color, ['bg', 'panel', 'raised'], 4.5] as [string, string[], number]),
  ['accent-ink', ['accent'], 4.5], ['heat-text', Array.from({ length: 9 }, (_, step) => `heat-${step}`), 4.5],
  ['faint', ['bg', 'panel'], 3],
]

describe.each([['dark', tokens(dark)], ['light', new Map([...tokens(dark), ...tokens(light)])]])('tokens of the %s theme', (_theme, held) => {
  it.each(LEAST)('%s stands out from its grounds', (color, grounds, least) => {
    for (const ground of grounds) expect({ ground, contrast: contrast(held.get(color) ?? '', held.get(ground) ?? '') >= least }).toEqual({ ground, contrast: true })
  })
})
