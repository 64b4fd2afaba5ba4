"""Vaults of notes: what front matter means, what a conversation's body is, and that every record comes back exactly."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from app_files import GOLDEN, documents, expected, exported, kind_of, migrated, read, unpack
from held_records import Held
from hypothesis import given, settings
from hypothesis import strategies as st

import pjais
from pjais import canonical, instants
from pjais.core.document import Document, Remark, Unreadable
from pjais.exchange.export import What, to_file
from pjais.sources import registry
from pjais.sources.apps import values
from pjais.sources.apps.markdown import export, front_matter, marks, note
from pjais.workspace import resolve_workspace

VAULT = GOLDEN / "markdown"
KIND = registry.of_kind("markdown")


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("utf-8"))
    return path


def values_of(text: str) -> dict[str, Any]:
    return {key: one.value for key, one in front_matter.parse(f"---\n{text}\n---\n").entries.items()}


# -- the golden vault


def told() -> Iterator[tuple[str, dict[str, Any]]]:
    for one in expected("markdown")["files"].values():
        yield from ((collection, record) for collection, records in one.items() for record in records)


@pytest.mark.parametrize("packed", [False, True])
def test_the_golden_vault_says_what_it_is_expected_to(tmp_path: Path, packed: bool) -> None:
    path = VAULT
    if packed:
        path = tmp_path / "any name.zip"
        with zipfile.ZipFile(path, "w") as archive:
            for one in VAULT.rglob("*.md"):
                archive.write(one, f"My vault/{one.relative_to(VAULT).as_posix()}")
    pieces = read(path)
    assert not [one for one in pieces if isinstance(one, Unreadable)]
    for collection, record in told():
        found = documents(pieces, collection)[record["id"]]
        for key, one in record.items():
            if key == "messages":
                shown = [{**each, "content": each["text"]} for each in one]
                for message, each in zip(found["messages"], shown, strict=True):
                    assert {**each, **message} == {**message, "text": each["text"]}
            elif key.endswith("_at"):
                assert instants.from_text(found[{"created_at": "createdAt", "updated_at": "updatedAt"}[key]]) == one
            else:
                names = {"persona": "personaId", "tier": "memoryTier", "is_active": "isActive"}
                assert found[names.get(key, key)] == one


def test_unknown_keys_and_extra_are_kept() -> None:
    (persona,) = documents(read(VAULT), "personas").values()
    assert persona["extra"]["card"] == {"creator": "anon-test"}
    assert persona["extra"]["frontMatter"] == {"tags": []}


@pytest.mark.parametrize("path", sorted(VAULT.rglob("*.md")), ids=lambda one: one.name)
def test_a_note_comes_out_as_it_was(path: Path) -> None:
    assert KIND is not None
    assert kind_of(path) == "markdown"
    (piece,) = read(path)
    assert isinstance(piece, Document)
    again = json.loads(json.dumps(piece.value))
    assert KIND.native(piece.collection, again).encode("utf-8") == path.read_bytes()


def test_an_edit_in_the_store_arrives_in_the_note() -> None:
    (piece,) = read(VAULT / "personas" / "tessaly-1f0c.md")
    assert isinstance(piece, Document)
    text = note.text("personas", {**piece.value, "name": "Tess: 2", "description": "New."})
    found = note.read(text).document
    assert (found["name"], found["description"]) == ("Tess: 2", "New.")
    assert found["extra"] == {"card": {"creator": "anon-test"}, "frontMatter": {"tags": []}}


# -- front matter


@pytest.mark.parametrize(
    "raw", ["no", "on", "2026-01-01", "00123", "1e3", "~", "0x1F", "12:30:45", "1_000", ".5", "a: b", "*all", "&a b"]
)
def test_what_yaml_takes_for_something_else_is_text(raw: str) -> None:
    text = f'---\npjais: memory/1\nid: "m"\nname: {raw}\ntags: [{raw.replace(": ", ":")}]\n---\n'
    assert note.read(text).document["name"] == raw
    assert note.read(text).document["tags"] == [raw.replace(": ", ":")]


def test_an_empty_value_and_a_plain_null_are_null_and_a_quoted_one_is_text() -> None:
    assert values_of('a:\nb: null\nc: "null"\nd: ""\ne: # nothing') == {
        "a": None,
        "b": None,
        "c": "null",
        "d": "",
        "e": None,
    }


def test_the_forms_that_people_and_obsidian_write() -> None:
    text = """aliases:
  - One
  - "two: 2"
flat: [a, "b, c", 'it''s', d:e]
nested: {k: v, "l": [1, true]}
tabbed:\tvalue
commented: value # not this
kept: a#b
long: |-
  first
    second
folded: >
  one
  two
map:
  inner: x
  deeper:
    y: z
"quoted key": "\\u00e9\\t\\x41\\N"
several: [one,
  two]"""
    assert values_of(text) == {
        "aliases": ["One", "two: 2"],
        "flat": ["a", "b, c", "it's", "d:e"],
        "nested": {"k": "v", "l": ["1", "true"]},
        "tabbed": "value",
        "commented": "value",
        "kept": "a#b",
        "long": "first\n  second",
        "folded": "one two\n",
        "map": {"inner": "x", "deeper": {"y": "z"}},
        "quoted key": "é\tA\x85",
        "several": ["one", "two"],
    }


def test_anchors_expand_to_nothing() -> None:
    laughs = "\n".join(f"a{n}: &a{n} [*a{n - 1},*a{n - 1},*a{n - 1}]" for n in range(1, 40))
    found = note.read(f'---\npjais: persona/1\nid: "p"\nname: P\n{laughs}\n---\n')
    assert found.document["extra"]["frontMatter"]["a39"] == "&a39 [*a38,*a38,*a38]"
    assert {rule for rule, _ in found.odd} == {"yaml-unread"}


def test_a_key_that_stands_twice_is_named() -> None:
    text = '---\npjais: persona/1\nid: "p"\nname: First\nname: Second\n---\n'
    found = note.read(text)
    assert found.document["name"] == "Second"
    assert found.odd == (("key-twice", "name occurs twice in the front matter; the last one counts"),)
    assert note.text("personas", found.document) == text


def test_crlf_and_a_bom_are_read_and_written_again() -> None:
    for path in VAULT.rglob("*.md"):
        text = "\ufeff" + path.read_text("utf-8").replace("\n", "\r\n")
        found = note.read(text)
        plain = note.read(path.read_text("utf-8"))
        assert found.document["id"] == plain.document["id"]
        assert found.document.get("tags") == plain.document.get("tags")
        if "messages" in plain.document:
            assert [(one["id"], one["content"].replace("\r\n", "\n")) for one in found.document["messages"]] == [
                (one["id"], one["content"]) for one in plain.document["messages"]
            ]
        assert note.text(found.collection, found.document) == text


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("name: [a, b", "line 4 of the front matter: a list or object that is not closed"),
        ('name: "a', "line 4 of the front matter: a quoted text that is not closed"),
        ("just text", "line 4 of the front matter is no `key: value`"),
    ],
)
def test_a_front_matter_that_cannot_be_read_is_told_with_its_line(tmp_path: Path, lines: str, reason: str) -> None:
    path = write(tmp_path, "n.md", f'---\npjais: memory/1\nid: "m"\n{lines}\n---\nText')
    (piece,) = read(path)
    assert isinstance(piece, Unreadable)
    assert (piece.reason, piece.raw) == (reason, path.read_bytes())


_TEXTS = st.text() | st.sampled_from(["no", "1e3", "a: b", " x", "x ", "#", "", "null", "- a", "[", "\u2028", "\x85"])
_NESTED = st.recursive(
    _TEXTS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3), max_leaves=6
)


@given(st.none() | _NESTED)
@settings(deadline=None, max_examples=300)
def test_any_value_of_texts_is_read_as_it_was_written(value: Any) -> None:
    written = front_matter.value(value)
    assert written is not None
    assert "\n" not in written
    assert values_of(f"key: {written}")["key"] == value


@given(st.text(alphabet="abk: -#[]{},\"'&*!|>\\\n\t~0\r", max_size=60))
@settings(deadline=None, max_examples=500)
def test_any_front_matter_is_read_or_refused(text: str) -> None:
    try:
        for one in front_matter.parse(f"---\n{text}\n---\n").entries.values():
            _ = one.value
    except front_matter.Broken:
        pass


# -- the bodies of conversations


def test_marks_in_fences_are_text_and_marks_in_texts_are_escaped() -> None:
    fence = 'Before\n```\n%% message id="x" %%\n```\nafter'
    texts = [fence, '%% message id="y" %%', "\\%% message", "~~~\nleft open", "", "ends\n\n", "```\n%% message %%\n"]
    messages: list[Any] = [
        {"id": f"m{n}", "role": "user", "content": text, "timestamp": None, "metadata": {}}
        for n, text in enumerate(texts)
    ]
    body = marks.written(messages)
    assert f"{fence}\n" in body  # nothing in a closed fence is changed
    assert marks.parsed(body) == marks.Parsed(messages, "", ())


def test_what_a_message_has_beyond_its_mark_survives() -> None:
    messages: list[Any] = [
        {"id": "a", "role": "tool", "content": "x", "timestamp": 1777888800123, "metadata": {"model": 'm "1" %%%%'}},
        {"id": 7, "role": None, "content": {"json": [1.0, -0.0]}, "timestamp": 1.5, "name": "n"},
        {"id": "c\n%%", "role": "user", "content": "\ud800", "timestamp": -1, "metadata": {}, "parentId": None},
        "not an object",
        {},
    ]
    body = marks.written(messages)
    assert 'at="2026-05-04T10:00:00.123Z"' in body
    assert canonical.same(marks.parsed(body).messages, messages)


def test_a_fence_that_is_never_closed_hides_no_message() -> None:
    body = '%% message id="a" role="user" %%\n```python\n\n%% message id="b" role="assistant" %%\nHello\n'
    assert [one["id"] for one in marks.parsed(body).messages] == ["a", "b"]


def test_text_above_the_first_message_is_named_and_kept() -> None:
    text = '---\npjais: conversation/1\nid: "c"\n---\nMy own words\n\n%% message id="a" role="user" %%\nHi\n'
    found = note.read(text)
    assert [rule for rule, _ in found.odd] == ["text-before-messages"]
    assert note.text("conversations", found.document) == text


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXTS | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=6,
)
_LINES = st.lists(
    st.sampled_from(
        ['%% message id="z" %%', "\\%% message %%", "```", "~~~~", "````x", "text", "", "\r", " ```", "---"]
    )
    | st.text(max_size=5),
    max_size=6,
).map("\n".join)
_MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "id": _TEXTS | _JSON,
        "role": st.sampled_from(["user", "assistant"]) | _JSON,
        "content": _LINES | _JSON,
        "timestamp": st.integers(0, 2_000_000_000_000) | _JSON,
        "metadata": st.dictionaries(_TEXTS, _JSON, max_size=2) | _JSON,
        "anything": _JSON,
    },
)


@given(st.lists(_MESSAGE | _JSON, max_size=4))
@settings(deadline=None, max_examples=400)
def test_any_messages_come_back_exactly(messages: list[Any]) -> None:
    body = marks.written(messages)
    body.encode("utf-8")
    assert canonical.same(marks.parsed(body).messages, messages)


# -- documents


_DATES = st.integers(0, 2_000_000_000_000).map(instants.to_text)
_FIELD = _TEXTS | _LINES | _JSON | _DATES | st.booleans() | st.integers(0, 100)


def _documents(collection: str) -> st.SearchStrategy[dict[str, Any]]:
    kind = note.OF_COLLECTION[collection][1]
    fields = {field for _, field, form in kind.fields if form is not note.VECTOR} | {"extra", "unknown"}
    extra = st.dictionaries(st.sampled_from(["frontMatter", "markdown", "x"]) | _TEXTS, _JSON, max_size=3)
    held: dict[str, Any] = dict.fromkeys(sorted(fields - {"id"}), _FIELD)
    held |= {"extra": extra | _JSON, "tags": st.lists(_TEXTS, max_size=3) | _JSON}
    required: dict[str, Any] = {"id": st.text(min_size=1)}
    if kind.body == "messages":
        required["messages"] = st.lists(_MESSAGE, max_size=2) | _JSON.filter(lambda one: one is not None)
    elif kind.body is not None:
        held[kind.body] = _LINES | _JSON
    return st.fixed_dictionaries(required, optional=held)


@pytest.mark.parametrize("collection", sorted(note.OF_COLLECTION))
@given(data=st.data())
@settings(deadline=None, max_examples=250)
def test_any_document_comes_back_exactly(collection: str, data: st.DataObject) -> None:
    document = data.draw(_documents(collection))
    text = note.text(collection, document, ["personas/somebody", "attachments/x.png"])
    text.encode("utf-8")
    assert canonical.same(values.bare(note.read(text).document), values.bare(document))


def test_a_front_matter_is_yaml_for_others_too() -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
    document = {
        "id": "0123",
        "name": "no: yes",
        "tags": ["null", "1e3", "plain", "\u2028"],
        "memoryTier": "on",
        "content": "x",
        "extra": {"a": [1, None, "\x85"]},
    }
    front = note.text("memories", document).split("---")[1]
    found = yaml.safe_load(front)
    assert {key: found[key] for key in ("id", "name", "tags", "tier", "extra")} == {
        "id": "0123",
        "name": "no: yes",
        "tags": ["null", "1e3", "plain", "\u2028"],
        "tier": "on",
        "extra": {"a": [1, None, "\x85"]},
    }


# -- vaults


def test_what_is_not_ours_is_named_and_not_read(tmp_path: Path) -> None:
    shutil.copytree(VAULT, tmp_path / "vault")
    write(tmp_path, "vault/Daily.md", "# Today\n\n---\npjais: memory/1\n---\n")
    write(tmp_path, "vault/personas/mine.md", "---\ntags: [a]\n---\npjais: no\n")
    write(tmp_path, "vault/picture.png", "x")
    write(tmp_path, "vault/.obsidian/app.json", "{}")
    pieces = read(tmp_path / "vault")
    assert sum(isinstance(one, Document) for one in pieces) == 3
    assert {(one.rule, one.place) for one in pieces if isinstance(one, Remark)} == {
        ("foreign-note", "Daily.md"),
        ("foreign-note", "personas/mine.md"),
        ("foreign-file", "expected.json"),
        ("foreign-file", "picture.png"),
        ("foreign-file", ".obsidian"),
    }


def test_it_is_recognised_by_content_alone(tmp_path: Path) -> None:
    assert kind_of(VAULT) == kind_of(VAULT / "memories") == "markdown"
    shutil.copytree(VAULT / "memories", tmp_path / "deep" / "AI stuff")
    assert kind_of(tmp_path / "deep" / "AI stuff") == "markdown"
    write(tmp_path, "blog/post.md", "---\ntitle: pjais\n---\npjais: memory/1\n")
    assert kind_of(tmp_path / "blog") is None
    assert kind_of(tmp_path / "blog" / "post.md") is None
    shutil.copy(VAULT / "memories" / "moths-2b11.md", tmp_path / "blog" / "moths.md")
    write(tmp_path, "blog/other.json", "[]")
    assert kind_of(tmp_path / "blog") is None  # other programs' files are there: each note is a source of its own


def test_notes_of_later_versions(tmp_path: Path) -> None:
    newer = write(tmp_path, "vault/a.md", '---\npjais: persona/2\nid: "p"\nname: P\nmood: calm\n---\nX')
    other = write(tmp_path, "vault/b.md", "---\npjais: dream/1\nid: d\n---\nY")
    found = read(tmp_path / "vault")
    assert [one.rule for one in found if isinstance(one, Remark)] == ["newer-note", "unknown-note"]
    assert documents(found, "personas")["p"]["extra"]["frontMatter"] == {"mood": "calm"}
    kept = [one.value for one in found if isinstance(one, Document) and one.collection == "markdown_notes"]
    assert kept == [{"name": "b.md", "text": other.read_text()}]
    assert newer.exists()


def test_values_that_mean_nothing_are_refused_by_the_field_they_are_in(tmp_path: Path) -> None:
    write(tmp_path, "vault/a.md", '---\npjais: persona/1\nid: "p"\nname: P\nactive: "yes"\n---\n')
    report = pjais.migrate(tmp_path / "data", [str(tmp_path / "vault")], on_invalid="quarantine")
    assert [(one.rule, one.field) for one in report.findings if one.level == "error"] == [("wrong-type", "isActive")]


@pytest.mark.parametrize("content", [b"\xff\xfe", b"---\npjais: memory/1\nid: a\n---\n\xff"])
def test_bytes_that_are_not_utf_8(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.md"
    path.write_bytes(content)
    if kind_of(path) is not None:
        (piece,) = read(path)
        assert isinstance(piece, Unreadable)
        assert piece.reason.startswith("not UTF-8")


# -- out, and in again


def stripped(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return what the documents of records say."""
    return [values.bare(one) for one in records]


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """A store with records of several forms."""
    shutil.copytree(Path(pjais.__file__).parent / "demo" / "sample", tmp_path / "sample")
    pjais.migrate(tmp_path / "sample", on_invalid="quarantine")
    return tmp_path / "sample"


def test_a_store_comes_back_from_a_vault_exactly_but_for_embeddings(sample: Path, tmp_path: Path) -> None:
    told: list[str] = []
    done = to_file(resolve_workspace(sample), None, tmp_path / "vault", What("markdown"), tell=told.append)
    before = exported(sample)
    vectors = sum(one["embedding"] is not None for one in before["memories"])
    assert told[:1] == [f"markdown cannot hold {vectors:,} embeddings"]
    assert all("plugins" in one or "other tables" in one for one in told[1:])
    assert len(done.files) == sum(len(before[name]) for name in note.OF_COLLECTION)
    migrated(tmp_path / "back", tmp_path / "vault").close()
    after = exported(tmp_path / "back")
    for name in note.OF_COLLECTION:
        assert stripped(after[name]) == [
            {key: each for key, each in one.items() if key != "embedding"} for one in stripped(before[name])
        ]


def test_a_second_export_is_equal_and_a_second_import_brings_nothing(tmp_path: Path) -> None:
    with migrated(tmp_path / "data", VAULT) as store:
        before = store.memories.list()
    for name in ("one", "two"):
        to_file(resolve_workspace(tmp_path / "data"), None, tmp_path / name, What("markdown"))
    one, two = (
        {p.relative_to(tmp_path / n): p.read_bytes() for p in (tmp_path / n).rglob("*.md")} for n in ("one", "two")
    )
    assert one == two
    assert {path.name for path in one} == {"tessaly-1f0c7a52.md", "moths-a-memo-2b11.md", "ferns-c1.md"}
    with migrated(tmp_path / "data", tmp_path / "one") as store:
        assert store.memories.list() == before


def test_notes_of_the_vault_come_out_as_they_were(tmp_path: Path) -> None:
    migrated(tmp_path / "data", VAULT).close()
    to_file(resolve_workspace(tmp_path / "data"), None, tmp_path / "out", What("markdown"))
    texts = {re.sub(rb"links: .*\n", b"", path.read_bytes()) for path in (tmp_path / "out").rglob("*.md")}
    assert texts == {path.read_bytes() for path in VAULT.rglob("*.md")}


_FORBIDDEN = re.compile(r'[<>:"\\|?*\x00-\x1f]|[ .]$')
_TITLES = st.text(max_size=60) | st.sampled_from(
    ["CON", "nul.txt", "a/b", "..", "ÄÖ", "ä\u0308", "STRASSE", "straße", "."]
)


@given(
    st.dictionaries(st.sampled_from(["A1", "a1", "a-1", "../x", "ſ1", "1"]) | st.text(min_size=1), _TITLES, max_size=8)
)
@settings(deadline=None, max_examples=300)
def test_names_are_safe_everywhere_and_clash_nowhere(titles: dict[str, str]) -> None:
    records = Held(personas=[{"id": key, "name": one} for key, one in titles.items()])
    names = [name for name, _ in export.files(records, lambda _: None)]
    assert len({one.casefold() for one in names}) == len(titles)
    for one in names:
        folder, _, name = one.partition("/")
        assert folder == "personas"
        assert "/" not in name
        assert not _FORBIDDEN.search(name)
        assert len(name.encode("utf-8")) < 240
        assert name.partition(".")[0].lower() not in {"con", "nul", "aux", "prn"}


def test_attachments_go_with_their_names_and_come_back(tmp_path: Path) -> None:
    data = b"\x89PNG"
    key = hashlib.sha256(data).hexdigest()
    message = {
        "id": "m",
        "role": "user",
        "content": "see",
        "timestamp": None,
        "metadata": {"attachments": [{"sha256": key}]},
    }
    records = Held(
        conversations=[{"id": "c", "title": "T", "messages": [message]}],
        attachments=[{"id": key, "name": "Lamp 1.PNG", "mediaType": "image/png", "size": 4}],
    )
    records.blobs[key] = data
    unpack(tmp_path / "vault", export.files(records, lambda _: None))
    assert (tmp_path / "vault" / "attachments" / f"{key}.png").read_bytes() == data
    assert f'links: ["[[attachments/{key}.png]]"]' in (tmp_path / "vault" / "conversations" / "t-c.md").read_text()
    pieces = read(tmp_path / "vault")
    assert documents(pieces, "attachments") == {
        key: {"id": key, "name": "Lamp 1.PNG", "mediaType": "image/png", "size": 4}
    }
    assert documents(pieces, "conversations")["c"] == {"id": "c", "title": "T", "messages": [message]}
    (tmp_path / "vault" / "attachments" / f"{key}.png").write_bytes(b"other")
    assert "attachment-changed" in {one.rule for one in read(tmp_path / "vault") if isinstance(one, Remark)}


def test_attachments_go_through_a_store_and_come_back(tmp_path: Path) -> None:
    data = [b"\x89PNG", b"not referred to"]
    keys = [hashlib.sha256(one).hexdigest() for one in data]
    message = {
        "id": "m",
        "role": "user",
        "content": "see",
        "timestamp": None,
        "metadata": {"attachments": [{"sha256": keys[0]}]},
    }
    held = [{"id": key, "name": f"{n}.png", "mediaType": "image/png", "size": 4} for n, key in enumerate(keys)]
    records = Held(conversations=[{"id": "c", "title": "T", "messages": [message]}], attachments=held)
    records.blobs = dict(zip(keys, data, strict=True))
    vault = unpack(tmp_path / "vault", export.files(records, lambda _: None))
    migrated(tmp_path / "data", vault).close()
    to_file(resolve_workspace(tmp_path / "data"), None, tmp_path / "out", What("markdown"))
    one, two = (
        {p.relative_to(at): p.read_bytes() for p in at.rglob("*") if p.is_file()} for at in (vault, tmp_path / "out")
    )
    assert one == two


def test_what_a_note_leaves_out_is_what_a_record_has_that_says_nothing(tmp_path: Path) -> None:
    least: dict[str, dict[str, Any]] = {
        "personas": {"id": "p", "name": "P"},
        "memories": {"id": "m", "type": "fact", "content": "x"},
        "conversations": {"id": "c"},
        "relationships": {"id": "r", "fromId": "m", "toId": "p", "type": "of"},
    }
    for collection, document in least.items():
        write(tmp_path, f"vault/{collection}/a.md", note.text(collection, document))
    migrated(tmp_path / "data", tmp_path / "vault").close()
    after = exported(tmp_path / "data")
    assert {name: values.bare(after[name][0]) for name in least} == least
    full = {key: one for name in least for key, one in after[name][0].items()}
    assert {key: full[key] for key in values.DEFAULTS} == values.DEFAULTS


def test_a_memory_without_a_type_comes_out_as_it_was(tmp_path: Path) -> None:
    """The store gives it an empty type, which counted as an edit: comments and quotes were lost."""
    text = '---\npjais: memory/1\n# mine\nid: "q"\nname: \'x\'\ntags:\n  - "no"\n---\nbody\n'
    (tmp_path / "a.md").write_text(text, "utf-8")
    migrated(tmp_path / "data", tmp_path / "a.md").close()
    to_file(resolve_workspace(tmp_path / "data"), None, tmp_path / "out", What("markdown"))
    (note,) = (tmp_path / "out").rglob("*.md")
    assert note.read_text("utf-8") == text
