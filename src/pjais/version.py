"""The version of the program, alone in its module so that `pjais --version` loads nothing else."""

__version__ = "0.2.0"
