// node rxdb.mjs SEED.json
// Fills a real RxDB database (Dexie storage on fake-indexeddb) with the seed's documents, removes the ones listed under
// `removed` again, and prints what RxDB's own exportJSON() says.
import './still.mjs'

import 'fake-indexeddb/auto'

import { readFileSync } from 'node:fs'

import { addRxPlugin, createRxDatabase } from 'rxdb'
import { RxDBJsonDumpPlugin } from 'rxdb/plugins/json-dump'
import { getRxStorageDexie } from 'rxdb/plugins/storage-dexie'

const text = { type: 'string' }
const key = { type: 'string', maxLength: 64 }
const number = { type: 'number' }
const flag = { type: 'boolean' }
const object = { type: 'object' }
const texts = { type: 'array', items: text }

const schemaOf = (title, properties, required) => ({
  title,
  version: 0,
  primaryKey: 'id',
  type: 'object',
  properties: { id: key, ...properties },
  required: ['id', ...required],
})

const persona = schemaOf(
  'persona',
  {
    name: text,
    description: text,
    avatar: text,
    personality: object,
    settings: object,
    memoryConfig: object,
    isActive: flag,
    createdAt: text,
    updatedAt: text,
    lastUsed: text,
    usageCount: number,
  },
  ['name', 'createdAt'],
)

const memoryEntity = schemaOf(
  'memoryEntity',
  {
    personaId: key,
    type: text,
    name: text,
    content: object,
    summary: text,
    tags: texts,
    importance: number,
    lastAccessed: text,
    createdAt: text,
    updatedAt: text,
    embedding: { type: 'array', items: number },
    embeddingModel: text,
    memoryTier: text,
    compressionApplied: flag,
    connectionCount: number,
    metadata: object,
  },
  ['personaId', 'type', 'name', 'createdAt'],
)

const conversation = schemaOf(
  'conversation',
  {
    personaId: key,
    sessionId: text,
    messages: { type: 'array', items: object },
    summary: text,
    sentiment: text,
    topics: texts,
    importance: number,
    isArchived: flag,
    archivedAt: text,
    createdAt: text,
    updatedAt: text,
  },
  ['personaId', 'sessionId', 'messages', 'createdAt'],
)

const workflow = schemaOf(
  'workflow',
  {
    name: text,
    definition: object,
    createdAt: text,
    description: text,
    personaId: key,
    isTemplate: flag,
    isPublic: flag,
    tags: texts,
    executionCount: number,
    lastExecuted: text,
  },
  ['name', 'definition', 'createdAt'],
)

addRxPlugin(RxDBJsonDumpPlugin)
const seed = JSON.parse(readFileSync(process.argv[2], 'utf8'))
const db = await createRxDatabase({ name: 'pjais-rxdb', storage: getRxStorageDexie(), multiInstance: false })
await db.addCollections({
  personas: { schema: persona },
  memoryEntities: { schema: memoryEntity },
  conversations: { schema: conversation },
  workflows: { schema: workflow },
})

for (const [name, collection] of Object.entries(db.collections)) {
  const { error } = await collection.bulkInsert(seed[name])
  if (error.length > 0) throw new Error(`${name}: ${JSON.stringify(error[0])}`)
}
for (const { collection, doc } of seed.removed) {
  await db[collection].insert(doc)
  await db[collection].findOne(doc.id).remove()
}

const dump = await db.exportJSON()
process.stdout.write(JSON.stringify(dump, null, 2), () => process.exit(0))
