"""The schema coordinate of what an error is about, as `coordinate` among the error's extensions.

The proposal for the specification (1200) has it beside `path`. Until it is part of the specification, only `extensions`
may hold what a server adds. Coordinates are looked up when there is an error, so answers without errors cost nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from graphql import (
    SKIP,
    ArgumentNode,
    DirectiveNode,
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLObjectType,
    GraphQLSchema,
    Node,
    ObjectFieldNode,
    ResponsePath,
    TypeInfo,
    TypeInfoVisitor,
    Undefined,
    VariableDefinitionNode,
    VariableNode,
    Visitor,
    get_named_type,
    is_input_object_type,
    is_input_type,
    is_list_type,
    is_non_null_type,
    type_from_ast,
    visit,
)

from gateway.errors import GatewayError
from gateway.execution.graphql_internals import validate_input_value

COORDINATE = "coordinate"


def note_field(schema: GraphQLSchema, error: GraphQLError, field: FieldNode, path: ResponsePath) -> None:
    """Adds the coordinate of a field that failed at a path, or that of the argument or input field which it refuses.
    An error that has a coordinate keeps it: it came up from a field below."""
    place: ResponsePath | None = path
    while place is not None and place.typename is None:
        place = place.prev
    parent = schema.get_type(place.typename) if place is not None and place.typename else None
    if isinstance(parent, GraphQLObjectType) and COORDINATE not in (error.extensions or {}):
        _note(error, _value_coordinate(schema, error, field, parent) or field_coordinate(parent.name, field.name.value))


def note_document(schema: GraphQLSchema, document: DocumentNode, errors: Sequence[GraphQLError]) -> None:
    """Adds coordinates to validation errors. Those about the document alone, such as an unused fragment, get none."""
    nodes = [node for error in errors for node in error.nodes or ()]
    coordinates = _coordinates(schema, document, nodes) if nodes else {}
    for error in errors:
        _note(error, next((coordinates[id(node)] for node in error.nodes or () if id(node) in coordinates), None))


def note_variables(
    schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any], errors: Sequence[GraphQLError]
) -> None:
    """Adds coordinates to errors about values of variables: the input field or input type that a value does not fit,
    or where that is no part of an input object, the argument or input field in which the variable is first used."""
    for definition, own in _by_definition(errors):
        name = definition.variable.name.value
        kind = type_from_ast(schema, definition.type)
        value = variables.get(name, Undefined)
        if not is_input_type(kind):
            continue
        for error, path in zip(own, _misfits(kind, value), strict=False):
            within = None if value is None or value is Undefined else _input_coordinate(kind, path)
            _note(error, within or _first_use(schema, document, name))


def field_coordinate(type_name: str, field_name: str) -> str:
    """`Type.field`; of a meta-field, which has no coordinate, its type."""
    return type_name if field_name.startswith("__") else f"{type_name}.{field_name}"


def _note(error: GraphQLError, coordinate: str | None) -> None:
    if coordinate is not None:
        # What is there may be shared with the exception that the error was made of.
        error.extensions = {**(error.extensions or {}), COORDINATE: coordinate}


def _value_coordinate(
    schema: GraphQLSchema, error: GraphQLError, field: FieldNode, parent: GraphQLObjectType
) -> str | None:
    """The coordinate of the argument or input field that an error is about; None for one about the field itself."""
    cause = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    if isinstance(cause, GatewayError):
        argument = cause.details.get("argument")
        return _named(schema, field, parent, argument) if isinstance(argument, str) else None
    values = [node for node in error.nodes or () if not isinstance(node, FieldNode)]
    return next(iter(_coordinates(schema, field, values, parent).values()), None) if values else None


def _named(schema: GraphQLSchema, field: FieldNode, parent: GraphQLObjectType, name: str) -> str | None:
    """The coordinate of an argument of a field, or of the one input field of this name within the field's arguments."""
    definition = schema.get_field(parent, field.name.value)
    if definition is None:
        return None
    if name in definition.args:
        return f"{field_coordinate(parent.name, field.name.value)}({name}:)"
    types = [
        definition.args[argument.name.value].type
        for argument in field.arguments or ()
        if argument.name.value in definition.args
    ]
    coordinates = [f"{kind.name}.{name}" for kind in _input_objects(types) if name in kind.fields]
    return coordinates[0] if len(coordinates) == 1 else None


def _input_objects(types: Sequence[GraphQLInputType]) -> Collection[GraphQLInputObjectType]:
    """The input object types among these and within them."""
    known: dict[str, GraphQLInputObjectType] = {}
    waiting = list(types)
    while waiting:
        kind = get_named_type(waiting.pop())
        if is_input_object_type(kind) and kind.name not in known:
            known[kind.name] = kind
            waiting += [field.type for field in kind.fields.values()]
    return known.values()


def _by_definition(errors: Sequence[GraphQLError]) -> Iterator[tuple[VariableDefinitionNode, list[GraphQLError]]]:
    """The errors of each variable, in their order."""
    grouped: dict[int, tuple[VariableDefinitionNode, list[GraphQLError]]] = {}
    for error in errors:
        node = error.nodes[0] if error.nodes else None
        if isinstance(node, VariableDefinitionNode):
            grouped.setdefault(id(node), (node, []))[1].append(error)
    yield from grouped.values()


def _misfits(kind: GraphQLInputType, value: Any) -> Sequence[Sequence[str | int]]:
    """Where within a value something does not fit its type, in graphql-core's order."""
    paths: list[Sequence[str | int]] = []
    validate_input_value(value, kind, lambda _, path: paths.append(path))
    return paths


def _input_coordinate(kind: GraphQLInputType, path: Sequence[str | int]) -> str | None:
    """The coordinate at a path within a value: the type where an input object stands, else the input field that holds
    it; None outside of input objects."""
    coordinate = None
    for step in path:
        while is_non_null_type(kind) or (is_list_type(kind) and isinstance(step, str)):
            kind = kind.of_type
        if is_list_type(kind):
            kind = kind.of_type
        elif is_input_object_type(kind) and step in kind.fields:
            coordinate = f"{kind.name}.{step}"
            kind = kind.fields[str(step)].type
    named = get_named_type(kind)
    return named.name if is_input_object_type(named) else coordinate


def _first_use(schema: GraphQLSchema, document: DocumentNode, variable: str) -> str | None:
    uses = _Uses(variable)
    visit(document, uses)
    coordinates = _coordinates(schema, document, uses.nodes)
    return next((coordinates[id(node)] for node in uses.nodes if id(node) in coordinates), None)


class _Uses(Visitor):
    """Collects where a variable is used."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name
        self.nodes: list[Node] = []

    def enter_variable(self, node: VariableNode, _key: Any, parent: Any, *_: Any) -> None:
        if node.name.value == self._name and not isinstance(parent, VariableDefinitionNode):
            self.nodes.append(node)


def _coordinates(
    schema: GraphQLSchema, root: Node, nodes: Sequence[Node], parent: GraphQLObjectType | None = None
) -> Mapping[int, str]:
    """The coordinates of nodes below a root, by the nodes' identities. A `root` that is a field is one of `parent`."""
    finder = _CoordinateFinder(TypeInfo(schema, parent), nodes)
    visit(root, TypeInfoVisitor(finder.info, finder))
    return finder.coordinates


class _CoordinateFinder(Visitor):
    """Looks for nodes, and notes the coordinate of the innermost field, argument, input field or directive each is in.

    Where that is unknown to the schema, the type or field that does not have it is noted. Only what surrounds the nodes
    is visited.
    """

    def __init__(self, info: TypeInfo, nodes: Sequence[Node]) -> None:
        super().__init__()
        self.info = info
        self.coordinates: dict[int, str] = {}
        self._nodes = {id(node) for node in nodes}
        self._positions = [node.loc.start for node in nodes if node.loc]
        self._around: list[str | None] = [None]

    def enter(self, node: Node, *_: Any) -> Any:
        """Called for every node on the way."""
        is_root = len(self._around) == 1  # graphql-core cannot skip it
        if node.loc and not is_root and not any(node.loc.start <= at < node.loc.end for at in self._positions):
            return SKIP
        coordinate = self._coordinate(node) or self._around[-1]
        self._around.append(coordinate)
        if coordinate is not None and id(node) in self._nodes:
            self.coordinates[id(node)] = coordinate
        return None

    def leave(self, *_: Any) -> None:
        """Called for every node that was entered."""
        self._around.pop()

    def _coordinate(self, node: Node) -> str | None:
        if isinstance(node, FieldNode):
            parent = self.info.get_parent_type()
            is_known = self.info.get_field_def() is not None
            return (field_coordinate(parent.name, node.name.value) if is_known else parent.name) if parent else None
        if isinstance(node, DirectiveNode):
            return f"@{node.name.value}" if self.info.get_directive() else None
        if isinstance(node, ArgumentNode):
            is_known = self.info.get_argument() is not None and self._around[-1] is not None
            return f"{self._around[-1]}({node.name.value}:)" if is_known else None
        if isinstance(node, ObjectFieldNode):
            kind = get_named_type(self.info.get_parent_input_type())
            if is_input_object_type(kind):
                return f"{kind.name}.{node.name.value}" if node.name.value in kind.fields else kind.name
        return None
