import { describe, expect, it } from 'vitest'
import { ageText, clockText, hourEndingText, intervalText, isoInstant, parseInstant } from './format'
import { chosenClock, marketClock } from './markets'
import { DAY_MS, HOUR_MS, addDays, dayHours, dayOf, dayStart, hourEndingLabel, isDay, offsetMs } from './zone'

const NEW_YORK = 'America/New_York'

describe('hours of an operating day', () => {
  it('counts 25 in autumn and marks the second 02', () => {
    const hours = dayHours(NEW_YORK, '2026-11-01')
    expect(hours).toHaveLength(25)
    expect(hours.slice(0, 4).map((hour) => hour.label)).toEqual(['01', '02', '02*', '03'])
    expect(hours.filter((hour) => hour.repeated)).toHaveLength(1)
    expect(hours.at(-1)?.label).toBe('24')
  })

  it('counts 23 in spring and has no 03', () => {
    const labels = dayHours(NEW_YORK, '2026-03-08').map((hour) => hour.label)
    expect(labels).toHaveLength(23)
    expect(labels.slice(0, 4)).toEqual(['01', '02', '04', '05'])
  })

  it('keeps 24 in a market that stays on standard time', () => {
    const { zone } = marketClock('MISO')
    expect(dayHours(zone, '2026-11-01')).toHaveLength(24)
    expect(dayHours(zone, '2026-03-08')).toHaveLength(24)
  })

  it('tiles every day of a year without gap, in every market zone', () => {
    for (const zone of [NEW_YORK, 'America/Los_Angeles', 'America/Chicago', 'Etc/GMT+5', 'UTC']) {
      let day = '2026-01-01'
      let previousEnd = dayStart(zone, day)
      for (let count = 0; count < 365; count += 1) {
        const hours = dayHours(zone, day)
        expect(hours[0]?.start).toBe(previousEnd)
        hours.forEach((hour, index) => expect(hour.start).toBe(previousEnd + index * HOUR_MS))
        previousEnd = hours.at(-1)?.end ?? Number.NaN
        day = addDays(day, 1)
      }
      expect(day).toBe('2027-01-01')
    }
  })

  it('labels one instant as the whole day does', () => {
    for (const day of ['2026-11-01', '2026-03-08', '2026-07-04']) {
      for (const hour of dayHours(NEW_YORK, day)) {
        expect(hourEndingLabel(NEW_YORK, hour.start + 25 * 60_000)).toBe(hour.label)
      }
    }
  })

  it('starts a day at local midnight whatever the offset', () => {
    for (const zone of [NEW_YORK, 'Asia/Kolkata', 'Pacific/Auckland', 'Europe/Berlin']) {
      for (const day of ['2026-03-29', '2026-10-25', '2026-04-05', '2026-09-27']) {
        const start = dayStart(zone, day)
        expect(clockText(zone, start)).toBe('00:00')
        expect(dayOf(zone, start)).toBe(day)
        expect(dayOf(zone, start - 1)).toBe(addDays(day, -1))
      }
    }
  })

  it('refuses a day that is none', () => {
    expect(() => dayStart('UTC', 'today')).toThrow(/YYYY-MM-DD/)
  })
})

describe('offsets', () => {
  it('agrees with the published change of New York on 1 November 2026', () => {
    const change = Date.parse('2026-11-01T06:00:00Z')
    expect(offsetMs(NEW_YORK, change - 1)).toBe(-4 * HOUR_MS)
    expect(offsetMs(NEW_YORK, change)).toBe(-5 * HOUR_MS)
  })
})

describe('texts', () => {
  it('writes an interval that ends at midnight as 24:00', () => {
    const start = Date.parse('2026-06-01T23:55:00Z')
    expect(intervalText('UTC', start, start + 300_000)).toBe('23:55–24:00')
  })

  it('writes ages in one unit', () => {
    expect([8_200, 245_000, 3 * HOUR_MS, 3 * DAY_MS, -90_000].map(ageText)).toEqual(['8 s', '4 min', '3 h', '3 d', 'in 1 min'])
  })

  it('writes fractions only when present and reads back what it wrote', () => {
    expect(isoInstant(Date.parse('2026-11-21T09:05:00Z'))).toBe('2026-11-21T09:05:00Z')
    expect(isoInstant(Date.parse('2026-11-21T09:05:00.250Z'))).toBe('2026-11-21T09:05:00.250Z')
    expect(parseInstant('2026-11-21T09:05:00.123456Z')).toBe(Date.parse('2026-11-21T09:05:00.123Z'))
    expect(() => parseInstant('soon')).toThrow(/RFC 3339/)
  })

  it('shows an unknown market in UTC', () => {
    expect(chosenClock('market', 'NOWHERE').abbreviation).toBe('UTC')
    expect(chosenClock('market', 'CAISO').zone).toBe('America/Los_Angeles')
    expect(chosenClock('utc', 'CAISO').zone).toBe('UTC')
  })
})

describe('what is told of a moment', () => {
  it('numbers its hour only on the clock of the market', () => {
    const second = Date.parse('2026-11-01T07:30:00Z')
    expect(hourEndingText('market', 'America/Chicago', second)).toBe('HE 02*, ')
    expect([hourEndingText('utc', 'UTC', second), hourEndingText('local', 'America/Chicago', second)]).toEqual(['', ''])
  })

  it('knows a day of the calendar from a text that Date.parse would roll over', () => {
    expect(['2026-02-28', '2024-02-29', '2026-02-29', '2026-02-31', '2026-13-01', '26-01-01', '2026-1-1', ''].map(isDay)).toEqual([true, true, false, false, false, false, false, false])
  })
})
