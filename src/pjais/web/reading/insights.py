"""The view of figures over all memories: by month, importance, tier, type and tag, and the map of the embeddings."""

from __future__ import annotations

from collections import Counter

from pjais.persona.filters import Filters
from pjais.persona.store import Store
from pjais.web import schemas
from pjais.web.reading import schemas as reading_schemas
from pjais.web.session import Session
from pjais.web.view_values import Id, InSession

_MAPPED_UNASKED = 5_000
"""Number of embeddings up to which the map is drawn without being asked for."""
_TAGS = 8
_DEFAULT = 50
"""The importance of a memory that nobody rated."""


def pictures(session: InSession, persona: Id = "", map: bool = False) -> reading_schemas.Insights:
    """Memories by month, tier, type, tag and importance; the map of their embeddings (of very many only when asked)."""
    wanted: Filters = {"persona": persona} if persona else {}
    with session.store() as store:
        stats = session.figure(store, str(wanted), lambda: store.memories.stats(**wanted))
        count = session.figure(store, "embedded", store.memories.embedded)
        points, of = store.memories.atlas(persona or None) if map or 0 < count <= _MAPPED_UNASKED else ([], count)
        tags = session.figure(store, f"tags {wanted}", lambda: store.memories.tags(**wanted))
        dots = [schemas.Dot(id=one.id, name=_name(one), group=one.type, x=x, y=y) for one, x, y in points]
        groups = Counter(one.group for one in dots)
        return reading_schemas.Insights(
            code="done",
            persona=persona or None,
            personas={one.id: one.name or one.id for one in store.personas.list()},
            total=stats["total"],
            months=session.figure(store, f"months {wanted}", lambda: store.memories.months(**wanted)),
            importance=session.figure(store, f"importance {wanted}", lambda: store.memories.importance(**wanted)),
            tiers=_named(stats["by_tier"]),
            types=_named(stats["by_type"]),
            mapped_of=of,
            map=dots,
            tags=[reading_schemas.Count(name=str(name), count=number) for name, number in tags.most_common(_TAGS)],
            different_tags=len(tags),
            unrated=_unrated(session, store, wanted),
            embedded=count,
            dimensions=len(points[0][0].embedding or ()) if points else None,
            groups=[reading_schemas.Count(name=name, count=number) for name, number in groups.most_common()],
        )


def _unrated(session: Session, store: Store, wanted: Filters) -> int:
    exact: Filters = {**wanted, "importance": (_DEFAULT, _DEFAULT)}
    found: int = session.figure(store, f"unrated {wanted}", lambda: store.memories.stats(**exact)["total"])
    return found


def _name(one: object) -> str:
    """Return a memory's name as people know it."""
    for field in ("name", "summary", "content", "id"):
        found = getattr(one, field)
        if isinstance(found, str) and found.strip():
            return " ".join(found.split())[:120]
    return "Memory"


def _named(counts: dict[object, int]) -> dict[str, int]:
    return {str(name): count for name, count in counts.items()}
