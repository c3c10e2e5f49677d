"""Archives of the tests' own."""

from __future__ import annotations

from tests.platform.conftest import empty_archive, new_store

__all__ = ["empty_archive", "new_store"]
