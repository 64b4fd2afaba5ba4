// A sync backend in memory (LiveStore's own mock), as an app of 0.4.0 would be given one.

import { makeMockSyncBackend, SyncBackend } from "@livestore/common";
import { Effect, Option, Schema, Scope, Stream } from "@livestore/utils/effect";

// What a real backend sends along with an event; the mock sends nothing.
const METADATA = { createdAt: "2024-05-02T08:00:00.000Z", _tag: "SyncMessage.SyncMetadata" };

const withMetadata = (backend) => SyncBackend.of({
  ...backend,
  pull: (...given) => backend.pull(...given).pipe(Stream.map((item) => ({ ...item, batch: item.batch.map((each) => ({ ...each, metadata: Option.some(METADATA) })) }))),
});

/** `sync` is for the adapter; the rest plays the world outside. */
export async function makeBackend() {
  const scope = await Effect.runPromise(Scope.make());
  const mock = await Effect.runPromise(makeMockSyncBackend({ startConnected: true }).pipe(Effect.withSpan("golden"), Scope.extend(scope)));
  return {
    sync: { backend: () => mock.makeSyncBackend.pipe(Effect.map(withMetadata)), onSyncError: "ignore" },
    refusePushes: () => Effect.runPromise(mock.failNextPushes(1_000_000)),
    /** Events as another device sends them: arguments encoded, one number after the other. */
    send: (last, events, definitions) => Effect.runPromise(mock.advance(...events.map(([name, args], index) => ({
      name, args: definitions[name] ? Schema.encodeSync(definitions[name].schema)(args) : args, seqNum: last + index + 1, parentSeqNum: last + index,
      clientId: "other-device", sessionId: "static",
    })).map((event) => ({ ...event, name: definitions[event.name]?.name ?? event.name })))),
  };
}
