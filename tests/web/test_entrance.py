"""How the owner's browser is led to the page: no secret stands in an argument, and nobody waits for the browser."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.error import HTTPError

import page_world
import pytest
import served

import world

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a shell script as the browser")


@contextmanager
def opened(folder: Path, browser: str) -> Iterator[subprocess.Popen[str]]:
    """`pjais ui --open` with a browser of ours."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pjais", "ui", "--open", "--data-dir", str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "BROWSER": browser, "PYTHONUNBUFFERED": "1", "TMPDIR": str(folder.parent)},
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(timeout=120)  # the browser, which holds its stdout, may still be there
        assert process.stdout is not None
        process.stdout.close()


def looked(address: str) -> tuple[int, str]:
    """What a new browser gets at an address."""
    asked = urllib.request.build_opener(
        urllib.request.HTTPCookieProcessor(CookieJar()), urllib.request.ProxyHandler({})
    )
    try:
        with asked.open(address, timeout=120) as answer:
            return int(answer.status), answer.read().decode()
    except HTTPError as error:
        return error.code, error.read().decode()


def lines(process: subprocess.Popen[str], mark: str) -> str:
    """The next line with a mark in it."""
    assert process.stdout is not None
    while line := process.stdout.readline():
        if mark in line:
            return line
    raise AssertionError(f"no line with {mark}")


def await_file(told: Path, process: subprocess.Popen[str]) -> None:
    """Wait until the browser has said what it was called with."""
    while not told.exists():
        assert process.poll() is None
        time.sleep(0.02)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A small migrated folder."""
    return served.migrated(tmp_path / "data", personas=[world.persona()], memories=[world.memory()])


def test_the_browser_gets_a_private_file_that_leads_on_and_is_gone_after_its_use(data: Path, tmp_path: Path) -> None:
    told = tmp_path / "told"
    script = tmp_path / "browser"
    script.write_text(
        f'#!/bin/sh\necho "$1" > {told}.part\nmv {told}.part {told}\nexec sleep 20\n'
    )  # it does not come back
    script.chmod(0o700)
    with opened(data, f"{script} %s") as process:
        printed = re.search(r"http://\S+", lines(process, "token="))
        assert printed is not None
        await_file(told, process)
        file = Path(told.read_text().strip().removeprefix("file://"))
        assert stat.S_IMODE(file.stat().st_mode) == 0o600 and stat.S_IMODE(file.parent.stat().st_mode) == 0o700
        commands = (
            [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")] if Path("/proc").exists() else []
        )
        leading = re.search(r"http://[^\"]+", file.read_text())
        assert leading is not None
        for secret in (leading[0], printed[0]):
            assert not any(secret.partition("token=")[2].encode() in one for one in commands)
        assert looked(leading[0])[0] == 200
        assert not file.parent.exists()
        assert looked(leading[0])[0] == 403
        assert looked(printed[0])[0] == 200  # another browser of the owner's
        assert looked(printed[0])[0] == 403
        fresh = re.search(r"http://\S+", lines(process, "for another browser"))
        assert fresh is not None and looked(fresh[0])[0] == 200


def test_a_file_that_no_browser_opened_is_removed_at_the_end(data: Path, tmp_path: Path) -> None:
    with opened(data, "true") as process:
        lines(process, "token=")
    assert list(tmp_path.glob("pjais-page-*")) == []


def test_a_real_browser_comes_from_the_file_to_the_page(data: Path, tmp_path: Path) -> None:
    """With a cookie that no navigation from elsewhere carries."""
    told = tmp_path / "told"
    script = tmp_path / "browser"
    script.write_text(f'#!/bin/sh\necho "$1" > {told}.part\nmv {told}.part {told}\n')
    script.chmod(0o700)
    with page_world.chromium() as browser, opened(data, f"{script} %s") as process:
        lines(process, "token=")
        await_file(told, process)
        page = browser.new_page()
        page.goto(told.read_text().strip())
        page.wait_for_selector("main")
        page.wait_for_url("http://127.0.0.1:*/")
        assert "token" not in page.url
        assert page.goto(page.url).status == 200  # type: ignore[union-attr]
