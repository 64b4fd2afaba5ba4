"""`python -m pjais` and the `pjais` command."""

from __future__ import annotations

import sys

from pjais.version import __version__


def main() -> None:
    """Run the command line; `--version` and `--help` alone load nothing else."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        sys.stdout.write(f"pjais {__version__}\n")
        return
    if arguments in (["--help"], ["-h"]) and _helped():
        return
    import gc

    gc.set_threshold(50_000, 20, 20)  # what starting makes is kept: to look through it for garbage finds none
    from pjais.cli import run

    code = run(arguments)
    gc.freeze()  # the process ends: no need to look through all that was loaded
    sys.exit(code)


def _helped() -> bool:
    """Print the help; False if stdout cannot be written, which the command line explains."""
    from pjais.commands import help_text

    try:
        sys.stdout.write(help_text())
        sys.stdout.flush()
    except (OSError, AttributeError, ValueError):
        return False
    return True


if __name__ == "__main__":
    main()
