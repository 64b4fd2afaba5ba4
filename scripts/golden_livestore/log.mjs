// The SQLite files of a store, seen by Python's sqlite3: Node 20 has no SQLite of its own.

import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const SCRIPT = join(dirname(fileURLToPath(import.meta.url)), "log.py");
const PYTHON = process.env.PYTHON ?? "python3";

export const LOG = { "0.4.0": "eventlog@6.db", "0.3.1": "eventlog@4.db" };

function python(...given) {
  return JSON.parse(execFileSync(PYTHON, [SCRIPT, ...given.map(String)], { encoding: "utf8" }));
}

/** Events in the log on disk. */
export const inLog = (folder, version) => python("count", join(folder, LOG[version]));

/** Append events as `[name, argsJson]` behind LiveStore's back. */
export const append = (folder, version, events) => python("append", join(folder, LOG[version]), JSON.stringify(events));

/** Per file of the folder: tables, rows, first and last number. For a look, and for the notes. */
export const look = (folder) => python("look", folder);
