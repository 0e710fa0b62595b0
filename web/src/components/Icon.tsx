const PATHS = {
  prices: 'M3 17l5-6 4 3 5-8 4 5',
  status: 'M4 19V11M9 19V5M14 19v-6M19 19V8',
  datasets: 'M4 6c0-3 16-3 16 0v12c0 3-16 3-16 0zM4 6c0 3 16 3 16 0M4 12c0 3 16 3 16 0',
  access: 'M15 9a4 4 0 1 0-3.5 4L9 15.5V18H6v3H3v-3l6-6M15.5 8.5h.01',
  map: 'M5 7a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM19 9a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM8 21a2 2 0 1 0 0-4 2 2 0 0 0 0 4zM7 5.4l10 1.2M5.4 7l2 10M17.4 8.4L9.6 17.6',
  constraints: 'M4 5c5 0 5 5 8 5s3-5 8-5M4 19c5 0 5-5 8-5s3 5 8 5M4 12h3M17 12h3',
  play: 'M8 5l11 7-11 7z',
  pause: 'M8 5v14M16 5v14',
  search: 'M10.5 17a6.5 6.5 0 1 0 0-13 6.5 6.5 0 0 0 0 13zM20 20l-4.8-4.8',
  theme: 'M12 3a9 9 0 1 0 0 18zM12 3a9 9 0 0 1 0 18',
  help: 'M9 9a3 3 0 1 1 4 2.8c-.7.3-1 .8-1 1.7M12 17h.01M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z',
  close: 'M6 6l12 12M18 6L6 18',
  copy: 'M9 9h11v11H9zM5 15H4V4h11v1',
  star: 'M12 4l2.5 5.2 5.5.7-4 3.9 1 5.6-5-2.7-5 2.7 1-5.6-4-3.9 5.5-.7z',
  sort_up: 'M12 5v14M6 11l6-6 6 6',
  sort_down: 'M12 19V5M6 13l6 6 6-6',
  calendar: 'M4 6h16v14H4zM4 10h16M8 3v4M16 3v4',
  clock: 'M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18zM12 7v5l3 2',
  left: 'M15 5l-7 7 7 7',
  right: 'M9 5l7 7-7 7',
  alert: 'M12 4l9 16H3zM12 10v4M12 17h.01',
  lock: 'M6 11h12v9H6zM8 11V8a4 4 0 0 1 8 0v3',
  columns: 'M4 5h16v14H4zM10 5v14M15 5v14',
  logout: 'M10 4H5v16h5M14 8l4 4-4 4M18 12H9',
} as const

export type IconName = keyof typeof PATHS

/** A line icon; decorative, so the word beside it or the label around it is what is read aloud. */
export function Icon({ name, size = 16, filled = false }: { name: IconName; size?: number; filled?: boolean }) {
  return (
    <svg width={size} height={size} viewBox="0 0 24 24" fill={filled ? 'currentColor' : 'none'} stroke="currentColor" strokeWidth="1.8" strokeLinecap="round" strokeLinejoin="round" aria-hidden="true">
      <path d={PATHS[name]} />
    </svg>
  )
}
