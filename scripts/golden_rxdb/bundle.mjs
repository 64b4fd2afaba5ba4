// One browser bundle per RxDB major: the page's code over that major's own plugins and its own Dexie.

import { build } from "esbuild";
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = dirname(fileURLToPath(import.meta.url));

const DEXIE = { 12: "dexie", 13: "dexie" };
const MIGRATION = { 12: "migration", 13: "migration", 14: "migration" };

/** The module "rxdb-of-this-major": what differs between the majors, and nothing else. */
function adapter(major, version) {
  const rxdb = `rxdb${major}`;
  const lines = [
    `import { createRxDatabase, addRxPlugin } from "${rxdb}";`,
    `import { getRxStorageDexie } from "${rxdb}/plugins/${DEXIE[major] ?? "storage-dexie"}";`,
    `import * as migration from "${rxdb}/plugins/${MIGRATION[major] ?? "migration-schema"}";`,
    `import * as local from "${rxdb}/plugins/local-documents";`,
    `import * as attachments from "${rxdb}/plugins/attachments";`,
    `import * as compression from "${rxdb}/plugins/key-compression";`,
    `import * as dump from "${rxdb}/plugins/json-dump";`,
  ];
  const plugins = [
    "migration.RxDBMigrationSchemaPlugin ?? migration.RxDBMigrationPlugin",
    "local.RxDBLocalDocumentsPlugin",
    "attachments.RxDBAttachmentsPlugin",
    "dump.RxDBJsonDumpPlugin",
  ];
  let compress = "compression.wrappedKeyCompressionStorage";
  let encrypt = "encryption.wrappedKeyEncryptionCryptoJsStorage";
  if (major >= 14) {
    lines.push(`import * as encryption from "${rxdb}/plugins/encryption-crypto-js";`);
  } else {
    lines.push(`import * as encryption from "${rxdb}/plugins/encryption";`);
    encrypt = "encryption.wrappedKeyEncryptionStorage";
  }
  if (major === 12) {
    plugins.push("compression.RxDBKeyCompressionPlugin", "encryption.RxDBEncryptionPlugin");
    compress = encrypt = "(wrapped => wrapped.storage)";
  }
  lines.push(major >= 14 ? `export { replicateRxCollection } from "${rxdb}/plugins/replication";` : "export const replicateRxCollection = null;");
  // 16 and 17 can keep everything in localStorage.
  lines.push(major >= 16 ? `export { getRxStorageLocalstorage } from "${rxdb}/plugins/storage-localstorage";` : "export const getRxStorageLocalstorage = null;");
  lines.push(
    ...plugins.map((plugin) => `addRxPlugin(${plugin});`),
    `export const major = ${major};`,
    `export const version = "${version}";`,
    `export const compress = storage => ${compress}({ storage });`,
    `export const encrypt = storage => ${encrypt}({ storage });`,
    `export { createRxDatabase, getRxStorageDexie };`,
  );
  return lines.join("\n");
}

/** The JavaScript of the page for one major, as text. */
export async function bundle(major) {
  const installed = JSON.parse(await readFile(join(HERE, "node_modules", `rxdb${major}`, "package.json"), "utf8"));
  const result = await build({
    entryPoints: [join(HERE, "page", "page.js")],
    bundle: true,
    write: false,
    format: "iife",
    platform: "browser",
    mainFields: ["module", "main"],
    target: "es2022",
    define: { global: "globalThis", "process.env.NODE_ENV": '"production"' },
    banner: { js: "globalThis.process ??= { env: {}, nextTick: queueMicrotask };" },
    logLevel: "error",
    plugins: [{
      name: "rxdb-of-this-major",
      setup(build) {
        build.onResolve({ filter: /^rxdb-of-this-major$/ }, () => ({ path: "adapter", namespace: "adapter" }));
        build.onLoad({ filter: /.*/, namespace: "adapter" }, () => ({ contents: adapter(major, installed.version), resolveDir: HERE }));
        build.onResolve({ filter: /^(fs|path|crypto|http|https|url|stream|util|os|net|tls|zlib)$/ }, (found) => ({ path: found.path, namespace: "nothing" }));
        build.onLoad({ filter: /.*/, namespace: "nothing" }, () => ({ contents: "module.exports = {};" }));
      },
    }],
  });
  return result.outputFiles[0].text;
}
