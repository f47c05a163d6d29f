"""Search by meaning, with reasons."""

from semascope.search.find import Found, find

__all__ = ["Found", "find"]
