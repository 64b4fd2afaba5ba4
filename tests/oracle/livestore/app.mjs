// An app on the real LiveStore that writes while somebody follows.
//
//   node app.mjs VERSION REQUEST
//
// Request, as JSON: {schema, directory, storeId, told, from, perSecond, seed}.  It is told what to do by lines on standard
// input and answers each with a line: `begin` writes from now on, `close` stops, writes what LiveStore holds to the file
// `told`, and shuts down; `end` is the same without the shutting down, for one that is to be killed.  Every event is in the
// log on disk before the next one is made.

import { writeFileSync } from 'node:fs'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'

import { close, dump, durable, open, run } from './live.mjs'

const request = JSON.parse(process.argv[3])
const { store, module } = await open(request)
const { events, tables } = module

/** What was done, in order: [number, what, id]; a memory's `importance` is the number of its last writing. */
const history = []
const living = store
  .query({ query: "SELECT id FROM memoryEntities WHERE deletedAt IS NULL AND id LIKE 'busy-%' ORDER BY id", bindValues: [] })
  .map(({ id }) => id)

// Numbers in [0, 1) that are the same on every run (mulberry32).
let seed = request.seed
function chance() {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
}

function write(number) {
  const at = Math.floor(chance() * living.length)
  const kind = living.length < 20 ? 0 : chance()
  const now = new Date(Date.now() - (number % 5 ? 0 : 86_400_000)) // clocks go backwards, too
  const content = { text: `what was written as number ${number}: ß 🧠`, number }
  if (kind < 0.5) {
    const id = `busy-${number}`
    const memory = { id, personaId: `p${number % 3}`, type: 'fact', name: `Memory ${number}`, content, tags: ['é', '🧠'], importance: number }
    store.commit(events.memoryEntityCreated({ ...memory, createdAt: now }))
    living.push(id)
    history.push([number, 'insert', id])
  } else if (kind < 0.8) {
    const updates = { content, summary: `changed by ${number}`, importance: number }
    store.commit(events.memoryEntityUpdated({ id: living[at], updates, updatedAt: now }))
    history.push([number, 'update', living[at]])
  } else {
    const [id] = living.splice(at, 1)
    store.commit(kind < 0.9 ? events.memoryEntityDeleted({ id, deletedAt: now }) : events.memoryEntityRemoved({ id }))
    history.push([number, 'remove', id])
  }
}

let going = true
let began = 0
async function writeOn() {
  if (request.from === 1) {
    for (let at = 0; at < 3; at++) store.commit(events.personaCreated({ id: `p${at}`, name: `Persona ${at}`, createdAt: new Date(at) }))
  }
  began = Date.now()
  for (let count = 0; going; count++) {
    write(request.from + count)
    await durable(store)
    await sleep(Math.max(0, began + ((count + 1) * 1000) / request.perSecond - Date.now()))
  }
}

let written = Promise.resolve()
async function end() {
  going = false
  await written
  const head = JSON.stringify({ history, seconds: began ? (Date.now() - began) / 1000 : 0 }).slice(0, -1)
  writeFileSync(request.told, `${head},"tables":${[...dump(store, tables)].join('')}}`)
}

run(async () => {
  process.stdout.write('open\n')
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === 'begin') written = writeOn()
    else await end()
    if (line === 'close') await close(store)
    process.stdout.write(`${line}\n`)
    if (line === 'close') return
  }
})
