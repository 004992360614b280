"""A small S3: put, get, head and delete of objects of one bucket, held in memory. It checks no signature.

    with S3Server() as server: ... server.environment ... server.objects["bucket/key"]

`down` refuses everything, `latency` is the seconds before each answer, `most_at_once` counts questions that overlapped.
"""

from __future__ import annotations

import email.utils
import hashlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType


class S3Server:
    """The stub as a context manager, in threads of its own."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        self.down = False
        self.latency = 0.0
        self.at_once, self.most_at_once = 0, 0
        self.counting = threading.Lock()
        self._server: ThreadingHTTPServer | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What a client's environment must say."""
        assert self._server is not None
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._server.server_address[1]}",
            "AWS_ALLOW_HTTP": "true",
            "AWS_ACCESS_KEY_ID": "stub",
            "AWS_SECRET_ACCESS_KEY": "stub",
            "AWS_REGION": "us-east-1",
        }

    def __enter__(self) -> S3Server:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self._server.serve_forever, name="s3", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()


def _handler(server: S3Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            server.objects[self.name()] = content
            self.answer(200, b"", content)

        def do_GET(self) -> None:
            with server.counting:
                server.at_once += 1
                server.most_at_once = max(server.at_once, server.most_at_once)
            time.sleep(server.latency)
            with server.counting:
                server.at_once -= 1
            content = server.objects.get(self.name())
            if content is None:
                self.answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            else:
                self.answer(200, content, content)

        def do_HEAD(self) -> None:
            self.do_GET()

        def do_DELETE(self) -> None:
            server.objects.pop(self.name(), None)
            self.answer(204, b"")

        def name(self) -> str:
            server.asked.append((self.command, self.path))
            return self.path.partition("?")[0].lstrip("/")

        def answer(self, status: int, body: bytes, content: bytes = b"") -> None:
            if server.down:
                status, body = 403, b"<Error><Code>AccessDenied</Code></Error>"
            self.send_response(status)
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()[:32]}"')
            self.send_header("Last-Modified", email.utils.formatdate(0, usegmt=True))
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD" and status != 204:
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    return Handler
