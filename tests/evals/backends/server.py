"""A loopback server that speaks the OpenAI protocol, with faults on demand; for the tests."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Body = dict[str, Any]
Answer = Callable[[Body], Body]
Fault = Callable[["Handler"], None]


class Server(ThreadingHTTPServer):
    """What it offers, how it answers, and what it was asked."""

    daemon_threads = True
    # A refused connection would be retried by the kernel for seconds: room for every client.
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.models: Any = [{"id": "tiny", "object": "model", "owned_by": "someone"}]
        self.answer: Answer = seeded
        self.faults: list[Fault] = []
        self.asked: list[Body] = []
        self.keys: set[str | None] = set()
        self.lock = threading.Lock()
        self.running = self.most_running = 0

    @property
    def url(self) -> str:
        """The base URL that a client is given."""
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, *_: Any) -> None:
        """Clients that hang up are part of the tests."""


class Handler(BaseHTTPRequestHandler):
    """GET /v1/models, POST /v1/completions and /v1/chat/completions."""

    server: Server

    def do_GET(self) -> None:
        self.server.keys.add(self.headers.get("authorization"))
        if self.path == "/v1/models" and self.server.models is not None:
            self.reply(200, {"object": "list", "data": self.server.models})
        else:
            self.reply(404, {"error": {"message": f"no {self.path}"}})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        server = self.server
        with server.lock:
            server.keys.add(self.headers.get("authorization"))
            server.asked.append(body)
            fault = server.faults.pop(0) if server.faults else None
            server.running += 1
            server.most_running = max(server.most_running, server.running)
        try:
            if fault:
                fault(self)
            else:
                self.reply(200, server.answer(body))
        finally:
            with server.lock:
                server.running -= 1

    def reply(self, status: int, content: Any, **headers: str) -> None:
        """JSON, or bytes as they are."""
        data = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Nothing on the terminal."""


def completion(
    body: Body, text: str | None, finish: str | None = "stop", tokens: Any = 3, **more: Any
) -> Body:
    """A response in the form that the request asks for."""
    said = {"message": {"role": "assistant", "content": text, **more}}
    if "prompt" in body:
        said = {"text": text, **more}
    return {
        "id": "1", "object": "completion", "created": 1, "model": "tiny-2026",
        "system_fingerprint": "fp_1", "usage": {"completion_tokens": tokens},
        "choices": [{"index": 0, "finish_reason": finish, **said}],
    }  # fmt: skip


def seeded(body: Body) -> Body:
    """Text that follows from prompt and seed, as a server without faults would give."""
    asked = json.dumps([body.get("prompt"), body.get("messages"), body.get("seed")])
    return completion(body, hashlib.sha256(asked.encode()).hexdigest()[:8])


def deaf(body: Body) -> Body:
    """A server that ignores the seed."""
    return completion(body, "always the same")


def failing(status: int, message: str = "broken", **headers: str) -> Fault:
    """One answer with an error status."""

    def fault(handler: Handler) -> None:
        handler.reply(status, {"error": {"message": message}}, **headers)

    return fault


def hang_up(handler: Handler) -> None:
    """Closes the connection without an answer."""
    handler.close_connection = True
    handler.connection.close()


@contextmanager
def serving() -> Iterator[Server]:
    """A running server."""
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()
