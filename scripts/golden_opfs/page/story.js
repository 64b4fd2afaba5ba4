// What every library is told to write, and the rows that it then selects: `run(sql)` executes, `select(sql)` returns rows of texts.

const NOTES = Array.from({ length: 12 }, (_, n) => n + 1);

/** A value as SQL: each type, and what is easily lost. */
function value(n) {
  return ["NULL", `${n}`, "9007199254740993", `${n}.5`, `'text ${n} \u{1F600} é'`, "x'00FF10'", "''", "-0.1"][n % 8];
}

export async function write(run, library) {
  await run("PRAGMA page_size=512");
  await run("CREATE TABLE notes(id INTEGER PRIMARY KEY, title TEXT NOT NULL, body, weight REAL)");
  await run("CREATE TABLE tags(note INTEGER, tag TEXT, PRIMARY KEY(note, tag)) WITHOUT ROWID");
  await run(`INSERT INTO notes VALUES ${NOTES.map((n) => `(${n}, '${library} ${n}', ${value(n)}, ${n} / 4.0)`).join(", ")}`);
  await run(`INSERT INTO tags SELECT id, 'tag ' || id % 3 FROM notes WHERE id % 2`);
  await run("UPDATE notes SET title = title || ' again' WHERE id % 5 = 0");
  await run("DELETE FROM notes WHERE id IN (3, 7)");
}

/** Begin a transaction whose pages no longer fit into the cache, and leave it open. */
export async function leaveOpen(run) {
  await run("PRAGMA cache_size=2");
  await run("PRAGMA cache_spill=1");
  await run("BEGIN");
  await run("UPDATE notes SET title = 'never committed', body = hex(zeroblob(40))");
  await run("INSERT INTO notes SELECT id + 1000, 'never committed', hex(zeroblob(60)), 0 FROM notes");
}

/** Table -> its rows; of each value its type and its text. */
export async function told(select) {
  const tables = {};
  for (const [name, columns, order] of [["notes", ["id", "title", "body", "weight"], "id"], ["tags", ["note", "tag"], "note, tag"]]) {
    const each = columns.map((one) => `typeof(${one}), CASE typeof(${one}) WHEN 'blob' THEN hex(${one}) WHEN 'real' THEN printf('%!.17g', ${one}) ELSE CAST(${one} AS TEXT) END`);
    const rows = await select(`SELECT ${each.join(", ")} FROM ${name} ORDER BY ${order}`);
    tables[name] = rows.map((row) => Object.fromEntries(columns.map((one, at) => [one, [row[2 * at], row[2 * at + 1]]])));
  }
  return tables;
}
