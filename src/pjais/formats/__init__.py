"""Bytes on disk to values, one module or package for each format; knows no app."""
