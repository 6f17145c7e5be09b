"""Names in the operator's templates that nothing is put in for."""

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from mxisd.errors import ConfigError, Weight
from mxisd.model.messages import MessageFiles
from mxisd.model.notices import (
    InviteNotice,
    MatrixIdInviteNotice,
    UnbindNotice,
    ValidationNotice,
)
from mxisd.notify.templates import proofread, wordings
from tests.notify.fakes import ABOUT

PATH = "threepid.medium.email.generators.template"


class ProofreadingTests(SynchronousTestCase):
    """What is told of a template, and whether the server starts with it."""

    def setUp(self) -> None:
        """A folder for the files."""
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()

    def file(self, name: str, text: str) -> str:
        """Write a file."""
        path = self.folder / name
        path.write_text(text)
        return str(path)

    def remarks(self, kind: type, files: Any) -> "list[tuple[str, str, bool]]":
        """Key and text of each remark, and whether it is an error."""
        return [
            (each.path, each.text, each.weight is Weight.ERROR)
            for each in proofread({kind: files}, ABOUT, PATH)
        ]

    def test_a_slip(self) -> None:
        """It would send a useless message: file, line, and what was meant."""
        text = "Subject: %DOMAIN%\n\nOpen\n%VALIDATON_LINK%\n"
        name = self.file("a.eml", text)
        ((path, told, is_error),) = self.remarks(ValidationNotice, name)
        self.assertEqual(path, f"{PATH}.session.validation")
        self.assertTrue(told.startswith(f"{name}, line 4: %VALIDATON_LINK% "), told)
        self.assertIn("did you mean %VALIDATION_LINK%?", told)
        self.assertTrue(is_error)
        error = self.assertRaises(
            ConfigError, wordings, "email", {ValidationNotice: name}, ABOUT, PATH
        )
        self.assertEqual([each.text for each in error.problems], [told])

    def test_what_is_like_no_name(self) -> None:
        """It may be meant as it is: a warning, and it is sent as it is."""
        name = self.file("a.txt", "Look into %APPDATA%, 100%! %TOKEN% %DOMAIN%")
        found = self.remarks(ValidationNotice, name)
        self.assertEqual(
            [(text.split(": ")[1].split()[0], is_error) for _, text, is_error in found],
            [("%APPDATA%", False), ("%TOKEN%", False)],
        )
        made = wordings("msisdn", {ValidationNotice: name}, ABOUT, PATH)
        self.assertEqual(set(made), {ValidationNotice})

    def test_names_of_other_messages(self) -> None:
        """They are none here."""
        name = self.file("a.txt", "%USER_ID%")
        self.assertEqual(self.remarks(UnbindNotice, name), [])
        ((_, told, is_error),) = self.remarks(ValidationNotice, name)
        self.assertIn("%USER_ID% is not known in this message", told)
        self.assertFalse(is_error)
        ((_, told, is_error),) = self.remarks(
            ValidationNotice, self.file("b.txt", "%ROOM_NAM%")
        )
        self.assertNotIn("FROM_NAME", told)
        self.assertFalse(is_error)

    def test_invites_are_open(self) -> None:
        """Homeservers may tell what they like: nothing is an error."""
        name = self.file("a.txt", "%ROOM_NAMES% %ORG_EXAMPLE_TEAM%\n%ROOM_ALIAS%")
        found = self.remarks(InviteNotice, name)
        self.assertEqual([is_error for *_, is_error in found], [False, False])
        self.assertIn("did you mean %ROOM_NAME%?", found[0][1])
        self.assertIn("unless a homeserver tells it", found[1][1])
        text = "{% if x %}{{ rom_name }}{% endif %}{{ team | default('') }}"
        name = self.file("b.txt.j2", "{% set x = 0 %}" + text)
        ((_, told, is_error),) = self.remarks(InviteNotice, name)
        self.assertIn("did you mean room_name?", told)
        self.assertFalse(is_error)
        wordings("msisdn", {InviteNotice: name}, ABOUT, PATH)

    def test_the_operators_own(self) -> None:
        """They are known."""
        for own in ABOUT.placeholders:
            name = self.file("a.txt", f"%{own}%")
            self.assertEqual(self.remarks(MatrixIdInviteNotice, name), [])

    def test_translations(self) -> None:
        """Each has its own lines."""
        name = self.file("a.eml", "Subject: x\n\nHi")
        other = self.file("a.de.eml", "Subject: x\n\n\n%NOBODY%")
        ((_, told, _),) = self.remarks(ValidationNotice, name)
        self.assertTrue(told.startswith(f"{other}, line 4: "), told)

    def test_parts(self) -> None:
        """Each has a key of its own, the subject too."""
        text, html = self.file("a.txt", "%DOMAINS%"), self.file("a.html", "%X%")
        files = MessageFiles("Hi %USER_IDS%", text, html)
        found = self.remarks(UnbindNotice, files)
        place = f"{PATH}.session.unbind.notification"
        self.assertEqual(
            [path for path, *_ in found],
            [f"{place}.subject", f"{place}.body.text", f"{place}.body.html"],
        )
        error = self.assertRaises(
            ConfigError, wordings, "email", {UnbindNotice: files}, ABOUT, PATH
        )
        told = [each.path for each in error.problems]
        self.assertEqual(told, [f"{place}.subject", f"{place}.body.text"])

    def test_jinja(self) -> None:
        """Names are found in branches, too, which no sample goes through."""
        text = "{% if domain == 'x' %}\n{{ domian }}\n{% endif %}{% set a = 1 %}{{ a }}"
        name = self.file("a.txt.j2", text + "{{ range(3) | join }} 100%X%")
        ((_, told, is_error),) = self.remarks(ValidationNotice, name)
        self.assertEqual(
            told, f"{name}, line 2: domian is not known; did you mean domain?"
        )
        self.assertTrue(is_error)

    def test_jinja_files_for_several_messages(self) -> None:
        """They ask for what only some have; a name that none has is a mistake."""
        text = "{% if user_id is defined %}{{ user_id }}{% endif %}{{ facts.x }}"
        name = self.file("a.txt.j2", text)
        self.assertEqual(self.remarks(ValidationNotice, name), [])
        wordings("msisdn", {ValidationNotice: name}, ABOUT, PATH)
        name = self.file("b.txt.j2", "{% if topic is defined %}{{ topic }}{% endif %}")
        ((*_, is_error),) = set(self.remarks(ValidationNotice, name))
        self.assertTrue(is_error)
        self.assertEqual(self.remarks(InviteNotice, name), [])

    def test_what_cannot_be_read(self) -> None:
        """Others tell that."""
        latin = self.folder / "latin.txt"
        latin.write_bytes(b"\xfc %X%")
        broken = self.file("b.txt.j2", "{% if %}{{ x }}")
        for name in (str(self.folder / "no"), "/no/folder/x", str(latin), broken):
            self.assertEqual(self.remarks(ValidationNotice, name), [])
