// Any value of a page as tagged JSON (docs/formats/tagged-json.md): written here once more, in the browser's own terms, so that the reader can be checked.

const base64 = (bytes) => { let text = ""; for (let at = 0; at < bytes.length; at += 0x8000) text += String.fromCharCode(...bytes.subarray(at, at + 0x8000)); return btoa(text); };
const hex = (bytes) => [...bytes].map((one) => one.toString(16).padStart(2, "0")).join("");
const sha256 = async (bytes) => hex(new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)));
const string = (text) => text.isWellFormed() ? text : { $text: Array.from({ length: text.length }, (_, at) => text.charCodeAt(at)) };

export async function tagged(value, met = new Map()) {
  if (value === undefined) return { $undefined: true };
  if (typeof value === "number") return Number.isNaN(value) ? { $number: "NaN" } : Object.is(value, -0) ? { $number: "-0" } : Number.isFinite(value) ? value : { $number: String(value) };
  if (typeof value === "bigint") return { $bigint: String(value) };
  if (typeof value === "string") return string(value);
  if (value === null || typeof value !== "object") return value;
  if (met.has(value)) return { $ref: met.get(value) };
  met.set(value, met.size);
  const each = (one) => tagged(one, met);
  const members = async (names) => { const made = {}; for (const name of names) Object.defineProperty(made, name.startsWith("$") ? `$${name}` : name, { value: await each(value[name]), enumerable: true }); return made; };
  if (value instanceof Date) return { $date: Number.isNaN(value.getTime()) ? null : value.getUTCFullYear() >= 1 && value.getUTCFullYear() <= 9999 ? value.toISOString() : { ms: value.getTime() } };
  if (value instanceof RegExp) return { $regexp: [string(value.source), value.flags] };
  if (value instanceof Number || value instanceof String || value instanceof Boolean || value instanceof BigInt) return { $boxed: await tagged(value.valueOf()) };
  if (value instanceof Blob) {
    const told = { sha256: await sha256(new Uint8Array(await value.arrayBuffer())), type: value.type, size: value.size };
    return { $blob: value instanceof File ? { ...told, name: string(value.name), lastModified: value.lastModified } : told };
  }
  if (value instanceof ArrayBuffer || ArrayBuffer.isView(value)) {
    const buffer = value.buffer ?? value;
    const told = { $bytes: base64(new Uint8Array(buffer)), type: value.constructor.name };
    if (buffer.resizable) told.maxLength = buffer.maxByteLength;
    return value.buffer && (value.byteOffset || value.byteLength !== buffer.byteLength) ? { ...told, offset: value.byteOffset, length: value.byteLength } : told;
  }
  if (value instanceof Map) { const made = []; for (const [key, item] of value) made.push([await each(key), await each(item)]); return { $map: made }; }
  if (value instanceof Set) { const made = []; for (const item of value) made.push(await each(item)); return { $set: made }; }
  if (value instanceof Error && !(value instanceof DOMException)) {
    const made = { name: value.name, message: Object.hasOwn(value, "message") ? string(value.message) : undefined, stack: value.stack && string(value.stack) };
    return { $error: Object.hasOwn(value, "cause") ? { ...made, cause: await each(value.cause) } : made };
  }
  if (Array.isArray(value)) {
    const items = [];
    for (let at = 0; at < value.length; at += 1) items.push(at in value ? await each(value[at]) : { $hole: true });
    const names = Object.keys(value).filter((name) => !(String(name >>> 0) === name && name >>> 0 < value.length));
    return names.length ? { $array: items, properties: await members(names) } : items;
  }
  const kind = Object.prototype.toString.call(value).slice(8, -1);
  return kind === "Object" ? members(Object.keys(value)) : { $host: kind };
}

const done = (request) => new Promise((kept, failed) => { request.onsuccess = () => kept(request.result); request.onerror = () => failed(request.error); });

/** Every database of this origin as the page sees it: declarations, keys and values, in the order that getAll gives. */
export async function everything() {
  const databases = [];
  for (const { name } of (await indexedDB.databases()).sort((one, other) => (one.name < other.name ? -1 : 1))) {
    const database = await done(indexedDB.open(name));
    const stores = [];
    for (const each of database.objectStoreNames) {
      const store = database.transaction(each).objectStore(each);
      const indexes = [...store.indexNames].map((one) => store.index(one)).map(({ name, keyPath, unique, multiEntry }) => ({ name, keyPath, unique, multiEntry }));
      const { keyPath, autoIncrement } = store;
      const [keys, values] = await Promise.all([done(store.getAllKeys()), done(store.getAll())]);
      const records = [];
      for (let at = 0; at < keys.length; at += 1) records.push([await tagged(keys[at]), await tagged(values[at])]);
      stores.push({ name: string(each), keyPath, autoIncrement, indexes, records });
    }
    databases.push({ name: string(name), version: database.version, stores });
    database.close();
  }
  return databases;
}

/** Every item of a storage area. */
export const items = async (area) => { const found = []; for (let at = 0; at < area.length; at += 1) found.push([string(area.key(at)), string(area.getItem(area.key(at)))]); return found; };
