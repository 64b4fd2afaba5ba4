"""JSON that no program should have written."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from box import Box, document, environment, memory, persona

from world import documents


def test_cut_in_the_middle(box: Box) -> None:
    """All memories before the cut are saved."""
    source = box.write("data.json", document(memories=[memory(f"m{number}") for number in range(50)])[:-30])
    box.survives(source, 16, quarantined=1, memories={f"m{number}": "healthy" for number in range(49)})


def test_text_after_the_end(box: Box) -> None:
    """Trailing garbage is reported, not passed over."""
    source = box.write("data.json", document(memories=[memory()]) + " garbage")
    box.survives(source, 16, quarantined=1, memories={"m1": "healthy"})


def test_two_objects_in_one_file(box: Box) -> None:
    """Both are read: `cat` of two exports; a persona in both is one persona."""
    source = box.write("data.json", document(memories=[memory()]) + document(memories=[memory("m2")]))
    box.goes_in(source, read=4, migrated=3, superseded=1)


@pytest.mark.parametrize("content", [b"", b"   \n", b"\xff\x00\xfe"])
def test_nothing_that_is_json(box: Box, content: bytes) -> None:
    """A data.json without JSON is damage."""
    box.survives(box.write("data.json", content), 16, quarantined=1, memories={})


def test_nested_ten_thousand_deep(box: Box) -> None:
    """One absurd memory costs only itself."""
    deep = '{"id": "deep", "personaId": "p1", "content": ' + "[" * 10_000 + "]" * 10_000 + "}"
    text = document(memories=[memory(), "@", memory("m2")]).replace('"@"', deep)
    box.survives(box.write("data.json", text), 16, quarantined=1, memories={"m1": "healthy", "m2": "healthy"})


def test_personas_that_are_an_object(box: Box) -> None:
    """A known collection of the wrong shape is reported, and what hangs on it."""
    text = json.dumps({"personas": {"p1": persona()}, "memories": [memory(), memory("free", None)]})
    box.survives(box.write("data.json", text), 16, quarantined=2, memories={"free": "healthy"})


def test_records_of_every_wrong_type(box: Box) -> None:
    """Whatever lies in the list, each element is accounted for."""
    junk: list[object] = [None, 1, "x", [], {}, {"id": None}, {"id": ""}, {"id": {}}, {"id": True}, {"id": 1.5}]
    source = box.write("data.json", document([persona(), *junk], [memory()]))
    box.survives(source, 13, quarantined=len(junk), memories={"m1": "healthy"})


def test_orphans_and_wrong_types(box: Box) -> None:
    """A reference to nothing, and values that no rule can read."""
    bad = [memory("a", "nobody"), memory("b", importance=[1]), memory("c", tags={"x": 1}), memory("d", type=[])]
    source = box.write("data.json", document(memories=[memory(), *bad]))
    saved = box.survives(source, 13, quarantined=4, memories={"m1": "healthy"})
    assert {"a", "b", "c", "d"} <= {one["native_id"] for one in saved.body["findings"]}


def test_byte_order_mark(box: Box) -> None:
    """A BOM is no data."""
    box.goes_in(box.write("data.json", b"\xef\xbb\xbf" + document(memories=[memory()]).encode()), migrated=2)


def test_duplicate_ids_in_one_file(box: Box) -> None:
    """The latest copy is live, the other is named as superseded."""
    copies = [memory(content="old"), memory(content="new", updatedAt="2025-01-01T00:00:00.000Z"), memory("m2")]
    box.goes_in(box.write("data.json", document(memories=copies)), read=4, migrated=3, superseded=1)
    assert box.contents() == {"m1": "new", "m2": "healthy"}


def test_the_same_ids_in_two_files_equally_old(box: Box) -> None:
    """Of two equally old copies the later kind's counts, every time."""
    source = box.write("data.json", document(memories=[memory(content="from the later kind")]))
    box.write("rxdb-backup-1.json", document(memories=[memory(content="older kind")], version="1.0", exportedAt=1))
    box.goes_in(source, read=4, migrated=2, superseded=2)
    assert box.contents() == {"m1": "from the later kind"}


def test_a_key_twice(box: Box) -> None:
    """The last one counts, and the raw text is kept."""
    text = '{"personas": [{"id": "p1", "name": "first", "name": "last"}], "memories": []}'
    box.goes_in(box.write("data.json", text), migrated=1)
    ((name, extra),) = box.sql("SELECT name, extra FROM personas")
    assert name == "last" and "first" in json.loads(extra)["$text"]


def test_bytes_that_are_not_utf8(box: Box) -> None:
    """They are replaced for show and kept in the original."""
    text = document(memories=[memory(content="a@b"), memory("m2")]).encode().replace(b"@", b"\xff\xfe")
    box.goes_in(box.write("data.json", text), migrated=3, repaired=1)
    assert box.contents() == {"m1": "a\ufffd\ufffdb", "m2": "healthy"}
    ((extra,),) = box.sql("SELECT extra FROM memory_entities WHERE id = 'm1'")
    assert json.loads(extra)["$original"]["content"] == "a\udcff\udcfeb"


def test_nul_and_control_characters(box: Box) -> None:
    """NUL in ids, names, tags and content goes through unharmed."""
    odd = memory("m\x00\r\n1", content="a\x00b\x1b[31m", name="\x00", tags=["\x00", "\x7f"])
    box.goes_in(box.write("data.json", document(memories=[odd])), migrated=2)
    assert box.contents() == {"m\x00\r\n1": "a\x00b\x1b[31m"}


def test_ids_of_one_megabyte(box: Box) -> None:
    """Long ids are ids."""
    long = "i" * 1_000_000
    box.goes_in(box.write("data.json", document([persona(long)], [memory("m", long)])), migrated=2)


def test_lone_surrogates_in_values(box: Box) -> None:
    """Text that UTF-8 cannot hold is shown with U+FFFD; the original is kept."""
    text = document(memories=[memory(content="a\udfffb", tags=["\ud800"], **{"\ud800key": "v"})])
    box.goes_in(box.write("data.json", text), migrated=2, repaired=1)
    assert box.contents() == {"m1": "a\ufffdb"}


DATES: list[tuple[object, str | None]] = [
    (0, "1970-01-01T00:00:00.000Z"),
    (-1, "1969-12-31T23:59:59.999Z"),
    (1.5e12, "2017-07-14T02:40:00.000Z"),
    (8_640_000_000_000_001, None),
    ("2024-01-01 10:00:00", "2024-01-01T10:00:00.000Z"),
    ("2024-01-01T10:00:00+02:00", "2024-01-01T08:00:00.000Z"),
    ("2024-02-30", None),
    ("2024-01-01T24:00:00Z", "2024-01-02T00:00:00.000Z"),
    ("+275760-09-13T00:00:00.000Z", "+275760-09-13T00:00:00.000Z"),
    ("1700000000000", "2023-11-14T22:13:20.000Z"),
    ("CURRENT_TIMESTAMP", None),
    ("", None),
    ("12/31/2024", None),
    ("²", None),
    ("٢٠٢٤-01-01", None),
    ({}, None),
    ([], None),
    (True, None),
    (None, None),
]


def test_dates_of_every_shape(box: Box) -> None:
    """Each is read by its rule or becomes null; the original of what was changed is kept."""
    records = [memory(f"m{number:02}", createdAt=raw) for number, (raw, _) in enumerate(DATES)]
    box.goes_in(box.write("data.json", document(memories=records)), migrated=len(DATES) + 1)
    found = box.sql("SELECT created_at, extra FROM memory_entities ORDER BY id")
    assert [when for when, _ in found] == [when for _, when in DATES]
    for (raw, when), (_, extra) in zip(DATES, found, strict=True):
        if when is None and raw is not None:
            assert "createdAt" in json.loads(extra)["$original"]


@pytest.mark.parametrize("raw", ["--5", "0" * 5000, "0" * 19 + "1" * 30])
def test_dates_that_look_like_numbers(box: Box, raw: str) -> None:
    """Digits that are no JS date are unreadable, not a year beyond all years and no crash."""
    box.goes_in(box.write("data.json", document(memories=[memory(createdAt=raw)])), migrated=2)
    ((when,),) = box.sql("SELECT created_at FROM memory_entities")
    assert when is None or when < "+275760-09-14"


def test_importance_of_every_shape(box: Box) -> None:
    """Out of range is kept with a note, 0 stays 0, NaN becomes the default."""
    values: list[object] = [0, -5, 150, 0.5, "70", None, float("nan"), float("inf"), 10**30, -0.0, 2**63 - 1]
    records = [memory(f"m{number:02}", importance=value) for number, value in enumerate(values)]
    assert box.migrate().exit_code == 11
    box.write("data.json", document(memories=records))
    assert box.migrate().exit_code == 0
    found = [value for (value,) in box.sql("SELECT importance FROM memory_entities ORDER BY id")]
    assert found == [0, -5, 150, 0.5, 70, 50, 50, 50, 1e30, 0, 2**63 - 1]
    assert box.verify().exit_code == 0


def test_empty_collections(box: Box) -> None:
    """Empty is its own answer."""
    box.write("data.json", '{"personas": [], "memories": []}')
    done = box.migrate()
    assert (done.exit_code, done.code) == (0, "empty")


@pytest.mark.parametrize("content", ["null", '"personas"', "[]", "{}", "17"])
def test_json_without_data(box: Box, content: str) -> None:
    """JSON that says nothing is "not found", and the file is named."""
    box.write("data.json", content)
    done = box.migrate()
    assert (done.exit_code, done.code) == (11, "MIGRATION_001")
    assert "data.json" in " ".join(done.body["where"])


# --- found by trying to break it


def test_a_member_called_docs_hides_nothing(box: Box) -> None:
    text = document(memories=[memory()], docs=[])
    box.goes_in(box.write("data.json", text), migrated=2)


@pytest.mark.parametrize(
    "text", [{"name": "personas", "docs": {"a": persona()}}, {"name": "db", "collections": {"personas": [persona()]}}]
)
def test_a_dump_of_the_wrong_shape_is_reported(box: Box, text: object) -> None:
    box.write("data.json", json.dumps(text))
    assert box.migrate().exit_code == 16


def test_members_beside_a_dump_are_accounted_for(box: Box) -> None:
    dump = {"name": "db", "collections": [{"name": "personas", "docs": [persona()]}], "uiState": {"a": 1}}
    box.goes_in(box.write("data.json", json.dumps(dump)), read=2)


def test_a_loose_member_twice(box: Box) -> None:
    text = '{"personas": [], "uiState": {"a": "first"}, "uiState": {"a": "last"}}'
    box.write("data.json", text)
    assert box.migrate().exit_code == 0
    found = (documents(box.target), box.sql("SELECT document FROM migration_records"))
    assert "first" in repr(found)


def test_a_long_first_member(box: Box) -> None:
    text = json.dumps({"metadata": {"note": "x" * 100_000}, "personas": [persona()], "memories": [memory()]})
    box.goes_in(box.write("data.json", text), migrated=2)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf16_is_read_or_called_damaged(box: Box, encoding: str) -> None:
    box.write("data.json", document(memories=[memory()]).encode(encoding))
    assert box.migrate().exit_code in (0, 16)


def test_an_integer_of_five_thousand_digits(box: Box) -> None:
    text = document([persona(), persona("p2", big="@")], [memory()]).replace('"@"', "9" * 5000)
    box.write("data.json", text)
    box.quarantine()
    assert box.contents() == {"m1": "healthy"}


@pytest.mark.parametrize("value", [{"a": 1}])
def test_a_lone_surrogate_in_a_collection_name(box: Box, value: object) -> None:
    box.write(
        "data.json",
        document(memories=[memory()]).replace('"memories"', '"lone\\udfff": ' + json.dumps(value) + ', "memories"'),
    )
    assert box.migrate().exit_code == 0


def test_a_dump_nested_without_end(box: Box) -> None:
    depth = 1500
    inner = json.dumps({"name": "personas", "docs": [persona()]})
    box.write("data.json", '{"name": "x", "collections": [' * depth + inner + "]}" * depth)
    assert box.migrate().exit_code in (0, 16)


@pytest.mark.parametrize("field", ["content", "unknown"])
def test_nesting_at_the_edge_of_what_can_be_read(box: Box, field: str) -> None:
    depths = range(930, 1000)
    text = document(memories=[memory(), *(memory(f"d{depth}", **{field: f"@{depth}@"}) for depth in depths)])
    for depth in depths:
        text = text.replace(f'"@{depth}@"', "[" * depth + "]" * depth)
    box.write("data.json", text)
    box.quarantine(process=True)
    assert box.contents()["m1"] == "healthy"
    assert box.cli("verify", process=True).exit_code == 0


def test_nesting_with_keys_that_look_like_tags(box: Box) -> None:
    depth = 600
    text = document(memories=[memory(), memory("deep", x="@")])
    box.write("data.json", text.replace('"@"', '[{"$number": 1},' * depth + "1" + "]" * depth))
    box.quarantine()
    assert box.contents()["m1"] == "healthy"


def test_a_quarantined_id_that_is_not_utf8(box: Box) -> None:
    """Such an id names nothing; the document is kept whole, and the proof knows it again."""
    text = document(memories=[memory(), memory("m@")]).encode().replace(b"@", b"\xff")
    box.survives(box.write("data.json", text), 13, quarantined=1, memories={"m1": "healthy"})


def test_documents_without_ids_are_not_doubled(box: Box) -> None:
    box.write("data.json", document(settings=[{"a": 1}, {"b": 2}]))
    assert box.migrate().exit_code == 0
    box.write("data.json", document(memories=[memory()], settings=[{"a": 1}, {"b": 2}]))
    assert box.migrate().exit_code == 0
    assert len(documents(box.target)) == 2


@pytest.mark.parametrize("value", [float("nan"), {"$number": 5}, {"$number": "NaN"}, {"$bytes": "aaaa"}])
def test_export_and_import_of_values_that_json_lacks(box: Box, value: object) -> None:
    box.goes_in(box.write("data.json", document(memories=[memory(unknown=value, content=[value])])), migrated=2)


def test_an_orphan_does_not_displace_a_healthy_copy(box: Box) -> None:
    box.write("data.json", document(memories=[memory()]))
    newer = memory(persona_id="nobody", updatedAt="2030-01-01T00:00:00.000Z")
    box.write("rxdb-backup-1.json", document(memories=[newer], version="1.0", exportedAt=1))
    box.quarantine()
    assert box.contents() == {"m1": "healthy"}


@pytest.mark.soak
def test_a_long_string_cut_in_the_middle(box: Box) -> None:
    head = b'{"personas": [{"id": "p1", "name": "Ada"}], "memories": [{"id": "m1", "content": "'
    box.write("data.json", head + b"x" * 20_000_000)
    limited = (
        f"ulimit -v 1500000; exec {sys.executable} -m pjais migrate --on-invalid quarantine --data-dir '{box.folder}'"
    )
    done = subprocess.run(["bash", "-c", limited], capture_output=True, check=False, env=environment())
    assert done.returncode == 1, done.stderr[-300:]


@pytest.mark.soak
def test_a_string_of_one_hundred_megabytes(box: Box) -> None:
    """Large is not broken."""
    box.write("data.json", document(memories=[memory(content="x" * 100_000_000)]))
    assert box.migrate(timeout=600).exit_code == 0
    assert box.sql("SELECT length(content) FROM memory_entities") == [(100_000_000,)]
    assert box.verify().exit_code == 0
