"""
How long a text is for phones: in parts, each of which is paid for.

Source: 3GPP TS 23.038 (the alphabets) and TS 23.040 (parts of a long message).
"""

import unicodedata
from collections.abc import Iterable

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
"""The alphabet of GSM: seven bits a sign."""

EXTENDED = frozenset("\f^{}\\[~]|€")
"""Signs of GSM that take the room of two."""

_ONE_GSM, _MANY_GSM = 160, 153
_ONE_UCS, _MANY_UCS = 70, 67

_PLAIN = str.maketrans(
    {
        "“": '"',
        "”": '"',
        "„": '"',
        "«": '"',
        "»": '"',
        "‘": "'",
        "’": "'",
        "‚": "'",
        "–": "-",
        "—": "-",
        "…": "...",
        "\N{NO-BREAK SPACE}": " ",
    }
)
_ORNAMENTS = frozenset({"Cf", "Me", "Mn", "Sk", "So"})


def segments(text: str) -> int:
    """The number of parts that a text is sent in."""
    if is_gsm(text):
        sizes = [2 if sign in EXTENDED else 1 for sign in text]
        return _parts(sizes, _ONE_GSM, _MANY_GSM)
    # A single other sign makes all of them take two bytes, or four.
    return _parts([2 if ord(s) > 0xFFFF else 1 for s in text], _ONE_UCS, _MANY_UCS)


def is_gsm(text: str) -> bool:
    """Whether all signs are in the alphabet of GSM."""
    return set(text) <= BASIC | EXTENDED


def plain(name: str) -> str:
    """
    A name in the alphabet of GSM, if it loses no letters by that.

    Marks on letters, emoji and typographical signs are given up: ``Zoë 🎉`` is ``Zoe``.
    Other names stay as they are, such as those in Cyrillic.
    """
    found = "".join(_plain(sign) for sign in name.translate(_PLAIN))
    return " ".join(found.split()) if is_gsm(found) else name


def _plain(sign: str) -> str:
    if is_gsm(sign):
        return sign
    if unicodedata.category(sign) in _ORNAMENTS:
        return ""
    apart = unicodedata.normalize("NFKD", sign)
    return "".join(each for each in apart if not unicodedata.combining(each))


def _parts(sizes: Iterable[int], one: int, many: int) -> int:
    sizes = list(sizes)
    if sum(sizes) <= one:
        return 1
    count, room = 1, many
    for size in sizes:
        # No sign is cut in two.
        if size > room:
            count, room = count + 1, many
        room -= size
    return count
