"""How the process logs: warnings in plain lines, operations as bare JSON where they are wanted. All on stderr."""

from __future__ import annotations

from typing import Any


def logging_configuration(operations: bool) -> dict[str, Any]:
    """For `logging.config.dictConfig`. `operations` turns on the line per GraphQL operation."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
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
