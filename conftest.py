"""What all tests share: nothing of this machine's own data is looked at or written to."""

from __future__ import annotations

import os
import tempfile

_PLACES = tempfile.TemporaryDirectory(prefix="pjais-tests-")
os.environ["XDG_DATA_HOME"] = os.path.join(_PLACES.name, "data")  # noqa: PTH118 - before anything else
os.environ["XDG_CONFIG_HOME"] = os.path.join(_PLACES.name, "config")  # noqa: PTH118
