"""Which language is written in."""

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from mxisd.notify.languages import choice, translations


class ChoiceTests(SynchronousTestCase):
    def test_choices(self) -> None:
        """The first wanted one that is there, or what it is a kind of."""
        for wanted, available, expected in (
            (("de",), ("en", "de"), "de"),
            (("de-AT",), ("en", "de"), "de"),
            (("de_CH",), ("en", "de-ch", "de"), "de-ch"),
            (("pt-BR", "fr"), ("pt-br", "fr"), "pt-br"),
            (("nl", "FR", "en"), ("en", "fr"), "fr"),
            (("nl",), ("en", "fr"), None),
            ((), ("en",), None),
            (("", "-", "*", "../de"), ("en", "de"), None),
        ):
            self.assertEqual(choice(wanted, available), expected)


class TranslationsTests(SynchronousTestCase):
    def test_files(self) -> None:
        """The language stands before the suffix; other files are none of these."""
        folder = Path(self.mktemp())
        folder.mkdir()
        for name in (
            "invite.eml",
            "invite.de.eml",
            "invite.pt-BR.eml",
            "invite.old copy.eml",
            "invite.de.eml.j2",
            "invite.eml.j2",
            "validate.fr.eml",
            "plain",
            "plain.fr",
        ):
            (folder / name).touch()
        for name, expected in (
            ("invite.eml", {"de": "invite.de.eml", "pt-br": "invite.pt-BR.eml"}),
            ("invite.eml.j2", {"de": "invite.de.eml.j2"}),
            ("plain", {"fr": "plain.fr"}),
        ):
            found = translations(folder / name)
            self.assertEqual({k: v.name for k, v in found.items()}, expected)
