/** The HTTP contract of /v1 as the hub uses it. Column types of datasets are in generated/datasets.ts. */

export interface EntitlementTuple {
  market: string
  product: string
  channel: string
}

export interface ProblemPart {
  pointer?: string
  found?: string
  allowed?: string
  remedy?: string
}

export interface Problem {
  type: string
  title: string
  status: number
  detail?: string
  instance?: string
  request_id?: string
  found?: unknown
  allowed?: unknown
  remedy?: string
  errors?: ProblemPart[]
  retry_after?: number
  entitlement?: EntitlementTuple[]
}

export interface Grant extends EntitlementTuple {
  tenant?: string
  valid_from: string | null
  valid_to: string | null
  deny: boolean
}

export interface Me {
  user: { id: string; name: string; kind: string; tenant: string; roles: string[] }
  csrf: string
  channels: string[]
  entitlements: Grant[]
  server_time: string
  version: string
  first_run: boolean
  /** The session was opened by a one-time link: a password can be set without the old one. */
  may_set_password_without_old: boolean
}

export interface Session {
  id: string
  user: string
  created_at: string
  last_seen_at: string
  expires_at: string
  address: string
  agent: string
  current: boolean
}

export interface ApiKey {
  id: string
  name: string
  owner: string
  scopes: string[]
  created_at: string
  expires_at: string | null
  last_used_at: string | null
  revoked_at: string | null
  state: string
}

export interface Entitlements {
  markets: string[]
  products: string[]
  channels: string[]
  grants: Grant[]
  verdicts: (EntitlementTuple & { allowed: boolean; why: string })[]
}

export type Cell = string | number | boolean | null

/** Columns-shaped rows: every list has `count` cells. */
export interface Columns {
  dataset: string
  as_of: string
  knowledge: string
  commit: number
  count: number
  columns: Record<string, Cell[]>
  units: Record<string, string | null>
  next: string | null
  left_out: EntitlementTuple[]
}

export interface DatasetColumn {
  name: string
  dtype: string
  unit: string | null
  meaning: string
  nullable: boolean
  key: boolean
  allowed: string[] | null
}

export interface Dataset {
  id: string
  title: string
  meaning: string
  grain: string
  product: string
  version: number
  position: number
  freshness: { late_after_s: number; stale_after_s: number }
  publication: { name: string; meaning: string }
  columns: DatasetColumn[]
  key: string[]
  series_key: string[]
  time_column: string
  end_column: string | null
  licences: { source: string; name: string; redistribute: boolean; derive: boolean; attribution: string }[]
  retention_s: number | null
}

export type FreshnessState = 'ok' | 'late' | 'stale' | 'never'

export interface Gap {
  group: string[]
  market: string
  market_run: string | null
  /** The series that lack these intervals. */
  series: string[]
  start: string
  end: string
  intervals: number
  reason: string
  detail: string | null
}

export interface Quality {
  dataset: string
  expected: number
  present: number
  missing: number
  completeness: number | null
  freshness: { newest_interval_end: string | null; age_s: number | null; state: FreshnessState }
  /** The first gaps; `gap_count` counts all. */
  gaps: Gap[]
  gap_count: number
  restatements: { in_span: number; last_24h: number; last: Record<string, Cell>[] }
  /** What the caller may not see and the figures leave out. */
  left_out: EntitlementTuple[]
}

export interface Location {
  id: string
  market: string
  name: string
  kind: string
  zone: string | null
  latitude?: number | null
  longitude?: number | null
}

export type FeedState = 'running' | 'paused' | 'unreachable' | 'waiting' | 'throttled'

export interface Backfill {
  progress: number
  done: number
  total: number
  eta_s: number | null
}

export interface Feed {
  id: string
  market: string
  title: string
  state: FeedState
  since: string | null
  last_ok_at: string | null
  last_error: string | null
  next_try_at: string | null
  last_payload_sha256: string | null
  last_rows: number | null
  payloads_24h: number
  rows_24h: number
  p50_publication_lag_s: number | null
  outcomes: Record<string, number>
  tier: string | null
  backfill: Backfill | null
}
