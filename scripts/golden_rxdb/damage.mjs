// Damage that surely damages, made on a copy of an undamaged item: the place is looked up in the log, not guessed.

import { readdir, readFile, writeFile, truncate } from "node:fs/promises";
import { join } from "node:path";

const BLOCK = 32_768;
const HEADER = 7;

/** The only LevelDB log of an item's IndexedDB folder. */
async function logOf(indexedDB) {
  const folder = (await readdir(indexedDB)).find((name) => name.endsWith(".indexeddb.leveldb"));
  const logs = (await readdir(join(indexedDB, folder))).filter((name) => name.endsWith(".log"));
  if (logs.length !== 1) throw new Error(`one log wanted, found ${logs}`);
  return { path: join(indexedDB, folder, logs[0]), name: `${folder}/${logs[0]}` };
}

/** The physical records of a log: where each header is, and how long its data. */
function physicalRecords(log) {
  const found = [];
  for (let at = 0; at + HEADER <= log.length;) {
    if (BLOCK - (at % BLOCK) < HEADER) { at += BLOCK - (at % BLOCK); continue; }
    const length = log.readUInt16LE(at + 4);
    const type = log[at + 6];
    if (type === 0 && length === 0) break;
    found.push({ at, length, type });
    at += HEADER + length;
  }
  return found;
}

/** Flip the lowest bit of one letter of `text`, inside a record that fits into one block. */
export async function flipBit(indexedDB, text) {
  const { path, name } = await logOf(indexedDB);
  const log = await readFile(path);
  const places = [];
  for (let at = log.indexOf(text, 0, "latin1"); at >= 0; at = log.indexOf(text, at + 1, "latin1")) places.push(at);
  if (places.length !== 1) throw new Error(`${text}: ${places.length} places`);
  const offset = places[0] + 3;
  const record = physicalRecords(log).find(({ at, length }) => at + HEADER <= offset && offset < at + HEADER + length);
  log[offset] ^= 1;
  await writeFile(path, log);
  return { file: name, offset, bit: 0, record: { offset: record.at, length: record.length, type: record.type } };
}

/** Cut the log off in the middle of the record that holds `text`. */
export async function tear(indexedDB, text) {
  const { path, name } = await logOf(indexedDB);
  const log = await readFile(path);
  const at = log.indexOf(text, 0, "latin1");
  if (at < 0) throw new Error(`${text}: not there`);
  const size = at + 3;
  const record = physicalRecords(log).find((each) => each.at + HEADER <= at && at < each.at + HEADER + each.length);
  await truncate(path, size);
  return { file: name, truncatedTo: size, was: log.length, record: { offset: record.at, length: record.length, type: record.type } };
}
