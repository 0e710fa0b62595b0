import { afterEach, describe, expect, it, vi } from 'vitest'
import { address, getJson, keepCsrf, send } from './client'
import { ProblemError, problemSlug } from './problem'
import { readRows } from './rows'
import { snippets } from './snippets'

function answer(body: unknown, status = 200): Response {
  return new Response(JSON.stringify(body), { status })
}

afterEach(() => vi.unstubAllGlobals())

describe('addresses of reads', () => {
  it('join lists, leave nulls out, keep ids readable', () => {
    expect(address('/v1/x', { location: ['SIM:A', 'SIM:B'], as_of: null, limit: 5 })).toBe('/v1/x?location=SIM:A,SIM:B&limit=5')
  })

  it('quote a value of a list that holds a comma', () => {
    const asked = new URL(address('/v1/x', { constraint: ['A, B "C"', 'D'] }), 'http://hub').searchParams.get('constraint')
    expect(asked).toBe('"A, B ""C""",D')
  })
})

describe('answers', () => {
  it('become problems with the words of the server', async () => {
    const problem = { type: 'https://hub/docs/problems/not-entitled', title: 'Refused', status: 403, entitlement: [{ market: 'CAISO', product: 'lmp', channel: 'hub' }] }
    vi.stubGlobal('fetch', () => Promise.resolve(answer(problem, 403)))
    const error = await getJson('/v1/x').catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(ProblemError)
    expect((error as ProblemError).problem).toEqual(problem)
    expect(problemSlug(problem)).toBe('not-entitled')
  })

  it('become a problem even when the body is no JSON', async () => {
    vi.stubGlobal('fetch', () => Promise.resolve(new Response('<html>', { status: 502, statusText: 'Bad Gateway' })))
    await expect(getJson('/v1/x')).rejects.toMatchObject({ problem: { status: 502, title: 'Bad Gateway' } })
  })

  it('say what to do when there is none', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('failed')))
    await expect(getJson('/v1/x')).rejects.toMatchObject({ problem: { title: 'The server does not answer' } })
  })
})

describe('unsafe calls', () => {
  it('carry the token of the session', async () => {
    const seen: RequestInit[] = []
    vi.stubGlobal('fetch', (_path: string, init: RequestInit) => {
      seen.push(init)
      return Promise.resolve(new Response(null, { status: 204 }))
    })
    keepCsrf('token-1')
    await send('POST', '/v1/feeds/sim/pause')
    expect(new Headers(seen[0]?.headers).get('X-CSRF-Token')).toBe('token-1')
  })
})

describe('pages of rows', () => {
  it('are joined in order by cursor', async () => {
    const pages = [
      { count: 2, columns: { a: [1, 2] }, next: 'c1' },
      { count: 1, columns: { a: [3] }, next: null },
    ]
    const asked: string[] = []
    vi.stubGlobal('fetch', (path: string) => {
      asked.push(path)
      return Promise.resolve(answer(pages[asked.length - 1]))
    })
    const whole = await readRows('/v1/datasets/d/rows', { market: 'SIM' })
    expect(whole.columns['a']).toEqual([1, 2, 3])
    expect(whole.count).toBe(3)
    expect(asked[1]).toContain('cursor=c1')
  })
})

describe('snippets', () => {
  it('carry the same read and no secret', () => {
    const { curl, python } = snippets('http://localhost:8600', '/v1/x', { as_of: '2026-11-20T10:00:00Z' })
    expect(curl).toContain('as_of=2026-11-20T10:00:00Z')
    expect(python).toContain('as_of=2026-11-20T10:00:00Z')
    expect(curl + python).not.toContain('pd_live_')
  })
})
