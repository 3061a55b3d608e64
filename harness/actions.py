"""What run.py can do with composed runs: one function an action, its docstring is its help.

To add an action, write a function here and name it in ACTIONS. An action takes all runs of a
command line (one, or those of a sweep); `each` makes one of a function for a single run.
"""

import difflib
import functools
import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from harness.compose import to_eval_spec, to_run_spec
from harness.errors import ConfigError, RepriseError
from harness.spec import EvalSpec, RunSpec

if TYPE_CHECKING:
    from harness.cards import Claim
    from harness.plan.run_plan import RunPlan


@dataclass(frozen=True)
class Request:
    """One composed command line."""

    config: DictConfig
    overrides: list[str]

    @cached_property
    def spec(self) -> RunSpec:
        """The run, frozen and checked; a plan also shows what does not fit."""
        return to_run_spec(self.config, must_fit=self.config.action != "plan")

    @cached_property
    def eval_spec(self) -> EvalSpec:
        """The evaluation without training, frozen and checked."""
        return to_eval_spec(self.config, self.overrides)


Action = Callable[[Sequence[Request]], int]
exit_codes: list[int] = []
"""Of the actions done so far; the largest is the process's."""


def each(one: Callable[[Request], int]) -> Action:
    """An action that does one run after the other; a run that fails does not keep the next."""

    @functools.wraps(one)
    def all_of_them(requests: Sequence[Request]) -> int:
        return max(_told(one, request) for request in requests)

    return all_of_them


def _told(one: Callable[[Request], int], request: Request) -> int:
    try:
        return one(request)
    except RepriseError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code


def run(requests: Sequence[Request]) -> int:
    """Train, evaluate and report; continues where an earlier attempt at the same run ended.

    Stages: prepare, train, export, evaluate, report. Exit code 0 means that all the steps asked for
    were done and the report is written. With launch=slurm the runs are frozen and submitted (a
    sweep as one array for each set of resources), and the command returns at once; given again, it
    shows their state. again=true submits again what failed or was cancelled.
    Example: python run.py +repro=tinyzero
    Example: python run.py -m +repro=tinyzero,deepscaler hardware=8xA100 seed=1,2 launch=slurm
    """
    on_slurm = [request for request in requests if request.spec.launch.kind == "slurm"]
    here = [request for request in requests if request.spec.launch.kind == "local"]
    codes = [_submit(on_slurm)] if on_slurm else []
    codes += [_run_here(here)] if here else []
    return max(codes)


def _submit(requests: Sequence[Request]) -> int:
    from harness.submit.command import submit_runs

    runs = [(request.spec, request.overrides) for request in requests]
    return submit_runs(runs, again=requests[0].config.again)


@each
def _run_here(request: Request) -> int:
    from harness.pipeline import execute

    execute(request.spec, request.overrides)
    return 0


def dry_run(requests: Sequence[Request]) -> int:
    """Print what launch=slurm would submit: every sbatch script, and what SLURM says of it.

    Writes and submits nothing; the answer is that of `sbatch --test-only`. Exit code 1 if SLURM
    would refuse a script.
    Example: python run.py +repro=tinyzero hardware=4xA800 launch=slurm action=dry_run
    """
    from harness.submit.command import show_scripts

    return show_scripts([(request.spec, request.overrides) for request in requests])


def status(requests: Sequence[Request]) -> int:
    """Print the state of runs: step, reward, time left, node, attempt, and why one ended.

    runs= is a run, a submission or an output root (default: output_root). Asks SLURM once.
    Example: python run.py action=status runs=outputs/submissions/20260101-120000-1a2b
    """
    from harness.console import Console, short
    from harness.submit import states, table

    where = _runs(requests)
    found = states.survey(states.run_folders(where))
    table.show(Console(), found.runs, where=short(where), note=found.note)
    return 0


def wait(requests: Sequence[Request]) -> int:
    """Wait until all runs have ended, printing what changes; Ctrl-C leaves them running.

    Exit code 0 means that all are done.
    Example: python run.py action=wait runs=outputs/submissions/20260101-120000-1a2b
    """
    from harness.console import Console
    from harness.submit import watch

    return watch.wait(_runs(requests), Console())


def cancel(requests: Sequence[Request]) -> int:
    """End the jobs of runs that have not ended; what is saved stays.

    Example: python run.py action=cancel runs=outputs/submissions/20260101-120000-1a2b
    """
    from harness.console import Console
    from harness.submit.cancel import cancel

    return cancel(_runs(requests), Console())


def collect(requests: Sequence[Request]) -> int:
    """Gather the results of runs: a table, results.json and results.csv.

    Exit code 0 means that all are done; what failed is listed with its reason.
    Example: python run.py action=collect runs=outputs/submissions/20260101-120000-1a2b
    """
    from harness.console import Console
    from harness.submit.collect import collect

    return collect(_runs(requests), Console())


def report(requests: Sequence[Request]) -> int:
    """Write the page of a run; over several also sweep.html and leaderboard.html.

    runs= is a run, a submission or an output root (default: output_root). Each page is one file
    that needs no network, with the same content as .json and .md beside it. Pages of runs that are
    newer than their data stay as they are; a run that is not finished gets a page that says so.
    Example: python run.py action=report runs=outputs
    """
    from harness.console import Console
    from harness.report.action import report

    return report(_runs(requests), Console())


def _runs(requests: Sequence[Request]) -> Path:
    config = requests[0].config
    return Path(config.runs or config.output_root).expanduser().resolve()


def plan(requests: Sequence[Request]) -> int:
    """Print what a run would do and need: batches, memory, hours, cost, the equivalent command.

    Starts nothing and needs no GPU. A sweep gets a line a run, and the total. format=json prints
    the same for scripts. Exit code 1 if a run is not expected to fit into GPU memory.
    Example: python run.py +repro=deepscaler hardware=8xA100 action=plan
    Example: python run.py -m +repro=tinyzero,dapo hardware=8xA100,16xH100 action=plan
    """
    from harness.plan.estimates_text import sweep_text
    from harness.plan.run_plan import as_json, plan, sweep_json

    written = requests[0].config.format
    if written not in ("text", "json"):
        raise ConfigError(f"format={written} does not exist; choose text or json")
    specs = [request.spec for request in requests]
    plans = [plan(spec) for spec in specs]
    if written == "json":
        print(json.dumps(sweep_json(plans) if len(plans) > 1 else as_json(plans[0]), indent=1))
    elif len(plans) > 1:
        print(sweep_text(plans))
    else:
        _print_plan(specs[0], plans[0])
    return 0 if all(found.fits for found in plans) else 1


def _print_plan(spec: RunSpec, found: "RunPlan") -> None:
    from harness.chain import legs
    from harness.fidelity.departures import departures, departures_text
    from harness.plan.batches import planned_steps
    from harness.plan.text import text
    from harness.rundir import run_path
    from harness.verl.command import command, printable
    from harness.verl.emit import emit
    from harness.verl.environment import assignments

    print(text(found, spec))
    if spec.repro:
        print(f"\n{departures_text(departures(spec))}")
    for leg in legs(spec):
        folder = leg.folder(run_path(spec))
        keys, logs = emit(leg.spec, folder, planned_steps(leg.spec)), folder / "logs" / "attempt_1"
        words = command(leg.spec, keys, logs / "hydra")
        title = f"equivalent command of stage {leg.name}" if leg.name else "equivalent command"
        print(f"\n{title}\n{printable(words, assignments(leg.spec, folder, logs))}")


@each
def emit(request: Request) -> int:
    """Print the verl keys of every training as JSON on stdout, and nothing else there.

    Keyed by `train`, or by the stages of a chain.
    Example: python run.py +repro=tinyzero hardware=4xA800 action=emit > keys.json
    """
    from harness.chain import legs
    from harness.plan.batches import planned_steps
    from harness.rundir import run_path
    from harness.verl.emit import emit as verl_keys

    spec = request.spec
    folder = run_path(spec)
    keys = {
        leg.name or "train": verl_keys(leg.spec, leg.folder(folder), planned_steps(leg.spec))
        for leg in legs(spec)
    }
    print(json.dumps(keys, indent=1))
    return 0


@each
def evaluate(request: Request) -> int:
    """Measure one model under a protocol: folder, hub id, or a model behind a server.

    Draws responses (continuing what is on disk), grades them, checks the instrument, and prints a
    statement: score with intervals, verdict on the published claim (of +repro=..., or your own
    claim={value: 43.1, metric: avg@16}), independent score. Exit code 0 means a valid score for
    every benchmark.
    Example: python run.py action=eval model.path=my/model eval=aime24 hardware=1xH100
    Example: python run.py action=eval backend=openai backend.url=http://127.0.0.1:8000/v1 \\
                 model.path=served-name eval=quick
    """
    from harness.evaluation import evaluate_alone

    spec = request.eval_spec
    evaluate_alone(spec, request.overrides, _claims(request, spec))
    return 0


@each
def score(request: Request) -> int:
    """Grade responses from elsewhere: sample logs of lm-eval or lighteval, or plain JSONL.

    samples= names a file or folder; eval= the benchmarks and the grader. Without eval= the golds
    of the log itself are used.
    Example: python run.py action=score samples=results/samples_aime24.jsonl eval=aime24
    """
    from harness.scoring import score_log

    if not request.config.samples:
        raise ConfigError(
            "action=score was given no samples: set samples=<file or folder> (lm-eval or lighteval "
            "sample logs, or JSONL with id and response), and eval=<protocol with the benchmark>"
        )
    spec = to_eval_spec(request.config, request.overrides, has_data=True)
    score_log(spec, Path(request.config.samples), request.overrides, _claims(request, spec))
    return 0


def _claims(request: Request, spec: EvalSpec) -> "list[Claim]":
    from harness.given_claims import given_claims

    return given_claims(request.config.claim, spec.eval)


@each
def list_repros(request: Request) -> int:
    """Print every surveyed system by status, with what it is and why it stands there.

    Example: python run.py action=list
    """
    from harness.cards.catalogue import catalogue, listing

    print(listing(catalogue()))
    return 0


@each
def fidelity(request: Request) -> int:
    """Hold a recipe to what upstream really runs: same, renamed, changed (why), not expressible.

    A row for every key and behaviour of upstream, at full size whatever the hardware. Exit code 1
    if a difference is not explained, or a number of the recipe has no source.
    Example: python run.py +repro=tinyzero action=fidelity
    """
    from harness.fidelity.full_size import full_size
    from harness.fidelity.run import fidelity
    from harness.fidelity.text import text

    found = fidelity(full_size(request.overrides))
    print(text(found))
    return 1 if found.problems() else 0


@each
def conformance(request: Request) -> int:
    """Score golden cases with the repro's reward and compare with upstream's recorded verdicts.

    cases= names another file than the one that ships with the repro. Prints "N of M agree" and the
    disagreements; exit code 1 if there are any.
    Example: python run.py +repro=tinyzero action=conformance cases=golden.jsonl
    """
    from harness.cards import load_card, shipped_cases
    from harness.conformance import conform, report

    repro, cases = request.config.repro, request.config.cases
    if not repro:
        raise ConfigError(
            "action=conformance needs a recipe, whose reward it scores with: add +repro=<id>, and "
            "cases=<file.jsonl> for other cases than the shipped ones"
        )
    result = conform(Path(cases) if cases else shipped_cases(repro), load_card(repro))
    print(report(result))
    return 1 if result.disagreements else 0


ACTIONS: dict[str, Action] = {
    "run": run,
    "plan": plan,
    "emit": emit,
    "dry_run": dry_run,
    "status": status,
    "wait": wait,
    "cancel": cancel,
    "collect": collect,
    "report": report,
    "eval": evaluate,
    "score": score,
    "list": list_repros,
    "fidelity": fidelity,
    "conformance": conformance,
}


def act(name: str, requests: Sequence[Request]) -> int:
    """Does the named action with all composed runs; its exit code is also kept in exit_codes."""
    try:
        code = chosen_action(name)(requests)
    except RepriseError as error:
        print(f"error: {error}", file=sys.stderr)
        code = error.exit_code
    except BrokenPipeError:  # the reader of our output left, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    exit_codes.append(code)
    return code


def chosen_action(name: str) -> Action:
    """The action of that name.

    Raises:
        ConfigError: there is none; names the nearest.
    """
    if name in ACTIONS:
        return ACTIONS[name]
    near = difflib.get_close_matches(name, ACTIONS, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise ConfigError(f"action={name} does not exist; {hint}Actions: {', '.join(ACTIONS)}")
