"""Where a model lies; emission, preparation and evaluation share it."""

from pathlib import Path

from harness.errors import ConfigError
from harness.spec import EvaluatedModel, Model

ROOT = Path(__file__).parents[1]


def model_path(model: Model | EvaluatedModel) -> str:
    """An absolute folder (workers have other working folders), or a hub id as it is.

    Raises:
        ConfigError: the path names a local folder that does not exist.
    """
    for base in (ROOT, Path.cwd()):
        folder = base / Path(model.path).expanduser()
        if folder.is_dir():
            return str(folder.resolve())
    if model.path.startswith(("/", ".", "~")) or model.path.count("/") != 1:
        raise ConfigError(
            f"model.path={model.path} is no folder here and no hub id (owner/name): "
            "give the folder of a Hugging Face model, or its hub id"
        )
    return model.path
