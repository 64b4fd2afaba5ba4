"""How long the backups of runs that nobody asked for are kept: increments of `follow`, and automatic migrations.

A backup may go once every document that its run brought in has come again, as it was, in the backup of a later run:
then the proof reads it there.  What takes such a run back stays in the store itself.  Of automatic migrations the last
ten are kept all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pjais.pipeline import recover, state
from pjais.pipeline.place import Place
from pjais.write.sqlite import Builder

KEPT = 10
"""So many backups of automatic migrations are kept, whether a proof needs them or not."""


def expired(place: Place, builder: Builder) -> list[state.RunState]:
    """The runs whose backups no proof needs once the run that the builder is making is in place."""
    runs = state.runs(place.data_dir)
    done = [one for one in runs if one.state == "done" and Path(one.target or place.target) == place.target]
    followed = [one for one in done if one.follow]
    automatic = [one for one in done if one.automatic][:-KEPT]
    return [one for one in (*followed, *automatic) if not builder.needs(one.id)]


def discard(runs: Sequence[state.RunState]) -> None:
    """Remove the backups of these runs."""
    for one in runs:
        recover.discard(one.folder)
