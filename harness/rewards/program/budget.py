"""What a program may spend; every part of the interpreter pays from it."""

MAX_STEPS = 20_000
"""Steps of one program: one for each syntax node reached, each loop round, and each element or
character of a value that is made. It bounds time (some hundredths of a second) and memory alike."""

MAX_BITS = 2048
"""Bits of one integer. A float, which answers are compared as, ends at 1024."""

MAX_DEPTH = 100
"""Syntax nodes and blocks inside one another, calls included: far from the end of Python's stack,
which a reward shares with its caller."""


class ProgramRefused(ValueError):
    """The program lies outside the subset, fails, or exceeds its budget."""


class Budget:
    """The steps that are left."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def spend(self, steps: int = 1) -> None:
        """Pays; before the work, so that no size is ever reached that cannot be paid."""
        self.left -= steps
        if self.left < 0:
            raise ProgramRefused("the program takes too many steps")

    def weigh(self, value: object) -> None:
        """Pays for all that a value holds, as often as it is held.

        Python compares nested values by walking them; shared parts are walked each time.
        """
        waiting = [value]
        while waiting:
            held = waiting.pop()
            if isinstance(held, str):
                self.spend(len(held))
            elif isinstance(held, list | tuple):
                self.spend(len(held))
                waiting += held
            elif isinstance(held, dict):
                self.spend(len(held))
                waiting += held.values()
            elif held is not None and not isinstance(held, int | float | complex | range):
                raise ProgramRefused(f"comparing a {type(held).__name__} is not in the subset")


def limited(value: object) -> object:
    """The value, unless it is an integer beyond the limit."""
    if isinstance(value, int) and value.bit_length() > MAX_BITS:
        raise ProgramRefused(f"an integer of more than {MAX_BITS} bits")
    return value
