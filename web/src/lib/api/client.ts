import { ProblemError, problemFrom, unreachable } from './problem'

export type QueryValue = string | number | boolean | readonly string[] | null | undefined
export type Query = Record<string, QueryValue>

let csrfToken = ''

/** Keep the token of GET /v1/me; every unsafe call carries it. */
export function keepCsrf(token: string): void {
  csrfToken = token
}

/** Return a value as one of a list: in quotes where it holds a comma or begins with a quote. */
export function listed(value: string): string {
  return value.includes(',') || value.trimStart().startsWith('"') ? `"${value.replaceAll('"', '""')}"` : value
}

/** Return path and query; lists are joined by commas, nulls left out. */
export function address(path: string, query: Query = {}): string {
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(query)) {
    if (value === null || value === undefined) continue
    params.set(name, Array.isArray(value) ? value.map(listed).join(',') : String(value))
  }
  const text = params.toString().replaceAll('%3A', ':').replaceAll('%2C', ',')
  return text === '' ? path : `${path}?${text}`
}

async function call(path: string, init: RequestInit): Promise<Response> {
  let response: Response
  try {
    response = await fetch(path, { credentials: 'same-origin', ...init })
  } catch (error) {
    if (error instanceof DOMException && error.name === 'AbortError') throw error
    throw new ProblemError(unreachable())
  }
  if (!response.ok) throw new ProblemError(await problemFrom(response))
  return response
}

/** GET a JSON answer; every failure is a ProblemError. */
export async function getJson<T>(path: string, query?: Query, signal?: AbortSignal): Promise<T> {
  const response = await call(address(path, query), { headers: { Accept: 'application/json' }, signal: signal ?? null })
  return (await response.json()) as T
}

export async function getText(path: string, signal?: AbortSignal): Promise<string> {
  const response = await call(path, { headers: { Accept: 'text/markdown, text/plain' }, signal: signal ?? null })
  return response.text()
}

/** POST, PUT or DELETE with the CSRF token; returns undefined for an empty answer. */
export async function send<T = undefined>(method: 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<T> {
  const response = await call(path, {
    method,
    headers: { 'Content-Type': 'application/json', Accept: 'application/json', 'X-CSRF-Token': csrfToken },
    body: body === undefined ? null : JSON.stringify(body),
  })
  if (response.status === 204) return undefined as T
  return (await response.json()) as T
}
