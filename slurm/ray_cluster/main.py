r"""The command line of the Ray bring-up: every task of a job step runs it, see --help.

    srun --ntasks-per-node=1 \
        python slurm/ray_cluster --logs DIR --gpus-per-node 8 -- python train.py

Task 0 starts Ray's head, waits for every node, and runs the driver; the others hold a raylet each.
Only the standard library is needed here; Ray runs in children.
"""

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from .failure import Failed
from .head import Head
from .journal import Journal
from .options import Options
from .processes import adopt_orphans, kill_descendants
from .rendezvous import Rendezvous
from .scratch import scratch
from .step import Step
from .stop import Stop
from .worker import Worker

EXIT_CODES = """\
exit code of task 0, also in DIR/exit_code:
  the driver's own (128 + n when signal n ended it), or
  90  not every node was up with its GPUs before the deadline
  91  a node was lost while the driver ran
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs this task's part and returns its exit code; leaves no process and no folder behind."""
    started = time.monotonic()
    options = parse(sys.argv[1:] if argv is None else argv)
    try:
        step = Step.read(os.environ)
    except Failed as failure:
        print(f"ray_cluster: {failure}", file=sys.stderr)
        return failure.code
    stop = Stop()
    adopt_orphans()
    options.logs.mkdir(parents=True, exist_ok=True)
    journal = Journal(options.logs, step, started)
    rendezvous = Rendezvous(options.logs, step.key)
    role = Head if step.rank == 0 else Worker
    with scratch(step.job_id, step.rank) as folder:
        try:
            code = role(step, options, rendezvous, journal, stop, folder).run()
        finally:
            if left := kill_descendants():
                journal.say(f"these processes did not end: {left}")
    journal.phase("torn_down")
    return code


def parse(argv: Sequence[str]) -> Options:
    """The command line; ends the process with 2 and a message when it is not understood."""
    parser = argparse.ArgumentParser(
        prog="ray_cluster",
        description=__doc__,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--logs", type=Path, required=True, metavar="DIR", help="a folder that every node sees")
    add("--gpus-per-node", type=int, required=True, metavar="N")
    add("--cpus-per-node", type=int, metavar="N", help="default: SLURM_CPUS_ON_NODE")
    add("--object-store-gb", type=float, metavar="GB", help="default: Ray's own choice")
    add("--deadline-s", type=float, default=600.0, metavar="S", help="for all nodes to be up")
    add("--grace-s", type=float, default=30.0, metavar="S", help="from SIGTERM to SIGKILL")
    add("driver", nargs="+", metavar="COMMAND", help="what runs on the first node, after --")
    given = parser.parse_args(argv)
    given.logs = given.logs.absolute()
    given.driver = tuple(given.driver)
    return Options(**vars(given))
