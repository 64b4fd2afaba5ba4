"""The real SillyTavern imports our cards and chats, and we read what it exports and backs up.

It is large (430 MB), so it runs only where `PJAIS_SILLYTAVERN` names the folder of its package (`npm install
sillytavern@1.19.0`, then `node_modules/sillytavern`).  Last run by hand on 2026-11-30 with 1.19.0.
"""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pjais.core.document import Document
from pjais.sources.apps.character_card import book, export, pictures
from pjais.sources.apps.sillytavern import export as folder_export

sys.path.append(str(Path(__file__).parents[1] / "sources" / "apps"))

from app_files import GOLDEN, documents, kind_of, read
from held_records import held_of

pytestmark = pytest.mark.oracle
CARDS, TALKS = GOLDEN / "character-card", GOLDEN / "sillytavern"


class Server:
    """A running SillyTavern: `user` is the folder of its user."""

    def __init__(self, port: int, user: Path) -> None:
        self.url, self.user = f"http://127.0.0.1:{port}", user

    def asked(self, path: str, body: bytes, kind: str = "application/json") -> bytes:
        """Return the answer to a POST."""
        request = urllib.request.Request(self.url + path, body, {"Content-Type": kind})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return bytes(answer.read())

    def json(self, path: str, **body: Any) -> Any:
        """Return the answer to a POST of JSON, as JSON."""
        return json.loads(self.asked(path, json.dumps(body).encode()))

    def sent(self, path: str, name: str, data: bytes, **fields: str) -> Any:
        """Return the answer to an upload."""
        mark = "----pjais"
        parts = [
            f'--{mark}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{one}\r\n'.encode()
            for key, one in fields.items()
        ]
        head = f'--{mark}\r\nContent-Disposition: form-data; name="avatar"; filename="{name}"\r\n\r\n'
        parts += [head.encode(), data, f"\r\n--{mark}--\r\n".encode()]
        return json.loads(self.asked(path, b"".join(parts), f"multipart/form-data; boundary={mark}"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    place = os.environ.get("PJAIS_SILLYTAVERN")
    if place is None or shutil.which("node") is None:
        pytest.skip("PJAIS_SILLYTAVERN does not name the folder of SillyTavern, or node is not installed")
    folder = tmp_path_factory.mktemp("sillytavern")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--port", str(port), "--dataRoot", str(folder / "data"), "--configPath", str(folder / "config.yaml")]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["node", "server.js", *options, "--disableCsrf", "true", "--browserLaunchEnabled", "false"],
            cwd=place,
            stdout=log,
            stderr=log,
        )
    try:
        for _ in range(300):
            time.sleep(1)
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/version", timeout=5)
                break
            except OSError:
                assert process.poll() is None, (folder / "log").read_text("utf-8", "replace")
        yield Server(port, folder / "data" / "default-user")
    finally:
        process.terminate()
        process.wait(30)


def written(*sources: Path) -> dict[str, bytes]:
    return dict(export.write_files(held_of([one for source in sources for one in read(source)]), lambda _: None))


def ours() -> list[Document]:
    avatar = f"data:image/png;base64,{base64.b64encode(pictures.plain_picture()).decode()}"
    persona = {
        "id": "p1",
        "name": "Ada",
        "description": "d\nd",
        "avatar": avatar,
        "settings": {"x": 1},
        "isActive": True,
    }
    memory = {"id": "m1", "personaId": "p1", "type": "fact", "content": "Tea.", "tags": ["tea"], "importance": 9}
    messages = [
        {"id": "x1", "role": "user", "content": "Hi.", "timestamp": 1777888800123, "metadata": {}},
        {"id": "x2", "role": "assistant", "content": "Ho.", "timestamp": None, "metadata": {"model": "m"}},
    ]
    talk = {"id": "c1", "personaId": "p1", "title": "Tea", "messages": messages, "summary": "s"}
    loose = {"id": "m2", "personaId": None, "type": "fact", "content": "Loose.", "tags": ["x"]}
    listed: dict[str, list[dict[str, Any]]] = {
        "personas": [persona],
        "memories": [memory, loose],
        "conversations": [talk],
    }
    return [Document(key, None, "", value) for key, each in listed.items() for value in each]


@pytest.mark.parametrize("name", ["v2.json", "v3.json", "v3-with-v2-backfill.png", "tessaly.charx"])
@pytest.mark.parametrize("form", ["json", "png"])
def test_it_imports_our_cards_and_its_exports_say_the_same(
    server: Server, tmp_path: Path, name: str, form: str
) -> None:
    ((file, data),) = written(CARDS / name).items()
    suffix = Path(file).suffix[1:]
    made = server.sent("/api/characters/import", file, data, file_type=suffix)
    back = server.asked(
        "/api/characters/export", json.dumps({"format": form, "avatar_url": f"{made['file_name']}.png"}).encode()
    )
    path = tmp_path / f"back.{form}"
    path.write_bytes(back)
    before, after = read(CARDS / name), read(path)
    (old,), (new,) = documents(before, "personas").values(), documents(after, "personas").values()
    assert (new["id"], new["name"]) == (old["id"], old["name"])
    assert documents(after, "memories").keys() == documents(before, "memories").keys()
    card = book.whole(new, list(documents(after, "memories").values()))
    assert card["data"] == book.whole(old, list(documents(before, "memories").values()))["data"]


def test_our_folder_is_a_users_folder_and_comes_back_by_its_backup(server: Server, tmp_path: Path) -> None:
    records = ours()
    for name, data in folder_export.write_files(held_of(records), lambda _: None):
        path = server.user / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    names = {one["name"] for one in server.json("/api/characters/all")}
    assert "Ada" in names
    lines = server.json("/api/chats/get", avatar_url="Ada.png", file_name="Tea")
    assert [one["mes"] for one in lines[1:]] == ["Hi.", "Ho."]
    assert [one["file_name"] for one in server.json("/api/characters/chats", avatar_url="Ada.png")] == ["Tea.jsonl"]
    entries = server.json("/api/worldinfo/get", name="Memories")["entries"]
    assert [(one["content"], one["key"]) for one in entries.values()] == [("Loose.", ["x"])]
    assert server.json("/api/chats/save", avatar_url="Ada.png", file_name="Tea", chat=lines) == {"ok": True}

    backup = tmp_path / "backup.zip"
    backup.write_bytes(server.asked("/api/users/backup", json.dumps({"handle": "default-user"}).encode()))
    assert kind_of(backup) == "sillytavern"
    pieces = read(backup)
    for one in records:
        found = documents(pieces, one.collection)[one.value["id"]]
        if one.collection == "conversations":
            shown = [{**each, "metadata": _bare(each["metadata"])} for each in found["messages"]]
            assert (shown, found["personaId"], found["summary"]) == (one.value["messages"], "p1", "s")
        elif one.collection == "memories":
            assert {key: found.get(key) for key in one.value} == one.value
        else:
            assert (found["name"], found["settings"]["x"], found["isActive"]) == ("Ada", 1, True)
    with zipfile.ZipFile(io.BytesIO(backup.read_bytes())) as packed:
        assert "settings.json" in packed.namelist()


def _bare(metadata: dict[str, Any]) -> dict[str, Any]:
    return {key: one for key, one in metadata.items() if key != "sillytavern"}


def test_it_imports_a_chat_and_the_chat_is_the_same(server: Server) -> None:
    ((name, data),) = written(CARDS / "v3-with-v2-backfill.png").items()
    card = server.sent("/api/characters/import", name, data, file_type="png")["file_name"]
    path = next((TALKS / "chats" / "Tessaly").iterdir())
    held = held_of(read(path))
    content = next(data for name, data in folder_export.write_files(held, lambda _: None) if name.endswith(".jsonl"))
    server.json("/api/chats/get", avatar_url=f"{card}.png")  # it makes the folder of the chats
    done = server.sent(
        "/api/chats/import",
        "x.jsonl",
        content,
        file_type="jsonl",
        avatar_url=f"{card}.png",
        character_name="Tessaly",
        user_name="Wren",
    )
    there = server.user / "chats" / card / done["fileNames"][0]
    (before,), (after,) = (documents(read(one), "conversations").values() for one in (path, there))
    assert (before["id"], before["messages"]) == (after["id"], after["messages"])
