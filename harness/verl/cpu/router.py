"""Which replica answers a request on the CPU; registered by registration.py in place of verl's.

verl draws the replica at random among the idlest, so that a repeated run would sample other
responses. Here the prompt decides: its samples meet in one replica, which reads the prompt once and
counts them (rollout.RolloutServer._request).
"""

import hashlib
from collections.abc import Sequence
from typing import Any

from verl.workers.rollout.router import GlobalRequestLoadBalancer


class PromptRouter(GlobalRequestLoadBalancer):  # type: ignore[misc]
    """verl's router of requests, with another choice of the server."""

    def require_acquire_fields(self) -> list[str]:
        """What verl hands to acquire_server beside the request's id."""
        return ["prompt_ids"]

    def acquire_server(self, request_id: str, prompt_ids: Sequence[int]) -> tuple[str, Any]:
        """The server of a prompt: its address and its Ray actor."""
        digest = hashlib.blake2b(repr(list(prompt_ids)).encode(), digest_size=7).digest()
        servers = sorted(self._servers)
        server = servers[int.from_bytes(digest, "little") % len(servers)]
        self._inflight_requests[server] += 1
        return server, self._servers[server]
