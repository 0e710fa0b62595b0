/** Write src/lib/api/generated/datasets.ts from the JSON of GET /v1/datasets: `npm run generate -- datasets.json [--check]`. */
import { readFileSync, writeFileSync } from 'node:fs'
import { datasetTypes } from './dataset-types.mjs'

const [file, flag] = process.argv.slice(2)
if (file === undefined) {
  console.error('usage: npm run generate -- datasets.json [--check]')
  process.exit(2)
}
const target = new URL('../src/lib/api/generated/datasets.ts', import.meta.url)
const text = datasetTypes(JSON.parse(readFileSync(file, 'utf8')))
if (flag === '--check') {
  if (readFileSync(target, 'utf8') !== text) {
    console.error('generated/datasets.ts is not in step with the declarations: run npm run generate with the same file and commit.')
    process.exit(1)
  }
} else {
  writeFileSync(target, text)
}
