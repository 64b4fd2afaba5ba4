// What LiveStore itself says of a store: all rows of all tables, decoded and raw. Runs in node and in the page.

/** JSON text that keeps dates apart from numbers and strings. `this[key]`: at `value` JSON has already made a string of the date. */
export function tell(value) {
  return JSON.stringify(value, function (key, each) {
    return this[key] instanceof Date ? { $date: this[key].getTime() } : each;
  });
}

/** `{ table: { decoded, raw } }` of an open store, in the order LiveStore returns the rows; `select` makes the query for all rows of a table. */
export function rows(store, tables, select = (table) => table.select()) {
  return Object.fromEntries(Object.values(tables).map((table) => {
    const { name } = table.sqliteDef;
    const raw = store.query({ query: `SELECT * FROM "${name}"`, bindValues: {} });
    // A client document is asked for by its id.
    const decoded = table.get ? raw.map(({ id }) => ({ id, value: store.query(table.get(id)) })) : store.query(select(table));
    return [name, { decoded, raw }];
  }));
}
