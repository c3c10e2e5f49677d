"""Builds the tools for agents. Their documents run through the GraphQL endpoint: same limits, metrics and logs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import strawberry
from starlette.applications import Starlette
from starlette.routing import Route

from gateway.errors import BadUserInput
from gateway.execution.request import Answer, Caller
from gateway.http.edge import EdgePolicy
from gateway.http.graphql import GraphQLEndpoint
from gateway.http.request.parameters import Parameters
from gateway.http.request.persisted import hash_of
from gateway.mcp.endpoint import PATH, AgentEndpoint, caller_of_request
from gateway.mcp.server import AgentTools, CallerOf
from gateway.mcp.tool import read_tools
from gateway.schema.build import print_sdl
from gateway.schema.core_schema import core_schema
from gateway.telemetry.request_record import RequestRecord

_METHOD = "MCP"


def agent_tools(endpoint: GraphQLEndpoint, schema: strawberry.Schema, caller_of: CallerOf) -> AgentTools:
    """The tools over the endpoint of this process, which must trust their documents."""
    tools = {tool.name: tool for tool in read_tools(core_schema(schema))}
    return AgentTools(tools, EndpointOperations(endpoint), caller_of, print_sdl(schema))


def mount_agents(edge: Starlette, schema: strawberry.Schema, policy: EdgePolicy) -> AgentEndpoint:
    """Serves the tools at `/mcp`. The endpoint's sessions have to be opened in the lifespan."""
    tools = agent_tools(edge.state.endpoint, schema, caller_of_request)
    endpoint = AgentEndpoint(tools, policy.authenticator, policy.allowed_origins)
    edge.router.routes.append(Route(PATH, endpoint))
    return endpoint


class EndpointOperations:
    """`gateway.mcp.server.AgentOperations` over the endpoint of this process."""

    def __init__(self, endpoint: GraphQLEndpoint) -> None:
        self._endpoint = endpoint

    async def run_trusted(self, text: str, variables: Mapping[str, Any], caller: Caller) -> Answer:
        """Runs a document that the endpoint trusts. Raises GatewayError."""
        return await self._run(Parameters(None, hash_of(text), None, variables, None), caller)

    async def run_free(self, text: str, variables: Mapping[str, Any], caller: Caller) -> Answer:
        """Runs a query of the caller's own. Raises GatewayError: refused, over a limit, or a subscription."""
        return await self._run(Parameters(text, None, None, variables, None), caller)

    async def check(self, text: str, caller: Caller) -> Answer | None:
        """The errors of a query that cannot run; None for one that can. Raises GatewayError for limits and syntax."""
        return self._endpoint.check(Parameters(text, None, None, None, None), RequestRecord(_METHOD), caller)

    async def _run(self, parameters: Parameters, caller: Caller) -> Answer:
        answer = await self._endpoint.begin(parameters, RequestRecord(_METHOD), caller)
        if not isinstance(answer, Answer):
            await answer.aclose()
            raise BadUserInput("Subscriptions are not answered here: send a query.")
        return answer
