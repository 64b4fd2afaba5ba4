"""The functions of `import pjais`: everything that the commands do, as calls with values that are checked.

Every function takes the data folder first; None means the location where the app keeps its data.  A wrong argument is
a UsageError that names it and what would fit.  Heavy modules are imported on demand.
"""
