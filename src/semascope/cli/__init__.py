"""The command line: one thin file per command."""

from semascope.cli.main import main

__all__ = ["main"]
