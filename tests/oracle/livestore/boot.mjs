// Boots a store with the real LiveStore, tells what its tables hold, and commits events as an app would.
//
//   node boot.mjs VERSION < request.json > answer.json
//
// Request: {schema, directory, storeId, commit?, output?}.  `schema` is a TypeScript module that exports `schema`,
// `tables` and `events`; the log is looked for in directory/storeId.  `commit` lists {event, args}, args encoded as the
// log would hold them.  With `output` the answer goes to that file, for stores that are too large for a pipe.
//
// Answer: {tables: {name: {raw, decoded}}, after, warnings}.  Rows come in the order of the primary key; `raw` are the
// values that SQLite holds, `decoded` those that LiveStore hands to an app, a date in a column as {"$date": ms}.
// `after` are the tables once everything that was committed is in the log; null where nothing was to be committed.

import { createWriteStream, readFileSync } from 'node:fs'
import process from 'node:process'

import { close, dump, durable, load, open, run, warnings } from './live.mjs'

async function commit(store, definitions, given) {
  const { Schema } = await load('@livestore/livestore')
  const byName = new Map(Object.values(definitions).map((definition) => [definition.name, definition]))
  for (const { event, args } of given) {
    const definition = byName.get(event)
    if (definition === undefined) throw new Error(`the schema has no event ${event}`)
    store.commit(definition(Schema.decodeUnknownSync(definition.schema)(args)))
    await durable(store)
  }
}

async function* answer(store, { tables, events }, given) {
  yield '{"tables":'
  yield* dump(store, tables)
  yield ',"after":'
  if (given.length > 0) {
    await commit(store, events, given)
    yield* dump(store, tables)
  } else yield 'null'
  yield `,"warnings":${JSON.stringify([...warnings])}}\n`
}

async function write(pieces, output) {
  for await (const piece of pieces) {
    if (!output.write(piece)) await new Promise((resolve) => output.once('drain', resolve))
  }
  await new Promise((resolve, reject) => output.end((error) => (error ? reject(error) : resolve())))
}

run(async () => {
  const request = JSON.parse(readFileSync(0, 'utf8'))
  const { store, module } = await open(request)
  await write(
    answer(store, module, request.commit ?? []),
    request.output === undefined ? process.stdout : createWriteStream(request.output),
  )
  await close(store)
})
