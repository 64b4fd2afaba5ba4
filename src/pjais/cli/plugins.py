"""plugins: list, enable, disable the app's plugins."""

from __future__ import annotations

from pathlib import Path

import click

from pjais.cli.context import Context, common
from pjais.cli.lists import id_argument, list_options, opened, print_record, print_records, target

_PLUGIN_COLUMNS = ("id", "name", "version", "enabled", "installedAt")


@click.group("plugins", invoke_without_command=True)
@target
@list_options
@common
@click.pass_context
def plugins_command(
    click_context: click.Context,
    context: Context,
    target: Path | None,
    limit: int,
    offset: int,
    order: str | None,
    shape: str,
) -> int:
    """List the app's plugins; or enable, disable one."""
    if click_context.invoked_subcommand is None:
        with opened(context, target) as store:
            page = store.plugins.page(limit=limit, offset=offset, order=order)
        print_records(context, shape, _PLUGIN_COLUMNS, page.records, page.total)
    return 0


def _plugin_action(name: str, about: str) -> None:
    @plugins_command.command(name, help=about)
    @id_argument
    @target
    @common
    def action(context: Context, record_id: str, target: Path | None) -> int:
        with opened(context, target) as store:
            record = getattr(store.plugins, name)(record_id)
        print_record(context, record, f"{record.name}: {'enabled' if record.enabled else 'disabled'}")
        return 0


_plugin_action("enable", "Switch a plugin on.")


_plugin_action("disable", "Switch a plugin off; its record stays.")
