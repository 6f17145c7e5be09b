"""Accounts, and the terms that they accept."""

import re

from mxisd.assembly.base import Base
from mxisd.features.accounts import AccountPolicy, Accounts
from mxisd.features.limits import Limits
from mxisd.features.questions import Questions
from mxisd.features.terms import Terms
from mxisd.model.terms import Document, Policy
from mxisd.records.accounts import AccountRecords, TermsRecords
from mxisd.remote.homeserver import Homeservers
from mxisd.web.rare_warnings import RareWarnings


def make_accounts(base: Base, questions: Questions, limits: Limits) -> Accounts:
    """Make accounts of the homeservers that are trusted."""
    settings = base.config.account_config
    allowed = {base.config.matrix.domain}
    if not settings.allow_only_trust_domains:
        allowed |= set(settings.allowed_homeservers)
    is_open = not (settings.allow_only_trust_domains or settings.allowed_homeservers)
    policy = AccountPolicy(
        None if is_open else allowed,
        int(settings.token_lifetime * 1000),
        base.config.matrix.domain,
    )
    return Accounts(
        policy,
        AccountRecords(base.database),
        Homeservers(base.federation),
        questions,
        base.random,
        base.reactor,
        limits,
        RareWarnings(base.reactor).warn,
    )


def make_terms(base: Base) -> Terms:
    """Make the terms of service."""
    policies = [
        Policy(
            policy_id,
            section.version,
            tuple(Document(lang, d.name, d.url) for lang, d in section.terms.items()),
            tuple(re.compile(text) for text in section.regexp),
        )
        for policy_id, section in base.config.policy.policies.items()
    ]
    return Terms(policies, TermsRecords(base.database), base.reactor)
