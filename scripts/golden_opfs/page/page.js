// The page: starts a worker for each library, keeps a file of its own, and drives jeep-sqlite, which needs a document.

import { told, write } from "./story.js";

async function inWorker(library, open) {
  const worker = new Worker("/page/worker.js", { type: "module" });
  const answer = await new Promise((done, failed) => {
    worker.onmessage = ({ data }) => (data.error ? failed(new Error(data.error)) : done(data.rows));
    worker.onerror = (event) => failed(new Error(event.message));
    worker.postMessage({ library, open });
  });
  if (!open) worker.terminate();
  return answer;
}

async function jeep() {
  await import("/node_modules/jeep-sqlite/dist/jeep-sqlite/jeep-sqlite.esm.js");
  await customElements.whenDefined("jeep-sqlite");
  const element = document.createElement("jeep-sqlite");
  element.setAttribute("wasmpath", "/node_modules/sql.js/dist");
  document.body.append(element);
  await element.componentOnReady();
  const database = "notes";
  await element.createConnection({ database, version: 1 });
  await element.open({ database });
  await write((sql) => element.execute({ database, statements: sql, transaction: false }), "jeep");
  const rows = await told(async (statement) => {
    const { values } = await element.query({ database, statement, values: [] });
    return values.map((row) => Object.values(row));
  });
  await element.saveToStore({ database });
  await element.closeConnection({ database });
  return rows;
}

/** A file that is no database, in a folder. */
async function ownFile() {
  const root = await navigator.storage.getDirectory();
  const folder = await root.getDirectoryHandle("drafts", { create: true });
  const out = await (await folder.getFileHandle("letter.txt", { create: true })).createWritable();
  await out.write("Dear all, ...\n");
  await out.close();
}

globalThis.golden = { write: (library, open) => (library === "jeep" ? jeep() : inWorker(library, open)), ownFile };
