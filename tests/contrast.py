"""
Contrasts of colours.

Source: WCAG 2.2, "contrast ratio" and "relative luminance".
"""

TEXT, LARGE_TEXT = 4.5, 3.0
"""The least contrasts of level AA."""


def contrast(first: str, second: str) -> float:
    """Of two colours as CSS has them: ``#rgb`` or ``#rrggbb``."""
    darker, lighter = sorted(_luminance(colour) for colour in (first, second))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    digits = colour.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(digit * 2 for digit in digits)
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
