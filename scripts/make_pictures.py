"""Draws docs/pictures/layout.svg and one-memory.svg from the layers and modules; `--check` only says what is stale."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from html import escape
from pathlib import Path

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs" / "pictures"
sys.path.insert(0, str(ROOT / "tests"))

from layers import RANKS  # noqa: E402 - after the path

BANDS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("interfaces", "what people and programs call", ("cli", "web", "mcp", "api", "demo")),
    ("above the migration", "two sides, one log, one store looked over", ("checks", "side_by_side", "livestore_tools")),
    ("migration", "the only part that knows the order of a run", ("migration",)),
    ("steps of a run", "documents put together, records given out", ("exchange", "assembly")),
    ("library of a model", "personas, memories, search", ("persona",)),
    ("store", "the SQLite store, of any table", ("store",)),
    ("workspace", "data folder, target and sources of one call", ("workspace", "browser_profile")),
    ("targets", "where data goes: one folder a target", ("targets",)),
    ("sources", "where data is: one folder a kind", ("sources",)),
    ("formats and models", "bytes to values; what documents mean", ("formats", "models")),
    ("core", "the values that travel, and how they are mapped", ("core", "extensions", "report")),
    ("base", "no app, no format: files, SQLite, JSON, errors", ()),
)
"""From the top: the name of a band, what it is for, its packages."""

STEPS: tuple[tuple[str, str], ...] = (
    ("", "browser profile: bytes on a disk"),
    ("sources.detect", "this folder is an RxDB profile"),
    ("sources.backup", "copied as bytes, and hashed"),
    ("formats.leveldb", "the newest value of each key"),
    ("formats.indexeddb", "a row of an object store"),
    ("formats.structured_clone", "a JavaScript value"),
    ("sources.rxdb", "a Document, as the app saw it"),
    ("core.mapping", "a Memory; the rest in extra"),
    ("core.validate", "every type checked"),
    ("targets.sqlite", "a row and its digest, new file"),
    ("targets.sqlite.compare", "every digest, once more"),
    ("targets.sqlite.cutover", "one rename: the file is live"),
    ("persona.search", "memory_fts finds the words"),
    ("", "...the [tea] [ceremony]..."),
)
"""Where one memory goes: a module, and what becomes of it there."""

STYLE = """<style>
.back{fill:#f6f7f9;stroke:#c9ced6}.box{fill:#fff;stroke:#5b6b82;stroke-width:1.5}
.end{fill:#dfe9f7;stroke:#2f5d9b;stroke-width:1.5}.name{fill:#14202e;font-size:15px;font-weight:600}
.what{fill:#33445a;font-size:12px}.line{stroke:#5b6b82;stroke-width:1.5;fill:none}.tip{fill:#5b6b82}
@media (prefers-color-scheme: dark){.back{fill:#1b2129;stroke:#3a4655}.box{fill:#242d38;stroke:#8fa3bd}
.end{fill:#213a5c;stroke:#7fb0ee}.name{fill:#eef3f9}.what{fill:#c3cfdd}.line{stroke:#8fa3bd}.tip{fill:#8fa3bd}}
</style>"""


def _picture(width: int, height: int, title: str, about: str, parts: Iterator[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-labelledby="t d" '
        'font-family="system-ui, sans-serif">'
    )
    back = f'<rect class="back" x="1" y="1" width="{width - 2}" height="{height - 2}" rx="10"/>'
    lines = [head, f'<title id="t">{escape(title)}</title>', f'<desc id="d">{escape(about)}</desc>', STYLE, back]
    return "\n".join([*lines, *parts, "</svg>"]) + "\n"


def _box(x: int, y: int, width: int, height: int, name: str, what: str, kind: str = "box") -> Iterator[str]:
    yield f'<rect class="{kind}" x="{x}" y="{y}" width="{width}" height="{height}" rx="7"/>'
    if name:
        yield f'<text class="name" x="{x + 12}" y="{y + 24}">{escape(name)}</text>'
    yield f'<text class="what" x="{x + 12}" y="{y + (44 if name else height // 2 + 4)}">{escape(what)}</text>'


def _grounds() -> tuple[str, ...]:
    """Everything in the ranks that has no band of its own."""
    named = {one for _, _, packages in BANDS for one in packages}
    own = ("__init__", "__main__")
    found = [one.partition(".")[0] for rank in RANKS for one in rank]
    return tuple(dict.fromkeys(one for one in found if one not in named and one not in own))


def layout() -> str:
    """The bands of the package, from the interfaces down to the base."""
    width, tall, gap = 760, 56, 8

    def parts() -> Iterator[str]:
        for number, (name, what, packages) in enumerate(BANDS):
            y = 20 + number * (tall + gap)
            yield from _box(64, y, 300, tall, name, what)
            names = packages or _grounds()
            for row, shown in enumerate(_rows(names)):
                yield f'<text class="what" x="384" y="{y + 16 + 16 * row}">{escape(shown)}</text>'
        bottom = 20 + len(BANDS) * (tall + gap)
        yield f'<path class="line" d="M36 24V{bottom - 24}"/><path class="tip" d="M30 {bottom - 26}h12l-6 12z"/>'
        turned = f'transform="translate(28 {bottom - 40}) rotate(-90)"'
        yield f'<text class="what" {turned}>imports only what is below</text>'

    about = "; ".join(f"{name}: {' '.join(packages or _grounds())}" for name, _, packages in BANDS)
    return _picture(width, 24 + len(BANDS) * (tall + gap) + 12, "The layers of pjais, from the top", about, parts())


def _rows(names: Sequence[str], wide: int = 62) -> list[str]:
    rows = [""]
    for name in names:
        if rows[-1] and len(rows[-1]) + len(name) > wide:
            rows.append("")
        rows[-1] = f"{rows[-1]} {name}".strip()
    return rows


def one_memory() -> str:
    """The way of one memory, from left to right and from row to row."""
    across, wide, tall = 4, 226, 62

    def parts() -> Iterator[str]:
        for number, (module, what) in enumerate(STEPS):
            row, column = divmod(number, across)
            column = column if row % 2 == 0 else across - 1 - column
            x, y = 20 + column * (wide + 24), 24 + row * (tall + 36)
            yield from _box(x, y, wide, tall, module, what, "box" if module else "end")
            if number + 1 < len(STEPS):
                if (number + 1) % across == 0:
                    yield f'<path class="line" d="M{x + wide // 2} {y + tall}v26"/>'
                    yield f'<path class="tip" d="M{x + wide // 2 - 5} {y + tall + 25}h10l-5 10z"/>'
                elif row % 2 == 0:
                    yield f'<path class="line" d="M{x + wide} {y + tall // 2}h14"/>'
                    yield f'<path class="tip" d="M{x + wide + 13} {y + tall // 2 - 5}v10l10 -5z"/>'
                else:
                    yield f'<path class="line" d="M{x} {y + tall // 2}h-14"/>'
                    yield f'<path class="tip" d="M{x - 13} {y + tall // 2 - 5}v10l-10 -5z"/>'

    rows = -(-len(STEPS) // across)
    about = "; ".join(f"{module}: {what}" if module else what for module, what in STEPS)
    title = "How one memory travels from a browser profile to a search result"
    return _picture(20 + across * (wide + 24) - 4, 24 + rows * (tall + 36) - 12, title, about, parts())


DRAWN = {"layout.svg": layout, "one-memory.svg": one_memory}


def stale() -> list[str]:
    """The pictures that are not as they would be drawn now."""
    return [name for name, draw in DRAWN.items() if (PICTURES / name).read_text("utf-8") != draw()]


def main() -> None:
    """Draw the pictures, or check them."""
    if "--check" in sys.argv:
        sys.exit(f"run scripts/make_pictures.py: {', '.join(stale())} is out of date" if stale() else 0)
    for name, draw in DRAWN.items():
        (PICTURES / name).write_text(draw(), "utf-8")


if __name__ == "__main__":
    main()
