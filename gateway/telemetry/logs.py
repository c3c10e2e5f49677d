"""How the process logs: warnings in plain lines, operations as bare JSON where they are wanted. All on stderr."""

from __future__ import annotations

import logging
from typing import Any

from gateway.telemetry.printable import printable


class PlainFormatter(logging.Formatter):
    """A line per record, in which nothing can pass for another record or steer a terminal."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's own name
        """The line of a record."""
        return printable(super().formatMessage(record))


def logging_configuration(operations: bool) -> dict[str, Any]:
    """For `logging.config.dictConfig`. `operations` turns on the line per GraphQL operation."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "plain": {"()": PlainFormatter},
            "bare": {"format": "%(message)s"},
        },
        "handlers": {
            "plain": {"class": "logging.StreamHandler", "formatter": "plain"},
            "bare": {"class": "logging.StreamHandler", "formatter": "bare"},
        },
        "root": {"level": "WARNING", "handlers": ["plain"]},
        "loggers": {
            "gateway.operations": {
                "level": "INFO" if operations else "WARNING",
                "handlers": ["bare"],
                "propagate": False,
            }
        },
    }
