"""Validation sessions."""

from mxisd.assembly.base import Base
from mxisd.config.sections import Config
from mxisd.features.limits import Limits
from mxisd.features.validation import Validation, ValidationPolicy
from mxisd.records.sessions import SessionRecords


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
