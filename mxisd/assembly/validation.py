"""Validation sessions, and the limits on messages."""

from mxisd.assembly.base import Base
from mxisd.config.sections import Config
from mxisd.config.validation import LimitsSection
from mxisd.features.limits import Counted, LimitPolicy, Limits
from mxisd.features.validation import Validation, ValidationPolicy
from mxisd.model.buckets import Rate
from mxisd.records.sessions import SessionRecords


def make_limits(base: Base) -> Limits:
    """Make what counts messages; there is one, for all that cause them."""
    return Limits(limit_policy(base.config.limits), base.reactor)


def make_validation(base: Base, limits: Limits) -> Validation:
    """Make what proves addresses."""
    return Validation(
        validation_policy(base.config),
        SessionRecords(base.database),
        base.notifier,
        limits,
        base.random,
        base.reactor,
    )


def validation_policy(config: Config) -> ValidationPolicy:
    """Whom we send messages to at all."""
    section = config.session.policy.validation
    allowed, hosts = section.allowed_countries, section.next_link_hosts
    return ValidationPolicy(
        is_enabled=section.enabled,
        allowed_countries=None if allowed is None else frozenset(allowed),
        denied_countries=frozenset(section.denied_countries),
        next_link_hosts=None if hosts is None else frozenset(map(str.lower, hosts)),
    )


def limit_policy(section: LimitsSection) -> LimitPolicy:
    """How many messages there may be."""
    if not section.enabled:
        return LimitPolicy()
    rates = {
        Counted.ACCOUNT: Rate(section.account.burst, section.account.every),
        Counted.NETWORK: Rate(section.network.burst, section.network.every),
        Counted.EMAIL: Rate(section.email.burst, section.email.every),
        Counted.PHONE: Rate(section.phone.burst, section.phone.every),
        Counted.COUNTRY: Rate(section.country.burst, section.country.every),
    }
    return LimitPolicy(rates, section.network.exempt)
