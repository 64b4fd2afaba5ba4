"""Search over the messages of conversations: what is found, and an index that always follows from the conversations."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pjais
from pjais import canonical, sqlite
from pjais.errors import StoreFailed, UsageError, VerificationFailed
from pjais.models.persona.model import MODEL
from pjais.models.persona.tables import CONVERSATIONS
from pjais.persona.message_search import MessageHit
from pjais.persona.store import Store
from pjais.targets.sqlite import compare, ddl, parts
from strategies import examples
from world import migrated, persona, write_json

MARCH = 1740823200000
"""2025-03-01T10:00:00.000Z."""

TEA: list[Any] = [
    {"id": "t1", "role": "user", "content": "Where does the oolong grow?", "timestamp": MARCH},
    {
        "id": "t2",
        "role": "assistant",
        "content": "Oolong grows in Wuyi; its café is famous.",
        "timestamp": MARCH + 1000,
    },
    {
        "id": "t3",
        "role": "tool",
        "content": "oolong: 12 results",
        "timestamp": "2025-03-01T12:00:02+02:00",
        "metadata": {"hidden": True},
    },
    {"id": "t4", "role": "user", "content": [{"type": "text", "text": "a list of oolong"}]},
    {
        "id": "t5",
        "role": "user",
        "content": 'they say "white tea" 🫖',
        "timestamp": "someday",
        "metadata": {"hidden": 1},
    },
]
ODD: list[Any] = ["oolong", None, 7, ["oolong"], {}, {"content": None}, {"content": True, "id": 7}, {"content": 1.5}]


def conversation(name: str, messages: Any, **more: Any) -> dict[str, Any]:
    return {"id": name, "title": f"Title {name}", "messages": messages, "updatedAt": "2025-03-01T00:00:00.000Z", **more}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_json(
        tmp_path,
        personas=[persona()],
        conversations=[conversation("tea", TEA, personaId="p1"), conversation("odd", ODD)],
    )
    migrated(tmp_path)
    return tmp_path


@pytest.fixture
def store(data: Path) -> Iterator[Store]:
    with pjais.open(data) as opened:
        yield opened


def found(store: Store, text: str, **how: Any) -> list[str | None]:
    return [hit.message_id for hit in store.conversations.search(text, **how)]


def test_a_hit_says_where_it_is_who_wrote_it_and_when(store: Store) -> None:
    (hit,) = store.conversations.search("Wuyi")
    assert hit == MessageHit("tea", "Title tea", 1, "t2", "assistant", MARCH + 1000, hit.snippet, hit.rank)
    assert hit.snippet == "Oolong grows in [Wuyi]; its café is famous."
    assert hit.rank < 0
    (hit,) = store.conversations.search("wuyi", marks=("<b>", "</b>"))
    assert "<b>Wuyi</b>" in hit.snippet


def test_hidden_messages_are_left_out_unless_they_are_asked_for(store: Store) -> None:
    assert set(found(store, "oolong")) == {"t1", "t2", "t4"}
    assert set(found(store, "oolong", hidden=True)) == {"t1", "t2", "t3", "t4"}


FILTERS: dict[str, tuple[dict[str, Any], set[str]]] = {
    "role": ({"role": "user"}, {"t1", "t4"}),
    "since": ({"since": MARCH + 1}, {"t2"}),
    "since, included": ({"since": MARCH, "until": MARCH}, {"t1"}),
    "until as text": ({"until": "2025-03-01T10:00:00Z"}, {"t1"}),
    "another zone": ({"since": "2025-03-01T10:00:02Z", "hidden": True}, {"t3"}),
    "persona": ({"persona": "p1"}, {"t1", "t2", "t4"}),
    "another persona": ({"persona": "p2"}, set()),
    "several": ({"persona": "p1", "role": "assistant", "since": MARCH}, {"t2"}),
}


@pytest.mark.parametrize("name", FILTERS)
def test_filters(store: Store, name: str) -> None:
    how, wanted = FILTERS[name]
    assert set(found(store, "oolong", **how)) == wanted
    page = store.conversations.search_page("oolong", **how)
    assert (page.total, page.next_offset) == (len(wanted), None)


QUERIES: dict[str, set[str | None]] = {
    "cafe": {"t2"},
    "CAFÉ": {"t2"},
    "wu*": {"t2"},
    '"oolong grows"': {"t2"},
    '"oolong grow"': {"t1"},
    '"grow oolong"': set(),
    '"white tea': {"t5"},
    'say "white': {"t5"},
    "🫖": {"t5"},
    "🐉": set(),
    "oolong wuyi": {"t2"},
    "NEAR(oolong": set(),
    "role:user": set(),
    "text": {"t4"},
    "true": {"7"},
    "1.5": {None},
    "": set(),
    "   ": set(),
    "\0 \ud800 wuyi": {"t2"},
}


@pytest.mark.parametrize("text", QUERIES, ids=ascii)
def test_any_text_is_a_query(store: Store, text: str) -> None:
    assert set(found(store, text)) == QUERIES[text]
    assert store.conversations.search_page(text).total == len(QUERIES[text])


def test_pages_any_word_and_prefixes(store: Store) -> None:
    assert set(found(store, "wuyi white", any=True)) == {"t2", "t5"}
    assert found(store, "wu", prefix=True) == ["t2"]
    page = store.conversations.search_page("oolong", limit=2)
    assert (len(page.found), page.total, page.next_offset) == (2, 3, 2)
    rest = store.conversations.search_page("oolong", limit=2, offset=2)
    assert {hit.message_id for hit in (*page.found, *rest.found)} == {"t1", "t2", "t4"}
    assert (rest.total, rest.next_offset) == (3, None)
    assert store.conversations.search("oolong", limit=0) == []


@pytest.mark.parametrize(
    "how",
    [
        {"role": 7},
        {"persona": 7},
        {"author": "me"},
        {"hidden": "yes"},
        {"since": "yesterday"},
        {"until": True},
        {"limit": -1},
        {"offset": "1"},
        {"marks": "[]"},
        {"any": 1},
    ],
)
def test_wrong_arguments_are_named(store: Store, how: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        store.conversations.search("tea", **how)
    with pytest.raises(UsageError):
        store.conversations.search(7)  # type: ignore[arg-type]


def test_the_past_is_not_indexed(store: Store) -> None:
    with pytest.raises(UsageError, match="current state"):
        store.at(0).conversations.search("oolong")


def test_what_is_written_is_found_at_once(store: Store) -> None:
    store.conversations.add_message("tea", "user", "And gyokuro?")
    (hit,) = store.conversations.search("gyokuro")
    assert (hit.position, hit.role, hit.at is not None) == (5, "user", True)
    store.undo()
    assert store.conversations.search("gyokuro") == []
    assert found(store, "wuyi") == ["t2"]


def test_text_that_is_no_unicode_is_found_and_shown(data: Path) -> None:
    with closing(sqlite3.connect(data / "pjais.sqlite")) as db:
        text = '[{"id": "\\ud800", "role": "\\udfff", "content": "lone \\ud83d surrogate"}]'
        db.execute("UPDATE conversations SET messages = ? WHERE id = 'odd'", (text,))
        db.commit()
    with pjais.open(data) as store:
        (hit,) = store.conversations.search("surrogate")
        assert hit.snippet.startswith("lone ") and hit.snippet.endswith("[surrogate]")
    assert pjais.verify(data).passed


TAMPERED = {
    "a text": "UPDATE conversation_messages SET content = 'forged' WHERE message_id = 't1'",
    "a role": "UPDATE conversation_messages SET role = 'user' WHERE message_id = 't2'",
    "a time": "UPDATE conversation_messages SET at = '2020-01-01T00:00:00.000Z' WHERE message_id = 't1'",
    "shown": "UPDATE conversation_messages SET hidden = 0 WHERE message_id = 't3'",
    "one less": "DELETE FROM conversation_messages WHERE message_id = 't1'",
    "one more": "INSERT INTO conversation_messages (conversation_id, position, hidden, content) "
    "VALUES ('tea', 99, 0, 'x')",
    "one twice": "INSERT INTO conversation_messages (conversation_id, position, message_id, role, at, hidden, content) "
    "SELECT conversation_id, position, message_id, role, at, hidden, content FROM conversation_messages "
    "WHERE message_id = 't1'",
}


@pytest.mark.parametrize("change", TAMPERED)
def test_rows_that_do_not_follow_from_their_conversation_are_named(data: Path, change: str) -> None:
    with closing(sqlite3.connect(data / "pjais.sqlite")) as db:
        db.execute(TAMPERED[change])
        db.commit()
    with pytest.raises(VerificationFailed) as failed:
        pjais.verify(data)
    assert "search index: conversation_messages does not follow from conversations: tea" in failed.value.where
    with closing(sqlite.open_writer(data / "pjais.sqlite")) as db:
        parts.fill(db, CONVERSATIONS, _parts())
    assert pjais.verify(data).passed


def test_an_index_that_disagrees_is_named(data: Path) -> None:
    with closing(sqlite3.connect(data / "pjais.sqlite")) as db:
        db.execute("INSERT INTO message_fts (rowid, content) VALUES (99, 'nowhere')")
        db.commit()
    with pytest.raises(VerificationFailed) as failed:
        pjais.verify(data)
    assert any(line.startswith("search index: ") for line in failed.value.where)
    with closing(sqlite3.connect(data / "pjais.sqlite")) as db:
        db.execute("DELETE FROM message_fts_docsize WHERE id = 1")
        db.execute("DELETE FROM message_fts_data WHERE id > 10")
        db.commit()
    with pjais.open(data) as store, pytest.raises(StoreFailed, match="messages"):
        store.conversations.search("oolong")


def test_a_later_run_and_its_rollback_leave_it_as_it_follows(data: Path) -> None:
    with pjais.open(data) as store:
        store.conversations.add_message("odd", "user", "between the runs")
    later = [*TEA, {"id": "t6", "role": "user", "content": "a later run"}]
    newer = conversation("tea", later, personaId="p1", updatedAt="2025-04-01T00:00:00.000Z")
    path = write_json(data, "more.json", personas=[persona()], conversations=[newer, conversation("new", TEA)])
    assert migrated(data).code == "done"
    with pjais.open(data) as store:
        assert found(store, "later") == ["t6"]
        store.conversations.add_message("new", "user", "after it")
    path.unlink()
    pjais.rollback(data, discard_later=True)
    assert pjais.verify(data).passed
    with pjais.open(data) as store:
        assert (found(store, "later"), found(store, "wuyi"), len(found(store, "between"))) == ([], ["t2"], 1)


def test_a_store_is_a_source_without_what_is_derived(data: Path, tmp_path: Path) -> None:
    again = tmp_path / "again"
    again.mkdir()
    pjais.migrate(again, sources=[data / "pjais.sqlite"])
    assert pjais.verify(again).passed
    with pjais.open(again) as store:
        assert store.collections == []
        assert found(store, "wuyi") == ["t2"]


def test_a_store_of_another_app_finds_nothing(tmp_path: Path) -> None:
    docs = [{"id": "n1", "text": "oolong"}]
    dump = {"name": "app", "instanceToken": "x", "collections": [{"name": "notes", "schemaHash": "x", "docs": docs}]}
    (tmp_path / "rxdb-dump.json").write_text(json.dumps(dump), "utf-8")
    migrated(tmp_path)
    with pjais.open(tmp_path) as store:
        assert store.conversations.search("oolong") == []
        store.conversations.create(title="Tea", messages=TEA)
        assert found(store, "wuyi") == ["t2"]
    assert pjais.verify(tmp_path).passed


def test_a_long_conversation_that_grows_is_indexed_once(store: Store) -> None:
    """An update writes the rows of the messages that differ, and no others."""
    long = [{"id": str(n), "content": f"word{n}"} for n in range(200)]
    store.conversations.create(id="long", messages=long)
    ids = "SELECT id FROM conversation_messages WHERE conversation_id = 'long' ORDER BY position"
    with store.pool.reader() as db:
        before = sqlite.fetch(db, ids)
    store.conversations.update("long", messages=[*long, {"id": "new", "content": "more"}])
    with store.pool.reader() as db:
        assert sqlite.fetch(db, ids)[:-1] == before
    changed = [*long[:50], {"id": "50", "content": "another"}, *long[51:]]
    store.conversations.update("long", messages=changed)
    with store.pool.reader() as db:
        after = sqlite.fetch(db, ids)
    assert [one for one in before if one not in after] == [before[50]]


def _parts() -> Any:
    assert CONVERSATIONS.parts is not None
    return CONVERSATIONS.parts


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text('a b"\\\0é🫖', max_size=5),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["id", "content", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)
TIMES = st.sampled_from(
    [
        None,
        MARCH,
        -1,
        1e300,
        "now",
        "2025-03-01",
        "2025-03-01T10:00:00.123456789+02:00",
        "2025-13-01T00:00:00Z",
        "12:00",
    ]
)
MESSAGE = JSON | st.fixed_dictionaries(
    {"content": JSON},
    optional={
        "id": JSON,
        "role": st.sampled_from(["user", "tool"]) | JSON,
        "timestamp": TIMES | JSON,
        "metadata": JSON,
    },
)
MESSAGES = st.lists(MESSAGE, max_size=4).map(canonical.dumps) | JSON.map(canonical.dumps) | st.none()
IDS = st.sampled_from(["a", "b", "c"])
OPERATIONS = st.one_of(
    st.tuples(
        st.sampled_from(
            [
                "INSERT OR REPLACE INTO conversations (id, messages) VALUES (?1, ?2)",
                "INSERT OR IGNORE INTO conversations (id, messages) VALUES (?1, ?2)",
                "INSERT INTO conversations (id, messages) VALUES (?1, ?2) "
                "ON CONFLICT (id) DO UPDATE SET messages = excluded.messages",
                "UPDATE conversations SET messages = ?2 WHERE id = ?1",
                "UPDATE conversations SET messages = ?2, id = ?3 WHERE id = ?1",
                "UPDATE OR IGNORE conversations SET id = ?3 WHERE id = ?1 AND ?2 IS NOT 'x'",
                "UPDATE conversations SET messages = json_insert(messages, '$[#]', json(?2)) WHERE id = ?1",
                "UPDATE conversations SET title = ?3 WHERE id = ?1 AND ?2 IS NOT 'x'",
                "DELETE FROM conversations WHERE id = ?1 AND ?2 IS NOT 'x' AND ?3 IS NOT 'x'",
            ]
        ),
        IDS,
        MESSAGES,
        IDS,
    )
)


@settings(max_examples=examples(60), deadline=None)
@given(steps=st.lists(OPERATIONS, max_size=8), recursive=st.booleans())
def test_rows_and_index_are_always_what_a_fresh_rebuild_gives(steps: list[Any], recursive: bool) -> None:
    with closing(sqlite.scratch()) as db:
        for sql in ddl.create_all(MODEL):
            db.execute(sql)
        db.execute("CREATE VIRTUAL TABLE words USING fts5vocab(message_fts, instance)")
        db.execute(f"PRAGMA recursive_triggers = {int(recursive)}")
        for sql, key, messages, other in steps:
            values = (key, messages, other)[: 3 if "?3" in sql else 2]
            try:
                db.execute(sql, values)
            except sqlite.Error as error:  # another conversation has the id, or `json_insert` into what is no JSON
                assert "another record has this id" in str(error) or "JSON" in str(error), error
            assert compare.check_search(db, MODEL)[1]
        held = _index(db)
        parts.fill(db, CONVERSATIONS, _parts())
        assert held == _index(db)


def _index(db: sqlite.Connection) -> tuple[list[Any], list[Any]]:
    """The rows without their numbers, and each word with the row and the place where it stands."""
    hidden = (
        "conversation_id, position, CAST(message_id AS BLOB), CAST(role AS BLOB), at, hidden, CAST(content AS BLOB)"
    )
    words = "SELECT term, conversation_id, position, offset FROM words JOIN conversation_messages ON id = doc"
    return (
        sqlite.fetch(db, f"SELECT {hidden} FROM conversation_messages ORDER BY 1, 2"),
        sorted(sqlite.fetch(db, words)),
    )
