"""The command line: ``corten info``, ``corten convert``, ``corten predict``, ``corten check``."""

from corten.cli.entry import main

__all__ = ["main"]
