// Import files and folders that are picked, or dropped on the page.  Each is sent to /files under its own name, folders included;
// then /do/import is told the batch.  Without this script the form stays hidden: `pjais import` does the same.
"use strict";
(() => {
  const form = document.getElementById("drop");
  if (!form) return;
  const csrf = form.dataset.csrf;
  const said = form.querySelector("[role=status]");
  form.hidden = false;
  let busy = false;

  async function send(files) {
    if (busy || !files.length) return;
    busy = true;
    let batch = "";
    try {
      for (const [number, [name, file]] of files.entries()) {
        said.textContent = `Reading ${number + 1} of ${files.length}: ${name}`;
        const address = `/files?${new URLSearchParams({ name, batch })}`;
        const told = await answered(await fetch(address, { method: "POST", headers: { accept: "application/json", "x-csrf": csrf }, body: file }));
        batch = told.batch;
      }
      said.textContent = "Importing…";
      const body = new URLSearchParams({ csrf, batch, quarantine: "yes" });
      const told = await answered(await fetch("/do/import", { method: "POST", headers: { accept: "application/json" }, body }));
      location.assign(told.next);
    } catch (error) {
      said.textContent = error.message;
    } finally {
      busy = false;
    }
  }

  async function answered(answer) {
    const told = await answer.json();
    if (!answer.ok) throw new Error([told.what, ...(told.where || [])].join(": "));
    return told;
  }

  // A folder that is dropped comes as an entry whose files are asked for, a hundred at a time.
  async function within(entry, path = "") {
    if (entry.isFile) return [[path + entry.name, await new Promise((done, failed) => entry.file(done, failed))]];
    const reader = entry.createReader();
    const found = [];
    for (;;) {
      const some = await new Promise((done, failed) => reader.readEntries(done, failed));
      if (!some.length) return found;
      for (const one of some) found.push(...(await within(one, `${path}${entry.name}/`)));
    }
  }

  for (const input of form.querySelectorAll("input[type=file]")) {
    input.addEventListener("change", () => {
      send([...input.files].map((file) => [file.webkitRelativePath || file.name, file]));
      input.value = ""; // the same folder may be chosen again
    });
  }
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    form.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) form.classList.remove("over");
  });
  document.addEventListener("drop", async (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    form.classList.remove("over");
    const entries = [...event.dataTransfer.items].map((one) => one.webkitGetAsEntry?.()).filter(Boolean);
    const plain = [...event.dataTransfer.files].map((file) => [file.name, file]);
    try {
      if (!entries.length) send(plain); // a browser that knows no entries gives the files themselves
      else send((await Promise.all(entries.map((one) => within(one)))).flat());
    } catch (error) {
      said.textContent = error.message;
    }
  });
  form.addEventListener("submit", (event) => event.preventDefault());
})();
