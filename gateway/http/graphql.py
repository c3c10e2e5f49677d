"""The GraphQL endpoint: one POST or GET in, one response out. docs/edge.md lists its steps in order, with reasons."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from graphql import OperationType
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from gateway.errors import GatewayError
from gateway.http.body import BodyLimits, ClientGone, check_media_type, read_body
from gateway.http.csrf import check_cross_site
from gateway.http.documents import Document, DocumentLimits, Documents
from gateway.http.execution import Caller, Executor, GraphQLParams
from gateway.http.negotiation import MediaType, accepts_html, negotiate
from gateway.http.parameters import Parameters, parameters_of_body, parameters_of_query_string
from gateway.http.persisted import PersistedDocuments, TrustedDocuments
from gateway.http.refusals import MethodRefused
from gateway.http.replies import answer_reply, refusal_reply
from gateway.http.strict_json import JsonBounds, read_json

METHODS = "GET, POST"


@dataclass(frozen=True, slots=True)
class EndpointPolicy:
    """What the endpoint lets in.

    `trusted_documents` is a manifest file, see `persisted`. `explorer_path` is where a browser that opens the endpoint
    is sent; None: nowhere.
    """

    body: BodyLimits = field(default_factory=BodyLimits)
    json: JsonBounds = field(default_factory=JsonBounds)
    documents: DocumentLimits = field(default_factory=DocumentLimits)
    trusted_documents: Path | None = None
    only_trusted_documents: bool = False
    automatic_documents: bool = True
    allowed_origins: Collection[str] = ()
    explorer_path: str | None = None


class GraphQLEndpoint:
    """ASGI application for `/graphql`. Raises nothing that a caller can provoke."""

    def __init__(self, executor: Executor, policy: EndpointPolicy) -> None:
        self._executor = executor
        self._policy = policy
        self._documents = Documents(policy.documents)
        trusted = TrustedDocuments(policy.trusted_documents) if policy.trusted_documents else None
        self._persisted = PersistedDocuments(trusted, policy.automatic_documents, policy.only_trusted_documents)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        media_type = MediaType.JSON
        headers = Headers(scope=scope)
        try:
            if self._is_a_browser_looking_around(scope, headers):
                reply: Response = RedirectResponse(self._policy.explorer_path or "", status_code=303)
            else:
                media_type = negotiate(headers.get("accept"))
                reply = await self._answer(scope, headers, receive, media_type)
        except ClientGone:
            return
        except GatewayError as refusal:
            reply = refusal_reply(refusal, media_type)
        await reply(scope, receive, send)

    def _is_a_browser_looking_around(self, scope: Scope, headers: Headers) -> bool:
        wants_a_page = scope["method"] == "GET" and accepts_html(headers.get("accept"))
        return wants_a_page and self._policy.explorer_path is not None and b"query=" not in scope["query_string"]

    async def _answer(self, scope: Scope, headers: Headers, receive: Receive, media_type: MediaType) -> Response:
        parameters = await self._receive(scope, headers, receive)
        document = self._read_document(parameters)
        only_queries = scope["method"] == "GET"
        _check_operation(document, parameters, only_queries)
        params = GraphQLParams(
            query=document.text,
            document=document.ast,
            operation_name=parameters.operation_name,
            variables=parameters.variables,
            only_queries=only_queries,
        )
        return answer_reply(await self._executor.execute(params, Caller()), media_type)

    def _read_document(self, parameters: Parameters) -> Document:
        chosen = self._persisted.choose(parameters)
        document = self._documents.read(chosen.text, chosen.is_trusted)
        if chosen.register:
            self._persisted.remember(chosen.text)
        return document

    async def _receive(self, scope: Scope, headers: Headers, receive: Receive) -> Parameters:
        policy = self._policy
        if scope["method"] == "GET":
            check_cross_site(headers, policy.allowed_origins)
            return parameters_of_query_string(scope["query_string"], policy.json)
        if scope["method"] != "POST":
            raise MethodRefused("GraphQL is asked by POST or GET.", METHODS)
        check_media_type(headers)
        return parameters_of_body(read_json(await read_body(headers, receive, policy.body), policy.json))


def _check_operation(document: Document, parameters: Parameters, only_queries: bool) -> None:
    """Raises OperationUnresolved, or MethodRefused for anything but a query over GET."""
    kind = document.operation_type(parameters.operation_name)
    if only_queries and kind is not OperationType.QUERY:
        raise MethodRefused("Only queries are answered over GET; use POST.", "POST")
