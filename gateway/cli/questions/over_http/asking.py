"""Which question is asked of a gateway, with which document; and what all of them share."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping

from gateway.cli.questions.answer import TerminalAnswer
from gateway.cli.questions.over_http import changes, models, rankings, runs
from gateway.cli.questions.over_http.graphql_client import KEY_VARIABLE, GraphQLClient
from gateway.cli.questions.writing import written
from gateway.settings import environment_variables

HttpQuestion = Callable[[GraphQLClient, argparse.Namespace], TerminalAnswer]

HTTP_QUESTIONS: Mapping[str, HttpQuestion] = {
    "slowest": rankings.slowest,
    "longest": rankings.longest,
    "regressions": changes.regressions,
    "waste": changes.waste,
    "run": runs.show_run,
    "failures": runs.failures,
    "diff": runs.diff,
    "what-if": runs.what_if,
    "model": models.show_model,
    "search": models.search,
}

DOCUMENTS: tuple[str, ...] = (*rankings.DOCUMENTS, *changes.DOCUMENTS, *runs.DOCUMENTS, *models.DOCUMENTS)


def ask_gateway(name: str, options: argparse.Namespace) -> int:
    """Asks the gateway at `--url` and writes the answer: 0, or 3 where it is over the limit. Raises GatewayError."""
    client = GraphQLClient(options.url, environment_variables().get(KEY_VARIABLE) or None)
    return written(options, HTTP_QUESTIONS[name](client, options))
