"""The parser of the command line, and where its commands are added."""

from __future__ import annotations

import argparse
from typing import NoReturn, TypeAlias


class OneLineParser(argparse.ArgumentParser):
    """Says what is wrong in one line instead of repeating its usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message}; see {self.prog} --help\n")


Commands: TypeAlias = "argparse._SubParsersAction[OneLineParser]"
