// Writes to a store when it is told to: each line of its input is SQL, run by better-sqlite3; answered by when it was
// committed (milliseconds since 1970).
//
//   node live_write.mjs STORE

import process from 'node:process'
import readline from 'node:readline'
import Database from 'better-sqlite3'

const db = new Database(process.argv[2], { fileMustExist: true })
const now = () => performance.timeOrigin + performance.now()
process.stdout.write('open\n')
for await (const line of readline.createInterface({ input: process.stdin })) {
  db.exec(line)
  process.stdout.write(`${now()}\n`)
}
db.close()
