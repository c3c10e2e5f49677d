"""Valid queries made wrong, or merely other: tokens and values swapped, doubled, dropped; bytes that mean nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|\.\.\.|[$@]?\w+|\S')
_NAMES = (
    *("id", "name", "runs", "models", "jobs", "nodes", "edges", "project", "account", "runtime", "__typename", "sdl"),
    *("Model", "Job", "Run", "Query", "Project", "_Entity", "String", "Int", "nothing", "__schema", "__type", "on"),
)
_LITERALS = (
    *("0", "-1", "1", "2147483647", "2147483648", "-2147483649", "9" * 400, "1.5", "1e999", "-0.0", '""', '"x"'),
    *("null", "true", "[]", "[[]]", "[null]", "{}", "{a: 1}", "ASC", "PRODUCTION", "$v1", '"""block"""', '"\\ud83d"'),
)
_TEXTS = (
    "{",
    "}",
    "(",
    ")",
    "...",
    "@skip(if: true)",
    "@include",
    "#",
    '"',
    "\\",
    "\x00",
    "\ufeff",
    "é",
    "&",
    "|",
    "!",
)
_VALUES: tuple[Any, ...] = (
    *(None, True, 0, -1, 1, 2**31, -(2**62), 1.5, 1e308, "", "x", "ASC", "finance", "\N{SNOWMAN}" * 50),
    *([], [None], [[]], {}, {"__typename": "Model"}, {"id": 1}, [{}], ["a"] * 200, {"tags": "x"}, {"first": []}),
)


class Mutator:
    """Gives each query another form; most are refused, some are still fine."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311  # the same mutations for ever, no secret
        self._ways: tuple[Callable[[list[str]], None], ...] = (
            self._drop,
            self._double,
            self._swap,
            # Most often names and literals: what still parses is worth more.
            *[self._rename] * 3,
            *[self._relabel] * 4,
            self._insert,
        )

    def mutate(self, document: str, variables: Mapping[str, Any]) -> tuple[str, Any]:
        """The query changed in one to three places, document or variables."""
        tokens, given = _TOKEN.findall(document), dict(variables)
        for _ in range(self._random.choice((1, 1, 2, 3))):
            if given and self._random.random() < 0.3:
                self._change(given)
            else:
                self._random.choice(self._ways)(tokens)
        text = " ".join(tokens)
        return self._spoil(text) if self._random.random() < 0.1 else text, given

    def _place(self, tokens: list[str]) -> int:
        return self._random.randrange(len(tokens)) if tokens else 0

    def _drop(self, tokens: list[str]) -> None:
        start = self._place(tokens)
        del tokens[start : start + self._random.choice((1, 1, 2, 5))]

    def _double(self, tokens: list[str]) -> None:
        start = self._place(tokens)
        tokens[start:start] = tokens[start : start + self._random.choice((1, 2, 6))]

    def _swap(self, tokens: list[str]) -> None:
        if tokens:
            one, other = self._place(tokens), self._place(tokens)
            tokens[one], tokens[other] = tokens[other], tokens[one]

    def _rename(self, tokens: list[str]) -> None:
        self._replace(tokens, re.compile(r"[A-Za-z_]\w*"), _NAMES)

    def _relabel(self, tokens: list[str]) -> None:
        self._replace(tokens, re.compile(r'".*"|\d+|true|false|null|[A-Z_]{3,}|\$\w+', re.DOTALL), _LITERALS)

    def _insert(self, tokens: list[str]) -> None:
        tokens.insert(self._place(tokens), self._random.choice((*_TEXTS, *_NAMES, *_LITERALS)))

    def _replace(self, tokens: list[str], kind: re.Pattern[str], others: tuple[str, ...]) -> None:
        places = [place for place, token in enumerate(tokens) if kind.fullmatch(token)]
        if places:
            tokens[self._random.choice(places)] = self._random.choice(others)

    def _change(self, given: dict[str, Any]) -> None:
        name = self._random.choice(list(given))
        if self._random.random() < 0.2:
            del given[name]
            return
        value = given[name]
        if isinstance(value, dict) and value and self._random.random() < 0.6:
            given[name] = {**value, self._random.choice([*value, "nothing"]): self._random.choice(_VALUES)}
        elif isinstance(value, list) and self._random.random() < 0.6:
            given[name] = [*value, self._random.choice(_VALUES)]
        else:
            given[name] = self._random.choice(_VALUES)

    def _spoil(self, text: str) -> str:
        """Characters anywhere: cut off, put in, turned round."""
        start = self._random.randrange(len(text) + 1)
        end = min(len(text), start + self._random.randint(0, 8))
        middle = self._random.choice(("", text[start:end][::-1], self._random.choice(_TEXTS), "\u2028\u0000"))
        return text[:start] + middle + text[end:]
