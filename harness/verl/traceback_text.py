"""Finds the Python traceback that explains a failed training log; used by process.py.

Ray prefixes lines with the worker's name and repeats an exception in every process it passes
through; torchrun prefixes them with the rank and ends with an exception of its own; verl logs a
failed sample where it happens and fails later, for another stated reason.
"""

import re

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
PREFIX = re.compile(r"^(?:\((?:[\w.:<>-]+ )?pid=\d+(?:, ip=[\d.]+)?\) ?)?(?:\[rank\d+\]: ?)?")
REPEATED = re.compile(r" \[repeated \d+x across cluster\].*$")
START = "Traceback (most recent call last):"
RAISED = re.compile(r"^(?P<type>[A-Za-z_][\w.]*)(?::(?: .*)?)?$")
REMOTE = re.compile(r"^(?P<type>[\w.]*RayTaskError\(\w+\)|[\w.]*ActorDiedError): .*ray::")
CHAINED = re.compile(r"^ray::\S+\(\) \(pid=")
"""Ray's header of an exception that was raised from another one in the same worker."""
CONSEQUENCES = frozenset({
    "harness.verl.replay_buffer.RolloutFailed",
    "torch.distributed.elastic.multiprocessing.errors.ChildFailedError",
})  # fmt: skip
"""Exceptions that only report that something failed before."""


def last_traceback(text: str) -> str | None:
    """The last traceback that is a cause, from its innermost worker; None without a traceback."""
    blocks = _blocks([_clean(line) for line in text.splitlines()])
    causes = [block for block in blocks if not _is_consequence(block)]
    chosen = (causes or blocks)[-1:]
    return "\n".join(_innermost(chosen[0])) if chosen else None


def _clean(line: str) -> str:
    return REPEATED.sub("", PREFIX.sub("", COLOUR.sub("", line))).rstrip()


def _blocks(lines: list[str]) -> list[list[str]]:
    """Tracebacks, each from its first line to the end of the exception's message: the line that
    names the exception, and the indented lines that follow it."""
    blocks: list[list[str]] = []
    current: list[str] | None = None
    raised = False
    for line in lines:
        indented = line.startswith((" ", "\t"))
        if line.strip() == START or CHAINED.match(line):
            current, raised = [START], False
            blocks.append(current)
        elif current is not None and raised and not indented:
            current = None
        elif current is not None:
            current.append(line)
            # A remote exception goes on with the traceback of the remote process.
            raised = raised or bool(line and not indented and not REMOTE.match(line))
    return blocks


def _is_consequence(block: list[str]) -> bool:
    return any((found := RAISED.match(line)) and found["type"] in CONSEQUENCES for line in block)


def _innermost(block: list[str]) -> list[str]:
    """Only what happened in the innermost worker."""
    remote = [i for i, line in enumerate(block) if REMOTE.match(line)]
    return [START, *block[remote[-1] + 1 :]] if remote else block
