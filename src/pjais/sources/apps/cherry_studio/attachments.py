"""Find the files that messages show: those under `Data/Files`, by their id, and those in data URLs."""

from __future__ import annotations

import mimetypes
from collections.abc import Iterator
from typing import Any

from pjais.core.document import Document, Remark
from pjais.formats.container import Container
from pjais.sources.apps import data_urls, values

_FILES = "Data/Files/"
_TYPES = mimetypes.MimeTypes()
"""The types that Python knows, whatever this machine does."""


class Attachments:
    """The files of a backup; each is yielded once, before the first message that shows it."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._members: dict[str, str] = {}
        """Id of a file -> its member."""
        self._told: dict[str, dict[str, Any]] = {}
        """Member -> what messages say of it."""
        self._met: set[str] = set()
        for name in container.names if container.form != "file" else ():
            at = f"/{name}".rfind(f"/{_FILES}")
            if at >= 0 and "/" not in (last := name[at + len(_FILES) :]):
                self._members.setdefault(last.partition(".")[0], name)

    def of_message(
        self, message: dict[str, Any], blocks: list[dict[str, Any]], place: str
    ) -> Iterator[Document | Remark | dict[str, Any]]:
        """Yield the files of a message: each that is new as a document, and what the message says of it as a dict."""
        for block in blocks:
            if isinstance(block.get("file"), dict):
                yield from self.of_file(block["file"])
            for address in _addresses(block):
                yield from self._of_address(address, place)
        for one in values.as_list(message.get("files")):  # until version 3
            if isinstance(one, dict):
                yield from self.of_file(one)
        for address in _generated(values.as_dict(message.get("metadata")).get("generateImage")):
            yield from self._of_address(address, place)

    def of_file(self, told: dict[str, Any]) -> Iterator[Document | Remark | dict[str, Any]]:
        """Yield the file of an entry of the table `files`."""
        name, ext = told.get("id"), told.get("ext")
        called = next((one for one in (told.get("origin_name"), told.get("name"), name) if isinstance(one, str)), None)
        media = _TYPES.guess_type(f"x{ext}")[0] if isinstance(ext, str) else None
        member = self._members.get(name) if isinstance(name, str) else None
        if member is None:
            yield values.missing(called, media, told.get("size"))
        else:
            yield from self._of_member(member, called, media)

    def rest(self) -> Iterator[Document | Remark]:
        """Yield the files that no message and no entry named."""
        for member in sorted(self._members.values()):
            if member not in self._told:
                for one in self._of_member(member, None, _TYPES.guess_type(member)[0]):
                    if not isinstance(one, dict):
                        yield one

    def _of_member(
        self, member: str, called: str | None, media: str | None
    ) -> Iterator[Document | Remark | dict[str, Any]]:
        if member not in self._told:
            found = values.attachment(self._container, member, called, media)
            if isinstance(found, Remark):
                self._told[member] = values.missing(called or member, media)
                yield found
            else:
                self._told[member] = values.reference(found)
                yield from self._once(found)
        yield {**self._told[member], **({"name": called} if called else {})}

    def _of_address(self, address: str, place: str) -> Iterator[Document | dict[str, Any]]:
        found = data_urls.attachment(address, place)
        if found is not None:
            yield from self._once(found)
            yield values.reference(found)

    def _once(self, found: Document) -> Iterator[Document]:
        if str(found.native_id) not in self._met:
            self._met.add(str(found.native_id))
            yield found


def _addresses(block: dict[str, Any]) -> Iterator[str]:
    if isinstance(block.get("url"), str):
        yield block["url"]
    yield from _generated(values.as_dict(block.get("metadata")).get("generateImageResponse"))


def _generated(told: Any) -> Iterator[str]:
    """Yield the pictures that a model made."""
    for one in values.as_list(values.as_dict(told).get("images")):
        if isinstance(one, str):
            yield one
