"""Compares the schema that a dbt has with the documented one, as far as the gateway reads it."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

import msgspec
from graphql import EnumTypeDefinitionNode, InterfaceTypeDefinitionNode, ObjectTypeDefinitionNode, parse

from gateway.services.transport.http_transport import HttpTransport, TransportRequest
from gateway.services.transport.schema_fit import FIELD_TYPES
from gateway.services.transport.upstream_errors import refusal_of_status

_QUESTION = "query DoctorSchema { __schema { types { name fields { name } enumValues { name } } } }"
_READ = {"ResourceNodeType", *FIELD_TYPES, *(name for fields in FIELD_TYPES.values() for name in fields.values())}

Names = Mapping[str, frozenset[str]]
"""Fields of a type, or values of an enum, by its name."""


class _IntrospectedName(msgspec.Struct, frozen=True):
    name: str


class _IntrospectedType(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    fields: list[_IntrospectedName] | None = None
    enum_values: list[_IntrospectedName] | None = None


class _IntrospectedSchema(msgspec.Struct, frozen=True):
    types: list[_IntrospectedType]


class _IntrospectedData(msgspec.Struct, frozen=True):
    schema: _IntrospectedSchema = msgspec.field(name="__schema")


class _Introspection(msgspec.Struct, frozen=True):
    data: _IntrospectedData | None = None


async def schema_of(transport: HttpTransport, url: str) -> Names | None:
    """The names of what dbt's schema has, by one request; None where dbt does not report it. Raises UpstreamError."""
    body = msgspec.json.encode({"query": _QUESTION, "operationName": "DoctorSchema"})
    response = await transport.send(TransportRequest("POST", url, body=body))
    refusal = refusal_of_status(response)
    if refusal is not None:
        raise refusal
    try:
        answer = msgspec.json.decode(response.body, type=_Introspection)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return None
    if answer.data is None:
        return None
    return {
        type_.name: frozenset(each.name for each in (*(type_.fields or ()), *(type_.enum_values or ())))
        for type_ in answer.data.schema.types
    }


def documented() -> Names:
    """The same of the documented schema."""
    text = files("gateway.local_platform").joinpath("discovery.graphql").read_text("utf-8")
    names: dict[str, frozenset[str]] = {}
    for part in parse(text, no_location=True).definitions:
        if isinstance(part, ObjectTypeDefinitionNode | InterfaceTypeDefinitionNode):
            names[part.name.value] = frozenset(field.name.value for field in part.fields or ())
        elif isinstance(part, EnumTypeDefinitionNode):
            names[part.name.value] = frozenset(value.name.value for value in part.values or ())
    return names


def differences(theirs: Names, ours: Names) -> tuple[list[str], list[str]]:
    """What dbt lacks of the types that the gateway reads, and what it has there that is not documented here."""
    missing = [
        f"{name}.{member}" for name in sorted(_READ & ours.keys()) for member in sorted(_lacking(name, ours, theirs))
    ]
    newer = [
        f"{name}.{member}" for name in sorted(_READ & theirs.keys()) for member in sorted(_lacking(name, theirs, ours))
    ]
    return missing, newer


def _lacking(name: str, names: Names, other: Names) -> frozenset[str]:
    return names[name] - other.get(name, frozenset())
