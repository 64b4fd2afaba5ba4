"""What an export of Claude is made of: one archive, or a manifest and an archive for each kind of data.

Members are told by their content, as browsers rename files.  A folder is an export only if everything in it is of
Claude, so that a folder of downloads stays what it is: files of many apps.  The form of a manifest is not known; the
parts are those that it names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, BinaryIO, Literal

from pjais import canonical
from pjais.core.document import Piece, Remark, Unreadable
from pjais.formats import container as containers
from pjais.formats.container import Container, ContainerDamaged
from pjais.sources.apps import values

Form = Literal["conversations", "projects", "memories", "users", "manifest", "empty"]

DATA: frozenset[Form] = frozenset({"conversations", "projects", "memories", "users"})
_CONVERSATION = frozenset({"uuid", "chat_messages"})
_PROJECT = frozenset({"prompt_template", "is_starter_project", "is_private", "docs", "creator"})
_PART = re.compile(r"\b(?:conversations|projects|memories|users)-\d{3,}\.zip", re.IGNORECASE)
_ANY_PART = re.compile(r"\b[a-z_]+-\d{3,}\.zip", re.IGNORECASE)
_MANIFEST = re.compile(r"manifest-.*\.json", re.IGNORECASE)
_COPY = re.compile(r" ?\(\d+\)(?=\.zip$)")
"""What browsers add to the name of a file that is there already."""
_LONGEST_MANIFEST = 16 << 20


def form_of(container: Container, name: str) -> Form | None:
    """Return what a member's JSON holds, `empty` for an empty list or object; None if it is not Claude's."""
    if container.form != "file" and not name.lower().endswith(".json"):
        return None
    head = values.json_head(container, name)
    keys, text = head.keys, head.text
    if head.form is None:
        return None
    if keys >= _CONVERSATION or (head.form != "lines" and _has_conversation(text, 2 if head.form == "list" else 3)):
        return "conversations"
    if keys & {"conversations_memory", "project_memories"}:
        return "memories"
    if {"uuid", "full_name"} <= keys and keys & {"email_address", "verified_phone_number"}:
        return "users"
    if {"uuid", "name"} <= keys and len(keys & _PROJECT) >= 2:
        return "projects"
    if head.form == "object" and _is_manifest(name, text):
        return "manifest"
    return "empty" if re.fullmatch(r"\[\s*\]\s*|\{\s*\}\s*", text) else None


def _has_conversation(text: str, level: int) -> bool:
    """Return whether a conversation is there, though the first element may be broken.

    `level`: how deep its keys stand.  Deeper ones may be those of a conversation that another app's object holds.
    """
    return set(canonical.top_keys(text, level)) >= _CONVERSATION


def _is_manifest(name: str, text: str) -> bool:
    called_so = _MANIFEST.fullmatch(name.rpartition("/")[2]) is not None and '"http' in text
    return called_so or (_PART.search(text) is not None and '"mapping"' not in text)


def is_export(container: Container) -> bool:
    """Return whether a container is an export of Claude, or a part of one."""
    if container.form == "folder":
        return _is_folder(container)
    forms = {form_of(container, name) for name in container.names}
    return bool(forms & DATA) or ("manifest" in forms and any(_PART.search(name) for name in container.names))


def _is_folder(container: Container) -> bool:
    top = container.top
    if not top or not all(name.lower().endswith((".json", ".zip")) for name in top):
        return False
    forms = {name: form_of(container, name) for name in top if name.lower().endswith(".json")}
    if None in forms.values() or not (forms.keys() or any(_PART.search(name) for name in top)):
        return False
    if not forms or not all(name.lower().endswith((".json", ".zip")) for name in container.names):
        return False
    forms |= {name: form_of(container, name) for name in container.names if name.lower().endswith(".json")}
    zips = [name for name in container.names if name.lower().endswith(".zip")]
    if None in forms.values() or (zips and "manifest" not in forms.values()):
        return False
    return (bool(zips) or bool(DATA & set(forms.values()))) and all(_is_part(container, name) for name in zips)


def _is_part(container: Container, name: str) -> bool:
    try:
        with containers.of(container.path / name) as part:
            if part.form == "zip" and is_export(part):
                return True
    except (ContainerDamaged, OSError):
        pass
    return _PART.search(_COPY.sub("", name)) is not None


def to_fetch(container: Container) -> str | None:
    """Return what to say of a manifest without its parts; None for what is not a manifest."""
    name = container.names[0] if container.form != "folder" and len(container.names) == 1 else ""
    if not name or form_of(container, name) != "manifest":
        return None
    named = ", ".join(named_in(container, name)) or "every file that it links to"
    return (
        "the manifest of an export of Claude, which holds no data itself; download with its links (each works once): "
        f"{named}; put them beside it, and name the folder"
    )


def named_in(container: Container, manifest: str) -> tuple[str, ...]:
    """Return the names of the parts in a manifest, in its order."""
    try:
        text = container.read(manifest, _LONGEST_MANIFEST).decode("utf-8", "replace")
    except ContainerDamaged:
        return ()
    return tuple(dict.fromkeys(_ANY_PART.findall(text.replace("\\/", "/"))))


class Whole(Container):
    """An export as one container: the members of its parts are called `<part>/<member>`."""

    def __init__(self, outer: Container, stack: ExitStack) -> None:
        self.form, self.path, self._outer = outer.form, outer.path, outer
        self._of: dict[str, tuple[Container, str]] = {}
        self.said: list[Piece] = []
        """What there is to say of its parts."""
        for name in outer.names:
            if not name.lower().endswith(".zip"):
                self._of[name] = (outer, name)
            elif (part := self._part(name, stack)) is not None:
                inside = is_export(part) or part.cut is not None
                self._of |= {f"{name}/{one}": (part, one) for one in part.names} if inside else {name: (outer, name)}
        self.forms = {name: form_of(self, name) for name in self.names}
        self.said += self._missing()

    def _part(self, name: str, stack: ExitStack) -> Container | None:
        """Open a part; None for one that cannot be read, which is said."""
        try:
            within = self._outer.form == "zip"
            opened = containers.inside(self._outer, name) if within else containers.of(self._outer.path / name)
            part = stack.enter_context(opened)
        except (ContainerDamaged, OSError) as error:
            self.said.append(Unreadable("$file", name, b"", f"a part of the export that cannot be read: {error}"))
            return None
        if part.form != "zip":
            reason = "a part of the export that is not an archive: was its link used before? Request a new export"
            self.said.append(Unreadable("$file", name, b"", reason))
            return None
        if part.cut is not None:
            self.said.append(Unreadable("$file", name, b"", f"a part of the export; {part.cut}; download it again"))
        for unsafe in part.unsafe:
            message = "a member whose path leads out of the archive, a link, or a second one of its name; not read"
            self.said.append(Remark("unsafe-member", "$file", f"{name}/{unsafe}", message))
        return part

    def _missing(self) -> Iterator[Remark]:
        """Yield the parts that a manifest names and that are not here, packed or unpacked."""
        there = {_COPY.sub("", piece).lower() for name in self._outer.names for piece in name.split("/")}
        there |= {f"{piece}.zip" for piece in there}
        for manifest in (name for name, form in self.forms.items() if form == "manifest"):
            absent = [one for one in named_in(self, manifest) if one.lower() not in there]
            if absent:
                message = (
                    f"parts that the manifest names are not here: {', '.join(absent)}; download them and migrate again"
                )
                yield Remark("part-missing", "$file", manifest, message)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of all members."""
        return tuple(self._of)

    def size(self, name: str) -> int:
        """Return the size of a member in bytes."""
        part, inner = self._of[name]
        return part.size(inner)

    def _open(self, name: str) -> IO[bytes]:
        raise NotImplementedError(name)

    @contextmanager
    def open(self, name: str) -> Iterator[BinaryIO]:
        """Open a member to be read once from its beginning.  Raises ContainerDamaged, also while it is read."""
        part, inner = self._of[name]
        with part.open(inner) as file:
            yield file


@contextmanager
def whole(container: Container) -> Iterator[Whole]:
    """Open an export with all its parts."""
    with ExitStack() as stack:
        yield Whole(container, stack)
