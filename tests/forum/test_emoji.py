"""One emoji is one reaction; words, two emoji and what is nothing at all are none."""

import pytest

from node.forum.emoji import is_emoji


@pytest.mark.parametrize("words", ["🌱", "❤️", "❤", "👍🏽", "👩‍👩‍👧‍👦", "🇵🇹", "1️⃣", "#️⃣", "🏳️‍🌈", "☕", "🏴󠁧󠁢󠁷󠁬󠁳󠁿", "👩🏿‍🌾"])
def test_one_emoji_is_a_reaction(words: str) -> None:
    assert is_emoji(words)


@pytest.mark.parametrize(
    "words", ["", "a", "🌱🌱", "yes", "1", "\u200d", "\ufe0f", "🌱x", "<b>", "👍 ", "🌱\u200d", "©", "🇵🇹🇪", "🌱" * 20]
)
def test_anything_else_is_none(words: str) -> None:
    assert not is_emoji(words)
