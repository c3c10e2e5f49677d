"""Files that a question writes: whole, or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from gateway.errors import ConfigurationError


def write_whole(path: Path, text: str) -> None:
    """Puts a file in the place of the one that is there. Raises ConfigurationError where it cannot be written, and
    leaves the old one then."""
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        new.write_text(text, "utf-8")
        new.replace(path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        with suppress(OSError):
            new.unlink()
