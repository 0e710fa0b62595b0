import type { AnchorHTMLAttributes, MouseEvent } from 'react'
import { type ParamPatch, travelTo } from '@/lib/url/location'
import { navigate, usePlace } from '@/lib/url/use-place'

type Props = Omit<AnchorHTMLAttributes<HTMLAnchorElement>, 'href'> & { to: string; patch?: ParamPatch }

/** A link inside the hub that carries scope, zone and as-of; the browser's own gestures (new tab, copy) still work. */
export function Link({ to, patch, onClick, ...rest }: Props) {
  const href = travelTo(usePlace(), to, patch)
  const follow = (event: MouseEvent<HTMLAnchorElement>) => {
    onClick?.(event)
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return
    event.preventDefault()
    navigate(href)
  }
  return <a {...rest} href={href} onClick={follow} />
}
