import type { Problem } from './types'

/** A refusal or failure that the server explained, or that we explain for it when it could not be reached. */
export class ProblemError extends Error {
  readonly problem: Problem

  constructor(problem: Problem) {
    super(problem.detail ?? problem.title)
    this.name = 'ProblemError'
    this.problem = problem
  }
}

export function isProblem(value: unknown): value is Problem {
  return typeof value === 'object' && value !== null && 'status' in value && 'title' in value
}

/** Return what went wrong in the server's shape, whatever was thrown. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ProblemError) return error.problem
  return {
    type: 'about:blank',
    title: 'This panel failed',
    status: 0,
    detail: error instanceof Error ? error.message : String(error),
    remedy: 'Try again; if it fails the same way, report it with the text above.',
  }
}

/** The problem of a server that gave no answer at all. */
export function unreachable(): Problem {
  return {
    type: 'about:blank',
    title: 'The server does not answer',
    status: 0,
    detail: 'No answer came from the address of this page.',
    remedy: 'Check that powerdesk is running (powerdesk status) and that this machine reaches it, then try again.',
  }
}

/** Turn an unsuccessful answer into a problem, also when its body is not problem+json (a proxy, an old server). */
export async function problemFrom(response: Response): Promise<Problem> {
  try {
    const body: unknown = await response.json()
    if (isProblem(body)) return body
  } catch {
    // Not JSON: the status line is all there is to tell.
  }
  return { type: 'about:blank', title: response.statusText || 'Request failed', status: response.status }
}

/** What is wrong, without the remedy with which the server ends its sentence. */
export function faultOf({ title, detail, remedy }: Problem): string {
  if (detail === undefined) return title
  return remedy !== undefined && detail.endsWith(`; ${remedy}`) ? detail.slice(0, -remedy.length - 2) : detail
}

/** The slug of the problem's documentation page, when its type names one. */
export function problemSlug(problem: Problem): string | undefined {
  return /\/problems\/([a-z0-9-]+)/.exec(problem.type)?.[1]
}
