"""What the usual directory servers call things."""

import enum
from collections.abc import Mapping

from attrs import frozen

from mxisd.model.threepids import EMAIL, MSISDN

PHONES = ("telephoneNumber", "mobile", "homePhone")
AD_PHONES = (*PHONES, "otherTelephone", "otherMobile", "otherHomePhone")

NOT_DISABLED = "(!(userAccountControl:1.2.840.113556.1.4.803:=2))"
"""Accounts of an Active Directory that are not disabled."""


class Preset(enum.Enum):
    """A directory server that we know."""

    AD = "ad"
    OPENLDAP = "openldap"
    FREEIPA = "freeipa"
    DS389 = "389ds"
    UNIVENTION = "univention"
    NETIQ = "netiq"


@frozen(kw_only=True)
class Defaults:
    """
    The values of keys that are not written.

    :ivar uid: The attribute that makes the user ID.
    :ivar name: The attribute with the display name.
    :ivar threepids: Attributes with 3PIDs, by medium.
    :ivar filter: Who is a person.
    :ivar enabled: Who is not disabled, where the server can tell by a filter.
    :ivar member_of: The attribute of a person that names groups.
    :ivar groups: What is a group.
    :ivar member: The attribute of a group that names members by DN.
    """

    uid: str
    name: str = "displayName"
    threepids: Mapping[str, tuple[str, ...]]
    filter: str = ""
    enabled: str = ""
    member_of: str = "memberOf"
    groups: str = "(|(objectClass=groupOfNames)(objectClass=groupOfUniqueNames))"
    member: str = "member"
    port: int = 389
    tls_port: int = 636


OF_MXISD = Defaults(
    uid="saMAccountName",
    threepids={
        EMAIL: ("mailPrimaryAddress", "mail", "otherMailbox"),
        MSISDN: AD_PHONES,
    },
)
"""Without a preset, everything is as mxisd had it."""

BY_PRESET: Mapping[Preset, Defaults] = {
    Preset.AD: Defaults(
        uid="sAMAccountName",
        threepids={
            EMAIL: ("mail", "otherMailbox", "proxyAddresses"),
            MSISDN: AD_PHONES,
        },
        filter="(&(objectCategory=person)(objectClass=user))",
        enabled=NOT_DISABLED,
        groups="(objectClass=group)",
    ),
    Preset.OPENLDAP: Defaults(
        uid="uid",
        name="cn",
        threepids={EMAIL: ("mail",), MSISDN: PHONES},
        filter="(objectClass=inetOrgPerson)",
    ),
    Preset.FREEIPA: Defaults(
        uid="uid",
        threepids={EMAIL: ("mail",), MSISDN: PHONES},
        filter="(objectClass=posixAccount)",
        groups="(objectClass=ipaUserGroup)",
    ),
    Preset.DS389: Defaults(
        uid="uid",
        name="cn",
        threepids={EMAIL: ("mail",), MSISDN: PHONES},
        filter="(objectClass=person)",
    ),
    Preset.UNIVENTION: Defaults(
        uid="uid",
        threepids={
            EMAIL: ("mailPrimaryAddress", "mailAlternativeAddress", "mail"),
            MSISDN: PHONES,
        },
        filter="(univentionObjectType=users/user)",
        groups="(objectClass=univentionGroup)",
        member="uniqueMember",
        port=7389,
        tls_port=7636,
    ),
    Preset.NETIQ: Defaults(
        uid="cn",
        threepids=OF_MXISD.threepids,
        member_of="groupMembership",
        groups="(objectClass=groupOfNames)",
    ),
}


def defaults_of(preset: Preset | None) -> Defaults:
    """What holds where nothing is written."""
    return OF_MXISD if preset is None else BY_PRESET[preset]
