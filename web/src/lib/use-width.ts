import { type RefObject, useLayoutEffect, useState } from 'react'

/** The width of an element in CSS pixels, Infinity before it is known. */
export function useWidth(element: RefObject<HTMLElement | null>): number {
  const [width, setWidth] = useState(Infinity)
  useLayoutEffect(() => {
    const node = element.current
    if (node === null) return undefined
    const watcher = new ResizeObserver(() => setWidth(node.clientWidth))
    watcher.observe(node)
    return () => watcher.disconnect()
  }, [element])
  return width
}
