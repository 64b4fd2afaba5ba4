"""JSON as the guides' programs leave it: guide A's export, several values in one file, and metadata that is wrong."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import pjais
from pjais.cli import run
from pjais.errors import SourceDamaged
from world import JSON, documents, memory, persona, rows

PERSONAS = [persona("p1", personality={"traits": ["calm"]}), persona("p2", personality=None)]
MEMORIES = [memory("m1"), memory("m2", "p2"), memory("m3", None)]


def text(*values: Any, between: str = "\n") -> str:
    """What `console.log(JSON.stringify(value, null, 2))` prints, once a value."""
    return between.join(json.dumps(value, indent=2) for value in values) + between


def imported(folder: Path, *files: Path, **options: Any) -> dict[str, int]:
    """Import into a new store, verify it, and count its records."""
    report = pjais.migrate(folder / "data", list(files), **options)
    assert report.total.balanced()
    assert pjais.verify(folder / "data").passed
    store = folder / "data" / "pjais.sqlite"
    tables = ("personas", "memory_entities", "conversations")
    found = {table: rows(store, f"SELECT count(*) FROM {table}")[0][0] for table in tables}
    return {**found, "documents": len(documents(store))}


def file(folder: Path, content: str | bytes, name: str = "export.json") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def counts(personas: int = 0, memories: int = 0, conversations: int = 0, others: int = 0) -> dict[str, int]:
    return {"personas": personas, "memory_entities": memories, "conversations": conversations, "documents": others}


def test_the_two_arrays_of_guide_a_import_whole(tmp_path: Path) -> None:
    """Rows as SELECT * gives them: JSON as text, 1 and 0, milliseconds."""
    row = {
        "id": "p1",
        "name": "Ada [x] {y}",
        "description": "likes [tea] {hot}",
        "personality": '{"traits":["calm"]}',
        "isActive": 1,
        "createdAt": 1700000000000,
        "updatedAt": 1,
    }
    note = {
        "id": "m1",
        "personaId": "p1",
        "type": "text",
        "content": "tea",
        "tags": '["a"]',
        "importance": 0,
        "memoryTier": "hot",
        "embedding": None,
        "deletedAt": None,
        "createdAt": 1700000000000,
    }
    source = file(tmp_path, text([row], [note]))
    assert imported(tmp_path, source) == counts(1, 1)
    store = tmp_path / "data" / "pjais.sqlite"
    assert rows(store, "SELECT is_active, json(personality) FROM personas") == [(1, '{"traits":["calm"]}')]
    assert rows(store, "SELECT importance, json(tags), persona_id FROM memory_entities") == [(0, '["a"]', "p1")]


@pytest.mark.parametrize("between", ["", " ", "\n", "\r\n", "\n\n\t", "\ufeff", "\n\ufeff\n", "\x1e\n"], ids=ascii)
def test_whatever_separates_the_arrays_is_no_data(tmp_path: Path, between: str) -> None:
    """`cat a.json b.json`, with or without a BOM in the middle."""
    assert imported(tmp_path, file(tmp_path, text(PERSONAS, MEMORIES, between=between))) == counts(2, 3)


def test_more_than_two_arrays_and_empty_ones(tmp_path: Path) -> None:
    """Each array is read, in any order, whatever it holds."""
    talk = {"id": "c1", "personaId": "p1", "messages": []}
    source = file(tmp_path, text([], MEMORIES[:1], [], PERSONAS, MEMORIES[1:], [talk], [{"id": "x", "colour": 1}]))
    assert imported(tmp_path, source) == counts(2, 3, 1, 1)


def test_one_record_a_line(tmp_path: Path) -> None:
    """NDJSON, of which each record is recognised by its own keys."""
    lines = [*PERSONAS, *MEMORIES, {"id": "c1", "personaId": "p1", "messages": []}]
    source = file(tmp_path, "".join(json.dumps(one) + "\n" for one in lines), "records.ndjson")
    assert imported(tmp_path, source) == counts(2, 3, 1)


def test_several_exports_in_one_file(tmp_path: Path) -> None:
    """Objects of lists one after the other, also mixed with an array."""
    source = file(tmp_path, text({"personas": PERSONAS}, {"memories": MEMORIES[:2]}, MEMORIES[2:]))
    assert imported(tmp_path, source) == counts(2, 3)


def test_several_dumps_of_rxdb_in_one_file(tmp_path: Path) -> None:
    """`exportJSON()` of one collection after the other."""
    dumps = [
        {"name": name, "schemaHash": "x", "docs": docs}
        for name, docs in (("personas", PERSONAS), ("memoryEntities", MEMORIES))
    ]
    assert imported(tmp_path, file(tmp_path, text(*dumps))) == counts(2, 3)


def test_the_two_arrays_as_data_json_are_found(tmp_path: Path) -> None:
    """In a data folder, unnamed; the first may be empty, and texts may hold brackets."""
    rows_ = [{"id": "p1", "name": "[{", "description": "}]", "personality": "{}"}]
    for number, content in enumerate((text([], MEMORIES[2:]), text(rows_, MEMORIES[:1]))):
        folder = tmp_path / str(number)
        folder.mkdir()
        file(folder, content, "data.json")
        assert pjais.migrate(folder).total.quarantined == 0
        assert pjais.verify(folder).passed


def test_a_file_of_three_hundred_kilobytes_is_read_by_the_window(tmp_path: Path) -> None:
    """Arrays and records that do not fit into what is looked at together."""
    long = [memory(f"m{number}", content="x" * 700_000) for number in range(2)]
    many = [memory(f"n{number}") for number in range(3000)]
    source = file(tmp_path, text(many, [long[0]], PERSONAS) + json.dumps(long[1]) + "\n")
    assert imported(tmp_path, source) == counts(2, 3002)


@pytest.mark.parametrize("end", ['{"id": "m9", "personaId": "p1", "content": "te', "", "[", "]]", "and so"])
def test_a_cut_file_is_damage_and_says_where(tmp_path: Path, end: str) -> None:
    """MIGRATION_006 with the byte; what is before it can be saved."""
    whole = text(PERSONAS, MEMORIES).rstrip().removesuffix("]").rstrip()
    content = f"{whole},{end}" if end not in ("]]", "[", "and so") else f"{whole}\n]{end.removeprefix(']')}"
    source = file(tmp_path, content)
    with pytest.raises(SourceDamaged) as raised:
        pjais.migrate(tmp_path / "data", [source])
    (place,) = [one for one in raised.value.where if "byte" in one]
    assert "not JSON" in place
    report = pjais.migrate(tmp_path / "data", [source], on_invalid="quarantine")
    assert report.total.migrated == 5
    assert pjais.verify(tmp_path / "data").passed


def test_the_byte_of_a_cut_in_the_second_array(tmp_path: Path) -> None:
    """Counted in bytes of the file, from its beginning, whatever came before."""
    before = "\ufeff" + text([persona("p1", name="Zoë", personality={})]) + '[{"id": "m1", "personaId": "p1"}, '
    source = file(tmp_path, before + '{"id": "m2", "na')
    with pytest.raises(SourceDamaged) as raised:
        pjais.migrate(tmp_path / "data", [source])
    assert f"byte {len(before.encode())}:" in "\n".join(raised.value.where)


# Several files in one call


def test_import_takes_several_files_in_one_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One report, one backup, one run; a reference from one file to another resolves."""
    files = [file(tmp_path, text(MEMORIES), "memories.json"), file(tmp_path, text(PERSONAS), "personas.json")]
    data = tmp_path / "data"
    assert run(["import", *map(str, files), "--data-dir", str(data), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [one["migrated"] for one in report["sources"]] == [3, 2]
    assert len(list((data / "backups").iterdir())) == 1
    assert run(["verify", "--data-dir", str(data)]) == 0


def test_of_several_files_all_go_in_or_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One bad record in the last file, a file that is missing, or one that is nothing we know."""
    good, bad = file(tmp_path, text(PERSONAS), "a.json"), file(tmp_path, text([memory("m", "nobody")]), "b.json")
    data = tmp_path / "data"
    for wrong, code in ((bad, 13), (tmp_path / "none.json", 2), (file(tmp_path, "hello", "c.txt"), 11)):
        assert run(["import", str(good), str(wrong), "--data-dir", str(data)]) == code
        assert not (data / "pjais.sqlite").exists()
        assert wrong.name in capsys.readouterr().err
    assert run(["import", "--data-dir", str(data)]) == 2


def test_the_same_file_twice_and_the_same_name_in_two_folders(tmp_path: Path) -> None:
    """A file counts once; two of one name are two sources."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    files = [file(tmp_path / "one", text(PERSONAS), "x.json"), file(tmp_path / "two", text(MEMORIES), "x.json")]
    assert imported(tmp_path, *files, files[0]) == counts(2, 3)


# Metadata that contradicts its file


def backup(**metadata: Any) -> JSON:
    """The export of guide B."""
    told = {"totalPersonas": 2, "totalMemories": 3, "activePersonas": 0, "integrityCheck": True, **metadata}
    return {"personas": PERSONAS, "memoryEntities": MEMORIES, "metadata": told, "exportedAt": 1, "version": "1.0"}


def notes(folder: Path, source: Path) -> list[str]:
    report = pjais.migrate(folder / "data", [source])
    assert report.code == "done" and report.total.migrated == 5
    assert pjais.verify(folder / "data").passed
    return [one.message for one in report.findings if one.rule == "export-total"]


@pytest.mark.parametrize(
    ("told", "found"),
    [
        ({"totalMemories": 4}, ["metadata.totalMemories is 4, the file has 3"]),
        ({"totalPersonas": 0}, ["metadata.totalPersonas is 0, the file has 2"]),
        ({"activePersonas": 1}, ["metadata.activePersonas is 1, the file has 0"]),
        ({"totalMemories": "3"}, ["metadata.totalMemories is no number, the file has 3"]),
        ({"totalConversations": 7}, ["metadata.totalConversations is 7, the file has 0"]),
        ({"totalMemories": 3.0, "totalPersonas": None}, []),
        ({}, []),
    ],
    ids=str,
)
def test_a_total_that_contradicts_its_file_is_a_note_with_both_numbers(
    tmp_path: Path, told: JSON, found: list[str]
) -> None:
    """The import goes on."""
    assert notes(tmp_path, file(tmp_path, text(backup(**told)))) == found


def test_metadata_is_compared_wherever_it_stands(tmp_path: Path) -> None:
    """Also before the lists; and each of two exports in one file with its own."""
    first = {"metadata": {"totalMemories": 9}, "personas": PERSONAS, "memoryEntities": MEMORIES[:1]}
    second = {"memories": MEMORIES[1:], "metadata": {"totalMemories": 2}, "exportedAt": 1, "version": "1.0"}
    assert notes(tmp_path, file(tmp_path, text(first, second))) == ["metadata.totalMemories is 9, the file has 1"]


def test_an_export_that_failed_its_own_check_is_a_note(tmp_path: Path) -> None:
    """integrityCheck: false."""
    (message,) = notes(tmp_path, file(tmp_path, text(backup(integrityCheck=False))))
    assert "integrityCheck" in message
