"""The door: Hydra composes, a RunSpec freezes, one action runs. Reads as the table of contents."""

# ruff: noqa: E402
import gc

# Composing makes many objects and little garbage; looking for it took a quarter of a plan's time.
gc.set_threshold(50_000)

import os
import sys

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from harness.actions import Request, act, exit_codes
from harness.compose import at_the_door
from harness.errors import RepriseError
from harness.explain import CONF_DIR, explain_hydra
from harness.help import help_text

INTERRUPTED = 130


@hydra.main(version_base=None, config_path=str(CONF_DIR), config_name="config")
def act_on_one(config: DictConfig) -> None:
    """Does a single composed run's action; a sweep goes through harness/sweep/launcher.py."""
    act(config.action, [Request(config, list(HydraConfig.get().overrides.task))])


def main(arguments: list[str]) -> int:
    """Exit code of one command line: 0 only if everything asked for was done."""
    if {"--help", "-h"} & set(arguments):
        print(help_text(arguments))
        return 0
    os.environ["HYDRA_FULL_ERROR"] = "1"  # lets Hydra's errors through to the handler below
    try:
        from harness.sweep.launcher import register

        register()
        sys.argv[1:] = at_the_door(arguments)
        act_on_one()
    except RepriseError as error:
        return _show(error)
    except (HydraException, OmegaConfBaseException) as error:
        return _show(explain_hydra(error))
    except BrokenPipeError:  # the reader of our output left, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("\nstopped; the same command continues", file=sys.stderr)
        return INTERRUPTED
    return max(exit_codes, default=0)


def _show(error: RepriseError) -> int:
    print(f"error: {error}", file=sys.stderr)
    return error.exit_code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
