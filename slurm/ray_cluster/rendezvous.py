"""Where the tasks of a step meet: small files in the shared log folder."""

import contextlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Address:
    """Where Ray's head listens, and the token that it asks for."""

    host: str
    port: int
    token: str


class Rendezvous:
    """The folder `rendezvous-<key>`; the key keeps another start's files from being believed.

    head.json (mode 0600, holds the token, removed at the end), alive (a number that task 0
    counts up), ended, and a file started-<rank> or failed-<rank> for each node.
    """

    def __init__(self, logs: Path, key: str) -> None:
        self.folder = logs / f"rendezvous-{key}"
        self.folder.mkdir(exist_ok=True)
        self._beats = 0

    def publish(self, address: Address) -> None:
        """By task 0, once: where the others find it."""
        write_whole(self.folder / "head.json", json.dumps(asdict(address)), mode=0o600)

    def head(self) -> Address | None:
        """What task 0 published; None as long as this node does not see it."""
        with contextlib.suppress(OSError):
            os.listdir(self.folder)  # makes an NFS client ask the server again
            return Address(**json.loads((self.folder / "head.json").read_text()))
        return None

    def mark(self, state: str, rank: int, text: str = "") -> None:
        """Says that a node has started or failed, and why."""
        write_whole(self.folder / f"{state}-{rank}", text)

    def marked(self, state: str) -> dict[int, str]:
        """Rank -> text of every node in that state."""
        found = {}
        with contextlib.suppress(OSError):
            for path in sorted(self.folder.glob(f"{state}-*[0-9]")):
                found[int(path.name.rpartition("-")[2])] = path.read_text()
        return found

    def beat(self) -> None:
        """By task 0, about once a second; a folder that hangs or fails must not end the run."""
        self._beats += 1
        # In place, not renamed: opening a known file is what makes an NFS client look again.
        with contextlib.suppress(OSError):
            (self.folder / "alive").write_text(str(self._beats))

    def heard(self) -> str:
        """The last beat; what counts is that it changes, clocks of nodes differ."""
        with contextlib.suppress(OSError):
            return (self.folder / "alive").read_text()
        return ""

    def end(self) -> None:
        """By task 0: tells the others to end, and takes the token away."""
        write_whole(self.folder / "ended", "")
        (self.folder / "head.json").unlink(missing_ok=True)

    def ended(self) -> bool:
        """Whether task 0 has said so."""
        with contextlib.suppress(OSError):
            return "ended" in os.listdir(self.folder)
        return False


def write_whole(path: Path, text: str, mode: int = 0o644) -> None:
    """Writes a file that a reader on another node sees whole or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with open(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
