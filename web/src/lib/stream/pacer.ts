/** Lets changes through at most once a frame and at most four times a second, the last one always. */
export const LEAST_GAP_MS = 250

export interface PacerClock {
  now: () => number
  after: (delay_ms: number, run: () => void) => () => void
  frame: (run: () => void) => void
}

export class Pacer {
  private readonly clock: PacerClock
  private readonly run: () => void
  private lastRun = -Infinity
  private waiting = false

  constructor(clock: PacerClock, run: () => void) {
    this.clock = clock
    this.run = run
  }

  touch(): void {
    if (this.waiting) return
    this.waiting = true
    const wait_ms = this.lastRun + LEAST_GAP_MS - this.clock.now()
    if (wait_ms <= 0) this.clock.frame(() => this.flush())
    else this.clock.after(wait_ms, () => this.clock.frame(() => this.flush()))
  }

  private flush(): void {
    this.waiting = false
    this.lastRun = this.clock.now()
    this.run()
  }
}

export const browserPacing: PacerClock = {
  now: () => performance.now(),
  after: (delay_ms, run) => {
    const timer = window.setTimeout(run, delay_ms)
    return () => window.clearTimeout(timer)
  },
  frame: (run) => void window.requestAnimationFrame(run),
}
