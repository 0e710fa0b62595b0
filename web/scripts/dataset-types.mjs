/** Turn dataset declarations into TypeScript: one row type and one key list per dataset. */
const TYPES = { text: 'string', float64: 'number', int64: 'number', bool: 'boolean', instant: 'Instant' }

const pascal = (id) => id.split(/[._-]/).map((part) => part.charAt(0).toUpperCase() + part.slice(1)).join('')
const quoted = (text) => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`

function columnType(column) {
  const known = TYPES[column.dtype]
  if (known === undefined) throw new Error(`column ${column.name}: found dtype ${column.dtype}; allowed: ${Object.keys(TYPES).join(', ')}`)
  const type = column.allowed?.length ? column.allowed.map(quoted).join(' | ') : known
  return column.nullable ? `${type} | null` : type
}

function datasetType(dataset) {
  const lines = dataset.columns.map((column) => {
    const unit = column.unit === null ? '' : ` Unit: ${column.unit}.`
    return `  /** ${column.meaning.replaceAll('*/', '* /')}${unit} */\n  ${column.name}: ${columnType(column)}`
  })
  return `/** ${dataset.title}: ${dataset.grain}. */\nexport interface ${pascal(dataset.id)}Row {\n${lines.join('\n')}\n}`
}

/** Return the whole module; `answer` is the body of GET /v1/datasets. Datasets are sorted by id so that order never makes a difference. */
export function datasetTypes(answer) {
  const datasets = [...(answer.datasets ?? [])].sort((a, b) => (a.id < b.id ? -1 : 1))
  if (datasets.length === 0) throw new Error('found no datasets; allowed: the body of GET /v1/datasets')
  const map = datasets.map((one) => `  ${quoted(one.id)}: ${pascal(one.id)}Row`).join('\n')
  const keys = datasets.map((one) => `  ${quoted(one.id)}: [${one.key.map(quoted).join(', ')}],`).join('\n')
  return [
    '/** Generated from the dataset declarations by scripts/generate.mjs; do not edit. */', '',
    '/** RFC 3339 with Z. */', 'export type Instant = string', '',
    ...datasets.map(datasetType).flatMap((text) => [text, '']),
    '/** Row type by dataset id. */', `export interface DatasetRows {\n${map}\n}`, '',
    '/** Key columns by dataset id, in declared order. */', `export const DATASET_KEYS = {\n${keys}\n} as const`, '',
  ].join('\n')
}
