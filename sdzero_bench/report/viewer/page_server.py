"""The viewer's page for a browser on this machine: samples of a run in progress are there on reload."""

from __future__ import annotations

from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from sdzero_bench.core.errors import UserError

ADDRESS = "127.0.0.1"


def page_server(page: Callable[[], str], port: int) -> ThreadingHTTPServer:
    """A server of `page` alone, on the loopback interface. `page` may raise `UserError`, which the browser then shows.

    A request has to name the loopback interface as its host: no page of another site can read samples under its own name.
    Raises `UserError` if the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            host = self.headers.get("Host", "")
            if host.rpartition(":")[0] not in (ADDRESS, "localhost"):
                self.send_error(403, "Open this page as localhost")
            elif self.path.partition("?")[0] != "/":
                self.send_error(404)
            else:
                self._answer()

        def _answer(self) -> None:
            try:
                code, kind, text = 200, "text/html", page()
            except UserError as error:
                code, kind, text = 500, "text/plain", str(error)
            content = text.encode("utf-8", "replace")
            self.send_response(code)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("X-Content-Type-Options", "nosniff")
            self.send_header("X-Frame-Options", "DENY")
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Nothing: requests are of no interest."""

    try:
        return ThreadingHTTPServer((ADDRESS, port), Handler)
    except OSError as error:
        raise UserError(f"cannot listen on port {port}: {error.strerror}; choose another one with --port") from error
