// What the programs here share: the real LiveStore of the version that the first argument names, our schema loaded into
// it, its stores opened, and what they hold told.

import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import process from 'node:process'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { inspect } from 'node:util'

const DURABLE_WITHIN_MS = 60_000
const PACKAGES = createRequire(new URL(`v${process.argv[2]}/package.json`, import.meta.url))

// LiveStore logs to the console; standard output is for the answer alone.  Its words are kept once each.
export const warnings = new Set()
for (const level of ['log', 'debug', 'info', 'warn', 'error', 'group', 'groupCollapsed', 'trace']) {
  console[level] = (...words) => {
    const text = words.map((word) => (typeof word === 'string' ? word : inspect(word, { depth: 8 }))).join(' ')
    if (text !== '') warnings.add(text.replace(/^\[[\d:.]+ (\w+)\] (\w+) \(#\d+\)/, '$1 $2'))
  }
}

export const load = (name) => import(pathToFileURL(PACKAGES.resolve(name)).href)

async function loadSchema(file) {
  const { build } = await load('esbuild')
  const folder = mkdtempSync(path.join(tmpdir(), 'livestore-schema-'))
  const module = path.join(folder, 'schema.mjs')
  const ofThisVersion = {
    name: 'of-this-version',
    setup: ({ onResolve }) =>
      onResolve({ filter: /^[^./]/ }, ({ path: name, kind }) =>
        kind === 'entry-point' ? undefined : { path: pathToFileURL(PACKAGES.resolve(name)).href, external: true },
      ),
  }
  try {
    await build({
      entryPoints: [path.resolve(file)],
      outfile: module,
      bundle: true,
      format: 'esm',
      platform: 'node',
      logLevel: 'silent',
      plugins: [ofThisVersion],
    })
    return await import(pathToFileURL(module).href)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function primaryKey(table) {
  const [name] = Object.entries(table.sqliteDef.columns).find(([, column]) => column.primaryKey)
  return name
}

const decoded = (row) =>
  Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, value instanceof Date ? { $date: value.getTime() } : value]),
  )

// In pieces, as a large store makes more text than a string can hold.
export function* dump(store, tables) {
  let between = '{'
  for (const table of Object.values(tables)) {
    const { name } = table.sqliteDef
    const key = primaryKey(table)
    yield `${between}${JSON.stringify(name)}:{"raw":`
    yield* list(store.query({ query: `SELECT * FROM "${name}" ORDER BY "${key}"`, bindValues: [] }))
    yield ',"decoded":'
    yield* list(store.query(table.select().orderBy(key, 'asc')), decoded)
    yield '}'
    between = ','
  }
  yield '}'
}

function* list(rows, form = (row) => row) {
  let between = '['
  for (const row of rows) {
    yield `${between}${JSON.stringify(form(row))}\n`
    between = ','
  }
  yield between === '[' ? '[]' : ']'
}

// Session: the store in this process; leader: what holds the files.
async function syncStates(store) {
  if (process.argv[2] !== '0.3.1') return store._dev.syncStates()
  const { Effect } = await load('@livestore/utils/effect')
  const session = await Effect.runPromise(store.syncProcessor.syncState)
  const leader = await Effect.runPromise(store.clientSession.leaderThread.getSyncState)
  return { session, leader }
}

// `commit` returns before anything is on disk, and a shutdown loses what is not.
export async function durable(store) {
  const end = Date.now() + DURABLE_WITHIN_MS
  while (Date.now() < end) {
    const { session, leader } = await syncStates(store)
    if (session.pending.length === 0 && leader.localHead.global === session.localHead.global) return
    await sleep(10)
  }
  throw new Error(`what was committed is not in the log after ${DURABLE_WITHIN_MS} ms`)
}

/** The store in `directory/storeId`, and the module of its schema. */
export async function open({ schema, directory, storeId }) {
  const [{ makeAdapter }, { createStorePromise }, module] = await Promise.all([
    load('@livestore/adapter-node'),
    load('@livestore/livestore'),
    loadSchema(schema),
  ])
  const store = await createStorePromise({
    adapter: makeAdapter({ storage: { type: 'fs', baseDirectory: path.resolve(directory) } }),
    schema: module.schema,
    storeId,
    disableDevtools: true,
  })
  return { store, module }
}

export const close = (store) => store.shutdownPromise?.() ?? store.shutdown()

/** Run a program to its end; an error, wherever it comes from, ends it with all that LiveStore said. */
export function run(main) {
  const fail = (error) => {
    process.stderr.write(`${inspect(error, { depth: 8 })}\n${[...warnings].join('\n')}\n`, () => process.exit(1))
  }
  process.on('uncaughtException', fail)
  process.on('unhandledRejection', fail)
  main().then(() => process.exit(0), fail)
}
