"""The contract of sources, held by every kind of ours and by those of the example in the docs."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from source_suite import SAMPLE, SourceContract, put

import golden_opfs
import pjais
from pjais import extensions
from pjais.exchange.export import to_file
from pjais.sources import identify, registry
from pjais.workspace import resolve_workspace

sys.path.append(str(Path(__file__).parents[1] / "formats"))

from leveldb_writer import batch, counted, log
from leveldb_writer import folder as leveldb_folder

EXAMPLE = Path(__file__).parents[2] / "docs" / "example_extension"


class TestJson(SourceContract):
    kind = dialect = "json"
    sample = ("data.json",)


class TestRxdbExport(SourceContract):
    kind = dialect = "rxdb-export"
    sample = ("rxdb-backup-2025-06-01.json",)


class TestRxdbDump(SourceContract):
    kind = dialect = "rxdb-dump"
    sample = ("rxdb-dump.json",)


class TestPjaisFiles(SourceContract):
    kind = dialect = "pjais-files"
    sample = ("personas", "memory", "plugins")


class TestPjaisFlat(SourceContract):
    kind = dialect = "pjais-flat"
    tells_of_losses = False  # the app makes empty ones
    sample = ("pjais.db",)


class TestPjaisDrizzle(SourceContract):
    kind = dialect = "pjais-drizzle"
    sample = ("database",)
    in_its_folder = True


class TestLivestoreTables(SourceContract):
    kind = dialect = "livestore-db"
    sample = ("livestore.db",)


class TestLivestore(SourceContract):
    kind = dialect = "livestore"
    sample = ("livestore/node-0.4.0-app",)


class TestLivestoreOpfs(SourceContract):
    kind = dialect = "livestore-opfs"
    sample = ("livestore/opfs-0.4.0-app",)


class TestOpfsSqlite(SourceContract):
    kind = dialect = "opfs-sqlite"
    sample = ("opfs/files",)


class TestSqliteInIndexedDb(SourceContract):
    kind, dialect = "opfs-sqlite", "opfs-sqlite-leveldb"
    sample = ("opfs/indexeddb",)

    def make(self, folder: Path) -> Path:
        return golden_opfs.profile("indexeddb", folder / "profile")

    @pytest.mark.parametrize("part", [1, 40, 4096])  # one log of 0 bytes is how a new LevelDB looks
    def test_a_truncated_file_is_told_and_is_no_traceback(self, named: Path, tmp_path: Path, part: int) -> None:
        super().test_a_truncated_file_is_told_and_is_no_traceback(named, tmp_path, part)


class TestSqliteInIndexedDbFiles(SourceContract):
    kind, dialect = "opfs-sqlite", "opfs-sqlite-sqlite"
    sample = ("opfs/indexeddb-sqlite",)

    def make(self, folder: Path) -> Path:
        return golden_opfs.profile("indexeddb-sqlite", folder / "profile")


class TestRxdbInLevelDb(SourceContract):
    kind = dialect = "rxdb-profile"
    sample = ("rxdb/v17-clean",)


class TestRxdbInSqlite(SourceContract):
    kind, dialect = "rxdb-profile", "rxdb-profile-sqlite"
    sample = ("rxdb/v17-sqlite",)


class TestRxdbInFirefox(SourceContract):
    kind, dialect = "rxdb-profile", "rxdb-profile-firefox"
    sample = ("rxdb/firefox-v17",)


class TestAnyInLevelDb(SourceContract):
    kind = dialect = "indexeddb"
    sample = ("any-app/named-dexie/profile/Default/IndexedDB",)


class TestAnyInSqlite(SourceContract):
    kind, dialect = "indexeddb", "indexeddb-sqlite"
    sample = ("any-app/lattice-sqlite/IndexedDB",)


class TestAnyInFirefox(SourceContract):
    """RxDB's own databases under names that are not RxDB's: there is no other sample of Firefox."""

    kind, dialect = "indexeddb", "indexeddb-firefox"
    sample = ("rxdb/firefox-v17",)

    def make(self, folder: Path) -> Path:
        place = super().make(folder)
        for file in place.rglob("*.sqlite"):
            with closing(sqlite3.connect(file)) as db:
                db.execute("UPDATE database SET name = replace(name, 'rxdb-dexie', 'theirs')")
                db.execute("UPDATE object_store SET name = 'rows' WHERE name = 'changes'")
                db.commit()
        return place


class TestWebStorage(SourceContract):
    """Many small writes, as an app makes them in the course of a day."""

    kind = dialect = "web-storage"

    def make(self, folder: Path) -> Path:
        writes = [
            batch(number, [(b"_http://localhost:8801\0\1draft-%d" % number, b"\1" + text(str(number)).encode())])
            for number in range(1, 30)
        ]
        by_bytes = log([b"\1" + counted(b"leveldb.BytewiseComparator") + b"\2\0\3\x09\4\x07"])
        content = {"000003.log": log(writes), "MANIFEST-000001": by_bytes}
        leveldb_folder(folder / "Local Storage" / "leveldb", content)
        return folder / "Local Storage"


class TestRxdbInLocalStorage(SourceContract):
    kind, dialect = "rxdb-profile", "rxdb-localstorage"
    sample = ("rxdb/v17-localstorage",)
    damaged_at = 0.95  # the browser wrote all of the first session as one record of the log


class OwnContract(SourceContract):
    """What pjais wrote of the sample."""

    kind = "pjais"

    def make(self, folder: Path) -> Path:
        put(SAMPLE / "data.json", folder)
        pjais.migrate(folder, on_invalid="quarantine")
        to_file(resolve_workspace(folder), None, folder / "whole.pjais.json")
        kept = folder / self.sample[0]
        for path in folder.iterdir():
            if path != kept:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        return kept


class TestPjaisStore(OwnContract):
    dialect = "pjais"
    sample = ("pjais.sqlite",)


class TestPjaisExport(OwnContract):
    dialect = "pjais-export"
    sample = ("whole.pjais.json",)


# --- files of AI apps


class AppContract(SourceContract):
    """A file, folder or archive that an AI app wrote."""

    dialect = "pjais-app"


class TestChatGpt(AppContract):
    kind = "chatgpt"
    sample = ("ai-apps/chatgpt/export-sharded.zip",)
    damaged_at = 1 / 3


class TestCharacterCard(AppContract):
    kind = "character-card"
    sample = ("ai-apps/character-card/v3-with-v2-backfill.png",)


class TestNextChat(AppContract):
    kind = "nextchat"
    sample = ("ai-apps/nextchat/Backup-5_4_2026 10_30_00 PM.json",)
    damaged_at = 0.6


class TestCherryStudio(AppContract):
    kind = "cherry-studio"
    sample = ("ai-apps/cherry-studio/cherry-studio.202605041005.zip",)
    damaged_at = 1 / 3


class TestClaude(AppContract):
    kind = "claude"
    sample = ("ai-apps/claude-ai/data-2026-05-04-batch-0000.zip",)


class TestClaudeParts(AppContract):
    kind = "claude"
    sample = ("ai-apps/claude-ai/parts",)


class TestGeminiTakeout(AppContract):
    kind = "gemini-takeout"
    sample = ("ai-apps/gemini-takeout/takeout-20260505T000000Z-001.zip",)


class TestGrok(AppContract):
    kind = "grok"
    sample = ("ai-apps/grok/prod-grok-backend.json",)
    damaged_at = 0.485  # in a text: it is all one conversation


class TestJan(AppContract):
    kind = "jan"
    sample = ("ai-apps/jan/threads",)


class TestTypingMind(AppContract):
    kind = "typingmind"
    sample = ("ai-apps/typingmind/typingmind.json",)
    damaged_at = 0.9


class TestSillyTavern(AppContract):
    kind = "sillytavern"
    sample = ("ai-apps/sillytavern/chats/Old/Old - 2023-6-19 @14h 20m 00s 5ms.jsonl",)


class TestLibreChat(AppContract):
    kind = "librechat"
    sample = ("ai-apps/librechat/flat.json",)


class TestLibreChatTree(AppContract):
    kind = "librechat"
    sample = ("ai-apps/librechat/tree.json",)


class TestOpenWebUi(AppContract):
    kind = "open-webui"
    sample = ("ai-apps/open-webui/chat-export-1777889000000.json",)
    damaged_at = 0.95  # in the second chat


class TestOpenWebUiDatabase(AppContract):
    kind = "open-webui"
    sample = ("ai-apps/open-webui/webui.db",)


class TestMarkdownVault(AppContract):
    kind = "markdown"
    sample = ("ai-apps/markdown",)


class TestMcpMemory(AppContract):
    kind = "mcp-memory"
    sample = ("ai-apps/mcp-memory/memory.jsonl",)


class TestMem0(AppContract):
    kind = "mem0"
    sample = ("ai-apps/mem0",)


class TestChatbox(AppContract):
    kind = "chatbox"
    sample = ("ai-apps/chatbox/chatbox-exported-data-2026-5-4.json",)


class TestLobeChat(AppContract):
    kind = "lobechat"
    sample = ("ai-apps/lobechat/pg-export.json",)


class TestLobeChatLegacy(AppContract):
    kind = "lobechat"
    sample = ("ai-apps/lobechat/legacy-config.json",)


class TestLettaAgentFile(AppContract):
    kind = "letta-af"
    sample = ("ai-apps/letta-af/harbour.af",)


class TestBigAgi(AppContract):
    kind = "big-agi"
    sample = ("ai-apps/big-agi/conversations.json",)
    damaged_at = 0.2


class TestLangChain(AppContract):
    kind = "langchain"
    sample = ("ai-apps/langchain/messages.json",)


# --- kinds of another package


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The example of the docs, as pip would lay it down."""
    site = tmp_path_factory.mktemp("site")
    shutil.copy(EXAMPLE / "pjais_diary.py", site)
    about = site / "pjais_diary-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: pjais-diary\nVersion: 1.0\n")
    kinds = "\n".join(f"{name} = pjais_diary:{name}" for name in ("diary", "notebook", "scrapbook"))
    (about / "entry_points.txt").write_text(f"[pjais.sources]\n{kinds}\n")
    sys.path.insert(0, str(site))
    forget()
    yield
    sys.path.remove(str(site))
    forget()


def forget() -> None:
    for one in (extensions._found, extensions._is_any_installed, extensions.loaded, registry.added, identify.theirs):
        one.cache_clear()


def text(seed: str) -> str:
    """Return a text that does not compress to nothing."""
    return "\n".join(hashlib.sha256(f"{seed}{number}".encode()).hexdigest() for number in range(100))


@pytest.mark.usefixtures("installed")
class ExampleContract(SourceContract):
    """Notes as the example's kinds read them."""

    dialect = "json"
    tells_of_losses = False

    def make(self, folder: Path) -> Path:
        for name, content in (("notebook.txt", "# notebook of Ada\n"), ("a.md", text("a")), ("deep/b.md", text("b"))):
            path = folder / "my notes" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, "utf-8")
        return folder / "my notes"


class TestNotebook(ExampleContract):
    kind = "notebook"


class TestScrapbook(ExampleContract):
    kind = "scrapbook"

    def make(self, folder: Path) -> Path:
        notes = super().make(folder)
        made = shutil.make_archive(str(folder / "scraps"), "zip", notes)
        shutil.rmtree(notes)
        return Path(made)


class TestDiary(ExampleContract):
    kind = "diary"

    def make(self, folder: Path) -> Path:
        folder.mkdir()
        lines = [f"2025-03-{day:02} the harbour, day {day}" for day in range(1, 29)]
        (folder / "diary.txt").write_text("\n".join(["# diary of Ada", *lines]), "utf-8")
        return folder / "diary.txt"


def test_every_kind_of_ours_is_here() -> None:
    """A new one is three lines."""
    suites = [one for name, one in globals().items() if name.startswith("Test")]
    held = {(one.kind, one.dialect) for one in suites}
    assert {(one.kind, one.dialect) for one in registry.SOURCES} <= held
