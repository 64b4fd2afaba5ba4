"""Enter the server into the configuration of a client: Claude Desktop, Cursor, VS Code.

The file is copied first; the text of all other entries stays as it is, byte for byte.  A file that is no plain JSON
(comments are allowed in some) is not touched: its owner gets the entry to paste.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pjais import files
from pjais.errors import UsageError

Client = Literal["claude-desktop", "cursor", "vscode"]
Outcome = Literal["added", "replaced", "unchanged"]
_SPACE = " \t\r\n"
_LARGEST = 16 << 20


class Installed(NamedTuple):
    """What was done: the file, what happened to the entry, and the copy of the file as it was, if it was there."""

    file: Path
    outcome: Outcome
    backup: Path | None


def config_file(client: Client, environment: Mapping[str, str] = os.environ, platform: str = sys.platform) -> Path:
    """Return where a client keeps its configuration, as its documentation says."""
    home = Path(environment.get("HOME") or environment.get("USERPROFILE") or Path.home())
    if client == "cursor":
        return home / ".cursor" / "mcp.json"
    if platform == "win32":
        base = Path(environment.get("APPDATA") or home / "AppData" / "Roaming")
    elif platform == "darwin":
        base = home / "Library" / "Application Support"
    else:
        base = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    return base / ("Claude/claude_desktop_config.json" if client == "claude-desktop" else "Code/User/mcp.json")


def key_of(client: Client) -> str:
    """Return the name of the object in which a client keeps its servers."""
    return "servers" if client == "vscode" else "mcpServers"


def command(arguments: Sequence[str], executable: str = sys.executable) -> list[str]:
    """Return the command that starts the server with these arguments, whatever is on the client's PATH."""
    beside = Path(executable).with_name("pjais.exe" if sys.platform == "win32" else "pjais")
    start = [str(beside)] if beside.is_file() else [executable, "-m", "pjais"]
    return [*start, "mcp", *arguments]


def entry(client: Client, started: Sequence[str]) -> dict[str, Any]:
    """Return the entry of the server, for a command."""
    told: dict[str, Any] = {"command": started[0], "args": list(started[1:])}
    return {"type": "stdio", **told} if client == "vscode" else told


def snippet(client: Client, name: str, made: Mapping[str, Any]) -> str:
    """Return the configuration that has this entry alone."""
    return json.dumps({key_of(client): {name: made}}, indent=2, ensure_ascii=False)


def install(client: Client, name: str, made: Mapping[str, Any], file: Path) -> Installed:
    """Enter a server into a client's file.  Raises UsageError, with what to paste, for a file that is no plain JSON."""
    target = file.resolve() if file.is_symlink() else file
    if not target.exists():
        files.private_folder(target.parent)
        files.write_atomically(target, f"{snippet(client, name, made)}\n".encode())
        return Installed(file, "added", None)
    try:
        text = files.read_text(target, _LARGEST)
        changed, outcome = _with(text, key_of(client), name, made)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            "the client's configuration is no plain JSON, and was not changed",
            where=[str(file), str(error)],
            safe="Nothing was written.",
            advice=f"add this to it by hand:\n{snippet(client, name, made)}",
            next_command="pjais mcp install --help",
        ) from error
    if outcome == "unchanged":
        return Installed(file, outcome, None)
    backup = _copy(target)
    mode = target.stat().st_mode & 0o777
    files.write_atomically(target, changed.encode("utf-8"))
    target.chmod(mode)
    return Installed(file, outcome, backup)


def _copy(file: Path) -> Path:
    """Copy the file beside itself, under a name that is free."""
    number = 1
    while (beside := file.with_name(f"{file.name}.before-pjais-{number}")).exists():
        number += 1
    files.copy_hashed(file, beside)
    return beside


@dataclass(frozen=True, slots=True)
class _Member:
    """A member of an object in a text: its key, and where its value is."""

    key: str
    start: int
    end: int


def _with(text: str, key: str, name: str, made: Mapping[str, Any]) -> tuple[str, Outcome]:
    """Return a configuration with an entry in the object `key`.  Raises ValueError for what is no plain JSON."""
    body = text.removeprefix("\ufeff")
    if not body.strip(_SPACE):
        return f"{json.dumps({key: {name: made}}, indent=2, ensure_ascii=False)}\n", "added"
    if not isinstance(json.loads(body), dict):
        raise ValueError("it is no JSON object")
    begin = len(text) - len(body)
    top = list(_members(text, begin))
    servers = _only(top, key)
    if servers is None:
        return _inserted(text, begin, top, key, {name: made}, 1), "added"
    if text[servers.start] != "{":
        raise ValueError(f"{key} is no object")
    inner = list(_members(text, servers.start))
    held = _only(inner, name)
    if held is None:
        return _inserted(text, servers.start, inner, name, made, 2), "added"
    if json.loads(text[held.start : held.end]) == made:
        return text, "unchanged"
    return text[: held.start] + _value(text, made, 2) + text[held.end :], "replaced"


def _only(members: list[_Member], key: str) -> _Member | None:
    found = [one for one in members if one.key == key]
    if len(found) > 1:
        raise ValueError(f"{key} is there twice")
    return found[0] if found else None


def _members(text: str, at: int) -> Iterator[_Member]:
    """Yield the members of the object that begins at or behind a position of a text that is valid JSON."""
    decode = json.JSONDecoder().raw_decode
    at = _skip(text, text.index("{", at) + 1)
    while text[at] != "}":
        key, at = scanstring(text, at + 1, True)
        at = _skip(text, _skip(text, at) + 1)
        _, end = decode(text, at)
        yield _Member(key, at, end)
        at = _skip(text, end)
        if text[at] == ",":
            at = _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at


def _inserted(text: str, begin: int, members: list[_Member], key: str, value: Mapping[str, Any], depth: int) -> str:
    """Return the text with a further member at the end of an object."""
    line, indent = _style(text)
    new = f"{json.dumps(key, ensure_ascii=False)}: {_value(text, value, depth)}"
    if members:
        end = members[-1].end
        return f"{text[:end]},{line}{indent * depth}{new}{text[end:]}"
    opening = text.index("{", begin) + 1
    closing = text.index("}", opening)
    return f"{text[:opening]}{line}{indent * depth}{new}{line}{indent * (depth - 1)}{text[closing:]}"


def _value(text: str, value: Mapping[str, Any], depth: int) -> str:
    line, indent = _style(text)
    told = json.dumps(value, indent=indent, ensure_ascii=False)
    return told.replace("\n", f"{line}{indent * depth}")


def _style(text: str) -> tuple[str, str]:
    """Return the line end and the indent that a text has."""
    line = "\r\n" if "\r\n" in text else "\n"
    for one in text.split("\n"):
        if (indent := one[: len(one) - len(one.lstrip(" \t"))]) and one.strip():
            return line, indent
    return line, "  "
