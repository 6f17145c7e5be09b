"""Accounts that are switched off, whatever the product."""

from collections.abc import Callable, Mapping

from mxisd.drivers.ldap.decoder import Entry

_ACCOUNT_DISABLE = 0x2


def _has_disabled_bit(value: bytes) -> bool:
    try:
        return bool(int(value) & _ACCOUNT_DISABLE)
    except ValueError:
        return False


def _is_true(value: bytes) -> bool:
    return value.lower() == b"true"


_SIGNS: Mapping[str, Callable[[bytes], bool]] = {
    # Active Directory: [MS-ADTS] 2.2.16.
    "userAccountControl": _has_disabled_bit,
    # 389 Directory Server and FreeIPA.
    "nsAccountLock": _is_true,
    # eDirectory.
    "loginDisabled": _is_true,
    # Samba's schema, Univention among its users: [UD         ].
    "sambaAcctFlags": lambda value: b"D" in value,
    # OpenLDAP's password policy: locked by an administrator.
    "pwdAccountLockedTime": lambda value: value.startswith(b"000001010000"),
}

STATE_ATTRIBUTES = tuple(_SIGNS)
"""What to ask a server for; attributes that it does not know do no harm."""


def is_disabled(entry: Entry) -> bool:
    """Whether an administrator has switched the account off."""
    return any(
        is_sign(value)
        for name, is_sign in _SIGNS.items()
        for value in entry.attributes.get(name.lower(), ())
    )
