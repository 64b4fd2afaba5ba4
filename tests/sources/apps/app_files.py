"""Helpers of the tests of AI apps' files: the golden data, what a kind reads of it, and what a store has of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pjais
from pjais.core.document import Document, Piece
from pjais.exchange.export import as_text
from pjais.formats import container
from pjais.sources import registry
from pjais.sources.apps.contract import AppSource, Content
from pjais.sources.apps.shape import copied
from pjais.sources.contract import Wishes
from pjais.workspace import resolve_workspace

GOLDEN = Path(__file__).parents[2] / "golden" / "ai-apps"


def expected(name: str) -> Any:
    """Return what a golden folder says that its files hold."""
    return json.loads((GOLDEN / name / "expected.json").read_text("utf-8"))


def kind_of(path: Path) -> str | None:
    """Return the kind of a file, folder or archive."""
    with container.of(path) as opened:
        found = registry.app_of(opened)
        return None if found is None else found.kind


def read(path: Path, wishes: Wishes = Wishes()) -> list[Piece]:  # noqa: B008 - it is frozen
    """Return everything that is read of a file, folder or archive."""
    with container.of(path) as opened:
        found = registry.app_of(opened)
        assert found is not None, f"{path} is of no app"
        return list(found.pieces(opened, wishes))


def documents(pieces: list[Piece], collection: str) -> dict[str, dict[str, Any]]:
    """Return the documents of a collection by their id."""
    return {one.value["id"]: one.value for one in pieces if isinstance(one, Document) and one.collection == collection}


def by_native_id(pieces: list[Piece], collection: str) -> dict[str | None, dict[str, Any]]:
    """Return the documents of a collection by their id in the app."""
    return {one.native_id: one.value for one in pieces if isinstance(one, Document) and one.collection == collection}


def assert_native(kind: AppSource, pieces: list[Piece], collection: str, natives: Iterator[Any] | list[Any]) -> None:
    """Assert that the app's own objects come out of documents exactly as they were."""
    made = [one.value for one in pieces if isinstance(one, Document) and one.collection == collection]
    assert [kind.native(collection, copied(one)) for one in made] == list(natives)


def migrated(folder: Path, *sources: Path) -> pjais.Store:
    """Migrate sources into a folder, verify that nothing was lost, and return the store."""
    pjais.migrate(folder, [str(one) for one in sources])
    assert pjais.verify(folder).passed
    return pjais.open(folder)


def exported(folder: Path) -> dict[str, Any]:
    """Return our own export of a data folder's store."""
    text = as_text(resolve_workspace(folder), None).text
    assert text is not None
    found: dict[str, Any] = json.loads(text)
    return found


def unpack(folder: Path, files: Iterable[tuple[str, Content]]) -> Path:
    """Write the files of an export into a folder, and return it."""
    for name, content in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else b"".join(content))
    return folder
