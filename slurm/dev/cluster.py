"""A throw-away real SLURM on this machine, for contributors and tests: the command line.

    python slurm/dev/cluster.py start --nodes a800:4 a800:4 cpu
    eval "$(python slurm/dev/cluster.py env)"
    python slurm/dev/cluster.py stop

Needs Python 3.11 and its standard library only. docs/slurm-dev.md is the manual.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
from pathlib import Path

import config
import daemons
import lifecycle
import nodes
from config import ClusterError
from request import Request

SHOW_DEFAULTS = argparse.ArgumentDefaultsHelpFormatter
CHOICES = {"auto": None, "yes": True, "no": False}
VERBS = {
    "start": "start the cluster; where it is up, only renew its lifetime",
    "stop": "end it and remove its folder",
    "status": "print a table of the nodes; exit code 1 where it is down",
    "env": "print the line for eval that points sbatch, srun and sacct at it",
    "run": "run CMD against it; starts it first and stops it afterwards if it was down",
    "crash": "kill a node with all that runs on it",
    "revive": "bring a crashed node back",
    "hide": "let a node see an empty folder at PATH, until it is crashed and revived",
}


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="cluster.py", description=(__doc__ or "").split("\n")[0])
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb, text in VERBS.items():
        part = verbs.add_parser(
            verb,
            help=text,
            description=text,
            formatter_class=argparse.ArgumentDefaultsHelpFormatter,
        )
        _add_options(verb, part)
    _add_options("watch", verbs.add_parser("watch"))  # what the watchdog runs; not listed
    return parser


def _add_options(verb: str, part: argparse.ArgumentParser) -> None:
    default = Path(f"/tmp/reprise-slurm-{config.user_name()}")
    part.add_argument("--folder", type=Path, default=default, help="its private folder")
    if verb in ("start", "run"):
        _add_cluster_options(part)
    if verb in ("crash", "revive", "hide"):
        part.add_argument("node", metavar="NODE", help="node1, node2, ...")
    if verb == "hide":
        part.add_argument("path", type=Path, metavar="PATH", help="a folder")
    if verb == "run":
        part.add_argument("words", nargs=argparse.REMAINDER, metavar="CMD", help="after a --")


def _add_cluster_options(part: argparse.ArgumentParser) -> None:
    nodes_help = "one word for each node: TYPE:GPUS or cpu"
    part.add_argument("--nodes", nargs="+", default=list(config.DEFAULT_NODES), help=nodes_help)
    accounting = "slurmdbd on a private MariaDB, so that sacct works (auto: if installed)"
    part.add_argument("--accounting", choices=CHOICES, default="auto", help=accounting)
    isolate = "a hostname, address and process table for each node (auto: if root may)"
    part.add_argument("--isolate", choices=CHOICES, default="auto", help=isolate)
    part.add_argument("--max-array-size", type=int, default=1001, metavar="N", help="MaxArraySize")
    lifetime = "the cluster ends itself after so many minutes"
    part.add_argument("--lifetime-min", type=float, default=180, metavar="MIN", help=lifetime)


def _request(given: argparse.Namespace) -> Request:
    if given.max_array_size < 2 or given.lifetime_min <= 0:
        raise ClusterError("--max-array-size is at least 2, and --lifetime-min more than 0")
    return Request(
        folder=given.folder,
        nodes=config.parse_nodes(given.nodes),
        accounting=CHOICES[given.accounting],
        isolate=CHOICES[given.isolate],
        max_array_size=given.max_array_size,
        lifetime_min=given.lifetime_min,
    )


def act(given: argparse.Namespace) -> int:
    """Carry out one verb; the exit code."""
    folder = given.folder
    match given.verb:
        case "start":
            lifecycle.start(_request(given))
        case "stop":
            lifecycle.stop(folder)
        case "status":
            settings = lifecycle.require(folder)
            table = ("sinfo", "-N", "-p", "debug", "-o", "%8N %12T %14G %6c %E")
            print(daemons.client(settings, *table), end="")
        case "env":
            configuration = lifecycle.require(folder).folder / "slurm.conf"
            print(f"export SLURM_CONF={shlex.quote(str(configuration))}")
        case "run":
            words = given.words[1:] if given.words[:1] == ["--"] else given.words
            if not words:
                raise ClusterError("run needs a command: run --folder X -- srun hostname")
            return lifecycle.run(_request(given), words)
        case "crash":
            lifecycle.crash(folder, given.node)
        case "revive":
            lifecycle.revive(folder, given.node)
        case "hide":
            nodes.hide(lifecycle.require(folder), given.node, given.path.absolute())
        case "watch":
            lifecycle.watch(folder)
    return 0


def main() -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    given = build_parser().parse_args()
    given.folder = given.folder.resolve()
    try:
        return act(given)
    except (ClusterError, OSError) as error:
        print(f"cluster.py: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


if __name__ == "__main__":
    sys.exit(main())
