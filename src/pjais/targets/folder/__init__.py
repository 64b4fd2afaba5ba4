"""Targets that are a folder of files; the base of a plug-in's."""
