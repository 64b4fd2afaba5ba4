"""The sample that `pjais demo` migrates: a small legacy data folder, made by `scripts/make_sample.py`."""
