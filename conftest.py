"""What all tests share: which of them are slow, and that nothing of this machine's own data is looked at or written."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

_PLACES = tempfile.TemporaryDirectory(prefix="pjais-tests-")
os.environ["XDG_DATA_HOME"] = os.path.join(_PLACES.name, "data")  # noqa: PTH118 - before anything else
os.environ["XDG_CONFIG_HOME"] = os.path.join(_PLACES.name, "config")  # noqa: PTH118

os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # the processes that tests start would each compile everything again

TESTS = Path(__file__).parent / "tests"

SLOW = (
    "crash/",  # kills processes, fills disks
    "faults/",  # a fault at each operation of a run
    "oracle/",  # real RxDB, LiveStore and better-sqlite3
    "web/test_page.py",  # a real browser
    "web/test_page_for_everybody.py",
    "web/test_page_moving.py",
    "web/test_entrance.py::test_a_real_browser_comes_from_the_file_to_the_page",
    "web/test_api.py::test_every_answer_is_as_the_document_says",  # hundreds of made-up requests
    "web/test_api.py::test_a_store_that_is_harmed_while_it_is_served_is_told_and_no_fault_of_the_server",
    "web/test_api.py::test_a_view_says_the_same_at_both_of_its_addresses",
    "web/test_guard.py",  # hostile texts in every field of every view, slow and silent connections
    "hostile/",  # thousands of damaged files, profiles and stores
    "sources/test_rxdb.py::test_a_profile_is_migrated_and_proved",
    "formats/test_structured_clone.py::test_node_agrees",
    "store/test_history_machine.py",  # random lives of a store
    "store/test_soak.py",
    "assembly/test_reader_process.py",  # a second process for each
    "checks/test_checklist.py",
    "side_by_side/test_cleanup.py",  # each test proves a profile before anything of it goes
    "cli/test_cli.py::test_the_whole_story_on_the_command_line",
    "migration/test_increments.py::test_whatever_happened_around_a_run_it_can_be_taken_back",
    "migration/test_increments.py::test_runs_are_taken_back_one_after_the_other_down_to_none",
    "migration/test_increments.py::test_automatic_migrations_keep_ten_backups",
    "migration/test_origins.py::test_a_copy_that_lies_beside_the_profile_adds_nothing_either",
    "test_privacy.py",  # every source kind, command and log
    # 10,000 records
    "side_by_side/test_side_by_side.py::test_one_planted_difference_is_found_and_the_switch_waits_for_it",
    "formats/test_sqlite_pages.py::test_random_single_bytes_never_break_the_reader",
    "assembly/test_unchanged.py::test_the_store_is_the_one_that_reading_everything_again_gives",
    "cli/test_terminal_width.py::test_a_real_terminal_wraps_nothing",
    "mcp/test_mcp_contract.py::test_the_real_server_and_ours_answer_alike_over_stdio",  # real servers
    "mcp/test_mcp_contract.py::test_random_calls_are_answered_alike",
    "mcp/test_mcp_contract.py::test_the_inspector_gets_the_same_answers",
    "cli/test_output_paths.py",  # every option in every impossible place
    "test_docs.py::test_examples_run",  # every example of the documentation
    "test_platforms.py::test_nothing_that_we_have_open_is_renamed_or_removed",  # every command, twice
    "test_containerfile.py::test_the_steps_make_a_pjais_that_migrates",  # installs a wheel
    "web/test_site.py",  # builds the site; a real browser
)
"""What `make test` leaves to `make test-all`: files, folders and functions that take longer than the rest together."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them."""
    for item in items:
        path = item.path.relative_to(TESTS).as_posix() if item.path.is_relative_to(TESTS) else ""
        name = f"{path}::{item.nodeid.partition('::')[2].partition('[')[0]}"
        if name.startswith(SLOW):
            item.add_marker(pytest.mark.slow)
