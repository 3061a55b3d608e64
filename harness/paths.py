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
    if folder := _folder(model.path):
        return folder
    if model.path.startswith(("/", ".", "~")) or model.path.count("/") != 1:
        raise ConfigError(
            f"model.path={model.path} is no folder here and no hub id (owner/name): "
            "give the folder of a Hugging Face model, or its hub id"
        )
    return model.path


def adapter_path(path: str) -> str:
    """As model_path, for a PEFT adapter.

    Raises:
        ConfigError: the path names no adapter here, nor can it be a hub id.
    """
    folder = _folder(path)
    if folder and (Path(folder) / "adapter_config.json").is_file():
        return folder
    if folder or path.startswith(("/", ".", "~")) or path.count("/") != 1:
        raise ConfigError(
            f"model.adapter={path} is no folder with an adapter_config.json and no hub id "
            "(owner/name): give the adapter/ folder of a run, or a PEFT adapter on the hub"
        )
    return path


def _folder(path: str) -> str | None:
    """The folder of that name beside the code or where the command was given, absolute."""
    for base in (ROOT, Path.cwd()):
        folder = base / Path(path).expanduser()
        if folder.is_dir():
            return str(folder.resolve())
    return None
