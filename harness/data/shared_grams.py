"""Which runs of words two sets of texts share, in one pass over the larger; contamination.py asks.

Words become 64-bit codes and n-grams become polynomial hashes of codes, for whole blocks of texts
at once: memory is bounded by the block and by the reference texts.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.uint64]
Indices = NDArray[np.int64]

FACTOR = np.uint64(0x9E3779B97F4A7C15)  # odd, so that multiplication modulo 2**64 loses nothing
UNKNOWN, GAP = 1, 2
BLOCK_TEXTS = 1000
NOT_SEEN = -1


def words(text: str) -> list[str]:
    """The words and numbers of a text, without case, width variants and any mark."""
    plain = text if text.isascii() else unicodedata.normalize("NFKC", text)
    return re.findall(r"[^\W_]+", plain.casefold())


def code(word: str) -> int:
    """A word as 64 bits."""
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "little")


def hashes(codes: Codes, lengths: Sequence[int]) -> Iterator[tuple[int, Codes]]:
    """For each length n in rising order: n and the hash of every run of n codes."""
    found = np.zeros(len(codes) + 1, dtype=np.uint64)
    for n in range(1, max(lengths, default=0) + 1):
        if len(codes) < n:
            return
        found = found[: len(codes) - n + 1] * FACTOR + codes[n - 1 :]
        if n in lengths:
            yield n, found


@dataclass(frozen=True, slots=True, kw_only=True)
class Grams:
    """The different runs of n words of all reference texts."""

    hashes: Codes
    """Sorted."""
    rows: Indices
    """Number of texts with the run."""
    first: Indices
    """Index of the first text with the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runs:
    """The runs of n words of one reference text, in its order."""

    n: int
    """Words in a run."""
    hashes: list[int]
    """Equal for equal runs."""
    rows: list[int]
    """Number of other texts with the run."""
    first: list[int]
    """Index of the first of them; NOT_SEEN when there is none."""


class SharedGrams:
    """Runs of words of `texts`, looked for in other texts.

    A text shorter than one of `sizes` is looked for as a whole.
    """

    def __init__(self, texts: Sequence[str], sizes: Sequence[int]) -> None:
        split = [words(text) for text in texts]
        self.vocabulary = {word: code(word) for text in split for word in text}
        self.texts = [self.encode(text) for text in split]
        wanted = {min(n, len(text)) for text in self.texts for n in sizes} - {0}
        runs: dict[int, list[Codes]] = {n: [] for n in sorted(wanted)}
        for text in self.texts:
            own = {min(n, len(text)) for n in sizes}
            for n, found in hashes(text, tuple(own)):
                runs[n].append(found)
        self.grams = {n: empty_grams(np.unique(np.concatenate(found))) for n, found in runs.items()}
        self.longest = max(sizes)
        self.heads = self.index_heads()
        self.whole: dict[int, int] = {}
        """Reference text -> index of the first text that holds it as a whole."""
        self.rows = 0
        """Different texts that were looked at."""

    def encode(self, split: Iterable[str]) -> Codes:
        """Words as codes; words of no reference text are all alike."""
        known = self.vocabulary.get
        return np.array([known(word, UNKNOWN) for word in split], dtype=np.uint64)

    def index_heads(self) -> dict[int, dict[int, list[int]]]:
        """Length -> hash of the first words -> reference texts that begin with them."""
        heads: dict[int, dict[int, list[int]]] = {}
        for index, text in enumerate(self.texts):
            n = min(self.longest, len(text))
            for _, found in hashes(text[:n], (n,)):
                heads.setdefault(n, {}).setdefault(int(found[0]), []).append(index)
        return heads

    def look_at(self, texts: Iterable[str]) -> None:
        """One pass over the other texts; a text that is there twice counts once."""
        numbered = enumerate(texts)
        seen: set[int] = set()
        while block := list(islice(numbered, BLOCK_TEXTS)):
            fresh: dict[int, tuple[int, str]] = {}
            for index, text in block:
                key = hash(text)
                if key not in seen:
                    seen.add(key)
                    fresh[key] = (index, text)
            if fresh:
                self.look_at_block(list(fresh.values()))
        self.rows += len(seen)

    def look_at_block(self, block: Sequence[tuple[int, str]]) -> None:
        """Counts the runs of some texts; a gap after each keeps runs within one text."""
        encoded = [self.encode(words(text)) for _, text in block]
        parts = [part for text in encoded for part in (text, np.array([GAP], np.uint64))]
        codes = np.concatenate(parts)
        sizes = [len(text) + 1 for text in encoded]
        text_of = np.repeat(np.array([index for index, _ in block], dtype=np.int64), sizes)
        for n, found in hashes(codes, tuple(self.grams)):
            grams = self.grams[n]
            place = np.searchsorted(grams.hashes, found)
            place[place == len(grams.hashes)] = 0
            hits = np.flatnonzero(grams.hashes[place] == found)
            if len(hits):
                self.count(grams, place[hits], text_of[hits])
                self.find_whole(n, codes, hits, found[hits], text_of[hits])

    @staticmethod
    def count(grams: Grams, place: Indices, text: Indices) -> None:
        """Adds each pair of run and text once."""
        pairs = np.unique(np.stack([place, text]), axis=1)
        runs, start, rows = np.unique(pairs[0], return_index=True, return_counts=True)
        grams.rows[runs] += rows
        first = grams.first[runs]
        grams.first[runs] = np.where(first == NOT_SEEN, pairs[1][start], first)

    def find_whole(self, n: int, codes: Codes, hits: Indices, found: Codes, text: Indices) -> None:
        """Compares reference texts word by word wherever their first words occur."""
        heads = self.heads.get(n, {})
        if not heads:
            return
        starts = np.isin(found, np.array(list(heads), dtype=np.uint64))
        for position, head, row in zip(
            hits[starts].tolist(), found[starts].tolist(), text[starts].tolist(), strict=True
        ):
            for index in heads[head]:
                own = self.texts[index]
                if index not in self.whole and np.array_equal(
                    codes[position : position + len(own)], own
                ):
                    self.whole[index] = row

    def runs_of(self, index: int, size: int) -> Runs:
        """The runs of one reference text; of the whole text when it is shorter."""
        text = self.texts[index]
        n = min(size, len(text))
        for _, found in hashes(text, (n,)):
            grams = self.grams[n]
            place = np.searchsorted(grams.hashes, found)
            rows, first = grams.rows[place].tolist(), grams.first[place].tolist()
            return Runs(n=n, hashes=found.tolist(), rows=rows, first=first)
        return Runs(n=0, hashes=[], rows=[], first=[])


def empty_grams(sorted_hashes: Codes) -> Grams:
    """Runs that were not looked for yet."""
    return Grams(
        hashes=sorted_hashes,
        rows=np.zeros(len(sorted_hashes), np.int64),
        first=np.full(len(sorted_hashes), NOT_SEEN, np.int64),
    )
