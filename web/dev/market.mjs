/** A made-up market for developing the hub: every value is a function of (location, run, interval). */
import { BUSES, gridParts } from './grid.mjs'

const MINUTE = 60_000
export const HOUR = 60 * MINUTE
const ZONES = ['America/Chicago', 'America/New_York', 'America/Los_Angeles']

function hash(text) {
  let value = 2166136261
  for (let index = 0; index < text.length; index += 1) value = Math.imul(value ^ text.charCodeAt(index), 16777619)
  value ^= value >>> 15
  value = Math.imul(value, 2246822519)
  return ((value ^ (value >>> 13)) >>> 0) / 4294967296
}

function place(market, name, kind, zone) {
  return { id: `${market}:${name}`, market, name, kind, zone }
}

const sim = [
  ...['HUB_NORTH', 'HUB_SOUTH', 'HUB_WEST', 'HUB_CENTRAL'].map((name) => place('SIM', name, 'hub', ZONES[0])),
  ...['LZ_COAST', 'LZ_NORTH', 'LZ_PLAINS', 'LZ_SOUTH', 'LZ_WEST'].map((name) => place('SIM', name, 'zone', ZONES[0])),
  ...BUSES.map((name) => place('SIM', name, 'node', ZONES[0])),
]
const nyiso = ['CAPITL', 'CENTRL', 'DUNWOD', 'GENESE', 'H Q', 'HUD VL', 'LONGIL', 'MHK VL', 'MILLWD', 'N.Y.C.', 'NORTH', 'NPX', 'O H', 'PJM', 'WEST']
  .map((name) => place('NYISO', name, 'zone', ZONES[1]))
const caiso = ['TH_NP15_GEN-APND', 'TH_SP15_GEN-APND', 'TH_ZP26_GEN-APND', 'DLAP_PGAE-APND', 'DLAP_SCE-APND', 'DLAP_SDGE-APND']
  .map((name) => place('CAISO', name, name.startsWith('TH') ? 'hub' : 'zone', ZONES[2]))
/** FIXTURE_NODES adds that many nodes to CAISO, to see how the hub bears a large market. */
const many = Array.from({ length: Number(process.env.FIXTURE_NODES ?? 0) }, (_, index) => place('CAISO', `NODE_${index}_N001`, 'node', ZONES[2]))
export const LOCATIONS = [...sim, ...nyiso, ...caiso, ...many]

const round = (value) => Math.round(value * 100) / 100

/** Return energy, congestion and loss of one interval; `salt` makes a revision differ. */
export function parts(location, run, start, salt = '') {
  const { market, id, kind } = location
  if (market === 'SIM') return revised(gridParts(id, run, start), salt)
  const shift = market === 'CAISO' ? 8 : market === 'NYISO' ? 5 : 6
  const hour = ((start / HOUR - shift) % 24 + 24) % 24
  const shape = 14 * Math.exp(-((hour - 8) ** 2) / 7) + 24 * Math.exp(-((hour - 18.5) ** 2) / 6) - 11 * Math.exp(-((hour - 13) ** 2) / 8)
  const day = Math.floor(start / (24 * HOUR))
  let energy = 27 + shape + 6 * (hash(`${market}${day}`) - 0.5)
  let stress = 3 * Math.sin(start / (3.3 * HOUR) + hash(id) * 2) + 4 * hash(`${id}`) - 2
  if (run === 'RT5') {
    energy += 5 * Math.sin(start / (37 * MINUTE)) + 3 * (hash(`${market}${start}${salt}`) - 0.5)
    stress += 2 * (hash(`${id}${start}${salt}`) - 0.5)
    if (kind === 'node' && hash(`${id}${Math.floor(start / (2 * HOUR))}`) > 0.93) stress -= 52
    if (kind === 'node' && hash(`${id}${Math.floor(start / (40 * MINUTE))}x`) > 0.965) stress += 95
  }
  const congestion = round(stress)
  const loss = round(energy * 0.03 * (hash(`${id}l`) - 0.4))
  energy = round(energy)
  return { energy, congestion, loss, price: round(energy + congestion + loss) }
}

/** A revision moves the energy by ten cents, so that it differs from what it corrects. */
function revised(found, salt) {
  return salt === '' ? found : { ...found, energy: round(found.energy + 0.1), price: round(found.price + 0.1) }
}

export function step(run) {
  return run === 'DA' ? HOUR : 5 * MINUTE
}

/** When an interval was published: day-ahead at 18:30 UTC of the day before, real time ten seconds into the interval. */
export function publishedAt(run, start) {
  if (run !== 'DA') return start + 10_000
  return Math.floor((start - 6 * HOUR) / (24 * HOUR)) * 24 * HOUR - 5.5 * HOUR
}

/** Whether the interval was restated a quarter of an hour later. */
export function restated(location, run, start) {
  return run === 'RT5' && hash(`${location.id}${start}r`) > 0.96
}

export function beliefs(location, run, start, asOf) {
  const first = { at: publishedAt(run, start), revision: 0, ...parts(location, run, start) }
  const all = restated(location, run, start) ? [first, { at: first.at + 15 * MINUTE, revision: 1, ...parts(location, run, start, 'v1') }] : [first]
  return all.filter((belief) => belief.at <= asOf)
}

/** Intervals of a feed that never arrived, with the reason; they are gaps, not zeros. */
export function missing(location, run, start, now) {
  const hoursAgo = (now - start) / HOUR
  return location.market === 'NYISO' && run === 'RT5' && hoursAgo > 3 && hoursAgo < 3.6
}

export { hash }
