"""Runs registrations right after verl has imported the module that holds the registry; both of our
plug-ins (harness/verl/plugins, harness/verl/cpu) state theirs here.

verl's trainers, engines and rollouts take seconds to import, and most Ray actors need none of them.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

Registration = Callable[[ModuleType], None]


class _AfterImport(MetaPathFinder):
    """Calls back once a module that somebody waits for has been executed."""

    def __init__(self) -> None:
        self.waiting: dict[str, list[Registration]] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Find the module as Python would, and add the calls to its loader."""
        registrations = self.waiting.get(fullname)
        spec = PathFinder.find_spec(fullname, path) if registrations else None
        if registrations is None or spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            for register in registrations:
                register(module)

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


_FINDER = _AfterImport()


def after_import(registrations: Mapping[str, Registration]) -> None:
    """Call each function with its module: now where it is imported, else as soon as it is."""
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)
    for name, register in registrations.items():
        _FINDER.waiting.setdefault(name, []).append(register)
        if name in sys.modules:
            register(sys.modules[name])
