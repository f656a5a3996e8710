"""Corten against other libraries, each in a process of its own. ``python -m peers`` from the folder above."""
