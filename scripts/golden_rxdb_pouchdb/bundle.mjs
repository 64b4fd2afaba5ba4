// One browser bundle per RxDB major: the page's code over that major and PouchDB's two adapters for browsers.

import { build } from "esbuild";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));

function adapter(major, version) {
  const rxdb = `rxdb${major}`;
  const pouch = major === 9
    ? ['export const pouchStorage = (adapter) => ({ adapter });', `import { addRxPlugin as addPouchPlugin } from "${rxdb}";`]
    : ['export const pouchStorage = (adapter) => ({ storage: getRxStoragePouch(adapter) });', `import { addPouchPlugin, getRxStoragePouch } from "${rxdb}/plugins/pouchdb";`];
  return [
    `import { createRxDatabase } from "${rxdb}";`, ...pouch,
    'import idb from "pouchdb-adapter-idb";', 'import indexeddb from "pouchdb-adapter-indexeddb";', "addPouchPlugin(idb);", "addPouchPlugin(indexeddb);",
    `export const major = ${major};`, `export const version = "${version}";`, "export { createRxDatabase };",
  ].join("\n");
}

export async function bundle(major) {
  const installed = JSON.parse(await readFile(join(HERE, "node_modules", `rxdb${major}`, "package.json"), "utf8"));
  const result = await build({
    entryPoints: [join(HERE, "page.js")], bundle: true, write: false, format: "iife", platform: "browser", mainFields: ["browser", "module", "main"], target: "es2022",
    define: { global: "globalThis", "process.env.NODE_ENV": '"production"' }, banner: { js: "globalThis.process ??= { env: {}, browser: true, nextTick: queueMicrotask };" }, logLevel: "silent",
    plugins: [{
      name: "rxdb-of-this-major",
      setup(build) {
        build.onResolve({ filter: /^rxdb-of-this-major$/ }, () => ({ path: "adapter", namespace: "adapter" }));
        build.onLoad({ filter: /.*/, namespace: "adapter" }, () => ({ contents: adapter(major, installed.version), resolveDir: HERE }));
        build.onResolve({ filter: /^(fs|path|crypto|http|https|url|stream|os|net|tls|zlib)$/ }, (found) => ({ path: found.path, namespace: "nothing" }));
        build.onLoad({ filter: /.*/, namespace: "nothing" }, () => ({ contents: "module.exports = {};" }));
      },
    }],
  });
  return result.outputFiles[0].text;
}
