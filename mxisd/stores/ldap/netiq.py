"""NetIQ eDirectory: an LDAP directory with defaults of its own."""

from mxisd.interfaces import ISection
from mxisd.stores.ldap import factory
from mxisd.stores.ldap.factory import build
from mxisd.stores.ldap.presets import Preset
from mxisd.stores.ldap.settings import LdapSettings

__all__ = ["build", "parse"]


def parse(section: ISection) -> LdapSettings:
    """Judge the section."""
    return factory.parse(section, Preset.NETIQ)
