"""What changed between two wordings, word by word."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

WORDS = re.compile(r"\s+|\w+|[^\w\s]")
MOST = 1500  # words of one passage that are compared one by one: beyond that it takes longer than anybody waits
MOST_LINES = 4000
AROUND = 60  # words shown before and after a change; what lies between is left out


@dataclass(frozen=True, slots=True)
class Piece:
    """A run of words that both have, that only the old or the new one has, or that is left out here."""

    kind: str  # same, gone, new, skip
    words: str


def differences(old: str, new: str) -> tuple[Piece, ...]:
    """The old wording and the new one in one: by lines first, then by words within the lines that differ."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    pieces: list[Piece] = []
    if len(before) > MOST_LINES or len(after) > MOST_LINES:
        _add(pieces, "gone", old)
        _add(pieces, "new", new)
        return tuple(pieces)
    for kind, i, j, k, m in SequenceMatcher(None, before, after, autojunk=len(before) + len(after) > 400).get_opcodes():
        if kind == "equal":
            _add(pieces, "same", "".join(before[i:j]))
        else:
            _compare(pieces, "".join(before[i:j]), "".join(after[k:m]))
    return tuple(pieces)


def _compare(pieces: list[Piece], old: str, new: str) -> None:
    before, after = WORDS.findall(old), WORDS.findall(new)
    if len(before) > MOST or len(after) > MOST or not before or not after:
        _add(pieces, "gone", old)
        _add(pieces, "new", new)
        return
    for kind, i, j, k, m in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        if kind == "equal":
            _add(pieces, "same", "".join(before[i:j]))
        else:
            _add(pieces, "gone", "".join(before[i:j]))
            _add(pieces, "new", "".join(after[k:m]))


def _add(pieces: list[Piece], kind: str, words: str) -> None:
    if not words:
        return
    if pieces and pieces[-1].kind == kind:
        pieces[-1] = Piece(kind, pieces[-1].words + words)
    else:
        pieces.append(Piece(kind, words))


def shortened(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """The same with long runs that both have left out, but for some words around each change."""
    short: list[Piece] = []
    for place, piece in enumerate(pieces):
        words = WORDS.findall(piece.words) if piece.kind == "same" else []
        first, last = place == 0, place == len(pieces) - 1
        if len(words) <= AROUND * (1 if first or last else 2) + 20:
            short.append(piece)
            continue
        if not first:
            short.append(Piece("same", "".join(words[:AROUND])))
        short.append(Piece("skip", ""))
        if not last:
            short.append(Piece("same", "".join(words[-AROUND:])))
    return tuple(short)
