// A database with a value of every type that a page can store, keys of every type, and stores of every declaration.

const done = (request) => new Promise((kept, failed) => { request.onsuccess = () => kept(request.result); request.onerror = () => failed(request.error); });
const finished = (transaction) => new Promise((kept, failed) => { transaction.oncomplete = kept; transaction.onabort = transaction.onerror = () => failed(transaction.error); });

async function values() {
  const cycle = { name: "cycle" }; cycle.self = cycle; cycle.list = [cycle, { cycle }];
  const shared = { shared: true }; const when = new Date(1.5e12);
  const inside = new Map(); inside.set("me", { back: inside });
  const buffer = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]).buffer;
  const named = Object.assign([1, , undefined, 4], { extra: "yes", $odd: 1 });
  const sparse = []; sparse[40] = "far";
  const key = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, true, ["encrypt"]);
  const pair = await crypto.subtle.generateKey({ name: "ECDSA", namedCurve: "P-256" }, false, ["sign", "verify"]);
  const rsa = await crypto.subtle.generateKey({ name: "RSA-PSS", modulusLength: 1024, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" }, false, ["sign", "verify"]);
  const hmac = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  const kdf = await crypto.subtle.importKey("raw", new Uint8Array(8), "PBKDF2", false, ["deriveKey"]);
  const ed = await crypto.subtle.generateKey({ name: "Ed25519" }, false, ["sign", "verify"]).catch(() => null);
  return [
    null, undefined, true, false, 0, -0, 1, -1, 0.1, 2 ** 31, -(2 ** 31) - 1, 2 ** 53, 2 ** 53 - 1, 1e21, 5e-324, NaN, Infinity, -Infinity, 0n, -1n, 12345678901234567890n,
    "", "a", "ünï 日本 😀", "lone \ud800", "nul \0 in", "x".repeat(5000), "ü".repeat(70000), new Date(0), when, new Date(NaN), new Date(-62135596800001), new Date(8.64e15),
    [], {}, [1, "two", [3]], [undefined, , null], sparse, named, { a: { b: { c: [] } } }, { "": 1, rowid: 2, __proto__x: 3, "ü": 4, "\ud800": 5, 10: "ten", 2: "two" }, { $date: "no tag", $$: 1 }, { $ref: 0 },
    Object.defineProperty({}, "__proto__", { value: "own", enumerable: true }), cycle, [shared, shared], [when, when], inside, new Map([[1, "one"], ["1", { two: 2 }], [{ k: 1 }, new Set([1, "1"])]]), new Set(), new Set([[1], 1n]),
    /a\/b[ü]+/giu, /x/dsy, /[\p{L}--[a-z]]/v, new Number(-0), new String("boxed ü"), new Boolean(false), Object(7n), new Error("plain"), new RangeError("range", { cause: { why: 1 } }), Object.assign(new TypeError("t"), { name: "Odd" }),
    buffer, new ArrayBuffer(4, { maxByteLength: 16 }), new Uint8Array(buffer), new Uint8Array(buffer, 2, 3), new Int16Array(buffer, 2), new Float64Array([NaN, -0, 0.5]), new BigInt64Array([-1n]), new DataView(buffer, 1, 2), new Uint8ClampedArray(3),
    new Blob(["blob ü"], { type: "text/plain" }), new Blob([]), new File(["file"], "naïve name.txt", { type: "text/plain", lastModified: 1600000000000 }), { files: [new Blob([new Uint8Array(90000)], { type: "a/b" }), 1] },
    { key, beside: 1 }, { pair: [pair.privateKey, pair.publicKey], rsa: [rsa.publicKey, rsa.privateKey] }, { hmac, kdf, ed: ed && [ed.publicKey, ed.privateKey] }, { image: new ImageData(2, 3), after: "image" },
    [new DOMRect(1, 2, 3, 4), new DOMRectReadOnly(), new DOMPoint(1), new DOMPointReadOnly(), new DOMQuad(), new DOMMatrix(), new DOMMatrix([1, 2, 3, 4, 5, 6]), new DOMMatrixReadOnly(), new DOMException("gone", "AbortError"), "after"],
  ];
}

const KEYS = [0, 7, -7, 0.5, -Infinity, Infinity, 2 ** 53, 1e300, -1e-300, new Date(0), new Date(1600000000000), new Date(-1), "", "7", "a", "a\0b", "~", "\x7f", "\x80", "ü", "\u3fff", "\u4000", "\u407e", "\u407f", "\u7eff", "\u7f00", "日本", "\ud800", "\uffff", "😀", "key ".repeat(50),
  new Uint8Array([]).buffer, new Uint8Array([0]).buffer, new Uint8Array([0, 1, 127, 128, 255]).buffer, ...[7, 8, 9, 16, 17].map((length) => new Uint8Array(length).fill(length).buffer), [], [[]], [[[]]], [[[[]]]], [[[[[1]]]]], [1], ["1"], ["a", "b"], ["a b"], [[1, [2]], "x", new Date(5)], [new Uint8Array([1, 0]).buffer, ""]];

export async function write() {
  const opening = indexedDB.open("lattice — ünï 日本", 7);
  opening.onupgradeneeded = () => {
    const database = opening.result;
    for (const name of ["values", "keys", "empty", "", "select", "Select", "\ud800"]) database.createObjectStore(name);
    database.createObjectStore("numbered", { autoIncrement: true });
    database.createObjectStore("inline", { keyPath: "n", autoIncrement: true });
    database.createObjectStore("deep", { keyPath: "meta.id", autoIncrement: true });
    database.createObjectStore("compound", { keyPath: ["a", "b.c"] });
    database.createObjectStore("spaced", { keyPath: ["a", "b"] });
    const people = database.createObjectStore("people", { keyPath: "id" });
    people.createIndex("by name", "name"); people.createIndex("mail", "mail", { unique: true }); people.createIndex("tags", "tags", { multiEntry: true }); people.createIndex("both", ["name", "age"]);
  };
  const database = await done(opening);
  const all = await values();
  const transaction = database.transaction([...database.objectStoreNames], "readwrite");
  const into = (name) => transaction.objectStore(name);
  all.forEach((value, number) => into("values").put(value, number));
  KEYS.forEach((key, number) => into("keys").put(number, key));
  for (const name of ["", "select", "Select", "\ud800"]) into(name).put({ in: name }, "k");
  for (const value of ["first", undefined, { a: 1 }]) into("numbered").add(value);
  into("numbered").put("chosen", 40); into("numbered").add("after it");
  for (const t of ["one", "two"]) into("inline").add({ t });
  into("inline").put({ n: 7.5, t: "given" }); into("inline").put({ n: "seven", t: "text" }); into("inline").add({ t: "next" });
  into("deep").add({ t: 1 }); into("deep").add({ meta: { other: 1 }, t: 2 });
  into("compound").put({ a: 1, b: { c: "x" }, more: true }); into("spaced").put({ a: "1", b: [2] });
  into("people").put({ id: 1, name: "Ann", age: 30, mail: "a@x", tags: ["x", "y"] }); into("people").put({ id: 2, name: "Bob", tags: "z" });
  await finished(transaction);
  const gone = database.transaction(["values", "people"], "readwrite");
  gone.objectStore("people").put({ id: 3, name: "Gone" }); gone.objectStore("people").delete(3);
  await finished(gone);
  const undone = database.transaction("people", "readwrite");
  undone.objectStore("people").put({ id: 4, name: "Never" }); undone.abort();
  await finished(undone).catch(() => {});
  database.close();
  const other = indexedDB.open("doomed", 1); other.onupgradeneeded = () => other.result.createObjectStore("s").put(1, 1);
  (await done(other)).close(); await done(indexedDB.deleteDatabase("doomed"));
}

/** The same for web storage: texts only, of any units. */
export function writeStorage() {
  for (const area of [localStorage, sessionStorage]) {
    const mark = area === localStorage ? "local" : "session";
    for (const [name, value] of [["", "empty name"], ["plain", mark], ["ünï", "日本 😀"], ["日本", "ü"], [area === localStorage ? "lone \ud800" : "lone", "\udfff"], ["nul\0", "a\0b"], ["empty", ""], ["json", '{"a":[1,true]}'], ["map-1-x", "y"], ["long", "x".repeat(3000)]]) area.setItem(name, value);
    area.setItem("gone", "1"); area.removeItem("gone");
  }
}
