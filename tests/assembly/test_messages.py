"""What messages and pages carry as our name."""

import yaml
from twisted.trial.unittest import SynchronousTestCase

from mxisd.assembly.messages import service_name
from tests.config.fakes import FOUNDATION, loaded

IDENTITY = {"from": "id@example.org", "name": "Chat at Example"}


def named(**sections: object) -> str:
    """The name in a configuration."""
    return service_name(loaded(FOUNDATION + yaml.safe_dump(sections)).config)


class ServiceNameTests(SynchronousTestCase):
    def test_the_name_that_mails_are_from(self) -> None:
        """Whoever carries them."""
        email = {"identity": IDENTITY, "connector": "none"}
        self.assertEqual(
            named(threepid={"medium": {"email": email}}), "Chat at Example"
        )
        sendgrid = {"identity": IDENTITY, "api": {"key": "x"}}
        notification = {
            "handler": {"email": "sendgrid"},
            "handlers": {"sendgrid": sendgrid},
        }
        self.assertEqual(named(notification=notification), "Chat at Example")

    def test_the_domain(self) -> None:
        """Where there is no such name, or no mail."""
        email = {"identity": {"from": "id@example.org"}, "connector": "none"}
        self.assertEqual(named(threepid={"medium": {"email": email}}), "example.org")
        self.assertEqual(named(threepid={}), "example.org")
