/** Fails when the first load is over budget: HTML, CSS and JS that `/` needs, gzip; the font apart. Lists lazy parts too. */
import { readFileSync, readdirSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const FIRST_LOAD_KB = 180
const FONT_KB = 60
const dist = new URL('../dist/', import.meta.url)
const read = (name) => readFileSync(new URL(name, dist))
const gzip_kb = (name) => gzipSync(read(name), { level: 9 }).length / 1024

const html = read('index.html').toString()
const eager = new Set(['index.html', 'theme.js'])
const follow = (name) => {
  if (eager.has(name)) return
  eager.add(name)
  if (!name.endsWith('.js')) return
  // Static imports of a chunk are loaded with it; dynamic ones are not.
  for (const [, found] of read(name).toString().matchAll(/(?:from|import)\s*["']\.\/([^"']+\.js)["']/g)) follow(`assets/${found}`)
}
for (const [, found] of html.matchAll(/(?:src|href)="\/(assets\/[^"]+\.(?:js|css))"/g)) follow(found)
// The landing page is part of the first load even though it is a lazy chunk, and so is what it imports.
const assets = readdirSync(new URL('assets/', dist))
for (const name of assets.filter((one) => one.startsWith('PricesPage'))) follow(`assets/${name}`)

const sizes = [...eager].map((name) => [name, gzip_kb(name)]).sort((a, b) => b[1] - a[1])
const total = sizes.reduce((sum, [, size]) => sum + size, 0)
const fonts = assets.filter((name) => name.endsWith('.woff2')).map((name) => [name, read(`assets/${name}`).length / 1024])
for (const [name, size] of sizes) console.log(`${size.toFixed(1).padStart(7)} KB  ${name}`)
console.log(`${total.toFixed(1).padStart(7)} KB  first load, of ${FIRST_LOAD_KB}`)
for (const name of assets.filter((one) => !eager.has(`assets/${one}`) && !one.endsWith('.woff2'))) console.log(`${gzip_kb(`assets/${name}`).toFixed(1).padStart(7)} KB  lazy ${name}`)
for (const [name, size] of fonts) console.log(`${size.toFixed(1).padStart(7)} KB  font ${name}, of ${FONT_KB}`)
if (sizes.length < 4 || fonts.length === 0) throw new Error(`found ${sizes.length} files and ${fonts.length} fonts: the build is not what this script measures`)
if (total > FIRST_LOAD_KB || fonts.some(([, size]) => size > FONT_KB)) {
  console.error('Over budget: split a route, drop a dependency, or argue for a new budget in a decision record.')
  process.exit(1)
}
