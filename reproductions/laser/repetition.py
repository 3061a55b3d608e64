"""Where a response begins to repeat itself; LASER's exploring rewards can leave such responses out.

Source: hkust-nlp/Laser@c9e7c4ef18192212574c5f6709d67c74baea7605:
verl/utils/reward_score/compute_unique_tokens.py
"""

from collections import defaultdict
from collections.abc import Sequence
from itertools import pairwise

LONGEST_GRAM = 4


def repetition_start(ids: Sequence[int]) -> int:
    """The token from which on a response repeats itself; its length where it does not.

    Read from the end. A run of grams repeats when it occurs often enough (twice, or three times
    from 200 tokens on) and two neighbours are closer than a third of the length, or when a run of
    twice the size occurs again at all. Grams of one and the same token count in pairs only.
    """
    count = len(ids)
    if count <= 2 * LONGEST_GRAM:
        return count
    size = 2 if count < 30 else 3 if count < 100 else LONGEST_GRAM
    close = close_repetition(ids, size, often=2 if count < 200 else 3)
    if close is not None:
        return close
    again = any_repetition(ids, 2 * size) if count >= 4 * size else None
    return count if again is None else again


def close_repetition(ids: Sequence[int], size: int, *, often: int) -> int | None:
    """First position of the run that first occurs often enough, two of them close together."""
    places: dict[tuple[int, ...], list[int]] = defaultdict(list)
    for place in range(len(ids) - size, -1, -1):
        gram = tuple(ids[place : place + size])
        if size > 2 and len(set(gram)) == 1:
            continue
        found = places[gram]
        found.append(place)  # from the end to the start
        gaps = (later - earlier for later, earlier in pairwise(found))
        if len(found) >= often and any(gap < len(ids) // 3 for gap in gaps):
            return place
    return None


def any_repetition(ids: Sequence[int], size: int) -> int | None:
    """Position of the last run that occurs again behind it."""
    seen: set[tuple[int, ...]] = set()
    for place in range(len(ids) - size, -1, -1):
        gram = tuple(ids[place : place + size])
        if gram in seen:
            return place
        seen.add(gram)
    return None
