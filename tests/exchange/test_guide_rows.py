"""The guide's file is written from rows and read back by the line: the same as by way of records and of values."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pjais import canonical, models
from pjais.assembly.assemble import items
from pjais.assembly.ids import NAMESPACE
from pjais.assembly.normalise import Choices
from pjais.core.table import Row
from pjais.errors import BackupFailed
from pjais.exchange import guide_export
from pjais.exchange.guide_export import GuideWriter
from pjais.formats.json_stream import Malformed
from pjais.models.persona.records import Memory, Persona
from pjais.models.persona.tables import MEMORIES, PERSONAS
from pjais.sources import backup, detect
from pjais.targets.sqlite.entries import Entry

GOLDEN = Path(__file__).parents[1] / "golden" / "rxdb"

texts = st.text() | st.sampled_from(['"$number"', "$bytes", "a\u2028b\x00\x1f\x7f", "𝔸"])
numbers = st.integers() | st.floats()
values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(texts, inside, max_size=3),
    max_leaves=6,
)
objects = st.none() | st.dictionaries(texts, values, max_size=3)
instants = st.none() | st.integers(-(10**14), 10**14)
counts = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
nothing: st.SearchStrategy[dict[str, Any]] = st.just({})
maybe = st.none() | texts
personas = st.builds(
    Persona,
    *(texts, texts, maybe, maybe, objects, objects, objects, objects, st.booleans()),
    *(instants, instants, instants, counts, nothing),
)
memories = st.builds(
    Memory,
    *(texts, maybe, texts, maybe, values, maybe, st.lists(texts, max_size=3), counts, texts),
    *(
        st.none() | st.lists(numbers, max_size=4),
        maybe,
        counts,
        counts,
        instants,
        instants,
        instants,
        instants,
        nothing,
    ),
)


def as_before(form: guide_export._Form, row: Row) -> bytes:
    """The line of a record as it is made from the record itself."""
    return canonical.dumps(form.document(row)).encode()


@settings(deadline=None)
@given(personas, memories)
def test_a_row_gives_the_bytes_that_its_record_does(persona: Persona, memory: Memory) -> None:
    for form, table, record in ((guide_export._PERSONA, PERSONAS, persona), (guide_export._MEMORY, MEMORIES, memory)):
        row = table.to_row(record)
        assert form.text(row) == as_before(form, row)
        assert json.loads(form.text(row))["id"] == record.id


@given(texts)
def test_the_migration_id_is_the_uuid_of_kind_and_id(key: str) -> None:
    assert guide_export._MEMORY._migration_id(key) == str(uuid.uuid5(NAMESPACE, f"memory:{key}"))


def test_a_lone_surrogate_and_a_large_integer_are_written_as_before() -> None:
    """Neither is one that the fast encoder takes."""
    plain = Memory("m", "p", "text", "n", "c", None, [], 1, "hot", None, None, 0, 0, None, None, None, None, {})
    for change in ({"summary": "\ud800"}, {"access_count": 2**70}):
        row = MEMORIES.to_row(plain._replace(**change))
        assert guide_export._MEMORY.text(row) == as_before(guide_export._MEMORY, row)


def entries(folder: Path, scratch: Path) -> Iterator[Entry]:
    """All valid records of the RxDB sources in a folder."""
    model = models.extended(models.named("persona"), ())
    for snapshot in backup.snapshot_all(scratch, detect.detect([folder], named=True).sources, at_ms=0):
        for item in items(model, snapshot, Choices(password="golden-password")):
            if isinstance(item, tuple) and isinstance(item[0], Entry):
                yield item[0]


@pytest.mark.parametrize("name", ["v17-clean", "v17-keycompression", "v12-clean"])
def test_real_documents_give_the_same_bytes(tmp_path: Path, name: str) -> None:
    shutil.copytree(GOLDEN / name, tmp_path / "data")
    forms = {PERSONAS.name: guide_export._PERSONA, MEMORIES.name: guide_export._MEMORY}
    seen = 0
    for one in entries(tmp_path / "data", tmp_path / "copy"):
        if (form := forms.get(one.table)) is not None:
            seen += 1
            assert form.text(one.row) == as_before(form, one.row)
    assert seen


def written(path: Path, personas: int = 2, memories: int = 3) -> Path:
    """A file of the guide's, with a memory before its persona and one without."""
    with closing(GuideWriter()) as writer:
        for number in range(memories):
            row = Memory(
                *(f"m{number}", f"p{number}", "text", "né \u2028", {"a": [1, 2.5]}, None, ["t"], 50, "hot", [0.25]),
                *("model", 1, 2, None, 1_700_000_000_000, None, None, {}),
            )
            writer.put(MEMORIES, MEMORIES.to_row(row))
        for number in range(personas):
            one = Persona(
                f"p{number}", "A", None, None, {}, {}, None, None, number == 0, 1_700_000_000_000, None, None, 0, {}
            )
            writer.put(PERSONAS, PERSONAS.to_row(one))
        writer.finish(path)
    return path


@pytest.mark.parametrize(("personas", "memories"), [(0, 0), (0, 2), (2, 0), (2, 3), (1, 10_000)])
def test_a_file_is_read_by_the_line_as_by_value(tmp_path: Path, personas: int, memories: int) -> None:
    path = written(tmp_path / "guide.json", personas, memories)
    by_line = guide_export._validated(path, guide_export._by_line(path))
    assert by_line == by_value(path) == guide_export.verify(path)
    assert (by_line.personas, by_line.memories) == (personas, memories)


def verdict(read: Callable[[Path], Any], path: Path) -> Any:
    """What a reading says of a file: its validation, or that there is none."""
    try:
        return read(path)
    except (BackupFailed, Malformed, KeyError, TypeError, AttributeError):
        return None


def by_value(path: Path) -> guide_export.Validation:
    """A file's validation as any other program's file gets it."""
    return guide_export._validated(path, guide_export._by_value(path))


@pytest.mark.parametrize(
    "damage",
    {
        "cut": lambda data: data[: len(data) // 2],
        "without its end": lambda data: data[:-2],
        "text after the end": lambda data: data + b"x",
        "a value after the end": lambda data: data + b"{}",
        "a record less": lambda data: data.replace(data.splitlines(keepends=True)[6], b"", 1),
        "a comma less": lambda data: data.replace(b"},\n    {", b"}\n    {", 1),
        "a comma more": lambda data: data.replace(b"}\n  ]", b"},\n  ]", 1),
        "two records in a line": lambda data: data.replace(b"},\n    {", b"},{"),
        "bytes that are not UTF-8": lambda data: data.replace(b"n\xc3\xa9", b"n\xff", 1),
        "a record that is none": lambda data: data.replace(b'{"id":"m1"', b'["id":"m1"', 1),
        "other counts": lambda data: data.replace(b'"totalMemories": 3', b'"totalMemories": 4'),
        "no metadata": lambda data: data.replace(b'"metadata"', b'"other"'),
        "a record that is null": lambda data: data.replace(b'    {"id":"m1"', b'    null,\n    {"id":"m1"', 1),
        "no list": lambda data: data.replace(b'"memoryEntities": [', b'"memoryEntities": 5, "x": ['),
        "other space": lambda data: json.dumps(json.loads(data), indent=4).encode(),
        "one line": lambda data: json.dumps(json.loads(data)).encode(),
        "a lone surrogate": lambda data: data.replace(b'"summary":null', b'"summary":"\\ud800"', 1),
    }.items(),
    ids=lambda one: one[0],
)
def test_damage_is_found_as_by_value(tmp_path: Path, damage: tuple[str, Callable[[bytes], bytes]]) -> None:
    path = written(tmp_path / "guide.json")
    data = path.read_bytes()
    assert damage[1](data) != data
    path.write_bytes(damage[1](data))
    assert verdict(guide_export.verify, path) == verdict(by_value, path)
