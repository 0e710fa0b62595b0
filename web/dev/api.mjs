/** The HTTP half of the contract. */
import { DATASETS } from './declarations.mjs'
import { explained } from './grid.mjs'
import { LOCATIONS, beliefs, step } from './market.mjs'
import { history, iso, latest, rows, shape } from './rows.mjs'
import { changeLines, entitlements, feeds, me, previewLines, quality, refusal, sessions, world } from './state.mjs'

const problem = (status, slug, title, remedy) => ({ status, body: { type: `/docs/problems/${slug}`, title, status, detail: title, remedy, request_id: 'req_0001' } })
const ok = (body) => ({ status: 200, body })
const none = { status: 204, body: undefined }

function datasetRead(id, verb, params, now) {
  const asOf = params.has('as_of') ? Date.parse(params.get('as_of')) : now
  const declaration = DATASETS.find((one) => one.id === id)
  if (!declaration) return problem(404, 'not-found', `No dataset is called ${id}`, 'See GET /v1/datasets for the names.')
  const refused = world.mode === 'refused' ? refusal([{ market: 'CAISO', product: declaration.product, channel: 'hub' }, { market: 'SIM', product: declaration.product, channel: 'hub' }]) : undefined
  if (!verb) return ok(declaration)
  if (verb === 'quality') return ok(quality(id, params.get('market')))
  if (refused) return { status: 403, body: refused }
  if (world.mode === 'empty') return ok(shape(id, [], asOf))
  if (verb === 'rows') return ok(rows(id, params, asOf, now))
  if (verb === 'latest') return ok(latest(id, params, asOf))
  return ok(history(id, params, asOf))
}

/** The recorded explanation of SIM; of other markets the published parts, whose constraints nobody knows. */
function explanation(params, asOf) {
  if (world.mode === 'empty') return undefined
  const location = LOCATIONS.find((one) => one.id === params.get('location'))
  const [run, start] = [params.get('market_run') ?? 'RT5', Date.parse(params.get('interval_start'))]
  const known = location && beliefs(location, run, start, asOf).at(-1)
  if (!known) return undefined
  if (location.market === 'SIM') return explained(params, asOf)
  return {
    location: location.id, market_run: run, interval_start: iso(start), interval_end: iso(start + step(run)), as_of: iso(asOf), knowledge: 'published', commit: 1, currency: 'USD',
    price_per_mwh: known.price, energy_per_mwh: known.energy, loss_per_mwh: known.loss, ghg_per_mwh: null, congestion_per_mwh: known.congestion, contributions: [],
    explained_per_mwh: 0, unexplained_per_mwh: known.congestion, tolerance_per_mwh: 0.02, verdict: 'unexplained', marginal_units: null,
  }
}

function keys(method, id, verb, body) {
  if (method === 'GET') return ok({ keys: world.keys })
  if (method === 'DELETE') {
    world.keys = world.keys.map((key) => (key.id === id ? { ...key, state: 'revoked', revoked_at: iso(Date.now()) } : key))
    return none
  }
  const made = { id: Math.random().toString(36).slice(2, 10), name: body.name ?? world.keys.find((key) => key.id === id)?.name, owner: 'ada', scopes: body.scopes ?? ['api'], created_at: iso(Date.now()), expires_at: body.expires_at ?? null, last_used_at: null, revoked_at: null, state: 'active' }
  world.keys = [made, ...world.keys.map((key) => (verb === 'rotate' && key.id === id ? { ...key, expires_at: iso(Date.now() + body.overlap_hours * 3_600_000) } : key))]
  return { status: 201, body: { key: made, secret: `pd_live_${made.id}_fixtureSecretShownOnceAndNeverAgain00_1a2b3c` } }
}

export function answer(method, url, body) {
  const parts = url.pathname.split('/').slice(2).map(decodeURIComponent)
  const [noun, id, verb] = parts
  const now = Date.now()
  if (noun === 'session') {
    if (method === 'POST' && body.password !== 'fixture') return { ...problem(401, 'sign-in-failed', 'Name and password do not match', 'Try again, or get a new link on the machine that runs it: powerdesk sign-in-link'), }
    world.mode = method === 'POST' ? 'full' : 'signed-out'
    return none
  }
  if (world.mode === 'signed-out') return problem(401, 'not-signed-in', 'Not signed in', 'Sign in first.')
  switch (noun) {
    case 'me':
      if (id === 'password') {
        world.mode = 'full'
        return none
      }
      return ok(me())
    case 'sessions': return method === 'GET' ? ok({ sessions: sessions() }) : none
    case 'keys': return keys(method, id, verb, body)
    case 'entitlements':
      if (method === 'GET') return ok(entitlements())
      if (verb === 'preview') return ok(previewLines(body))
      changeLines(body)
      return none
    case 'datasets': return id ? datasetRead(id, verb, url.searchParams, now) : ok({ datasets: DATASETS })
    case 'locations': {
      const search = (url.searchParams.get('search') ?? '').toLowerCase()
      const found = world.mode === 'empty' || world.mode === 'refused' ? [] : LOCATIONS.filter((one) => one.id.toLowerCase().includes(search))
      return ok({ locations: found.slice(0, Number(url.searchParams.get('limit') ?? 50)) })
    }
    case 'feeds':
      if (method === 'POST') {
        if (verb === 'pause') world.paused.add(id)
        else world.paused.delete(id)
        return none
      }
      return ok({ feeds: feeds() })
    case 'grid': {
      if (world.mode === 'refused') return { status: 403, body: refusal([{ market: 'SIM', product: 'congestion', channel: 'hub' }]) }
      const told = explanation(url.searchParams, url.searchParams.has('as_of') ? Date.parse(url.searchParams.get('as_of')) : now)
      return told ? ok(told) : problem(404, 'no-price', 'No price to explain', 'Ask for an interval that has been published, or as of later.')
    }
    case 'jobs': return ok({ jobs: [] })
    default: return problem(404, 'not-found', 'No such address', 'See /openapi.json for the addresses.')
  }
}
