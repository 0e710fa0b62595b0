/** Feeds, keys, sessions and rights of the fixture, by mode: full, empty, dead, refused, backfill, signed-out, viewer. */
import { LOCATIONS } from './market.mjs'
import { iso } from './rows.mjs'

export const MODES = ['full', 'empty', 'dead', 'refused', 'backfill', 'signed-out', 'first-run', 'viewer']
const CHANNELS = ['hub', 'api', 'stream', 'download', 'excel', 'graphql', 'flight', 'sdk', 'copilot']
const MARKETS = ['CAISO', 'NYISO', 'SIM']
const PRODUCTS = ['lmp', 'load', 'load_forecast', 'generation', 'renewables_forecast']

export const world = {
  mode: 'full', started: Date.now(), paused: new Set(),
  grants: [['SIM', '*'], ['NYISO', 'hub'], ['NYISO', 'download'], ['NYISO', 'api'], ['CAISO', 'hub'], ['CAISO', 'download']].map(([market, channel]) => ({ market, product: '*', channel, valid_from: null, valid_to: null, deny: false })),
  keys: [
    { id: 'k7f2a91c', name: 'Morning report', owner: 'ada', scopes: ['api', 'download'], created_at: '2026-09-02T08:00:00Z', expires_at: '2027-03-01T00:00:00Z', last_used_at: iso(Date.now() - 240_000), revoked_at: null, state: 'active' },
    { id: 'p01bd77e', name: 'Bid optimiser', owner: 'ada', scopes: ['api', 'stream'], created_at: '2026-05-11T08:00:00Z', expires_at: iso(Date.now() + 5 * 86_400_000), last_used_at: iso(Date.now() - 3_000), revoked_at: null, state: 'active' },
    { id: 'x93c0d1f', name: 'Old notebook', owner: 'ada', scopes: ['api'], created_at: '2026-01-11T08:00:00Z', expires_at: null, last_used_at: null, revoked_at: '2026-06-01T00:00:00Z', state: 'revoked' },
  ],
}

export function me() {
  const refused = world.mode === 'refused'
  return {
    user: { id: 'ada', name: 'Ada Marsh', kind: 'person', tenant: 'Northwind Power', roles: world.mode === 'viewer' ? ['viewer'] : ['tenant-admin', 'operator', 'data-admin'] },
    csrf: 'fixture', channels: ['hub'],
    entitlements: refused ? [] : MARKETS.flatMap((market) => PRODUCTS.map((product) => ({ market, product, channel: 'hub', valid_from: null, valid_to: null, deny: false }))),
    server_time: iso(Date.now()), version: '0.1.0', first_run: world.mode === 'first-run', may_set_password_without_old: world.mode === 'first-run',
  }
}

function feed(id, market, title, seconds, rowCount, more = {}) {
  const now = Date.now()
  return {
    id, market, title, state: world.paused.has(id) ? 'paused' : 'running', since: iso(now - 7_400_000), last_ok_at: iso(now - seconds * 1000), last_error: null,
    next_try_at: iso(now + 42_000), last_payload_sha256: '9f2c41d07be1a86f3f0b9c64c1f7a8f65d0be28837a1c7b6d2ad5a1de21c0a77', last_rows: rowCount,
    payloads_24h: Math.round(86_400 / 300), rows_24h: Math.round(86_400 / 300) * rowCount, p50_publication_lag_s: 11.4, outcomes: { OK: 286, NOT_YET: 2 }, tier: 'verified', backfill: null, ...more,
  }
}

function failing(reason) {
  const now = Date.now()
  return { state: 'unreachable', since: iso(now - 47 * 60_000), last_ok_at: iso(now - 47 * 60_000), last_error: reason, next_try_at: iso(now + 95_000), payloads_24h: 241, outcomes: { OK: 241, TRANSIENT: 9 } }
}

export function feeds() {
  if (world.mode === 'empty') return []
  const dead = world.mode === 'dead'
  const share = Math.min(1, (Date.now() - world.started) / 60_000)
  const backfill = world.mode === 'backfill' ? { backfill: { progress: share, done: Math.round(share * 33_696), total: 33_696, eta_s: Math.round((1 - share) * 60) } } : {}
  return [
    feed('sim.rt5', 'SIM', 'Simulated market, real time', 12, 54, backfill),
    feed('sim.da', 'SIM', 'Simulated market, day ahead', 52_000, 1296, { payloads_24h: 1, rows_24h: 1296, outcomes: { OK: 1 }, p50_publication_lag_s: 4.2, next_try_at: iso(Date.now() + 31_000_000) }),
    feed('nyiso.rt', 'NYISO', 'NYISO real-time zonal LBMP', 64, 15, dead ? failing('mis.nyiso.com: name not resolved (9 tries, last 14:31:07)') : {}),
    feed('nyiso.da', 'NYISO', 'NYISO day-ahead zonal LBMP', 41_000, 360, { payloads_24h: 1, rows_24h: 360, outcomes: { OK: 1, NOT_YET: 14 }, next_try_at: iso(Date.now() + 44_000_000) }),
    feed('nyiso.load', 'NYISO', 'NYISO actual load', 130, 11),
    feed('caiso.rt', 'CAISO', 'CAISO 5-minute LMP', 88, 6, dead ? failing('oasis.caiso.com: connection timed out after 20 s') : { state: 'throttled', last_error: 'HTTP 429: one request in 5 s allowed', outcomes: { OK: 269, THROTTLED: 19 } }),
    feed('caiso.da', 'CAISO', 'CAISO day-ahead LMP', 47_000, 144, { payloads_24h: 1, rows_24h: 144, outcomes: { OK: 1 }, next_try_at: iso(Date.now() + 38_000_000) }),
  ]
}

export function quality(dataset, market) {
  const dead = world.mode === 'dead' && market !== 'SIM'
  const now = Date.now()
  const late = dead ? 2820 : market === 'CAISO' && dataset === 'markets.prices' ? 640 : 95
  const missing = dataset === 'markets.prices' && market === 'NYISO' ? 105 : dead ? 54 : 0
  const expected = dataset === 'markets.prices' ? { SIM: 16_848, NYISO: 4680, CAISO: 1872 }[market] : 288
  const gaps = missing === 0 ? [] : [
    { group: [market, 'RT5'], market, market_run: 'RT5', series: ['*'], start: iso(now - 3.6 * 3_600_000), end: iso(now - 3 * 3_600_000), intervals: missing, reason: dead ? 'UNREACHABLE' : 'NO_DATA_FINAL', detail: dead ? 'No answer since the last payload.' : 'The file of the hour lacks these intervals and will not be published again.' },
  ]
  const known = dataset === 'markets.prices' || (dataset === 'markets.load' && market === 'NYISO')
  if (!known) return { dataset, expected: 0, present: 0, missing: 0, completeness: null, freshness: { newest_interval_end: null, age_s: null, state: 'never' }, gaps: [], gap_count: 0, restatements: { in_span: 0, last_24h: 0, last: [] }, left_out: [] }
  return {
    dataset, expected, present: expected - missing, missing, completeness: 1 - missing / expected,
    freshness: { newest_interval_end: iso(now - late * 1000), age_s: late, state: late > 1800 ? 'stale' : late > 600 ? 'late' : 'ok' }, gaps, gap_count: gaps.length,
    restatements: { in_span: market === 'SIM' ? 612 : 31, last_24h: market === 'SIM' ? 612 : 31, last: [{ location: LOCATIONS.find((one) => one.market === market).id, market_run: 'RT5', interval_start: iso(now - 5_400_000), price_per_mwh: 31.44, published_at: iso(now - 4_500_000), revision: 1 }] },
    left_out: [],
  }
}

const matches = (said, asked) => said === '*' || said === asked
const judge = (grants, market, product, channel) => {
  const about = grants.filter((line) => matches(line.market, market) && matches(line.product, product) && (line.valid_to === null || Date.parse(line.valid_to) > Date.now()) && (line.valid_from === null || Date.parse(line.valid_from) <= Date.now()))
  const ways = ['hub', 'download'].includes(channel) ? [channel] : [channel, 'api']
  const speaking = about.filter((line) => ways.some((way) => matches(line.channel, way)))
  const allowed = speaking.length > 0 && !speaking.some((line) => line.deny)
  return { market, product, channel, allowed, why: allowed ? `granted by ${channel}` : speaking.length > 0 ? `${channel} is denied` : `${channel} is not granted` }
}
const verdicts = (grants) => MARKETS.flatMap((market) => PRODUCTS.flatMap((product) => CHANNELS.map((channel) => judge(grants, market, product, channel))))
const same = (one, other) => ['market', 'product', 'channel', 'valid_from', 'valid_to', 'deny'].every((name) => (one[name] ?? null) === (other[name] ?? null))
const after = ({ add, remove }) => [...world.grants.filter((line) => !remove.some((gone) => same(line, gone))), ...add]

export function entitlements() {
  const grants = world.mode === 'refused' ? [] : world.grants
  return { markets: MARKETS, products: PRODUCTS, channels: CHANNELS, grants: grants.map((line) => ({ tenant: 'Northwind Power', ...line })), verdicts: verdicts(grants) }
}

export function previewLines(changes) {
  const before = verdicts(world.grants)
  return { moved: verdicts(after(changes)).filter((one, at) => one.allowed !== before[at].allowed).map((one) => ({ ...one, at: iso(Date.now()) })) }
}

export function changeLines(changes) {
  world.grants = after(changes)
}

export function sessions() {
  const now = Date.now()
  return [
    { id: 's1', user: 'ada', created_at: iso(now - 3_000_000), last_seen_at: iso(now - 2000), expires_at: iso(now + 40_000_000), address: '127.0.0.1', agent: 'Chromium 156 on Linux', current: true },
    { id: 's2', user: 'ada', created_at: iso(now - 90_000_000), last_seen_at: iso(now - 9_000_000), expires_at: iso(now + 20_000_000), address: '10.4.2.19', agent: 'Firefox 151 on Windows', current: false },
  ]
}

export function refusal(entitlement) {
  return { type: '/docs/problems/not-entitled', title: 'Not entitled', status: 403, detail: 'The read touches data that this account may not see.', instance: '/v1/datasets/markets.prices', request_id: 'req_7c21', found: 'no grant', allowed: 'a grant of market x product x channel', remedy: 'Ask a tenant administrator for the grant named here.', errors: [], entitlement }
}
