// node livestore.mjs SEED.json OUT.db
// Commits the seed's personas, memories and conversations to a real LiveStore 0.3.1 store (node adapter), waits
// until all of it is on disk, and copies the state file out.
import './still.mjs'

import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

import { makeAdapter } from '@livestore/adapter-node'
import { createStorePromise } from '@livestore/livestore'
import Database from 'better-sqlite3'
import { Effect } from 'effect'

import { events, schema } from './schema.mjs'

const STORE_ID = 'pjais'
const PATIENCE_MS = 60_000
const INSTANTS = new Set(['createdAt', 'updatedAt', 'lastUsed', 'lastAccessed', 'deletedAt', 'archivedAt', 'timestamp'])

// The seed writes dates as ISO text; LiveStore's DateFromNumber wants Date objects.
const withDates = (_, value) => {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      INSTANTS.has(key) && typeof inner === 'string' ? new Date(inner) : inner,
    ]),
  )
}

const eventsOf = (seed) => [
  events.migrationStarted({
    fromSystem: 'rxdb',
    toSystem: 'livestore',
    startedAt: new Date('2025-07-03T08:00:00.000Z'),
  }),
  ...seed.personas.map((persona) => events.personaImported({ ...persona, sourceId: persona.id })),
  ...seed.memories.map((memory) => events.memoryEntityImported({ ...memory, sourceId: memory.id })),
  ...seed.conversations.map((conversation) => events.conversationImported(conversation)),
  ...seed.updates.map((update) => events.memoryEntityUpdated(update)),
  ...seed.deletions.map((deletion) => events.memoryEntityDeleted(deletion)),
]

// `commit` returns before anything is on disk, and a shutdown drops what is pending.  The store's own account of
// both sides tells when the leader, which writes the files, has caught up (0.3.1 only prints it by `_dev.syncStates`).
const waitUntilWritten = async (store) => {
  const until = performance.now() + PATIENCE_MS
  while (performance.now() < until) {
    const session = await Effect.runPromise(store.syncProcessor.syncState)
    const leader = await Effect.runPromise(store.clientSession.leaderThread.getSyncState)
    if (session.pending.length === 0 && leader.localHead.global === session.localHead.global) return
    await sleep(50)
  }
  throw new Error('LiveStore did not write everything in time')
}

const count = (path, table) => {
  const file = new Database(path, { readonly: true, fileMustExist: true })
  try {
    return file.prepare(`SELECT count(*) FROM ${table}`).pluck().get()
  } finally {
    file.close()
  }
}

const expectRows = (path, table, expected) => {
  const found = count(path, table)
  if (found !== expected) throw new Error(`${table}: ${found} rows on disk, ${expected} expected`)
}

const [seedPath, outPath] = process.argv.slice(2)
const seed = JSON.parse(readFileSync(seedPath, 'utf8'), withDates)
const folder = mkdtempSync(join(tmpdir(), 'livestore-'))
try {
  const store = await createStorePromise({
    adapter: makeAdapter({ storage: { type: 'fs', baseDirectory: folder }, clientId: 'sample' }),
    schema,
    storeId: STORE_ID,
  })
  const all = eventsOf(seed)
  store.commit(...all)
  await waitUntilWritten(store)
  await store.shutdown()

  const files = readdirSync(join(folder, STORE_ID)).map((name) => join(folder, STORE_ID, name))
  const state = files.find((path) => /state-?\d+@4\.db$/.test(path))
  const log = files.find((path) => path.endsWith('eventlog@4.db'))
  expectRows(log, 'eventlog', all.length)
  expectRows(state, 'personas', seed.personas.length)
  expectRows(state, 'memoryEntities', seed.memories.length)
  expectRows(state, 'conversations', seed.conversations.length)
  copyFileSync(state, outPath)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exit(0)
