// The other side of bench/peers.py: each record is checked by zod and inserted by better-sqlite3.
//
//   node peers.mjs NODE_MODULES RECORDS.json STORE

import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import process from 'node:process'

const [modules, records, store] = process.argv.slice(2)
const require = createRequire(`${modules}/`)
const Database = require('better-sqlite3')
const { z } = require('zod')

const date = z.string()
const Memory = z.object({
  id: z.string().min(1), personaId: z.string(), type: z.string(), name: z.string(), content: z.string(),
  summary: z.string().optional(), tags: z.array(z.string()), importance: z.number().min(0).max(100),
  memoryTier: z.enum(['hot', 'warm', 'cold']), accessCount: z.number().int(), lastAccessed: date, createdAt: date,
  updatedAt: date,
})

const names = Object.keys(Memory.shape)
const db = new Database(store)
db.pragma('journal_mode = WAL')
db.exec(`CREATE TABLE memories (${names.map((name) => `${name} ${name === 'id' ? 'TEXT PRIMARY KEY' : ''}`).join(', ')})`)
const insert = db.prepare(`INSERT INTO memories VALUES (${names.map(() => '?').join(', ')})`)
const all = JSON.parse(readFileSync(records, 'utf8')).memories
db.transaction(() => {
  for (const one of all) {
    const checked = Memory.parse(one)
    insert.run(names.map((name) => (Array.isArray(checked[name]) ? JSON.stringify(checked[name]) : checked[name])))
  }
})()
for (const columns of ['personaId, importance', 'personaId, memoryTier', 'personaId, type', 'importance', 'createdAt']) {
  db.exec(`CREATE INDEX "by ${columns}" ON memories (${columns})`)
}
db.exec(`CREATE VIRTUAL TABLE memory_fts USING fts5(name, content, summary, tags, content='memories')`)
db.exec(`INSERT INTO memory_fts (memory_fts) VALUES ('rebuild')`)
db.close()
