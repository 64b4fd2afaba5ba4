"""Determine the web origin that owns a browser's store, from the names of its folders and databases.

An origin is written as a page sees it (`https://app.example`, `http://localhost:8717`, `file://`,
`chrome-extension://<id>`), followed by its storage partition or bucket if there is one.  Documents of two origins are
never the same document, whatever their ids say.
"""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

_CHROMIUM = r"(?s)([a-z][a-z0-9+.-]*)_(.*)_(\d{1,5})(?:@\d+)?(?:\.indexeddb(?:\.leveldb|\.blob)?)?"
_FIREFOX = r"(?s)([a-z][a-z0-9.-]*)\+\+\+([^^]*)((?:\^.*)?)"
_URL = r"(?i)[a-z][a-z0-9+.-]*:"
"""Patterns as text, which `re` compiles on first use and remembers: a search that finds no profile needs none."""
_DEFAULT_PORTS = {"http": 80, "https": 443}
_DEFAULT_BUCKET = "_default"
_BROWSERS = tuple(
    f"{scheme}:"
    for scheme in ("about", "chrome", "chrome-untrusted", "devtools", "edge", "brave", "opera", "vivaldi", "resource")
)


def named(name: str) -> str | None:
    """Return the origin of a name: Chromium's and Firefox's folders and databases, or a URL; None for others.

    Chromium writes `scheme_host_port`, port 0 for the scheme's own; Firefox `scheme+++host+port^attributes`.
    """
    name = name.removesuffix(".bak")
    if match := re.fullmatch(_FIREFOX, name):
        scheme, rest, attributes = match.groups()
        return _written(scheme, *_host_and_port(scheme, rest)) + unquote(attributes)
    if re.match(_URL, name):
        return normal(name)
    if match := re.fullmatch(_CHROMIUM, name):
        scheme, host, port = match.groups()
        if host.startswith("[") and host.endswith("]"):
            host = host.replace("_", ":")
        return _written(scheme, host, int(port))
    return None


def _host_and_port(scheme: str, rest: str) -> tuple[str, int]:
    if scheme == "file":  # Firefox gives every folder of pages an origin of its own, the slashes as `+`
        return "/" + rest.replace("+", "/") if rest else "", 0
    host, _, port = rest.rpartition("+")
    if host and port.isascii() and port.isdigit():
        return _bracketed(host), int(port)
    return _bracketed(rest), 0


def _bracketed(host: str) -> str:
    return host.replace("+", ":") if host.startswith("[") else host


def _written(scheme: str, host: str, port: int) -> str:
    return f"{scheme}://{host}" + (f":{port}" if port and port != _DEFAULT_PORTS.get(scheme) else "")


def normal(text: str) -> str:
    """Normalise an origin for comparison: scheme and host in lower case, no default port, no final slash.

    The part after a partition's mark `^` is kept, unescaped.
    """
    base, mark, partition = text.partition("^")
    try:
        parts = urlsplit(base)
        port = parts.port
    except ValueError:
        return text
    if not parts.scheme or not base[len(parts.scheme) :].startswith("://"):
        return text
    host, path = parts.netloc.rpartition("@")[2].lower(), parts.path
    if port is not None and port == _DEFAULT_PORTS.get(parts.scheme):
        host = host.rpartition(":")[0]
    rest = path if parts.scheme == "file" else ""
    return f"{parts.scheme}://{host}{rest}".removesuffix("/" if host or rest else "") + mark + unquote(partition)


def is_browsers(origin: str) -> bool:
    """Return whether an origin is that of the browser's own pages, such as `devtools://devtools`."""
    return origin.startswith(_BROWSERS)


def asked(text: str) -> str:
    """Return the origin that somebody asks for, as a URL or as a browser's folder name."""
    return named(text) or text


def of_place(path: Path) -> str | None:
    """Return the origin of a folder or file in a browser's profile from its path; None if the path does not tell.

    The folders in `WebStorage` (partitioned frames, storage buckets) have numbers; a database beside them names their
    owners.
    """
    for one in (path, *path.parents[:4]):
        if one.parent.name == "WebStorage" and one.name.isdigit():
            return _bucket(one.parent / "QuotaManager", int(one.name))
        if one.name == "idb":
            return named(one.parent.name)
        found = None if re.match(_URL, one.name) else named(one.name)
        if found is not None and (one.parent.name == "IndexedDB" or ".indexeddb" in one.name or "+++" in one.name):
            return found
    return None


def _bucket(books: Path, number: int) -> str | None:
    """Return the owner of one numbered storage bucket: its storage key, and the bucket's name if the app named it."""
    from pjais import sqlite  # a search that finds no profile does without

    try:
        with sqlite.whole(books) as there, closing(sqlite.open_frozen(there)) as db:
            found = sqlite.first(db, "SELECT storage_key, name FROM buckets WHERE id = ?", (number,))
    except (OSError, sqlite.Error):
        return None
    if found is None:
        return None
    key, name = str(found[0]), str(found[1])
    return normal(key) + ("" if name == _DEFAULT_BUCKET else f"#{name}")
