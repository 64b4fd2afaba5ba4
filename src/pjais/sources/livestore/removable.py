"""Find what may be removed of an origin's private file system: all of it, if all of it is LiveStore's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pjais import files
from pjais.core.snapshot import Snapshot
from pjais.core.source import SourceRef
from pjais.formats.opfs import extract, path_index
from pjais.sources.contract import Held, Stay

_POOLED = re.compile(r"/(?:eventlog|mutationlog)\.db.*|/(?:state|app).*|archive/.*", re.DOTALL)


def held(ref: SourceRef, snapshot: Snapshot) -> Held:
    """Return an origin's private file system, which is removable as a whole if all of it is LiveStore's."""
    inside = tuple(sorted(path for path in ref.path.rglob("*") if path.is_file() and not path.is_symlink()))
    copies = {(snapshot.folder / one.stored).resolve(): one for one in snapshot.files}
    data = next(path for path in copies if path_index.DATA.fullmatch("/".join(path.parts[-2:])))
    origin = data.parents[2]
    pools = [one for one in extract.sets(extract.carve(origin.parent)) if one.group.startswith(f"{origin.name}/")]
    names = frozenset(name for one in pools for name in (one.store_id, one.directory) if name)
    ours = {one.group for one in pools if one.files and all(_POOLED.fullmatch(name) for name in one.files)}
    reason = next(_foreign(ref.path, inside, ours), None)
    if reason is None and any(one.spoiled for one in pools):
        reason = "files in it are damaged, so it is not known what else it holds"
    stays = (Stay(ref.path, files.size_of(inside), reason, names),) if reason else ()
    return Held(names, inside, stays=stays)


def _foreign(origin: Path, inside: tuple[Path, ...], pools: set[str]) -> Iterator[str]:
    """Yield one reason for each file in an origin's folder that is not known to belong to a LiveStore pool."""
    books = {folder: path_index.Paths(folder / "Paths") for folder in origin.iterdir() if folder.is_dir()}
    for path in inside:
        relative = path.relative_to(origin).parts
        storage = origin / relative[0]
        if len(relative) < 2 or storage not in books:
            yield f"it holds a file that is not LiveStore's: {'/'.join(relative)}"
        elif relative[1:] == (".usage",) or relative[1] == "Paths":
            continue
        elif books[storage].problems:
            yield "the browser's metadata of it are damaged, so it is not known what else it holds"
        else:
            key = "/".join(relative[1:])
            info = books[storage].by_data.get(key)
            above = books[storage].infos.get(info.parent) if info else None
            pool = above.parent if above is not None and above.name == "archive" else info.parent if info else "?"
            if f"{origin.name}/{relative[0]}/{pool}" not in pools:
                yield f"it also holds files that are not LiveStore's: {info.name if info else key}"
