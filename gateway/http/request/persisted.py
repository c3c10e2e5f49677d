"""Documents known by an id instead of their text: trusted ones from a manifest, and those clients register by hash.

A trusted document comes from a file that the team's own build wrote, or is one of the gateway's own pages; it skips
the limits for strangers, and with `only_trusted` nothing else is run. Automatic persisted queries spare clients from
sending a text twice; the hash is always checked, so nobody can register a text under another one's id.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graphql import GraphQLError, parse

from gateway.concurrency.bounded_map import BoundedMap
from gateway.errors import ConfigurationError
from gateway.http.errors import BadRequest, DocumentNotTrusted, PersistedQueryNotFound, PersistedQueryNotSupported
from gateway.http.request.parameters import Parameters

_log = logging.getLogger("gateway.http")
_CHECK_SECONDS = 2.0
_HASH = re.compile("[0-9a-fA-F]{64}")
_HASH_PREFIX = "sha256:"


def hash_of(text: str) -> str:
    """The hexadecimal SHA-256 by which a document's text is known."""
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class OperationManifest:
    """Trusted documents by id, and the hashes of their texts."""

    texts: Mapping[str, str]
    hashes: frozenset[str]

    def find(self, document_id: str) -> str | None:
        """The text of an id, given as the manifest has it or as the hash of the text with or without `sha256:`."""
        bare = document_id.removeprefix(_HASH_PREFIX)
        return self.texts.get(document_id) or self.texts.get(bare) or self.texts.get(_HASH_PREFIX + bare)


def manifest_of_texts(texts: Iterable[str]) -> OperationManifest:
    """A manifest of documents that are known by the hashes of their texts alone."""
    by_hash = {hash_of(text): text for text in texts}
    return OperationManifest(by_hash, frozenset(by_hash))


def read_manifest(file: Path) -> OperationManifest:
    """Reads what code generators write: one object of id → document, or Apollo's manifest with `operations`.

    Raises ConfigurationError that names the file, and the document that is not GraphQL.
    """
    try:
        content = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError) as unreadable:
        raise ConfigurationError(f"{file}: the trusted documents cannot be read: {unreadable}.") from None
    texts = _documents_of(content)
    if texts is None:
        raise ConfigurationError(f"{file}: expected one JSON object of id and document, or Apollo's manifest.")
    for document_id, text in texts.items():
        try:
            parse(text)
        except GraphQLError as broken:
            raise ConfigurationError(f"{file}: document {document_id} is not GraphQL: {broken.message}") from None
    return OperationManifest(texts, frozenset(map(hash_of, texts.values())))


def _documents_of(content: Any) -> dict[str, str] | None:
    if isinstance(content, dict) and isinstance(content.get("operations"), list):
        try:
            content = {operation["id"]: operation["body"] for operation in content["operations"]}
        except (TypeError, KeyError):
            return None
    if not isinstance(content, dict) or not all(isinstance(text, str) for text in content.values()):
        return None
    return content


class TrustedDocuments:
    """A manifest file, read again when it changes. A broken new one is logged, and the old one stays."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._stamp = self._stamp_of_file()
        self._manifest = read_manifest(file)
        self._checked = time.monotonic()

    def current(self) -> OperationManifest:
        """The manifest as it is now, or was at most two seconds ago."""
        now = time.monotonic()
        if now - self._checked >= _CHECK_SECONDS:
            self._checked = now
            stamp = self._stamp_of_file()
            if stamp != self._stamp:
                self._stamp = stamp
                self._reload()
        return self._manifest

    def _reload(self) -> None:
        try:
            self._manifest = read_manifest(self._file)
        except ConfigurationError as broken:
            _log.error("%s The documents trusted before stay.", broken.message)
        else:
            _log.warning("%s: %d trusted documents read", self._file, len(self._manifest.texts))

    def _stamp_of_file(self) -> tuple[int, int] | None:
        try:
            status = os.stat(self._file)
        except OSError:
            return None
        return status.st_mtime_ns, status.st_size


_NO_DOCUMENTS = OperationManifest({}, frozenset())


@dataclass(frozen=True, slots=True)
class Chosen:
    """The text a request means. `register`: whether to remember it by its hash once it has proved to be a document."""

    text: str
    is_trusted: bool = False
    register: bool = False


class PersistedDocuments:
    """Finds the text that a request means, by its text or by an id."""

    def __init__(
        self,
        trusted: TrustedDocuments | None,
        automatic: bool,
        only_trusted: bool,
        *,
        built_in: OperationManifest = _NO_DOCUMENTS,
        kept_characters: int = 2**22,
    ) -> None:
        self._trusted = trusted
        self._automatic = automatic and not only_trusted
        self._only_trusted = only_trusted
        self._built_in = built_in
        self._registered: BoundedMap[str, str] = BoundedMap(kept_characters, lambda _, text: len(text))

    def edition(self) -> object:
        """Stands for the manifest as it is now: the same object while it does not change."""
        return self._trusted.current() if self._trusted else None

    def choose(self, parameters: Parameters) -> Chosen:
        """The request's document. Raises BadRequest, PersistedQueryNotFound, -NotSupported or DocumentNotTrusted."""
        claimed = _claimed_hash(parameters)
        document_id = parameters.document_id or claimed
        if parameters.query is None:
            if document_id is None:
                raise BadRequest('The request needs a "query": the text of a GraphQL document.')
            return self._find(document_id)
        text = parameters.query
        if parameters.document_id is not None:
            raise BadRequest('Send either "query" or "documentId".')
        if claimed is not None and claimed != hash_of(text):
            raise BadRequest("The sha256Hash is not that of the query.")
        if any(hash_of(text) in manifest.hashes for manifest in self._manifests()):
            return Chosen(text, is_trusted=True)
        if self._only_trusted:
            raise DocumentNotTrusted("Only the documents that this gateway trusts are run; send one's documentId.")
        return Chosen(text, register=claimed is not None and self._automatic)

    def _manifests(self) -> Iterable[OperationManifest]:
        """The team's own first: an id of theirs means their document."""
        return (self._trusted.current(), self._built_in) if self._trusted else (self._built_in,)

    def _find(self, document_id: str) -> Chosen:
        for manifest in self._manifests():
            text = manifest.find(document_id)
            if text is not None:
                return Chosen(text, is_trusted=True)
        if self._only_trusted:
            raise DocumentNotTrusted("This gateway trusts no document of that id.")
        if not self._automatic:
            raise PersistedQueryNotSupported("PersistedQueryNotSupported")
        registered = self._registered.get(document_id.removeprefix(_HASH_PREFIX))
        if registered is None:
            raise PersistedQueryNotFound("PersistedQueryNotFound")
        return Chosen(registered)

    def remember(self, text: str) -> None:
        """Registers a text by its hash; the least used go when too many characters are kept."""
        key = hash_of(text)
        if key not in self._registered:
            self._registered.put(key, text)


def _claimed_hash(parameters: Parameters) -> str | None:
    """The hash in `extensions.persistedQuery`, as Apollo's clients send it."""
    claim = (parameters.extensions or {}).get("persistedQuery")
    if claim is None:
        return None
    digest = claim.get("sha256Hash") if isinstance(claim, dict) and claim.get("version") == 1 else None
    if not isinstance(digest, str) or not _HASH.fullmatch(digest):
        raise BadRequest('"extensions.persistedQuery" must be {"version": 1, "sha256Hash": "<64 hexadecimal digits>"}.')
    return digest.lower()
