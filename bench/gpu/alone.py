"""The part `alone`: the training of `train` with verl's own trainer, replay buffer, agent loop and
reward manager, against the run through the harness: what ours cost."""

import re
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from bench.gpu import plain_reward
from bench.gpu.options import Options
from bench.gpu.runs import bare_run
from bench.gpu.training import compared, free_disk, side, trained

OURS = (
    "reprise",
    "trainer.v1.trainer_mode",
    "trainer.v1.sampler.custom_sampler",
    "trainer.checkpoint_callback_class",
    "actor_rollout_ref.rollout.agent.default_agent_loop",
    "reward.reward_manager",
    "reward.custom_reward_function",
)
"""Settings without which verl takes what is its own; patches and attention stay, without which it
would not start."""
REWARD = {
    "path": f"pkg://{plain_reward.__name__}",
    "name": plain_reward.score.__name__,
}
LAST = "  hydra.run.dir="


def measure(options: Options) -> dict[str, Any]:
    """One run of as many steps as `train` made.

    Raises:
        RepriseError: `train` has not been measured with these options, or the run failed.
    """
    run_dir = trained(options)
    target = Path(mkdtemp(prefix="alone-", dir=options.scratch)) / "alone"
    outcome = bare_run(run_dir, target, change=plain)
    free_disk(outcome)
    return {
        "alone": side(outcome, options),
        "harness_to_alone": compared(run_dir, outcome),
    }


def plain(text: str) -> str:
    """A printed command without this project's parts, and with the reward as a function of verl's
    own kind."""
    ours = re.compile(rf"^ +'?\+?(?:{'|'.join(map(re.escape, OURS))})[.=]")
    kept = [line for line in text.splitlines(keepends=True) if not ours.match(line)]
    reward = "".join(
        f"  reward.custom_reward_function.{name}={value} \\\n" for name, value in REWARD.items()
    )
    return "".join(kept).replace(LAST, f"{reward}{LAST}", 1)
