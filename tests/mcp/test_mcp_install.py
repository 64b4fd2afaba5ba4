"""The entry in a client's configuration: at its documented place, beside all others, which stay as they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pjais.cli import run
from pjais.errors import UsageError
from pjais.mcp import install
from pjais.mcp.install import Client

MADE = {"command": "/opt/pjais", "args": ["mcp"]}


@pytest.mark.parametrize(
    ("client", "platform", "path"),
    [
        ("claude-desktop", "darwin", "/home/u/Library/Application Support/Claude/claude_desktop_config.json"),
        ("claude-desktop", "win32", "/roaming/Claude/claude_desktop_config.json"),
        ("claude-desktop", "linux", "/home/u/.config/Claude/claude_desktop_config.json"),
        ("cursor", "darwin", "/home/u/.cursor/mcp.json"),
        ("cursor", "win32", "/home/u/.cursor/mcp.json"),
        ("cursor", "linux", "/home/u/.cursor/mcp.json"),
        ("vscode", "darwin", "/home/u/Library/Application Support/Code/User/mcp.json"),
        ("vscode", "win32", "/roaming/Code/User/mcp.json"),
        ("vscode", "linux", "/home/u/.config/Code/User/mcp.json"),
    ],
)
def test_the_file_is_where_the_client_looks(client: Client, platform: str, path: str) -> None:
    environment = {"HOME": "/home/u", "APPDATA": "/roaming"}
    assert install.config_file(client, environment, platform).as_posix() == path


def test_places_follow_the_environment() -> None:
    assert install.config_file("vscode", {"HOME": "/h", "XDG_CONFIG_HOME": "/c"}, "linux") == Path(
        "/c/Code/User/mcp.json"
    )
    at = install.config_file("claude-desktop", {"USERPROFILE": "/h"}, "win32").as_posix()
    assert at == "/h/AppData/Roaming/Claude/claude_desktop_config.json"


@pytest.mark.parametrize("client", get_args(Client))
def test_it_is_added_once_and_replaced_where_it_differs(tmp_path: Path, client: Client) -> None:
    file = tmp_path / "folder" / "config.json"
    made = install.entry(client, ["/opt/pjais", "mcp"])
    assert install.install(client, "pjais", made, file) == (file, "added", None)
    first = file.read_bytes()
    assert json.loads(first) == {install.key_of(client): {"pjais": made}}
    assert install.install(client, "pjais", made, file) == (file, "unchanged", None)
    assert file.read_bytes() == first
    other = install.entry(client, ["/opt/pjais", "mcp", "--read-only"])
    done = install.install(client, "pjais", other, file)
    assert done.outcome == "replaced" and done.backup is not None and done.backup.read_bytes() == first
    assert json.loads(file.read_text()) == {install.key_of(client): {"pjais": other}}
    again = install.install(client, "pjais", made, file)
    assert again.backup not in (None, done.backup)


TEXTS = (
    '{\n    "theme" : "dark",\n    "mcpServers": {\n        "a": { "command":"x" , "n": 1e3 },\n'
    '        "b":{}\n    },\n'
    '    "z": [1,2]\n}\n',
    '{"mcpServers":{"a":{"command":"x"}}}',
    '{"mcpServers": {}}',
    "{}",
    "{ \n }",
    "",
    '\ufeff{\r\n\t"mcpServers": {\r\n\t\t"a": {"ü": "}{\\"", "deep": [[{"x": {}}]]}\r\n\t}\r\n}\r\n',
    '{"other": {"mcpServers": {"pjais": 1}}}',
)


@pytest.mark.parametrize("text", TEXTS)
def test_other_entries_stay_byte_for_byte(tmp_path: Path, text: str) -> None:
    file = tmp_path / "c.json"
    file.write_bytes(text.encode())
    file.chmod(0o640)
    done = install.install("cursor", "pjais", MADE, file)
    now = file.read_bytes().decode()
    assert done.outcome == "added" and done.backup is not None and done.backup.read_bytes() == text.encode()
    wanted = json.loads(text.removeprefix("\ufeff") or "{}")
    wanted.setdefault("mcpServers", {})["pjais"] = MADE
    assert json.loads(now.removeprefix("\ufeff")) == wanted
    left = iter(now)
    assert all(one in left for one in text), "what was there is there, in its order"
    assert ("\r\n" in now) == ("\r\n" in text) and ("\n" in now.replace("\r\n", "")) <= ("\r\n" not in text)
    assert file.stat().st_mode & 0o777 == 0o640
    assert install.install("cursor", "pjais", MADE, file).outcome == "unchanged"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    other=st.dictionaries(st.text(max_size=5), VALUES, max_size=4),
    servers=st.dictionaries(st.text(max_size=5), VALUES, max_size=3),
    indent=st.sampled_from((None, 0, 2, 4, "\t")),
)
def test_any_configuration_keeps_what_it_has(
    tmp_path_factory: pytest.TempPathFactory, other: dict[str, Any], servers: dict[str, Any], indent: Any
) -> None:
    file = tmp_path_factory.mktemp("c") / "c.json"
    file.write_text(json.dumps({**other, "mcpServers": servers}, indent=indent), "utf-8")
    install.install("cursor", "pjais", MADE, file)
    assert json.loads(file.read_text("utf-8")) == {**other, "mcpServers": {**servers, "pjais": MADE}}


@pytest.mark.parametrize(
    "text",
    [
        '{\n // mine\n "mcpServers": {}\n}',
        '{"mcpServers": {},}',
        "[1]",
        '"text"',
        '{"mcpServers": [1]}',
        '{"mcpServers": {}, "mcpServers": {}}',
        "{" * 5000,
        '{"mcpServers"',
    ],
)
def test_a_file_that_is_no_plain_json_is_refused_with_what_to_paste(tmp_path: Path, text: str) -> None:
    file = tmp_path / "mcp.json"
    file.write_text(text, "utf-8")
    with pytest.raises(UsageError) as refused:
        install.install("vscode" if "servers" in text else "cursor", "pjais", MADE, file)
    assert '"/opt/pjais"' in refused.value.advice
    assert file.read_text("utf-8") == text and list(tmp_path.iterdir()) == [file]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real = tmp_path / "real.json"
    real.write_text("{}")
    link = tmp_path / "link.json"
    link.symlink_to(real)
    install.install("cursor", "pjais", MADE, link)
    assert link.is_symlink() and "pjais" in real.read_text()


def test_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The options before `install` are those that the client starts the server with; `--print` writes nothing."""
    monkeypatch.setenv("HOME", str(tmp_path))
    given = ["--data-dir", str(tmp_path / "data"), "mcp", "--read-only", "--hide-tag", "private"]
    assert run([*given, "install", "cursor", "--print"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert list(tmp_path.iterdir()) == []
    args = printed["mcpServers"]["pjais"]["args"]
    wanted = ["mcp", "--data-dir", str(tmp_path / "data"), "--hide-tag", "private", "--read-only"]
    assert args[-len(wanted) :] == wanted
    assert run([*given, "install", "cursor"]) == 0
    assert json.loads((tmp_path / ".cursor" / "mcp.json").read_text()) == printed
    capsys.readouterr()
    assert run([*given, "--json", "install", "cursor"]) == 0
    assert json.loads(capsys.readouterr().out)["outcome"] == "unchanged"
    assert run(["mcp", "--tools", "wat"]) == 2
