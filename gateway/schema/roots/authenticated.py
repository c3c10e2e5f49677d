"""The schema as a router should know it that keeps strangers out itself: what belongs to callers is marked so."""

from __future__ import annotations

from typing import Any

from graphql import (
    ConstDirectiveNode,
    DirectiveNode,
    ListValueNode,
    NameNode,
    ObjectTypeDefinitionNode,
    StringValueNode,
    Visitor,
    parse,
    print_ast,
    visit,
)

DIRECTIVE = "authenticated"
OF_CALLERS = frozenset({"Account", "Project", "Model", "Job", "Run"})
"""The entities; everything else hangs on them."""


def with_authentication(sdl: str) -> str:
    """The SDL with `@authenticated` on every entity, ending with a newline.

    Routers that do not know the directive refuse the whole supergraph, so it is for those who ask for it.
    """
    return print_ast(visit(parse(sdl), _Marking())) + "\n"


class _Marking(Visitor):
    def enter_object_type_definition(self, node: ObjectTypeDefinitionNode, *_: Any) -> Any:
        if node.name.value not in OF_CALLERS:
            return None
        mark = ConstDirectiveNode(name=NameNode(value=DIRECTIVE), arguments=())
        return _changed(node, directives=(*(node.directives or ()), mark))

    def enter_directive(self, node: DirectiveNode, *_: Any) -> Any:
        if node.name.value != "link":
            return None
        return _changed(node, arguments=tuple(map(_importing, node.arguments or ())))


def _importing(argument: Any) -> Any:
    if argument.name.value != "import" or not isinstance(argument.value, ListValueNode):
        return argument
    names = (*argument.value.values, StringValueNode(value=f"@{DIRECTIVE}"))
    return _changed(argument, value=_changed(argument.value, values=names))


def _changed(node: Any, **parts: Any) -> Any:
    return type(node)(**{**{key: getattr(node, key, None) for key in node.keys}, **parts})
