"""Work measured in lines of Python that run: the same on every machine."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

from gateway.errors import GatewayError


class Counter:
    """Counts lines; `lines` are those of the last measurement."""

    def __init__(self) -> None:
        self.lines = 0

    def trace(self, _frame: FrameType, event: str, _argument: Any) -> Any:
        self.lines += event == "line"
        return self.trace

    def during(self, work: Callable[[], object]) -> None:
        """Lines run by some work, which may be refused."""
        before, self.lines = sys.gettrace(), 0
        sys.settrace(self.trace)
        try:
            work()
        except GatewayError:
            pass
        finally:
            sys.settrace(before)
