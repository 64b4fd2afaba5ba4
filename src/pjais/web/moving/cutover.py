"""The cutover: source and target side by side, what differs with both values, and what stands against a switch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from pjais import canonical
from pjais.display import counted
from pjais.errors import PjaisError
from pjais.migration import origins, rollback, state
from pjais.migration import status as migration_status
from pjais.side_by_side import shadow, switch
from pjais.web import view_values
from pjais.web.moving import schemas
from pjais.web.session import Session
from pjais.web.view_values import InSession
from pjais.workspace import Workspace

_WHO = {
    shadow.DIFFERS: "Edited in the app",
    shadow.ONLY_IN_SOURCE: "New in the app",
    shadow.ONLY_IN_TARGET: "Removed in the app",
    shadow.EDITED: "Edited here",
    shadow.WRITTEN: "New here",
    shadow.DELETED: "Deleted here",
}
_ON_SYNC = {
    shadow.DIFFERS: "The app’s value",
    shadow.ONLY_IN_SOURCE: "Imported",
    shadow.ONLY_IN_TARGET: "Removed here",
    shadow.EDITED: "Yours, kept",
    shadow.WRITTEN: "Yours, kept",
    shadow.DELETED: "Stays deleted",
}


def sides(session: InSession) -> schemas.Sides:
    """Return both sides: which is active, for how long they agreed, what differed last, what was written since."""
    here = session.workspace()
    live = switch.live(here)
    try:
        agreed = shadow.agreement(here)
        since, comparisons = agreed.since, agreed.comparisons
    except PjaisError:
        since, comparisons = None, 0
    later = None
    if live.side == "new" and here.store.exists():
        later = view_values.later(rollback.writes_since(here.store, live.changes))
    found = here.find().sources
    over = origins.passed_over(here, found)
    taken = tuple(ref for ref in found if ref not in over)
    status = migration_status.status(here)
    told = status["store"]
    store = told and schemas.Store(path=told["path"], kind=status["live"], size=told["size"], records=told["records"])
    sources = view_values.sources(taken)
    new = bool(taken) and state.anything_new(here, taken, exact=False)
    last = session.compared
    return schemas.Sides(
        code="done",
        side=live.side,
        since=view_values.text(live.at),
        agreed_since=view_values.text(since),
        comparisons=comparisons,
        sources=sources,
        following=session.following,
        last=last,
        later=later,
        job=view_values.job(session.job),
        store=store,
        quarantined=status["quarantined"],
        differences=_differing(last, "differences", "values"),
        edits=_differing(last, "edits", "edit_values"),
        checks=_checks(session, here, sources, status["quarantined"], new=new) if store else [],
        new_data=new,
    )


def _differing(last: Mapping[str, Any] | None, name: str, values: str) -> list[schemas.Differing]:
    """Return the differences of the last comparison, with both values."""
    if last is None or not last.get(values):
        return []
    return [
        schemas.Differing(
            table=one["type"],
            id=one["id"],
            name=pair["name"] or one["id"],
            field=one["field"],
            old=pair["old"],
            new=pair["new"],
            who="Edited in both" if pair["edited_here"] else _WHO.get(one["problem"], one["problem"]),
            on_sync="The app’s value; yours stays in the history"
            if pair["edited_here"]
            else _ON_SYNC.get(one["problem"], ""),
        )
        for one, pair in zip(last[name], last[values], strict=False)
    ]


def _checks(
    session: Session, here: Workspace, sources: list[schemas.Source], quarantined: int, *, new: bool
) -> list[schemas.Ready]:
    """Return the conditions of a switch, as `switch` itself asks for them, and what is known of each."""
    last = session.compared
    done = [one for one in state.runs(here.data_dir) if one.state == "done"]
    open_now = [one.name for one in sources if one.in_use]
    in_sync = None if last is None else last["difference_count"] == 0 and not new
    differing = "Not compared yet"
    if new:
        differing, in_sync = "The source has new data", False
    elif last is not None:
        differing = counted(last["difference_count"], "difference") if last["difference_count"] else "No differences"
    edits = None if last is None else not last["edit_count"]
    told = [
        ("Verified, with a backup", "By the last migration" if done else "Not in this data folder", bool(done) or None),
        ("In sync", differing, in_sync),
        (
            "No edits here that the source lacks",
            "Not compared yet" if last is None else counted(last["edit_count"], "edit"),
            edits,
        ),
        ("The source app is closed", f"Open: {', '.join(open_now)}" if open_now else "Not in use", not open_now),
        (
            "Quarantine reviewed",
            counted(quarantined, "document waits", "documents wait") if quarantined else "Nothing waits",
            not quarantined,
        ),
    ]
    return [schemas.Ready(title=title, text=text, ok=ok) for title, text, ok in told]


def compared(done: shadow.Comparison) -> dict[str, Any]:
    """Return a comparison as the page keeps it: with both values of each difference, and counts of records."""
    told = done.as_dict()
    told["values"] = [_pair(one) for one in done.values]
    told["edit_values"] = [_pair(one) for one in done.edit_values]
    told["identical"] = max(0, done.records - done.differing - done.edited)
    told["differing"], told["edited"] = done.differing, done.edited
    return told


def _pair(one: shadow.Values) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(canonical.dumps(one._asdict()))
    return found
