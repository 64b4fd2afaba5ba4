// Temporary folders, and the one file that LiveStore's word goes into.

import { cp, mkdir, mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import { tell } from "./account.mjs";

export const HERE = dirname(fileURLToPath(import.meta.url));
export const GOLDEN = process.env.GOLDEN ?? join(HERE, "..", "..", "tests", "golden", "livestore");

export const newFolder = () => mkdtemp(join(tmpdir(), "golden-livestore-"));
export const remove = (folder) => rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });

/** Put a fresh copy of `from` at `to`. */
export async function replace(from, to) {
  await remove(to);
  await mkdir(dirname(to), { recursive: true });
  await cp(from, to, { recursive: true, preserveTimestamps: true });
}

/** Delete the files of a folder whose names match. */
export async function drop(folder, pattern) {
  for (const name of await readdir(folder)) if (pattern.test(name)) await rm(join(folder, name));
}

export async function size(folder) {
  const sizes = await Promise.all((await readdir(folder, { withFileTypes: true })).map(async (entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? size(path) : (await stat(path)).size;
  }));
  return sizes.reduce((one, two) => one + two, 0);
}

export const NOTE = "dates: {\"$date\": ms since epoch}; raw = SQLite values as LiveStore returned them";

/** One line per row: a change in a golden store shows as one changed line. */
function layOut(expected) {
  const { tables, others, ...facts } = expected;
  const rows = (list) => list.length ? `[\n${list.map(tell).join(",\n")}\n]` : "[]";
  const account = (each) => `{\n${Object.entries(each).map(([name, { decoded, raw }]) => `"${name}": {"decoded": ${rows(decoded)}, "raw": ${rows(raw)}}`).join(",\n")}\n}`;
  const body = [
    ...Object.entries(facts).map(([key, value]) => `${JSON.stringify(key)}: ${tell(value)}`),
    `"tables": ${account(tables)}`,
    ...(others ? [`"others": [${others.map(({ tables, ...rest }) => `{${Object.entries(rest).map(([key, value]) => `"${key}": ${tell(value)}`).join(", ")}, "tables": ${account(tables)}}`).join(",\n")}]`] : []),
  ];
  return `{\n${body.join(",\n")}\n}\n`;
}

export async function writeExpected(item, expected) {
  const text = layOut(expected);
  JSON.parse(text);
  await writeFile(join(item, "expected.json"), text);
}
