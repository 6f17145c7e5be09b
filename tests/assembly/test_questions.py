"""What becomes of the keys that decide how much strangers make us ask."""

from twisted.trial.unittest import SynchronousTestCase

from mxisd.assembly.questions import question_policy
from mxisd.features.questions import QuestionPolicy
from mxisd.model.settings import networks
from tests.config.fakes import loaded

SETTINGS = """
accountConfig: {allowOnlyTrustDomains: false, allowedHomeservers: [Friend.test]}
limits: {network: {exempt: [10.0.0.0/8]}}
"""


def policy(text: str) -> QuestionPolicy:
    """The policy of a configuration with these sections."""
    core = "matrix: {domain: ours.test}\nkey: {path: keys}\n"
    return question_policy(loaded(core + text).config)


class QuestionPolicyTests(SynchronousTestCase):
    def test_every_key(self) -> None:
        """Each arrives where it counts."""
        expected = QuestionPolicy(
            known=frozenset({"ours.test", "Friend.test"}),
            exempt_networks=networks("10.0.0.0/8"),
        )
        self.assertEqual(policy(SETTINGS), expected)

    def test_without_limits(self) -> None:
        """There is none for a network; what all may do together stays."""
        found = policy("limits: {enabled: false}")
        self.assertIsNone(found.of_one_source)
        self.assertIsNone(found.of_one_source_to_known)
        self.assertEqual(found.at_once, QuestionPolicy().at_once)
