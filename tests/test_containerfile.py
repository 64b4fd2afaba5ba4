"""The steps of the Containerfile, run one after the other without a container; no image is built by any test.

Paths of the image are below a temporary folder, and both stages share it.  The base image is this machine's Python.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import world

ROOT = Path(__file__).parents[1]
PATHS = re.compile(r"(?<![\w/])/(?:src|opt/pjais|data)\b")
"""All that the steps write to."""


def steps() -> list[tuple[str, str]]:
    """The instructions of the file, in order."""
    lines = (ROOT / "Containerfile").read_text("utf-8").splitlines()
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines if line and line[0] != "#")]


def test_what_is_copied_is_not_ignored() -> None:
    allowed = [line[1:] for line in (ROOT / ".containerignore").read_text("utf-8").splitlines() if line[0] == "!"]
    copied = [name for word, rest in steps() if word == "COPY" and "--from" not in rest for name in rest.split()[:-1]]
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="the steps of an image are root's")
def test_the_steps_make_a_pjais_that_migrates(tmp_path: Path) -> None:
    image, told = tmp_path / "image", dict(os.environ)
    told.pop("PYTHONPATH", None)
    entry: list[str] = []

    def placed(text: str) -> str:
        return PATHS.sub(lambda found: f"{image}{found[0]}", text)

    for word, rest in steps():
        match word:
            case "COPY" if "--from" not in rest:
                *names, to = rest.split()
                for name in names:
                    target = Path(placed(to)) / (name if to.endswith("/") else "")
                    target.parent.mkdir(parents=True, exist_ok=True)
                    (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, target)
            case "RUN":
                command = placed(rest).replace("python3 ", f"{shlex.quote(sys.executable)} ")
                done = subprocess.run(["sh", "-ec", command], env=told, cwd=tmp_path, capture_output=True, text=True)
                assert done.returncode == 0, f"{command}\n{done.stderr}"
            case "ENV":
                name, _, value = placed(rest).partition("=")
                told[name] = value
            case "ENTRYPOINT":
                entry = json.loads(rest)
            case _:
                assert word in ("FROM", "COPY", "USER", "WORKDIR", "VOLUME", "CMD"), word
    data = Path(told["PJAIS_DATA_DIR"])
    assert data.stat().st_uid == 1000
    world.write_json(data, personas=[world.persona()], memories=[world.memory()])
    for call in (["--version"], ["migrate"], ["verify"], ["ui", "--help"]):
        program = shutil.which(entry[0], path=told["PATH"])
        assert program is not None and program.startswith(str(image))
        done = subprocess.run([program, *call], env=told, cwd=data, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
