"""How long texts are for phones."""

from twisted.trial.unittest import SynchronousTestCase

from mxisd.notify.segments import is_gsm, plain, segments


class SegmentsTests(SynchronousTestCase):
    def test_counts(self) -> None:
        """In both alphabets; signs of two units are not cut in two."""
        for text, expected in (
            ("", 1),
            ("x" * 160, 1),
            ("x" * 161, 2),
            ("x" * 306, 2),
            ("x" * 307, 3),
            ("è" * 160, 1),
            ("ê" * 70, 1),
            ("ê" * 71, 2),
            ("x" * 70 + "ê", 2),
            ("ê" * 134, 2),
            ("ê" * 135, 3),
            ("€" * 80, 1),
            ("€" * 81, 2),
            ("[" * 152, 2),
            ("[" * 153, 3),
            ("x[" + "[" * 152, 3),
            ("😀" * 35, 1),
            ("😀" * 36, 2),
            ("😀" * 66, 2),
            ("😀" * 67, 3),
            ("x" * 159 + "\u00a0", 3),
        ):
            self.assertEqual(segments(text), expected, text[:3])


class PlainTests(SynchronousTestCase):
    def test_names(self) -> None:
        """What phones have no cheap sign for goes, unless it is a letter."""
        for name, expected in (
            ("Alice", "Alice"),
            ("Zoë François", "Zoe Francois"),
            ("Jürgen Grüße", "Jürgen Grüße"),
            ("Tom 🎉 👩\u200d🚀", "Tom"),
            ("☀️", ""),
            ("“Tea” – party…", '"Tea" - party...'),
            ("a\u00a0b", "a b"),
            ("Анна 🎉", "Анна 🎉"),
            ("名前", "名前"),
            ("Łukasz", "Łukasz"),
        ):
            self.assertEqual(plain(name), expected)

    def test_the_alphabet(self) -> None:
        """Both tables of it, and nothing else."""
        self.assertTrue(is_gsm("Ä@{€}"))
        for text in ("ç", "’", "\u00a0", "`"):
            self.assertFalse(is_gsm(text), text)
