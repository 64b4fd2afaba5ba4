"""On-disk formats, from bytes to values: one module or package for each format; knows no app."""
