import { Modal } from '@/components/Modal'

const KEYS: readonly [keys: string[], words: string][] = [
  [['Ctrl', 'K'], 'Find a page, a location or a command'],
  [['/'], 'Search in the page'],
  [['g', 'p'], 'Prices; g m Map, g c Constraints, g s Status, g d Datasets, g a Access'],
  [['j'], 'Next row; k the row before; arrow keys move by row and cell'],
  [['Enter'], 'Open the detail of the row'],
  [['Esc'], 'Close the detail, leave the search'],
  [['p'], 'Pin the row to the top, or let it go'],
  [['['], 'One interval back, in the detail and on the map; ] on; { and } go by days in the detail; t today or the newest'],
  [['Space'], 'On the map: play the day, pause'],
  [['←'], 'On the map: arrows walk the buses, with Shift they move the map; b binding lines, n lines of the bus, + - 0 zoom'],
  [['c'], 'Choose columns: Space shows or hides, Alt and up or down moves'],
  [['+'], 'In a chart: look closer; - further, 0 the whole day; left and right choose the interval'],
  [['←'], 'In the entitlement matrix: arrows walk the cells, Enter tells why'],
  [['z'], 'Clock: market, UTC, local'],
  [['a'], 'As known at'],
  [['Ctrl', 'C'], 'Copy the rows as tab-separated values'],
  [['?'], 'This map'],
]

export function KeyMap({ close }: { close: () => void }) {
  return (
    <Modal label="Keyboard map" className="keymap" close={close}>
      <h2>Keyboard map</h2>
      <dl>
        {KEYS.map(([keys, words]) => (
          <div key={words} className="keymap-row">
            <dt>{keys.map((key) => <kbd key={key}>{key}</kbd>)}</dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
    </Modal>
  )
}
