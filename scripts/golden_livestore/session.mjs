// Run child.mjs: one boot of an app, in a process of its own.

import { execFile } from "node:child_process";
import { join } from "node:path";

import { HERE } from "./folders.mjs";

/** Answer of the child; a boot that fails is an error unless `mayFail`. */
export async function session({ mayFail, ...order }) {
  const text = await new Promise((done, failed) => {
    execFile(process.execPath, [join(HERE, "child.mjs"), JSON.stringify(order)], {
      // In development 0.4.0 runs materializers twice and stops at the first one that looks at the clock.
      env: { ...process.env, NODE_ENV: "production" }, maxBuffer: 1 << 26, timeout: 120_000,
    }, (error, stdout, stderr) => stdout ? done(stdout) : failed(new Error(`${error?.message}\n${stderr}`)));
  });
  const answer = JSON.parse(text);
  if (process.env.SHOW) console.error(JSON.stringify({ ...answer, tables: undefined }, null, 1));
  if (!answer.booted && !mayFail) throw new Error(`${JSON.stringify(order)}: ${answer.error}\n${answer.said.join("\n")}`);
  return answer;
}
