"""Read and normalise in a second process, in parallel with writing, if a source is large enough and a core is free.

On shared cores it would cost more than it gives: what it reads has to be packed, sent and unpacked.

The process is asked for one snapshot after the other and returns exactly what `assemble.items` yields.  The same bytes
always give the same pieces in the same order; so if the process ends early, for whatever reason, this process reads on
from where it stopped.  Errors need not be transferred: they occur again here.
"""

from __future__ import annotations

import gc
import os
import pickle
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import IO, Any

from pjais import cores, models
from pjais.assembly.assemble import Item, Same, items
from pjais.assembly.normalise import Choices, Reading
from pjais.core.document import Document
from pjais.core.model import Model
from pjais.core.snapshot import Snapshot
from pjais.core.source import SourceRef
from pjais.targets.sqlite.entries import Entry
from pjais.version import __version__
from pjais.workspace import source_bytes

WORTH = 16 << 20
"""Size of sources in bytes below which reading is faster than starting a process."""

_BATCH = 100
"""Items in one message: few enough to be still in the processor's cache when they are written."""
_AHEAD = 64
"""Maximum number of queued messages: about 7 MB of ordinary memories."""
_LARGE = 1 << 20
"""Bytes above which a message is alone in the queue."""
_LENGTH = 4
_END = pickle.dumps(None)
_SERVE = f"from pjais.assembly.reader_process import serve; serve({__version__!r})"


_Sent = Reading | Document | tuple[tuple[Any, ...], tuple[Any, ...]]
"""An item in transfer: an entry as a plain tuple, which is a quarter of the work."""


class Reader:
    """Yields the items of snapshots; `items` has the signature of `assemble.items`.

    `late`: a process is worth starting, but only on the first request.
    """

    def __init__(self, process: subprocess.Popen[bytes] | None, *, late: bool = False) -> None:
        self._process = process
        self._late = late

    def items(self, model: Model, snapshot: Snapshot, choices: Choices) -> Iterator[Item]:
        """Yield all pieces of a snapshot as a builder takes them.  Ids are mapped here, where the run's map is."""
        given = 0
        if self._late:
            self._process, self._late = _start(), False
        if self._process is not None and not choices.ids.active:
            complete = False
            for batch in _asked(self._process, (model.name, model.documents is not None, snapshot, choices)):
                complete = batch is None
                given += len(batch or ())
                for item in batch or ():
                    yield item if isinstance(item, Reading | Document) else (Entry._make(item[0]), item[1])
            if complete:
                return
            self.close()
        yield from islice(items(model, snapshot, choices), given, None)

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for pipe in (self._process.stdin, self._process.stdout):
                with suppress(OSError):
                    pipe.close()  # type: ignore[union-attr]  # both are pipes of ours
            self._process = None


@contextmanager
def reader(sources: Iterable[SourceRef], *, late: bool = False) -> Iterator[Reader]:
    """Return a reader for these sources, whose process starts at once, to be ready when their copies are.

    `late`: it starts on the first request; a later run may find all documents unchanged.
    """
    worth = source_bytes(tuple(sources)) >= WORTH and cores.second_is_free()
    made = Reader(_start() if worth and not late else None, late=worth and late)
    try:
        yield made
    finally:
        made.close()


def _start() -> subprocess.Popen[bytes] | None:
    """Return the second process; None if this one is no ordinary Python that could be started again."""
    if not sys.executable or getattr(sys, "frozen", False):
        return None
    paths = [str(Path(__file__).parents[2]), *filter(None, [os.environ.get("PYTHONPATH")])]
    try:
        return subprocess.Popen(
            [sys.executable, "-c", _SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
    except OSError:
        return None


def _asked(
    process: subprocess.Popen[bytes], asked: tuple[str, bool, Snapshot, Choices]
) -> Iterator[list[_Sent] | None]:
    """Yield the batches of one snapshot, then None if it is complete.  A thread receives them while we write."""
    assert process.stdin is not None and process.stdout is not None
    waiting: Queue[bytes] = Queue(_AHEAD)

    def received() -> bytes:
        data = waiting.get()
        waiting.task_done()
        return data

    try:
        pickle.dump(asked, process.stdin)
        process.stdin.flush()
    except OSError:
        return
    taking = Thread(target=_take, args=(process.stdout, waiting), daemon=True)
    taking.start()
    data = b""
    try:
        while data := received():
            yield pickle.loads(data)
    finally:
        if data:  # the consumer has stopped, and the thread would wait for ever
            process.kill()
            while received():
                pass
        taking.join()


def _take(pipe: IO[bytes], waiting: Queue[bytes]) -> None:
    """Receive the messages of one snapshot, and an empty one at the end; a truncated one counts as the end.

    Of large ones, those with the bytes of attachments, one waits at a time.
    """
    data = b""
    while data != _END:
        length = int.from_bytes(pipe.read(_LENGTH))
        data = pipe.read(length)
        if not data or len(data) != length:
            break
        waiting.put(data)
        if length > _LARGE:
            waiting.join()
    waiting.put(b"")


def serve(version: str) -> None:
    """Run the second process, until nobody listens any longer.

    It ends at once if the package was replaced by another version since the first process loaded it.
    """
    if version != __version__:
        return
    gc.disable()  # documents and records have no cycles
    with suppress(EOFError, OSError, KeyboardInterrupt):
        while True:
            name, documents, snapshot, choices = pickle.load(sys.stdin.buffer)
            model = models.extended(models.named(name), ()) if documents else models.named(name)
            batch: list[_Sent] = []
            for item in items(model, snapshot, choices):
                whole = isinstance(item, Reading | Document | Same)
                batch.append(item if whole else (tuple(item[0]), item[1]))  # type: ignore[arg-type]
                if len(batch) == _BATCH or _is_large(item):
                    _send(pickle.dumps(batch, pickle.HIGHEST_PROTOCOL))
                    batch.clear()
            _send(pickle.dumps(batch, pickle.HIGHEST_PROTOCOL))
            _send(_END)


def _is_large(item: Item) -> bool:
    """Return whether an item comes with bytes, or may: it ends its message."""
    if isinstance(item, Reading | Document | Same):
        return isinstance(item, Document) and bool(item.blobs)
    return bool(item[0].blobs) or len(str(item[0].row[-1] or "")) > _LARGE


def _send(data: bytes) -> None:
    out = sys.stdout.buffer
    out.write(len(data).to_bytes(_LENGTH))
    out.write(data)
    out.flush()
