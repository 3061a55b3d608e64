"""The one exception family of the project; run.py turns each into a message and an exit code."""


class RepriseError(Exception):
    """A failure that the user can act on: says what was given, what is allowed, what to do next."""

    exit_code = 1
    cause = "error"
    """What kind of failure it is: error, signal or out_of_memory; status.json tells it."""


class ConfigError(RepriseError, ValueError):
    """The composed configuration is refused before anything runs."""

    exit_code = 2


class DataError(RepriseError, ValueError):
    """A data set is missing or malformed."""


class RunDirError(RepriseError, RuntimeError):
    """The run directory is held by another process, unwritable, or belongs to another run."""


class TrainingError(RepriseError, RuntimeError):
    """A training process died or ended before the steps that were asked for."""

    def __init__(self, message: str, cause: str = "error") -> None:
        super().__init__(message)
        self.cause = cause


class EvaluationError(RepriseError, RuntimeError):
    """An evaluation could not produce a score that can be believed."""


class SubmitError(RepriseError, RuntimeError):
    """The scheduler refused, did not answer, or what was frozen is no longer what is there."""

    def __init__(self, message: str, cause: str = "error") -> None:
        super().__init__(message)
        self.cause = cause
