// The same life of the app in Firefox: one SQLite file per IndexedDB database, structured clone in Gecko's own form.

import { cp, mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";

import { newFolder, openFirefox, remove } from "./browser.mjs";

const OPTIONS = { database: "pjais-rxdb", attachments: true };

/** Write with a first Firefox, take the folder of the origin, and let a second one tell what RxDB finds in a copy of that. */
async function make(target, expectedFrom, write) {
  const profile = await newFolder();
  const writer = await openFirefox(profile, 17);
  await writer.call("open", OPTIONS);
  await writer.call("live", { plain: 10 });
  await writer.call("big");
  await writer.call("attach");
  await writer.call("huge");
  await writer.call("close");
  await writer.close();

  await rm(target, { recursive: true, force: true });
  const storage = join(profile, "storage", "default");
  for (const origin of (await readdir(storage)).filter((name) => name.startsWith("http"))) {
    await mkdir(join(target, "storage", "default"), { recursive: true });
    await cp(join(storage, origin), join(target, "storage", "default", origin), { recursive: true });
  }
  const copy = await newFolder();
  await cp(join(target, "storage"), join(copy, "storage"), { recursive: true });
  const reader = await openFirefox(copy, 17);
  const answer = { ...(await reader.call("stores")), browser: reader.version };
  const { version } = await reader.call("open", OPTIONS);
  answer.told = [{ version, ...(await reader.call("tell", OPTIONS)) }];
  await reader.call("close");
  await reader.close();
  await write(target, expectedFrom(answer, { major: 17, options: OPTIONS, notes: ["Firefox; documents longer than 64 KiB and attachments lie in the .files folders"] }));
  await remove(profile);
  await remove(copy);
  return target;
}

export const firefox = { make };
