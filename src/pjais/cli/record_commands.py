"""Commands that every kind of record has in the same shape: list a table, show, update, or act on one record by its id.

A group bears the name of the store's attribute, so `personas` calls `store.personas`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from pjais.cli.command_group import CommandGroup
from pjais.cli.context import Context, common
from pjais.cli.lists import (
    given_fields,
    id_argument,
    list_options,
    opened,
    print_record,
    print_records,
    set_option,
    source_fact,
    source_option,
    sources_of,
    target,
)
from pjais.cli.output import print_json
from pjais.cli.tables import Column, print_table
from pjais.models.persona.records import Record

_FIGURES = (Column("figure", "word"), Column("value"))


def list_group(name: str, columns: Sequence[Column], about: str) -> click.Group:
    """Return a group of commands that lists its table when it is called without one."""

    @click.group(name, cls=CommandGroup, invoke_without_command=True, help=about)
    @source_option
    @target
    @list_options
    @common
    @click.pass_context
    def group(
        click_context: click.Context,
        context: Context,
        source: tuple[str, ...],
        target: Path | None,
        limit: int,
        offset: int,
        order: str | None,
        shape: str,
    ) -> int:
        if click_context.invoked_subcommand is None:
            with opened(context, target) as store:
                records = getattr(store, name)
                page = records.page(limit=limit, offset=offset, order=order, source=source)
                sources = sources_of(store, records, page.records)
            print_records(context, shape, columns, page.records, sources, page.total)
        return 0

    return group


def show(group: click.Group, about: str) -> None:
    """Give a group `show ID`, which prints one record whole, and its source."""

    @group.command("show", help=about)
    @id_argument
    @target
    @common
    def show_one(context: Context, record_id: str, target: Path | None) -> int:
        with opened(context, target) as store:
            records = getattr(store, str(group.name))
            record = records.need(record_id)
            source = source_fact(records, record_id)
        print_record(context, record, facts=[source])
        return 0


def action(
    group: click.Group, name: str, about: str, line: Callable[[Any], str | None], *, call: str | None = None
) -> None:
    """Give a group a command that calls the store's method of its name with an id, and prints a line about the record.

    `call`: another method's name.
    """

    @group.command(name, help=about)
    @id_argument
    @target
    @common
    def act(context: Context, record_id: str, target: Path | None) -> int:
        with opened(context, target) as store:
            record = getattr(getattr(store, str(group.name)), call or name)(record_id)
        print_record(context, record, line(record))
        return 0


def update(group: click.Group, record_type: type[Record], about: str) -> None:
    """Give a group `update ID --set FIELD=VALUE`."""

    @group.command("update", help=about)
    @id_argument
    @set_option
    @target
    @common
    def change(context: Context, record_id: str, pairs: tuple[str, ...], target: Path | None) -> int:
        with opened(context, target) as store:
            record = getattr(store, str(group.name)).update(record_id, **given_fields(pairs, record_type))
        print_record(context, record, f"updated {record.id}")
        return 0


def print_stats(context: Context, stats: dict[str, Any], **about: Any) -> None:
    """Print statistics as a table, or as JSON; `about` is in the JSON only."""
    if context.as_json:
        print_json({"code": "done", **about, **stats})
    else:
        print_table(_FIGURES, [(name, json.dumps(value, ensure_ascii=False)) for name, value in stats.items()])
