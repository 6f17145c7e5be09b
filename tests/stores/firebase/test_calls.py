"""Questions to Google over connections that have ended."""

from mxisd.stores.firebase.calls import asking, call
from tests.drivers.http.counting import hanging_up
from tests.drivers.http.test_keeping import KeepingCase


class CallTests(KeepingCase):
    async def test_questions_are_put_again(self) -> None:
        """A lookup that goes into a dead connection is not lost."""
        server = self.serve(hanging_up)
        for heard in (1, 3):
            how = asking({"email": ["ü"]})
            reply = await call(self.clients.stores, "POST", self.url, **how)
            self.assertEqual((reply.status, len(server.heard)), (200, heard))
