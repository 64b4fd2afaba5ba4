"""The contract of models: one suite, and each model in a few lines."""

from __future__ import annotations

import dataclasses
import json
import sys
import tarfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any, ClassVar, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pjais import canonical, models, sqlite
from pjais.core import declare as a
from pjais.core import validate
from pjais.core.document import Document
from pjais.core.mapping import Fields
from pjais.core.model import Model
from pjais.core.table import Record, Table
from pjais.exchange.export import as_text
from pjais.migration import run, verify
from pjais.models.persona.mappings import MAPPINGS
from pjais.models.persona.model import MODEL as PERSONA
from pjais.store import upgrade
from pjais.targets.sqlite import compare, ddl
from pjais.workspace import Workspace, resolve_workspace
from strategies import documents, examples

sys.path.append(str(Path(__file__).parents[2] / "docs" / "example_extension"))
import pjais_books  # type: ignore[import-not-found]  # the example of the docs

GOLDEN = Path(__file__).parents[1] / "golden" / "store"


class ModelContract:
    """What every model must hold.  A subclass names the model, its collections, and data of an app to migrate."""

    model: Model
    collections: ClassVar[list[tuple[str, str]]]
    data: ClassVar[dict[str, list[dict[str, Any]]]]

    def released(self, folder: Path) -> Iterator[Path]:
        """Yield a store of each earlier schema version."""
        raise NotImplementedError

    @pytest.fixture
    def workspace(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
        """A data folder with the app's data, an RxDB dump, and the model chosen."""
        monkeypatch.setattr(models, "named", {self.model.name: self.model}.__getitem__)
        lists = [{"name": name, "schemaHash": "x", "docs": docs} for name, docs in self.data.items()]
        (tmp_path / "data").mkdir()
        dump = {"name": "app", "instanceToken": "x", "collections": lists}
        (tmp_path / "data" / "rxdb-dump.json").write_text(json.dumps(dump), "utf-8")
        return dataclasses.replace(resolve_workspace(tmp_path / "data"), model_name=self.model.name)

    def test_it_is_a_frozen_value_with_references_that_point_backwards(self) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            self.model.name = "other"  # type: ignore[misc]
        before: set[str] = set()
        for table in self.model.tables:
            before.add(table.name)
            assert {target for _, targets in table.references for target in targets} <= before | {table.name}
            assert table.column_names[: len(table.key)] == table.key

    def test_documents_of_every_dialect_come_back_and_go_through_the_store(self) -> None:
        @settings(max_examples=examples(100), deadline=None)
        @given(data=st.data())
        def holds(data: st.DataObject) -> None:
            dialect, collection = data.draw(st.sampled_from(self.collections))
            mapping = self.model.reader(dialect, collection)
            assert mapping.table in self.model.tables
            value = data.draw(documents(dialect, mapping))
            draft = mapping.read(Document(collection, str(value["id"]), "here", value))
            if not validate.valid(validate.check(draft)):
                return
            stored = self.through_the_store(mapping.table, draft.record)
            assert mapping.table.to_row(stored) == mapping.table.to_row(draft.record)
            for record in (draft.record, stored):
                assert canonical.same(self.model.rebuild(dialect, collection, record), value)

        holds()

    def through_the_store(self, table: Table, record: Record) -> Record:
        """Return a record as it comes back from a store."""
        row, names = table.to_row(record), ", ".join(table.column_names)
        with closing(sqlite.scratch()) as db:
            db.execute(ddl.create_tables(self.model))
            db.execute("PRAGMA foreign_keys = OFF")
            db.execute(f"INSERT INTO {table.name} ({names}) VALUES ({', '.join('?' * len(row))})", row)
            (held,) = sqlite.fetch(db, f"SELECT {names} FROM {table.name}")
            assert table.digest(held) == table.digest(row)
            assert table.row_key(held) == table.record_key(record)
            assert sqlite.value(db, f"SELECT {ddl.key_sql(table, 't')} FROM {table.name} AS t") == table.row_key(held)
        return table.to_record(held)

    def test_the_tables_of_a_store_are_those_of_the_model(self) -> None:
        with closing(sqlite.scratch()) as db:
            for sql in ddl.create_all(self.model):
                db.execute(sql)
            for table in self.model.tables:
                more = () if table.search is None else ("search_id",)
                assert sqlite.column_names(db, table.name) == (*table.column_names, *more)
            db.execute(f"PRAGMA user_version = {self.model.schema_version}")
            assert all(passed for _, passed, _ in compare.check_file(db, self.model))

    def test_a_column_added_later_leaves_the_digest_of_a_record_without_it(self) -> None:
        for table in self.model.tables:
            first = [column for column in table.columns if not column.later]
            row = tuple(column.name for column in first)
            assert table.digest((*row, *(None for _ in table.later))) == canonical.digest(row)
            for number in range(len(table.columns)):
                other = [*row, *(None for _ in table.later)]
                other[number] = "other"
                assert table.digest(tuple(other)) != canonical.digest(row)

    def test_a_whole_migration_is_proved_and_comes_back_from_its_export(
        self, workspace: Workspace, tmp_path: Path
    ) -> None:
        report = run.migrate(workspace, run.Options())
        assert report.code == "done"
        assert report.total.migrated == sum(map(len, self.data.values()))
        assert verify.verify(workspace).passed
        assert run.migrate(workspace, run.Options()).code == "already_migrated"
        exported = as_text(workspace, None).text
        assert exported is not None
        (tmp_path / "again").mkdir()
        (tmp_path / "again" / "export.pjais.json").write_text(exported, "utf-8")
        again = dataclasses.replace(resolve_workspace(tmp_path / "again"), model_name=self.model.name)
        run.migrate(again, run.Options())
        assert verify.verify(again).passed
        assert as_text(again, None).text == exported

    def test_a_store_of_every_released_schema_is_upgraded_and_looks_like_a_new_one(
        self, workspace: Workspace, tmp_path: Path
    ) -> None:
        run.migrate(workspace, run.Options())
        fresh = self.schema(workspace.store)
        for store in self.released(tmp_path / "released"):
            with closing(sqlite.open_writer(store)) as db:
                version = sqlite.pragma_int(db, "user_version")
                assert version < self.model.schema_version
                upgrade.apply(db, models.extended(self.model, ()), self.model.upgrades_after(version), {}, store)
                model = models.in_store(self.model, db)
                assert all(passed for _, passed, _ in compare.check_file(db, model))
                found = compare.compare_rows(db, model)
                assert (found.suspects, compare.compare_history(db, model)) == ({}, [])
            assert self.schema(store) == fresh

    def schema(self, store: Path) -> dict[str, str]:
        with closing(sqlite.open_reader(store)) as db:
            ours = "sql IS NOT NULL AND NOT (name GLOB '*_fts_*' OR name GLOB 'sqlite_*')"
            documents = {table.name for table in models.in_store(self.model, db).tables if table.is_of_documents}
            found = sqlite.fetch(db, f"SELECT name, sql, tbl_name FROM sqlite_schema WHERE {ours}")
            return {name: sql for name, sql, table in found if table not in documents and table[0] != "_"}


class TestPersona(ModelContract):
    model = PERSONA
    collections: ClassVar = [
        (dialect, name) for dialect, held in MAPPINGS.items() for name in held if "ther" not in name
    ]
    data: ClassVar = {
        "personas": [{"id": "p1", "name": "P"}],
        "memories": [{"id": "m1", "personaId": "p1", "content": "tea"}],
    }

    def released(self, folder: Path) -> Iterator[Path]:
        for packed in sorted(GOLDEN.glob("*.tar.xz")):
            with tarfile.open(packed) as archive:
                archive.extractall(folder / packed.stem, filter="data")
            yield folder / packed.stem / "data" / "pjais.sqlite"


class FirstBook(NamedTuple):
    """A book as the first version of the example had it."""

    id: Annotated[str, a.key()]
    shelf_id: Annotated[str | None, a.reference("shelves")]
    title: Annotated[str, a.required()]
    authors: Annotated[list[str], a.texts()]
    pages: Annotated[int, a.count()]
    read_at: Annotated[int | None, a.instant()]
    extra: Annotated[dict[str, Any], a.extra()]


class TestBooks(ModelContract):
    model = pjais_books.MODEL
    collections: ClassVar = [("json", "books"), ("json", "shelves"), ("pjais-export", "books"), ("pjais", "shelves")]
    data: ClassVar = {
        "shelves": [{"id": "s1", "room": "hall"}],
        "books": [
            {"id": "b1", "shelfId": "s1", "title": "Tea", "authors": ["Ada"], "pages": 7, "rating": 4.5},
            {"id": "b2", "shelfId": "s1", "title": "Rain", "colour": "grey"},
        ],
        "loans": [{"id": "l1", "to": "Eve"}],
    }

    def released(self, folder: Path) -> Iterator[Path]:
        """Make the store that the first version of the model made: its tables, with a book that was edited."""
        folder.mkdir()
        books = a.table(FirstBook, "books", owner="shelf_id", search=pjais_books.BOOKS.search)
        first = dataclasses.replace(self.model, tables=(pjais_books.SHELVES, books, pjais_books.OTHERS), upgrades=())
        with closing(sqlite.create(folder / "first.sqlite")) as db:
            for sql in ddl.create_all(first):
                db.execute(sql)
            db.execute("PRAGMA user_version = 1")
            db.execute("INSERT INTO books (id, title) VALUES ('b1', 'Tee')")
            db.execute("UPDATE books SET title = 'Tea'")
        yield folder / "first.sqlite"


def test_every_mapping_is_one_of_its_model() -> None:
    for dialect, held in MAPPINGS.items():
        for name, mapping in held.items():
            assert PERSONA.mapping(dialect, name) is mapping
    assert all(isinstance(one, Fields) for one in pjais_books.COLLECTIONS.values())
