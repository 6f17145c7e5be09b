"""A generated organisation, as its LDAP directory would hold it."""

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence

from attrs import field, frozen

BASE_DN = "dc=example,dc=org"
PEOPLE_DN = f"ou=people,{BASE_DN}"
SERVICE_DN = f"cn=svc,{BASE_DN}"
SERVICE_PASSWORD = "pässword of the service"

_FIRST = ("Zoë", "Łukasz", "Anne-Marie", "Иван", "José", "Ming", "Björk", "Ada")
_LAST = ("Strauß", "O'Brien", "Müller", "Петров", "Nuñez", "李", "Øster", "Lovelace")


@frozen(kw_only=True)
class Member:
    """
    One entry; every value is as the directory stores it.

    :ivar mails: Values of ``mail``, ASCII only as its syntax demands.
    :ivar unicode_mails: Values of ``mailPrimaryAddress``.
    :ivar phones: Values of ``telephoneNumber``, in whatever format.
    :ivar more: Other attributes.
    """

    uid: str
    name: str
    mails: Sequence[str] = ()
    unicode_mails: Sequence[str] = ()
    phones: Sequence[str] = ()
    employee_number: str | None = None
    password: str | None = None
    more: Mapping[str, Sequence[str]] = field(factory=dict)

    def ldif(self) -> str:
        """The entry as LDIF."""
        attributes = {
            "objectClass": ["inetOrgPerson", "mxisdTestPerson"],
            "uid": [self.uid],
            "cn": [self.name],
            "sn": [self.name.split()[-1]],
            "displayName": [self.name],
            "mail": self.mails,
            "mailPrimaryAddress": self.unicode_mails,
            "telephoneNumber": self.phones,
            "employeeNumber": [self.employee_number] if self.employee_number else [],
            "userPassword": [self.password] if self.password else [],
            **self.more,
        }
        return entry_ldif(f"uid={self.uid},{PEOPLE_DN}", attributes)


@frozen
class Organisation:
    """
    People, and the service account that may read them.

    Unless ``members`` are given, ``people`` of them are generated, always the same.
    Number ``i`` has the localpart ``person.<i>``, the phone ``49171`` and ``1000000+i``
    in one of four formats, the employee number ``E<i>x`` and the password
    ``secret <i>``. Some have capitals in their addresses, some a second address, some
    one with ``ß``.

    :ivar extra_ldif: Entries that are no ordinary members.
    """

    people: int = 200
    members: Sequence[Member] = field(kw_only=True)
    extra_ldif: str = field(kw_only=True, default="")

    @members.default
    def _generated(self) -> Sequence[Member]:
        return [_member(index) for index in range(self.people)]

    def ldif(self) -> str:
        """The whole directory."""
        return "\n".join(self._entries())

    def _entries(self) -> Iterator[str]:
        yield entry_ldif(
            BASE_DN,
            {"objectClass": ["dcObject", "organization"], "o": ["Example"]},
        )
        yield entry_ldif(
            SERVICE_DN,
            {
                "objectClass": ["organizationalRole", "simpleSecurityObject"],
                "userPassword": [SERVICE_PASSWORD],
            },
        )
        yield entry_ldif(PEOPLE_DN, {"objectClass": ["organizationalUnit"]})
        yield from (member.ldif() for member in self.members)
        yield self.extra_ldif


def entry_ldif(dn: str, attributes: Mapping[str, Sequence[str]]) -> str:
    """One entry as LDIF; values are base64, so that any text will do."""
    lines = [f"dn:: {_base64(dn)}"]
    for name, values in attributes.items():
        lines += [f"{name}:: {_base64(value)}" for value in values]
    return "\n".join(lines) + "\n"


def stranger(name: str, uid: str) -> str:
    """Somebody whose DN is not made of the user ID, as LDIF."""
    return entry_ldif(
        f"cn={name},{PEOPLE_DN}",
        {
            "objectClass": ["inetOrgPerson"],
            "cn": [name],
            "sn": [name],
            "uid": [uid],
            "mail": [f"{name}@x"],
            "userPassword": ["pw"],
        },
    )


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()


def _member(index: int) -> Member:
    uid = f"person.{index}"
    mails = [f"Person.{index}@Example.ORG" if index % 4 == 0 else f"{uid}@example.org"]
    if index % 3 == 0:
        mails.append(f"second.{index}@branch.example.org")
    return Member(
        uid=uid,
        name=f"{_FIRST[index % 8]} {_LAST[index // 8 % 8]}",
        mails=mails,
        unicode_mails=[f"Strauß.{index}@example.org"] if index % 7 == 0 else [],
        phones=[_phone(index)],
        employee_number=f"E{index}x",
        password=f"secret {index}",
    )


def _phone(index: int) -> str:
    number = 1000000 + index
    formats = (
        f"+49 171 {number}",
        f"+49171{number}",
        f"49171{number}",
        f"+49-171-{number}",
    )
    return formats[index % 4]
