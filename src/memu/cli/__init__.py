"""The command line `memu`: every command is one call of the library."""

from memu.cli.main import app, main

__all__ = ["app", "main"]
