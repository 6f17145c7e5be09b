"""Limits on what people may ask for, and be sent."""

from collections.abc import Mapping

from mxisd.assembly.base import Base
from mxisd.config.limits import LimitsSection, RegistrationLimitSection
from mxisd.config.sections import Config
from mxisd.features.limits import Counted, LimitPolicy, Limits
from mxisd.model.buckets import Rate

TOGETHER = 4
"""How many times as many at once all of a homeserver may have, or a /48 of IPv6."""


def make_limits(base: Base) -> Limits:
    """Make what counts; there is one, for all that cause messages."""
    return Limits(limit_policy(base.config), base.reactor)


def limit_policy(config: Config) -> LimitPolicy:
    """How much there may be."""
    section, accounts = config.limits, config.account_config
    if not section.enabled:
        return LimitPolicy()
    named = {config.matrix.domain}
    if not accounts.allow_only_trust_domains:
        named |= set(accounts.allowed_homeservers)
    return LimitPolicy(_rates(section), section.network.exempt, frozenset(named))


def _rates(section: LimitsSection) -> Mapping[Counted, Rate]:
    return {
        **_asking(section),
        **_reaching(section),
        **_looking_up(section.lookup.per_account),
        **_registering(section.registration),
    }


def _asking(section: LimitsSection) -> Mapping[Counted, Rate]:
    network = Rate(section.network.burst, section.network.every)
    return {
        Counted.ACCOUNT: Rate(section.account.burst, section.account.every),
        Counted.TEXTS: Rate(section.texts.burst, section.texts.every),
        Counted.NETWORK: network,
        Counted.SITE: _of_site(network),
    }


def _reaching(section: LimitsSection) -> Mapping[Counted, Rate]:
    email = Rate(section.email.burst, section.email.every)
    phone = Rate(section.phone.burst, section.phone.every)
    return {
        Counted.EMAIL: email,
        Counted.EMAIL_IN_ALL: _in_all(email),
        Counted.PHONE: phone,
        Counted.PHONE_IN_ALL: _in_all(phone),
        Counted.COUNTRY: Rate(section.country.burst, section.country.every),
    }


def _looking_up(per_account: int) -> Mapping[Counted, Rate]:
    return {Counted.LOOKUPS: Rate.hourly(per_account)} if per_account else {}


def _registering(section: RegistrationLimitSection) -> Mapping[Counted, Rate]:
    network = Rate(section.network.burst, section.network.every)
    return {
        Counted.REGISTRATIONS: Rate(section.account.burst, section.account.every),
        Counted.REGISTERING_NETWORK: network,
        Counted.REGISTERING_SITE: _of_site(network),
    }


def _of_site(network: Rate) -> Rate:
    return Rate(network.burst * TOGETHER, network.every / TOGETHER)


def _in_all(rate: Rate) -> Rate:
    # The pace stays: an account that takes all it may never empties the others' part.
    return Rate(rate.burst * TOGETHER, rate.every)
