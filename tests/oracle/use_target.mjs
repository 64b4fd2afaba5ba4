// Uses a migrated store as an app would: through better-sqlite3, with the queries of the guides.
//
//   node use_target.mjs read  STORE < parameters.json > answers.json
//   node use_target.mjs write STORE < parameters.json > answers.json
//   node use_target.mjs hold  STORE     (says "open", and keeps the store open until its input ends)
//
// JSON columns are handed on as the text that they are, so that no number changes on its way through JavaScript.

import { readFileSync } from 'node:fs'
import process from 'node:process'
import Database from 'better-sqlite3'

const [command, store] = process.argv.slice(2)
const given = command === 'hold' ? null : JSON.parse(readFileSync(0, 'utf8'))

const LIVE = 'persona_id = ? AND deleted_at IS NULL'
const BY_IMPORTANCE = 'ORDER BY importance DESC, last_accessed DESC, id'

// name -> [parameters it takes, SQL]; "persona" is asked once for each persona, "word" once for each word.
const QUERIES = {
  activePersona: [null, 'SELECT id FROM personas WHERE is_active = 1 ORDER BY last_used DESC, id LIMIT 1'],
  allPersonas: [null, 'SELECT id FROM personas ORDER BY last_used DESC, id'],
  recentPersonas: [null, 'SELECT id FROM personas WHERE last_used IS NOT NULL ORDER BY last_used DESC, id LIMIT 5'],
  important: [null, 'SELECT id FROM memory_entities WHERE importance > 50 ORDER BY last_accessed DESC, id LIMIT 100'],
  personaById: ['persona', 'SELECT * FROM personas WHERE id = ?'],
  personaMemories: ['persona', `SELECT id FROM memory_entities WHERE ${LIVE} ${BY_IMPORTANCE}`],
  hotMemories: ['persona', `SELECT id FROM memory_entities WHERE ${LIVE} AND memory_tier = 'hot' ${BY_IMPORTANCE}`],
  importantMemories: ['persona', `SELECT id FROM memory_entities WHERE ${LIVE} AND importance > 80 ${BY_IMPORTANCE}`],
  memoriesByTier: ['persona', `SELECT memory_tier, count(*) FROM memory_entities WHERE ${LIVE} GROUP BY memory_tier`],
  memoriesByType: ['persona', `SELECT type, count(*) FROM memory_entities WHERE ${LIVE} GROUP BY type`],
  meanImportance: ['persona', `SELECT count(*), avg(importance) FROM memory_entities WHERE ${LIVE}`],
  memoriesByTag: [
    'persona',
    `SELECT DISTINCT m.id, tag.value FROM memory_entities AS m, json_each(m.tags) AS tag
     WHERE ${LIVE} ORDER BY m.id, tag.value`,
  ],
  recentConversations: [
    'persona',
    'SELECT id FROM conversations WHERE persona_id = ? AND is_archived = 0 ORDER BY updated_at DESC, id LIMIT 20',
  ],
  everyMemory: [null, 'SELECT * FROM memory_entities ORDER BY id'],
  search: [
    'word',
    `SELECT m.id FROM memory_fts JOIN memory_entities AS m ON m.search_id = memory_fts.rowid
     WHERE memory_fts MATCH ? ORDER BY m.id`,
  ],
}

function read() {
  const db = new Database(store, { readonly: true, fileMustExist: true })
  const answers = { version: db.prepare('SELECT sqlite_version()').pluck().get() }
  for (const [name, [parameter, sql]] of Object.entries(QUERIES)) {
    const statement = db.prepare(sql)
    if (!sql.startsWith('SELECT *')) statement.raw()
    const all = (...values) => statement.all(...values).map((row) => (row.length === 1 ? row[0] : row))
    if (parameter === null) answers[name] = all()
    else answers[name] = Object.fromEntries(given[`${parameter}s`].map((value) => [value, all(value)]))
  }
  db.close()
  return answers
}

// Every writing step is one of these; `refused` gives SQLite's code for a step that must not go through.
function write() {
  const db = new Database(store, { fileMustExist: true })
  db.pragma('foreign_keys = ON')
  const run = (sql, values = {}) => db.prepare(sql).run(values).changes
  const refused = {}
  for (const step of given.steps) {
    if (step.vacuum) db.exec('VACUUM')
    else if (step.pragma) db.pragma(step.pragma)
    else if (step.undone) {
      db.exec('BEGIN')
      for (const [sql, values] of step.undone) run(sql, values)
      db.exec('ROLLBACK')
    } else if (step.refused) {
      try {
        run(step.sql, step.values)
        refused[step.refused] = 'went through'
      } catch (error) {
        refused[step.refused] = error.code
      }
    } else run(step.sql, step.values)
  }
  const checks = {
    integrity: db.pragma('integrity_check', { simple: true }),
    orphans: db.pragma('foreign_key_check').length,
  }
  db.exec("INSERT INTO memory_fts (memory_fts, rank) VALUES ('integrity-check', 1)")
  db.close()
  return { refused, checks }
}

function hold() {
  const db = new Database(store, { fileMustExist: true })
  db.prepare('SELECT count(*) FROM personas').get()
  process.stdin.on('end', () => db.close())
  process.stdin.resume()
  process.stdout.write('open\n')
}

if (command === 'hold') hold()
else process.stdout.write(JSON.stringify(command === 'read' ? read() : write()))
