"""What programs written for dbt Cloud need to reach a platform on this machine without being changed: TLS, and a way to
it under dbt Cloud's host names. They take both from the environment: a proxy that leads every name here, and our CA.
"""

from __future__ import annotations

import json
import os
import select
import socket
import socketserver
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from starlette.types import ASGIApp

HOST = "cloud.platform.test"
VENV = Path(__file__).parents[2] / ".venv"
CLIENTS, ORCHESTRATORS, AGENTS = VENV / "clients", VENV / "orchestrators", VENV / "agents"


def missing(installed: Path) -> str | None:
    """Why there are no programs to test with; None when there are."""
    return None if (installed / "done.stamp").exists() else f"not installed: make {installed.name}"


@dataclass(frozen=True)
class Outside:
    """The platform as other programs find it."""

    environment: dict[str, str]

    def run(self, program: str, *arguments: str, installed: Path = CLIENTS) -> Any:
        """What a program prints, as JSON. Fails with what it said when it does not end well."""
        command = [str(installed / "bin" / program), *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout)

    def session(self, name: str, *arguments: str, installed: Path = ORCHESTRATORS) -> Any:
        """The last line that a session of a client prints, as JSON: they log to stdout as well."""
        command = [
            str(installed / "bin" / "python"),
            str(Path(__file__).with_name(f"{name}_session.py")),
            *arguments,
        ]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.splitlines()[-1])


@contextmanager
def reachable(app: ASGIApp, folder: Path, account_id: int, token: str) -> Iterator[Outside]:
    """Serves `app` over TLS as HOST and metadata.HOST for programs that run with `environment`."""
    certificate = _certificate(folder)
    with _serving(app, certificate) as port, _tunnel(port) as proxy:
        yield Outside(
            {
                "PATH": os.environ["PATH"],
                "HOME": str(folder),
                "HTTPS_PROXY": f"http://127.0.0.1:{proxy}",
                "REQUESTS_CA_BUNDLE": str(certificate),
                "SSL_CERT_FILE": str(certificate),
                "DBT_CLOUD_HOST": HOST,
                "DBT_CLOUD_ACCOUNT_ID": str(account_id),
                "DBT_CLOUD_API_TOKEN": token,
                "DBT_CLOUD_SERVICE_TOKEN": token,
            }
        )


def _certificate(folder: Path) -> Path:
    """A file with a key and its self-signed certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName(HOST), x509.DNSName(f"metadata.{HOST}")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


@contextmanager
def _serving(app: ASGIApp, certificate: Path) -> Iterator[int]:
    config = uvicorn.Config(app, log_level="warning", lifespan="off", ssl_certfile=certificate, ssl_keyfile=certificate)
    server = uvicorn.Server(config)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def _tunnel(port: int) -> Iterator[int]:
    """A proxy that answers CONNECT, whatever the host, with a connection to this port."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while self.rfile.readline().strip():
                pass
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            with socket.create_connection(("127.0.0.1", port)) as there:
                _pump(self.connection, there)

    class Proxy(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Proxy(("127.0.0.1", 0), Handler) as proxy:
        thread = threading.Thread(target=proxy.serve_forever)
        thread.start()
        try:
            yield proxy.server_address[1]
        finally:
            proxy.shutdown()
            thread.join()


def _pump(one: socket.socket, other: socket.socket) -> None:
    ends = {one: other, other: one}
    while True:
        for source in select.select(list(ends), [], [])[0]:
            data = source.recv(65536)
            if not data:
                return
            ends[source].sendall(data)
