"""Our own words, and those of the operator's files."""

import re
from collections.abc import Mapping
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mxisd.errors import ConfigError
from mxisd.model.messages import MessageFiles
from mxisd.model.notices import (
    SPACE,
    InviteNotice,
    UnbindNotice,
    ValidationNotice,
)
from mxisd.notify.engines import TemplateFailed
from mxisd.notify.facts import Facts, facts
from mxisd.notify.mail import Envelope, finished, new_mail
from mxisd.notify.names import QUOTES, quoted
from mxisd.notify.own_words import LANGUAGES, OWN_WORDS, OwnMail, OwnShortText
from mxisd.notify.templates import wordings
from mxisd.notify.wording import Words, mail_file, parts, text_file
from tests.notify.fakes import (
    ABOUT,
    BOB,
    HOSTILE,
    INVITE,
    LINK,
    MATRIX_ID_INVITE,
    NOTICES,
    PHONE,
    TOKEN,
    UNBIND,
    VALIDATION,
    to,
)

GSM = set(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
MXISD_TEMPLATE = """\
From: "%FROM_NAME%" <%FROM_EMAIL%>
To: %RECIPIENT_ADDRESS%
Subject: Grüße von %SENDER_NAME_OR_ID% an %ROOM_NAME_OR_ID%
X-Tag: %ROOM_ID%
MIME-Version: 1.0
Content-Type: multipart/alternative;
 boundary="7REaIwWQCioQ6NaBlAQlg8ztbUQj6PKJ"

--7REaIwWQCioQ6NaBlAQlg8ztbUQj6PKJ
Content-Type: text/plain; charset=UTF-8
Content-Disposition: inline

Hällo %RECIPIENT_ADDRESS%, %SENDER_NAME_OR_ID% lädt ein:
%ROOM_NAME%
%REGISTER_URL% %UNKNOWN% 100%

--7REaIwWQCioQ6NaBlAQlg8ztbUQj6PKJ
Content-Type: multipart/related;
 boundary="M3yzHl5YZehm9v4bAM8sKEdcOoVnRnKR";
 type="text/html"

--M3yzHl5YZehm9v4bAM8sKEdcOoVnRnKR
Content-Type: text/html; charset=UTF-8
Content-Transfer-Encoding: quoted-printable

<p title=3D"%SENDER_NAME_OR_ID%">%ROOM_NAME%</p><a href=3D"%REGISTER_URL%">Jo=
in</a>

--M3yzHl5YZehm9v4bAM8sKEdcOoVnRnKR--

--7REaIwWQCioQ6NaBlAQlg8ztbUQj6PKJ--
"""


class _Seen(HTMLParser):
    """What a browser would see."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, tuple[str, ...]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, tuple(name for name, _ in attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def seen(html: str) -> _Seen:
    """Parse HTML."""
    parser = _Seen()
    parser.feed(html)
    parser.close()
    return parser


def sent(words: Words) -> EmailMessage:
    """The e-mail of these words, as its recipient has it."""
    envelope = Envelope(
        sender="id@example.org",
        sender_name='Jörg "Joe" <x>',
        recipient=BOB.address,
        message_id="abc",
        domain="example.org",
        sent_at=1_700_000_000.5,
        language=words.language,
    )
    mail = words.mail or new_mail(words.subject, words.text, words.html)
    raw = finished(mail, envelope)
    assert raw.isascii() and b"\r" not in raw
    assert max(map(len, raw.splitlines())) <= 998
    message = message_from_bytes(raw, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def body(mail: EmailMessage, kind: str) -> str:
    """A text of an e-mail."""
    part = mail.get_body((kind,))
    assert part is not None
    text: str = part.get_content()
    return text


class OwnWordsTests(SynchronousTestCase):
    def test_mails(self) -> None:
        """Each kind in each language has a subject, a text, and HTML without extras."""
        subjects = set()
        for notice in NOTICES:
            for language in LANGUAGES:
                wording = OwnMail(OWN_WORDS[type(notice)])
                words = wording(facts(notice, ABOUT), (language,))
                self.assertEqual(words.language, language)
                subjects.add(words.subject)
                assert words.html is not None
                found = seen(words.html)
                self.assertIn(f'lang="{language}"', words.html)
                self.assertIn("prefers-color-scheme: dark", words.html)
                self.assertFalse(re.search(r"<(img|script|link|iframe)", words.html))
                for text in (words.text, found.text):
                    self.assertIn("example.org", text)
                    self.assertNotRegex(text, r"\{\{|\}\}|%[A-Z]|None")
                self.assertEqual(body(sent(words), "plain"), words.text)
                self.assertEqual(body(sent(words), "html").strip(), words.html.strip())
        self.assertEqual(len(subjects), len(NOTICES) * len(LANGUAGES))

    def test_validation_has_the_link(self) -> None:
        """On a line of its own, and behind the button."""
        words = OwnMail("validation")(facts(VALIDATION, ABOUT), ())
        self.assertIn(LINK, words.text.splitlines())
        self.assertIn(LINK.replace("&", "&amp;"), words.html or "")

    def test_spaces_are_called_so(self) -> None:
        """In every language, with and without a name."""
        for notice in (INVITE, MATRIX_ID_INVITE):
            for language in LANGUAGES:
                for name in ("Tea party", None):
                    wording = OwnMail(OWN_WORDS[type(notice)])
                    space = evolve(notice, room_type=SPACE, room_name=name)
                    room = evolve(notice, room_name=name)
                    one = wording(facts(space, ABOUT), (language,)).text
                    other = wording(facts(room, ABOUT), (language,)).text
                    self.assertNotEqual(one, other)
                    self.assertRegex(one.lower(), "space|espace")
                    self.assertNotIn("!tea", one)

    def test_short_texts(self) -> None:
        """One SMS each, in signs that phones count as one, with usual names."""
        for notice in NOTICES:
            for language in LANGUAGES:
                wording = OwnShortText(OWN_WORDS[type(notice)])
                found = facts(to(PHONE, notice), ABOUT)
                values = Facts({**found.known, "VALIDATION_TOKEN": "123456"})
                text = wording(values, (language,))
                self.assertLessEqual(len(text.text), 160)
                self.assertEqual(set(text.text) - GSM, set(), text.text)

    def test_the_code_comes_first(self) -> None:
        """Phones offer it to be typed in."""
        text = OwnShortText("validation")(facts(VALIDATION, ABOUT), ("fr",)).text
        self.assertTrue(text.startswith(TOKEN))
        self.assertNotIn("http", text)

    def test_other_languages(self) -> None:
        """Who wants none of ours gets English."""
        words = OwnMail("unbind")(facts(UNBIND, ABOUT), ("nl", "it"))
        self.assertEqual(words.language, "en")

    @given(st.sampled_from(HOSTILE) | st.text(max_size=60))
    def test_hostile_names(self, name: str) -> None:
        """They are never a header, markup, or another placeholder."""
        plain = evolve(INVITE, sender_name="N", room_name="N", room_url=None)
        hostile = evolve(INVITE, sender_name=name, room_name=name or None)
        wording = OwnMail("invite")
        expected = sent(wording(facts(plain, ABOUT), ("en",)))
        values = facts(hostile, ABOUT)
        found = sent(wording(values, ("en",)))
        self.assertEqual(found.keys(), expected.keys())
        self.assertEqual(found["Bcc"], None)
        self.assertEqual(
            seen(body(found, "html")).tags, seen(body(expected, "html")).tags
        )
        squeezed = " ".join(seen(body(found, "html")).text.split())
        name = values["SENDER_NAME"]
        shown = quoted(name, QUOTES["en"]) if name else values["SENDER_ID"]
        self.assertIn(" ".join(shown.split()), squeezed)


class HeaderTests(SynchronousTestCase):
    def test_headers(self) -> None:
        """Those that belong to an e-mail of a machine."""
        mail = sent(OwnMail("validation")(facts(VALIDATION, ABOUT), ("de",)))
        (sender,) = mail["From"].addresses
        self.assertEqual(sender.display_name, 'Jörg "Joe" <x>')
        self.assertEqual(sender.addr_spec, "id@example.org")
        self.assertEqual(mail["To"], BOB.address)
        self.assertEqual(mail["Date"], "Tue, 14 Nov 2023 22:13:20 +0000")
        self.assertEqual(mail["Message-ID"], "<abc@example.org>")
        self.assertEqual(mail["Auto-Submitted"], "auto-generated")
        self.assertEqual(mail["Content-Language"], "de")
        self.assertEqual(mail["MIME-Version"], "1.0")
        self.assertRegex(mail["Subject"], "^Bestätigen Sie .* für example.org$")
        self.assertEqual(mail.get_content_type(), "multipart/alternative")
        kinds = [part.get_content_type() for part in mail.iter_parts()]
        self.assertEqual(kinds, ["text/plain", "text/html"])


class FileTestCase(SynchronousTestCase):
    """Files in a folder."""

    def setUp(self) -> None:
        """The folder."""
        self.folder = Path(self.mktemp())
        self.folder.mkdir()

    def file(self, name: str, text: str) -> str:
        """Write a file; its path."""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return str(path)


class MailFileTests(FileTestCase):
    """Complete e-mails in files."""

    def setUp(self) -> None:
        """A template of mxisd's kind."""
        super().setUp()
        self.path = self.file("invite.eml", MXISD_TEMPLATE)

    def test_classic_templates(self) -> None:
        """Headers and parts stay, values come into them, ours are the last word."""
        mail = sent(mail_file(self.path)(facts(INVITE, ABOUT), ()))
        self.assertEqual(mail["Subject"], "Grüße von Alice Liddell an Tea party")
        self.assertEqual(mail["X-Tag"], "!tea:example.org")
        self.assertEqual(len(mail.get_all("From", [])), 1)
        self.assertEqual(mail["From"].addresses[0].addr_spec, "id@example.org")
        self.assertEqual(
            body(mail, "plain").splitlines()[:3],
            [
                "Hällo bob@example.com, Alice Liddell lädt ein:",
                "Tea party",
                "https://example.org %UNKNOWN% 100%",
            ],
        )
        self.assertIn('<a href="https://example.org">Join</a>', body(mail, "html"))
        kinds = [part.get_content_type() for part in mail.walk()]
        self.assertEqual(
            kinds,
            ["multipart/alternative", "text/plain", "multipart/related", "text/html"],
        )

    def test_twice(self) -> None:
        """A template is as good as new after each message."""
        wording = mail_file(self.path)
        first = sent(wording(facts(INVITE, ABOUT), ()))
        other = sent(wording(facts(evolve(INVITE, room_name="Other"), ABOUT), ()))
        self.assertIn("Tea party", first["Subject"])
        self.assertEqual(other["Subject"], "Grüße von Alice Liddell an Other")

    def test_one_part(self) -> None:
        """A mail of plain text, with CRLF and a byte order mark."""
        path = self.file("a.eml", "\ufeffSubject: Hi\r\n\r\n%DOMAIN% ü\r\n")
        mail = sent(mail_file(path)(facts(INVITE, ABOUT), ()))
        self.assertEqual(body(mail, "plain"), "example.org ü\n")
        self.assertEqual(mail.get_content_type(), "text/plain")

    def test_other_parts(self) -> None:
        """A picture stays what it was."""
        text = MXISD_TEMPLATE.replace(
            "--M3yzHl5YZehm9v4bAM8sKEdcOoVnRnKR--",
            "--M3yzHl5YZehm9v4bAM8sKEdcOoVnRnKR\nContent-Type: image/png\n"
            "Content-ID: <logo>\nContent-Transfer-Encoding: base64\n\niVBORw==\n\n"
            "--M3yzHl5YZehm9v4bAM8sKEdcOoVnRnKR--",
        )
        mail = sent(mail_file(self.file("b.eml", text))(facts(INVITE, ABOUT), ()))
        (picture,) = [p for p in mail.walk() if p.get_content_type() == "image/png"]
        self.assertEqual(picture["Content-ID"], "<logo>")
        self.assertEqual(picture.get_payload(decode=True), b"\x89PNG")

    def test_jinja(self) -> None:
        """Chosen by the suffix; HTML is escaped, and blocks work."""
        text = (
            "Subject: {{ room_name }}\nContent-Type: text/html\n\n"
            "<p>{% if is_space %}space{% else %}room{% endif %} {{ room_name }}</p>"
        )
        wording = mail_file(self.file("a.eml.j2", text))
        notice = evolve(INVITE, room_name="<b>&{{ 7*7 }}")
        mail = sent(wording(facts(notice, ABOUT), ()))
        self.assertEqual(mail["Subject"], "<b>&{{ 7*7 }}")
        html = body(mail, "html")
        self.assertEqual(html.strip(), "<p>room &lt;b&gt;&amp;{{ 7*7 }}</p>")

    def test_the_sandbox(self) -> None:
        """A template cannot get at Python."""
        for text in (
            "{{ ''.__class__.__mro__[1].__subclasses__() }}",
            "{{ self.__init__.__globals__ }}",
            "{% include '/etc/passwd' %}",
            "{{ unheard_of }}",
            "{{ 1 / 0 }}",
        ):
            wording = text_file(self.file("a.txt.j2", text))
            self.assertRaises(TemplateFailed, wording, facts(INVITE, ABOUT), ())

    def test_translations(self) -> None:
        """The file beside it is taken for who wants that language."""
        self.file("invite.nl.eml", "Subject: Hallo\n\nDag %SENDER_NAME%\n")
        wording = mail_file(self.path)
        mail = sent(wording(facts(INVITE, ABOUT), ("nl-BE",)))
        self.assertEqual(mail["Subject"], "Hallo")
        mail = sent(wording(facts(INVITE, ABOUT), ("es",)))
        self.assertIn("Grüße", mail["Subject"])

    @given(st.sampled_from(HOSTILE) | st.text(max_size=60))
    def test_hostile_names(self, name: str) -> None:
        """They are never a header, markup, a part, or another placeholder."""
        folder = Path(self.mktemp())
        folder.mkdir()
        path = folder / "invite.eml"
        path.write_text(MXISD_TEMPLATE, encoding="utf-8")
        wording = mail_file(str(path))
        hostile = evolve(INVITE, sender_name=name, room_name=name)
        found = sent(wording(facts(hostile, ABOUT), ()))
        expected = sent(wording(facts(INVITE, ABOUT), ()))
        self.assertEqual(found.keys(), expected.keys())
        self.assertEqual(
            [part.get_content_type() for part in found.walk()],
            [part.get_content_type() for part in expected.walk()],
        )
        self.assertEqual(
            seen(body(found, "html")).tags, seen(body(expected, "html")).tags
        )
        values = facts(hostile, ABOUT)
        self.assertEqual(body(found, "plain").splitlines()[1], values["ROOM_NAME"])

    def test_addresses_of_the_template(self) -> None:
        """A name cannot become one more address, nor break the only one."""
        text = 'Subject: x\nReply-To: "%SENDER_NAME%" <help@example.org>\n\nx'
        wording = mail_file(self.file("r.eml", text))
        for name in ('a" <evil@example.org>, "b', ". . dots"):
            notice = evolve(INVITE, sender_name=name)
            (found,) = sent(wording(facts(notice, ABOUT), ()))["Reply-To"].addresses
            self.assertEqual(found.addr_spec, "help@example.org")

    def test_a_boundary_as_a_name(self) -> None:
        """Whoever knows the template cannot end its parts."""
        name = "--7REaIwWQCioQ6NaBlAQlg8ztbUQj6PKJ"
        notice = evolve(INVITE, room_name=name)
        mail = sent(mail_file(self.path)(facts(notice, ABOUT), ()))
        self.assertEqual(len(list(mail.walk())), 4)
        self.assertEqual(body(mail, "plain").splitlines()[1], name)


TOLD_TEMPLATE = """\
Subject: For %ROOM_AVATAR_URL%
X-Tag: %ORG_TAG%
Reply-To: "%ORG_TAG%" <help@example.org>
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="x"

--x
Content-Type: text/plain; charset=UTF-8

%SENDER_ID% %DOMAIN%
%ORG_TAG%

--x
Content-Type: text/html; charset=UTF-8

<p title="%ORG_TAG%">%ORG_TAG%</p><p>%SENDER_ID%</p>

--x--
"""
TOLD_JINJA = """\
Subject: For {{ room_avatar_url }}
X-Tag: {{ facts['org.tag'] }}
Reply-To: "{{ facts['org.tag'] }}" <help@example.org>
MIME-Version: 1.0
Content-Type: multipart/alternative; boundary="x"

--x
Content-Type: text/plain; charset=UTF-8

{{ sender_id }} {{ domain }}
{{ facts['org.tag'] }}

--x
Content-Type: text/html; charset=UTF-8

<p title="{{ facts['org.tag'] }}">{{ facts['org.tag'] }}</p><p>{{ sender_id }}</p>

--x--
"""


class ToldTests(FileTestCase):
    """What a homeserver told beyond what we know."""

    def text(self, template: str, told: Mapping[str, str]) -> str:
        """A Jinja text about an invite."""
        path = self.file("a.txt.j2", template)
        return text_file(path)(facts(evolve(INVITE, facts=told), ABOUT), ()).text

    def test_placeholders(self) -> None:
        """The key in capitals, with underscores; what was not told stays."""
        path = self.file("a.txt", "%ROOM_ALIAS%|%ORG_TAG%|%SENDER_NAME%")
        for told, expected in (
            ({}, "|%ORG_TAG%|Alice Liddell"),
            ({"room_alias": "#a:b"}, "#a:b|%ORG_TAG%|Alice Liddell"),
            ({"org.Tag": "x", "sender_name": "Eve"}, "|x|Alice Liddell"),
        ):
            notice = evolve(INVITE, facts=told)
            self.assertEqual(text_file(path)(facts(notice, ABOUT), ()).text, expected)

    def test_jinja(self) -> None:
        """By their keys, and all of them together; what was not told is empty."""
        told = {
            "room_alias": "#a:b",
            "tag": "t",
            "org.tag": "x",
            "sender_id": "@eve:example.org",
        }
        for template, expected in (
            ("{{ room_alias }}{{ facts.room_alias }}", "#a:b#a:b"),
            ("{{ tag }}{{ facts.tag }}{{ facts['org.tag'] }}", "ttx"),
            ("{{ nothing | default('-') }}{{ facts.nothing }}", "-"),
            ("{{ sender_id }}{{ room_join_rules }}", "@alice:example.org"),
            ("{% for k in facts if 'tag' in k %}{{ facts[k] }}{% endfor %}", "tx"),
        ):
            self.assertEqual(self.text(template, told), expected)

    def test_names_of_jinja(self) -> None:
        """Nobody takes functions and variables away from a template."""
        template = (
            "{% for i in range(2) %}{{ loop.index }}{{ facts.range }}{% endfor %}"
        )
        for name in ("range", "loop", "self", "facts", "dict", "caller"):
            told = {"range": "x", name: "x"}
            self.assertEqual(self.text(template, told), "1x2x")

    def test_the_sandbox(self) -> None:
        """What was told cannot be changed, nor is there a way to Python from it."""
        for text in ("{{ facts.pop('a') }}", "{{ facts.__class__.__mro__ }}"):
            self.assertRaises(TemplateFailed, self.text, text, {"a": "x"})

    @given(
        st.dictionaries(
            st.sampled_from(("org.tag", "room_avatar_url", "sender_id", "domain"))
            | st.sampled_from(HOSTILE)
            | st.text(max_size=20),
            st.sampled_from((*HOSTILE, 'a" <evil@example.org>, "b', "x" * 5000))
            | st.text(max_size=60),
            max_size=8,
        )
    )
    def test_hostile(self, told: dict[str, str]) -> None:
        """It is never a header, markup, a part, an address or another placeholder."""
        told = {"org.tag": "", **told}
        plain = evolve(INVITE, facts={"org.tag": "x", "room_avatar_url": "x"})
        hostile = evolve(INVITE, facts=told)
        for suffix, template in (("", TOLD_TEMPLATE), (".j2", TOLD_JINJA)):
            folder = Path(self.mktemp())
            folder.mkdir()
            path = folder / f"invite.eml{suffix}"
            path.write_text(template, encoding="utf-8")
            wording = mail_file(str(path))
            expected = sent(wording(facts(plain, ABOUT), ()))
            found = sent(wording(facts(hostile, ABOUT), ()))
            self.assertEqual(found.keys(), expected.keys())
            kinds = [part.get_content_type() for part in found.walk()]
            self.assertEqual(kinds, [p.get_content_type() for p in expected.walk()])
            html = seen(body(found, "html"))
            self.assertEqual(html.tags, seen(body(expected, "html")).tags)
            (address,) = found["Reply-To"].addresses
            self.assertEqual(address.addr_spec, "help@example.org")
            lines = body(found, "plain").splitlines()
            self.assertEqual(lines[0], "@alice:example.org example.org")
            self.assertEqual(lines[1], facts(hostile, ABOUT).told["org.tag"])


class OtherFilesTests(FileTestCase):
    """Plain text, and e-mails in parts."""

    def test_text(self) -> None:
        """Values come in as they are."""
        path = self.file("sms.txt", "%SENDER_NAME_OR_ID% & co: %VALIDATION_TOKEN%\n")
        words = text_file(path)(facts(INVITE, ABOUT), ())
        self.assertEqual(words.text, "Alice Liddell & co: %VALIDATION_TOKEN%")

    def test_parts(self) -> None:
        """Each from its file; the subject has placeholders, or is ours."""
        text = self.file("a.txt", "Hi %SENDER_NAME%")
        html = self.file("a.html", "<p>Hi %SENDER_NAME%</p>")
        notice = evolve(INVITE, sender_name="<A>")
        for subject, expected in (
            ("For %DOMAIN%", "For example.org"),
            ("", "Invitation"),
        ):
            wording = parts(subject, text, html, OwnMail("invite"))
            words = wording(facts(notice, ABOUT), ())
            self.assertTrue(words.subject.startswith(expected), words.subject)
            self.assertEqual(words.text, "Hi <A>")
            self.assertEqual(words.html, "<p>Hi &lt;A&gt;</p>")
        words = parts("x", None, html, OwnMail("invite"))(facts(notice, ABOUT), ())
        self.assertEqual(words.text, "")
        self.assertEqual(sent(words).get_content_type(), "text/html")

    def test_what_cannot_be_used(self) -> None:
        """It is found out at the start, by the key to mend."""
        path, key = "threepid.medium.email.generators.template", "session.validation"
        (self.folder / "latin.eml").write_bytes(b"Subject: a\n\n\xfc")
        for medium, name in (
            ("email", str(self.folder / "not_there.eml")),
            ("email", str(self.folder / "no" / "folder.eml")),
            ("email", str(self.folder / "latin.eml")),
            ("email", self.file("empty.eml", "")),
            ("email", self.file("text.eml", "Just some words")),
            ("email", self.file("bad.eml.j2", "Subject: x\n\n{% if %}")),
            ("email", self.file("unknown.eml.j2", "Subject: x\n\n{{ nobody }}")),
            ("msisdn", self.file("bad.txt.j2", "{{ ")),
        ):
            with self.assertRaises(ConfigError, msg=name) as caught:
                wordings(medium, {ValidationNotice: name}, ABOUT, path)
            (problem,) = caught.exception.problems
            self.assertEqual(problem.path, f"{path}.{key}")

    def test_all_that_cannot_be_used_is_told_at_once(self) -> None:
        """By key and file: also of a folder that is not there, and of translations."""
        lost = self.folder / "no" / "folder.eml"
        self.file("a.de.txt.j2", "{% if %}")
        parts_of = MessageFiles("", str(lost), self.file("a.txt.j2", "{{ "))
        files: Any = {ValidationNotice: str(lost), UnbindNotice: parts_of}
        with self.assertRaises(ConfigError) as caught:
            wordings("email", files, ABOUT, "t")
        found = [(each.path, each.text) for each in caught.exception.problems]
        place = "t.session.unbind.notification"
        self.assertEqual(
            [path for path, _ in found],
            ["t.session.validation", f"{place}.body.text", *[f"{place}.body.html"] * 2],
        )
        for (_, text), file in zip(
            found,
            (lost, lost, self.folder / "a.txt.j2", self.folder / "a.de.txt.j2"),
            strict=True,
        ):
            self.assertTrue(text.startswith(str(file)), text)

    def test_what_jinja_chokes_on(self) -> None:
        """Whatever Python raises is a line with the file's own line, and no value."""
        for text, word in (
            ("{{ facts['x']['y'] }}", "UndefinedError"),
            ("{{ '%(a)s' | format(b=1) }}", "KeyError"),
            ("{{ '{}'.format() }}", "IndexError"),
            ("{{ '{0.x}'.format(1) }}", "UndefinedError"),
            ("{% include 'x' %}", "TypeError"),
            ("{{ recipient_address | nothing }}", "is no template: No filter"),
            ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "RecursionError"),
            ("{{ {}[recipient_address] }}", "has no attribute '…'"),
            ("{{ (1, 2) + recipient_address }}", "TypeError"),
            ("{{ 1 / 0 }}", "ZeroDivisionError"),
        ):
            name = self.file("a.eml.j2", f"Subject: x\n\nHi\n\n{text}\n")
            with self.assertRaises(ConfigError, msg=text) as caught:
                wordings("email", {ValidationNotice: name}, ABOUT, "t")
            (problem,) = caught.exception.problems
            self.assertTrue(problem.text.startswith(f"{name}, line 5: "), problem.text)
            self.assertIn(word, problem.text)
            self.assertNotIn("bob@", problem.text)

    def test_translations_of_parts_are_tried(self) -> None:
        """So one that cannot be filled in is found out at the start."""
        text = self.file("a.txt.j2", "Hi")
        self.file("a.de.txt.j2", "{{ 1 / 0 }}")
        files: Any = {ValidationNotice: MessageFiles("x", text, None)}
        with self.assertRaises(ConfigError) as caught:
            wordings("email", files, ABOUT, "t")
        (problem,) = caught.exception.problems
        self.assertEqual(problem.path, "t.session.validation.body.text")
        self.assertIn("a.de.txt.j2, line 1: ", problem.text)

    def test_choosing(self) -> None:
        """Our words where there is no file; what is not sent has none."""
        text = self.file("a.txt", "Hi")
        files = {
            ValidationNotice: None,
            InviteNotice: MessageFiles("Hello", text, None),
        }
        found = wordings("email", files, ABOUT, "")
        self.assertEqual(set(found), {ValidationNotice, InviteNotice})
        self.assertIn(LINK, found[ValidationNotice](facts(VALIDATION, ABOUT), ()).text)
        self.assertEqual(found[InviteNotice](facts(INVITE, ABOUT), ()).text, "Hi")
        found = wordings("msisdn", {ValidationNotice: None}, ABOUT, "")
        self.assertIsNone(found[ValidationNotice](facts(VALIDATION, ABOUT), ()).html)
