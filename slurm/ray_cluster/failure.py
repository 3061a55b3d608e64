"""The one error of the bring-up; main.py and the two roles turn it into a message and a code."""

NOT_ALL_UP = 90
NODE_LOST = 91


class Failed(Exception):
    """The cluster cannot go on: the message says what happened and where to look next."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
