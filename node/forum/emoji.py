"""What counts as one emoji: with its skin tone, its joined parts, its flag."""

import unicodedata

LONGEST = 14  # code points: a family of four with skin tones
JOINER, EMOJI_STYLE, KEYCAP = "\u200d", "\ufe0f", "\u20e3"


def is_emoji(words: str) -> bool:
    """One emoji and nothing else, as keyboards write it."""
    if not 0 < len(words) <= LONGEST or words[0] in (JOINER, EMOJI_STYLE, KEYCAP):
        return False
    if words[-1] == KEYCAP:
        return words[:-1].rstrip(EMOJI_STYLE) in tuple("0123456789#*")
    bases, joined = 0, False
    for char in words:
        if char == JOINER:
            joined = True
        elif "\U0001f3fb" <= char <= "\U0001f3ff" or char == EMOJI_STYLE or "\U000e0020" <= char <= "\U000e007f":
            continue  # a skin tone, a style, a letter of a flag
        elif unicodedata.category(char) == "So" and char not in "©®™":
            flag = "\U0001f1e6" <= char <= "\U0001f1ff"
            bases += 0 if joined or (flag and bases and len(words) == 2) else 1
            joined = False
        else:
            return False
    return bases == 1 and not joined
