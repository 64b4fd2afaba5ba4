// The other side of bench/store.py: the same statements through better-sqlite3.
//
//   node store.mjs BETTER_SQLITE3 STORE < given.json > milliseconds.json

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import process from 'node:process'

const [library, store] = process.argv.slice(2)
const Database = createRequire(import.meta.url)(library)
const given = JSON.parse(readFileSync(0, 'utf8'))
const db = new Database(store)
db.pragma('foreign_keys = ON')
db.pragma('synchronous = FULL') // its build says NORMAL for WAL; the others wait for the disk, too

const sql = Object.fromEntries(Object.entries(given.sql).map(([name, text]) => [name, db.prepare(text)]))
const table = {}

function timed(what, values, call) {
  call(values[0])
  table[what] = values.map((value) => {
    const began = performance.now()
    call(value)
    return performance.now() - began
  })
}

for (const [what, texts] of Object.entries(given.queries)) {
  const p = what.includes('persona') ? 'p05' : null
  timed(what, texts, (q) => sql.search.all({ q, p }))
}
timed('list of 50', given.personas, (p) => sql.list.all({ p }))
timed('activate', given.personas, db.transaction((p) => { sql.off.run(); sql.on.run({ p }) }).immediate)
let number = 0
timed('remember', given.personas, (p) => sql.remember.run({ id: `bench${number++}`, p, text: given.text }))
timed('access', given.ids, (id) => sql.access.run({ id }))
db.close()
process.stdout.write(JSON.stringify(table))
