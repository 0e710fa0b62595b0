import type { TableColumn } from '@/components/VirtualTable'
import type { Bus, Network } from '@/lib/grid/network'
import { numberText } from '@/lib/units/format'
import type { MapData } from './map-data'

export interface LineRow {
  name: string
  from: string
  to: string
  flow_mw: number
  limit_mw: number
  loading: number
  shadow: number
  constraint: string
}

export interface BusRow {
  bus: Bus
  price: number
  capacity_mw: number
}

export function lineRows(network: Network, data: MapData): LineRow[] {
  return network.branches.map((branch, at) => {
    const bound = data.binding.get(at)
    const limit = data.snapshot?.limit_mw[at] ?? Number.NaN
    return {
      name: branch.name, from: network.buses[branch.from]?.name ?? '', to: network.buses[branch.to]?.name ?? '', flow_mw: data.snapshot?.flow_mw[at] ?? Number.NaN,
      limit_mw: Number.isFinite(limit) ? limit : branch.rating_mw, loading: data.loadings[at] ?? Number.NaN, shadow: bound?.shadow ?? Number.NaN, constraint: bound?.constraint ?? '',
    }
  })
}

export function busRows(network: Network, data: MapData): BusRow[] {
  const capacity = new Map<string, number>()
  for (const one of network.generators) capacity.set(one.location, (capacity.get(one.location) ?? 0) + one.capacity_mw)
  return network.buses.map((bus, at) => ({ bus, price: data.snapshot?.price[at] ?? Number.NaN, capacity_mw: capacity.get(bus.location) ?? Number.NaN }))
}

const base = { grow: 0.7, isNumber: true }

export function lineColumns(unit: string): TableColumn<LineRow>[] {
  return [
    { id: 'name', name: 'Line', note: 'from, to', least: 156, grow: 3, weight: 99, isNumber: false, value: (row) => row.name, cell: (row) => <span className="strong">{row.name}</span> },
    { ...base, id: 'loading', name: 'Loading', note: '% of the limit', least: 84, weight: 90, value: (row) => row.loading, cell: (row) => numberText(row.loading * 100, 1) },
    { ...base, id: 'flow', name: 'Flow', note: 'MW, from to', least: 84, weight: 60, meaning: 'Flow from the first bus to the second, negative where it runs the other way', value: (row) => row.flow_mw, cell: (row) => numberText(row.flow_mw, 0) },
    { ...base, id: 'limit', name: 'Limit', note: 'MW', least: 78, weight: 50, value: (row) => row.limit_mw, cell: (row) => numberText(row.limit_mw, 0) },
    { ...base, id: 'shadow', name: 'Shadow price', note: unit, least: 88, weight: 80, value: (row) => row.shadow, cell: (row) => (row.constraint === '' ? <span className="dim">slack</span> : numberText(row.shadow)) },
    { id: 'constraint', name: 'Binding constraint', note: 'dearest', least: 180, grow: 1.2, weight: 30, isNumber: false, value: (row) => row.constraint, cell: (row) => row.constraint },
  ]
}

export function busColumns(unit: string): TableColumn<BusRow>[] {
  return [
    { id: 'name', name: 'Bus', note: 'location', least: 170, grow: 3, weight: 99, isNumber: false, value: (row) => row.bus.name, cell: (row) => <><span className="strong">{row.bus.name}</span> <span className="dim small">{row.bus.location}</span></> },
    { ...base, id: 'price', name: 'Price', note: unit, least: 84, weight: 90, value: (row) => row.price, cell: (row) => numberText(row.price) },
    { ...base, id: 'capacity', name: 'Generators', note: 'MW', least: 92, weight: 50, meaning: 'Capacity of the generators at the bus', value: (row) => row.capacity_mw, cell: (row) => numberText(row.capacity_mw, 0) },
    { ...base, id: 'kv', name: 'Voltage', note: 'kV', least: 78, weight: 30, value: (row) => row.bus.base_kv, cell: (row) => numberText(row.bus.base_kv, 0) },
  ]
}
