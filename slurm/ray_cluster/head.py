"""Task 0: starts Ray's head, waits until every node is up, runs the driver, watches the nodes."""

import secrets
import subprocess
import time
from pathlib import Path

from . import raynode
from .failure import NODE_LOST, NOT_ALL_UP, Failed
from .processes import spawn
from .rendezvous import Address, write_whole
from .task import Task
from .watcher import RayNode, Watcher

REPORT_EVERY_S = 30.0
TICK_S = 1.0


class Head(Task):
    """The first node's part; `run` is the whole of it."""

    def run(self) -> int:
        """Returns the driver's exit code, 90 or 91, after telling the workers to end."""
        code = 1
        try:
            self._start()
            self._wait_for_all()
            code = self._drive()
        except Failed as failure:
            self.journal.say(str(failure))
            code = failure.code
        finally:
            write_whole(self.options.logs / "exit_code", f"{code}\n")
            self.rendezvous.end()
        return code

    def _start(self) -> None:
        host = raynode.own_address(self.step.nodes[1] if len(self.step.nodes) > 1 else None)
        port = raynode.free_ports(self.step.job_id)
        self.address = Address(host, port, secrets.token_hex(32))
        self.rendezvous.publish(self.address)
        self.ray = raynode.start(
            self.step, self.options, self.journal, self.address, host, self.scratch
        )
        count, output = len(self.step.nodes), self.journal.file
        self.watcher = Watcher(count, self.address, self.scratch, output)

    def _wait_for_all(self) -> None:
        """Returns when every node is there with its GPUs; raises Failed as soon as one cannot."""
        begin, seen, next_report = time.monotonic(), set[str](), time.monotonic() + REPORT_EVERY_S
        while True:
            self.rendezvous.beat()
            nodes = self.watcher.nodes()
            for name in [name for name in self.step.nodes if name in nodes.keys() - seen]:
                self.journal.phase("head_up" if name == self.step.node else "node_joined", name)
                seen.add(name)
            missing = lacking(self.step.nodes, nodes, self.options.gpus_per_node)
            if not missing:
                self.journal.phase("all_nodes_up")
                return
            self._fail_fast()
            now = time.monotonic()
            if now > self.deadline:
                raise Failed(NOT_ALL_UP, self._report(missing, now - begin))
            if now > next_report:
                self.journal.say(self._report(missing, now - begin))
                next_report += REPORT_EVERY_S
            time.sleep(TICK_S / 2)

    def _fail_fast(self) -> None:
        if self.stop.signal is not None:
            raise Failed(128 + self.stop.signal, f"ended by signal {self.stop.signal}")
        if lost := self._failures():
            name, reason = next(iter(lost.items()))
            raise Failed(NOT_ALL_UP, f"{name} failed before every node was up: {reason}")

    def _failures(self) -> dict[str, str]:
        """Node name -> reason, for those that reported a failure of their own."""
        found = {self.step.nodes[r]: why for r, why in self.rendezvous.marked("failed").items()}
        if self.ray.poll() is not None:
            found[self.step.node] = f"Ray ended with {self.ray.returncode}:\n{self.journal.tail()}"
        return found

    def _report(self, missing: dict[str, str], seconds: float) -> str:
        started = self.rendezvous.marked("started").keys() | {0}
        lines = [f"{len(missing)} of {len(self.step.nodes)} nodes are not up after {seconds:.0f} s"]
        for rank, name in enumerate(self.step.nodes):
            if name in missing and rank not in started:
                lines.append(f"  {name}: its task has not started, or does not see {self._folder}")
            elif name in missing:
                lines.append(f"  {name}: {missing[name]}, see {self._folder}/node-{rank}.log")
        return "\n".join(lines)

    @property
    def _folder(self) -> Path:
        return self.options.logs

    def _drive(self) -> int:
        """Runs the driver to its end; raises Failed when a node was lost meanwhile."""
        environment = raynode.environment(self.address, self.scratch) | {
            "RAY_ADDRESS": f"{self.address.host}:{self.address.port}",
            "REPRISE_RAY_NODES": str(len(self.step.nodes)),
        }
        try:
            driver = spawn(self.options.driver, environment)
        except OSError as error:
            raise Failed(127, f"the driver cannot be started: {error}") from error
        self.stop.driver = driver
        self.journal.phase("driver_started")
        lost = self._attend(driver)
        self.stop.driver = None
        code = driver.returncode if driver.returncode >= 0 else 128 - driver.returncode
        self.journal.phase("driver_ended")
        if code != 0 and not lost and self.stop.signal is None:
            # The driver may notice a lost node before Ray does.
            lost = {
                name: "its raylet is gone"
                for name, node in self.watcher.nodes().items()
                if not raynode.answers(node.host, node.port)
            }
        if lost:
            reasons = "; ".join(f"{name}: {why}" for name, why in lost.items())
            raise Failed(NODE_LOST, f"lost while the driver ran (it ended with {code}): {reasons}")
        self.journal.say(f"the driver ended with {code}")
        return code

    def _attend(self, driver: subprocess.Popen[bytes]) -> dict[str, str]:
        """Waits for the driver; ends it on SIGTERM or a lost node. Returns node -> why it is lost.

        SIGTERM goes to the driver alone, which knows best what to do about its own children.
        """
        lost: dict[str, str] = {}
        kill_at: float | None = None
        while True:
            try:
                driver.wait(TICK_S)
                return lost
            except subprocess.TimeoutExpired:
                self.rendezvous.beat()
            if kill_at is None:
                if self.stop.signal is None:
                    lost = self._lost()
                if lost or self.stop.signal is not None:
                    why = f"lost {', '.join(lost)}" if lost else f"signal {self.stop.signal}"
                    grace_s = self.options.grace_s
                    self.journal.say(f"{why}: SIGTERM to the driver, SIGKILL in {grace_s:.0f} s")
                    driver.terminate()
                    kill_at = time.monotonic() + grace_s
            elif time.monotonic() > kill_at:
                driver.kill()

    def _lost(self) -> dict[str, str]:
        alive = self.watcher.nodes()
        gone = {name: "Ray lost it" for name in self.step.nodes if name not in alive}
        return gone | self._failures()


def lacking(
    expected: tuple[str, ...], nodes: dict[str, RayNode], gpus_per_node: int
) -> dict[str, str]:
    """Node name -> what it lacks, for every expected node that is not up with exactly its GPUs."""
    found = {}
    for name in expected:
        if name not in nodes:
            found[name] = "Ray is not up"
        elif nodes[name].gpus != gpus_per_node:
            found[name] = f"{nodes[name].gpus:.0f} of {gpus_per_node} GPUs"
    return found
