"""The text of `run.py --help` and `run.py action=<name> --help`, made from the code and conf/."""

import inspect
import textwrap
from collections.abc import Sequence

from harness.actions import ACTIONS
from harness.explain import options

WIDTH = 96
GROUPS = (
    ("model", "base model"),
    ("algorithm", "how the policy is optimised"),
    ("reward", "how a response is scored"),
    ("data", "problems and their prompt"),
    ("hardware", "what it runs on"),
    ("eval", "how the result is measured: benchmarks, samples, prompt, grader"),
    ("backend", "what generates during evaluation"),
    ("launch", "where processes start"),
    ("tracking", "where metrics go"),
)


def help_text(arguments: Sequence[str]) -> str:
    """The general help, or one action's help when `action=` is among the arguments."""
    chosen = [word.split("=", 1)[1] for word in arguments if word.startswith("action=")]
    if chosen and chosen[-1] in ACTIONS:
        return f"action={chosen[-1]}\n\n{inspect.getdoc(ACTIONS[chosen[-1]])}"
    return _general()


def _general() -> str:
    groups = [f"{_listed(f'  {name:<10} ', options(name))}\n{'':13}{text}" for name, text in GROUPS]
    actions = [f"  {name:<12} {_first_line(name)}" for name in ACTIONS]
    return "\n".join(
        [
            "Reprise reproduces R1-style reasoning projects on veRL, and says if they come out.",
            "",
            "  python run.py +repro=tinyzero                      the whole loop, on this machine",
            "  python run.py +repro=tinyzero hardware=4xA800 action=plan",
            "                                                     what the full run would do",
            "  python run.py action=eval model.path=MODEL eval=aime24",
            "                                                     measure any model",
            "  python run.py -m +repro=tinyzero algorithm=ppo,grpo seed=1,2",
            "                                                     a sweep of four runs",
            "  python run.py +repro=tinyzero hardware=4xA800 launch=slurm",
            "                                                     as a SLURM job",
            "",
            "+repro=NAME   a project's recipe:",
            _listed(" " * 14, options("repro")),
            "",
            "GROUP=CHOICE  swaps one part of it",
            *groups,
            "",
            "action=NAME   what to do (default: run); `action=NAME --help` tells more",
            *actions,
            "",
            "key=value     changes one value, for example seed=2 schedule.steps=50",
            "              algorithm.optimizer.lr=1e-4; `--cfg job` prints them all",
            "",
            "On hardware=cpu a recipe runs in miniature: same algorithm, prompt and reward, with a",
            "tiny model and small problems (conf/repro/miniature). -m sweeps over comma lists;",
            "--hydra-help lists Hydra's own flags.",
        ]
    )


def _listed(head: str, names: Sequence[str]) -> str:
    """Names behind a head, in lines of a terminal's width."""
    return textwrap.fill(
        ", ".join(names), width=WIDTH, initial_indent=head, subsequent_indent=" " * len(head),
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _first_line(action: str) -> str:
    return (inspect.getdoc(ACTIONS[action]) or "").splitlines()[0]
