"""A vLLM server's answers without vLLM, for what a run and doctor say of servers."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from sdzero_bench.policies.engines.vllm_worker import _saved


@contextmanager
def serving() -> Iterator[Stub]:
    """A server that listens."""
    server = Stub()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


class Stub(ThreadingHTTPServer):
    """Answers as vLLM does, with what `answers` holds by path; a server that samples the prompt's last token twice."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers: dict[str, Any] = {
            "/version": {"version": "0.32.0"},
            "/v1/models": {"data": [{"id": "m", "max_model_len": 16}]},
            "/reset_prefix_cache": None,
        }
        self.held = ""
        self.folder = Path()
        self.weights: dict[str, Any] = {}
        self.asked: list[dict[str, Any]] = []
        self.dtype = "float32"
        self.sequences: int | None = None
        self.before: Callable[[dict[str, Any]], None] = lambda body: None
        """Called with the body of each request for a completion, before it is answered."""
        self.counting = threading.Lock()
        self.at_once: Counter[str] = Counter()
        """How many completions are being drawn `now`, and were at `most`."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Stub

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)) or "{}")
        status, answer = 200, self.server.answers.get(self.path)
        if self.path == "/collective_rpc" and self.path not in self.server.answers:
            if body["method"] == "load_policy":
                self.server.held = body["kwargs"]["name"]
                self.server.folder = Path(body["kwargs"]["folder"])
                self.server.weights = dict(_saved(self.server.folder))
            says = {} if self.server.sequences is None else {"sequences": str(self.server.sequences)}
            answer = {"results": [{"policy": self.server.held, "dtype": self.server.dtype, **says}]}
        elif self.path == "/v1/completions":
            with self.server.counting:
                self.server.asked.append(body)
                self.server.at_once["now"] += 1
                self.server.at_once["most"] = max(self.server.at_once["now"], self.server.at_once["most"])
            self.server.before(body)
            told = {"logprobs": {"token_logprobs": [-0.5, -0.25]}} if "logprobs" in body else {}
            answer = self.server.answers.get(self.path, {"choices": [{"token_ids": [body["prompt"][-1]] * 2, **told}]})
            with self.server.counting:
                self.server.at_once["now"] -= 1
        if isinstance(answer, int):
            status, answer = answer, {"error": "out of\nmemory"}
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(answer).encode())

    def log_message(self, *_: Any) -> None:
        pass
