"""Every task but the first: finds the head, holds a raylet, ends when the head says so."""

import subprocess
import time

from . import raynode
from .failure import NODE_LOST, NOT_ALL_UP, Failed
from .processes import kill_descendants
from .rendezvous import Address
from .task import Task

TICK_S = 1.0
HEAD_SILENT_S = 60.0
WAIT_FOR_END_S = 30.0
"""How long a worker that is done waits for the head's word, so that the head's code comes first."""


class Worker(Task):
    """One node's part; `run` is the whole of it."""

    def run(self) -> int:
        """Returns 0 when the head ended the cluster, else not 0, after reporting why."""
        try:
            self.rendezvous.mark("started", self.step.rank)
            head = self._find_head()
            if head is not None:
                host = raynode.own_address(head.host)
                ray = raynode.start(self.step, self.options, self.journal, head, host, self.scratch)
                self._hold(ray, head)
            return 0
        except Failed as failure:
            self.journal.say(str(failure))
            kill_descendants()
            self.rendezvous.mark("failed", self.step.rank, str(failure))
            if not self._await_end(WAIT_FOR_END_S + self.options.grace_s):
                self.journal.say(str(failure), aloud=True)  # no head has said it
            return failure.code

    def _find_head(self) -> Address | None:
        """Waits until the head's Ray answers; None when there is nothing more to join."""
        while True:
            head = self.rendezvous.head()
            if head is not None and raynode.answers(head.host, head.port):
                return head
            if self.rendezvous.ended() or self.stop.signal is not None:
                return None
            if time.monotonic() > self.deadline:
                raise Failed(NOT_ALL_UP, self._no_head(head))
            time.sleep(TICK_S / 4)

    def _no_head(self, head: Address | None) -> str:
        first, seconds = self.step.nodes[0], self.options.deadline_s
        if head is not None:
            return f"Ray's head on {first} ({head.host}:{head.port}) did not answer in {seconds} s"
        return (
            f"no head after {seconds:.0f} s: {self.rendezvous.folder}/head.json is not there. "
            f"Either {first}'s task did not start (see its log), or {self.options.logs} is not "
            f"a folder that {first} and {self.step.node} share"
        )

    def _hold(self, ray: subprocess.Popen[bytes], head: Address) -> None:
        """Returns when the cluster has ended; raises Failed when this node's Ray or the head went.

        After a SIGTERM it stays for the driver's grace, since the driver may still need the node.
        """
        heard, heard_at = self.rendezvous.heard(), time.monotonic()
        while not self.rendezvous.ended():
            now = time.monotonic()
            if self.stop.at is not None:
                self._await_end(WAIT_FOR_END_S + self.options.grace_s)
                return
            if ray.poll() is not None:
                if self._await_end(TICK_S * 5):
                    return
                tail = self.journal.tail()
                # The step's code is the highest of its tasks': the head's own must win.
                raise Failed(1, f"Ray ended with {ray.returncode}:\n{tail}")
            if (beat := self.rendezvous.heard()) != heard:
                heard, heard_at = beat, now
            # A stalled file system looks like a silent head; only both together mean it is gone.
            silent = now - heard_at > HEAD_SILENT_S
            if silent and not raynode.answers(head.host, head.port):
                raise Failed(NODE_LOST, f"the head on {self.step.nodes[0]} is gone")
            time.sleep(TICK_S)

    def _await_end(self, limit_s: float) -> bool:
        """Whether the head ended the cluster within limit_s."""
        end = time.monotonic() + limit_s
        while not self.rendezvous.ended():
            if time.monotonic() > end:
                return False
            time.sleep(TICK_S / 2)
        return True
