"""`python -m pjais` and the `pjais` command."""

from __future__ import annotations

import sys

from pjais.version import __version__


def main() -> None:
    """Run the command line; `--version` alone loads nothing else."""
    if sys.argv[1:] == ["--version"]:
        sys.stdout.write(f"pjais {__version__}\n")
        return
    from pjais.cli import run

    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
