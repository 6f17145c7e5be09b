"""What strangers may make us ask other homeservers."""

from mxisd.assembly.base import Base
from mxisd.assembly.reaching import known_homeservers
from mxisd.config.sections import Config
from mxisd.features.questions import (
    OF_ONE_SOURCE,
    OF_ONE_SOURCE_TO_KNOWN,
    QuestionPolicy,
    Questions,
)


def make_questions(base: Base) -> Questions:
    """Make what counts questions; there is one, for all that cause them."""
    return Questions(question_policy(base.config), base.reactor)


def question_policy(config: Config) -> QuestionPolicy:
    """How many there may be."""
    limits = config.limits
    return QuestionPolicy(
        known=known_homeservers(config),
        exempt_networks=limits.network.exempt,
        of_one_source=OF_ONE_SOURCE if limits.enabled else None,
        of_one_source_to_known=OF_ONE_SOURCE_TO_KNOWN if limits.enabled else None,
    )
