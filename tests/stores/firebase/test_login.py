"""Tests of logins with ID tokens."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from typing import Any

import jwt
from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import capturedLogs

from mxisd.model.identifiers import UserId
from mxisd.model.login import Accepted, NoSuchUser, Refused
from mxisd.model.secret import Secret
from mxisd.model.threepids import canonical
from mxisd.stores.firebase.id_tokens import LEEWAY_SECONDS
from mxisd.testing.stores import ALICE, DOMAIN
from tests.integration.firebase_backend import id_token, signing_key
from tests.stores.firebase.stores import NOW, FirebaseCase


def encoded(part: Any) -> str:
    """A part of a token."""
    text = json.dumps(part).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


class LoginTests(FirebaseCase):
    """An ID token is a password of its account, and of nobody else."""

    def assert_verdict(self, expected: Any, token: str, localpart: str) -> None:
        """What a fresh store says."""
        self.assertEqual(self.verdict(self.store(), localpart, token), expected)

    def test_good_token(self) -> None:
        """It is accepted with the profile of the account."""
        verdict = self.verdict(self.store(), "alice", self.google.token("alice", NOW))
        assert isinstance(verdict, Accepted)
        self.assertEqual(verdict.user_id, ALICE.user_id)
        self.assertEqual(verdict.profile.display_name, "Alice Liddell")
        expected = frozenset(canonical(*each) for each in ALICE.threepids)
        self.assertEqual(verdict.profile.threepids, expected)
        self.assertEqual(verdict.profile.roles, frozenset(["staff"]))

    def test_name_in_the_token(self) -> None:
        """It is taken where the account has none."""
        self.google.users = [{"localId": "tom"}]
        token = self.google.token("tom", NOW, name="Tom of the token")
        verdict = self.verdict(self.store(), "tom", token)
        assert isinstance(verdict, Accepted)
        self.assertEqual(verdict.profile.display_name, "Tom of the token")

    def test_secrets_stay_out_of_the_log(self) -> None:
        """Neither tokens nor keys are in it, and above debug it is empty."""
        good = self.google.token("alice", NOW)
        with capturedLogs() as log:
            store = self.store()
            for token in (good, good[:-9] + "AAAAAAAAA", "wonderland.a.b"):
                self.verdict(store, "alice", token)
        private = [good, good[-9:], "wonderland", *self.google.access, "PRIVATE"]
        loud = [event for event in log if event["log_level"].name != "debug"]
        self.assertEqual(loud, [])
        for secret in private:
            self.assertNotIn(secret, repr(log))

    def test_capitals_in_an_account(self) -> None:
        """Firebase's own IDs have them; the user ID has none."""
        self.google.users = [{"localId": "ZkS3aB"}]
        token = self.google.token("ZkS3aB", NOW)
        for localpart in ("zks3ab", "ZkS3aB"):
            verdict = self.verdict(self.store(), localpart, token)
            assert isinstance(verdict, Accepted)
            self.assertEqual(str(verdict.user_id), f"@zks3ab:{DOMAIN}")

    def test_token_of_another_account(self) -> None:
        """It is nobody else's, however alike the IDs are."""
        token = self.google.token("alice", NOW)
        for localpart in ("bob", "alic", "alicee", "alice ", "*", "al%69ce"):
            self.assert_verdict(NoSuchUser(), token, localpart)

    def test_user_of_another_server(self) -> None:
        """A localpart counts only together with our own domain."""
        store = self.store()
        assert store.authenticator is not None
        token = Secret(self.google.token("alice", NOW))
        verdict = store.authenticator.authenticate(UserId("alice", "x.org"), token)
        self.assertEqual(self.result(verdict), NoSuchUser())

    def test_account_without_a_legal_user_id(self) -> None:
        """Its token opens nothing."""
        self.google.users = [{"localId": "a b"}]
        self.assert_verdict(NoSuchUser(), self.google.token("a b", NOW), "a b")

    def test_what_is_no_token(self) -> None:
        """It may be the password of another store; Google is not asked about it."""
        for password in ("wonderland", "a.b.c", "..", "é.é.é", "\0", "." * 20_000):
            self.assert_verdict(NoSuchUser(), password, "alice")
        self.assertEqual(self.google.asked, [])

    def test_empty_password(self) -> None:
        """It is refused before anything is asked."""
        self.assert_verdict(Refused(), "", "alice")
        self.assertEqual(self.google.asked, [])

    def test_project_and_issuer(self) -> None:
        """A token for another project, or of another issuer, is none of ours."""
        for claims in (
            {"aud": "other"},
            {"aud": ["wonderland-1865"]},
            {"aud": None},
            {"iss": "https://securetoken.google.com/other"},
            {"iss": "https://session.firebase.google.com/wonderland-1865"},
            {"iss": None},
        ):
            token = self.google.token("alice", NOW, **claims)
            self.assert_verdict(NoSuchUser(), token, "alice")

    def test_claims_that_are_missing_or_nonsense(self) -> None:
        """A signature alone is not enough."""
        for claims in (
            {"sub": None},
            {"sub": ""},
            {"exp": None},
            {"exp": "soon"},
            {"exp": True},
            {"exp": 10**400},
            {"iat": None},
            {"iat": -1},
            {"auth_time": None},
            {"auth_time": [1]},
        ):
            token = self.google.token("alice", NOW, **claims)
            self.assert_verdict(NoSuchUser(), token, "alice")

    def test_time(self) -> None:
        """A token that is over, or not yet made, is refused; clocks differ a bit."""
        near, far = int(NOW) + LEEWAY_SECONDS - 1, int(NOW) + LEEWAY_SECONDS + 1
        wrong: Sequence[Mapping[str, Any]] = (
            {"exp": int(NOW) - LEEWAY_SECONDS},
            {"iat": far},
            {"auth_time": far},
        )
        for claims in wrong:
            token = self.google.token("alice", NOW, **claims)
            self.assert_verdict(Refused(), token, "alice")
        right: Sequence[Mapping[str, Any]] = (
            {"exp": int(NOW) - LEEWAY_SECONDS + 1},
            {"iat": near, "auth_time": near},
        )
        for claims in right:
            token = self.google.token("alice", NOW, **claims)
            self.assertIsInstance(self.verdict(self.store(), "alice", token), Accepted)

    def test_closed_accounts(self) -> None:
        """Who is disabled, removed or revoked since the token was made is refused."""
        token = self.google.token("alice", NOW)
        for users in (
            [{"localId": "alice", "disabled": True}],
            [{"localId": "alice", "validSince": str(int(NOW))}],
            [{"localId": "alice", "validSince": "nonsense"}],
            [],
        ):
            self.google.users = users
            self.assert_verdict(Refused(), token, "alice")
        self.google.users = [{"localId": "alice", "validSince": str(int(NOW) - 60)}]
        self.assertIsInstance(self.verdict(self.store(), "alice", token), Accepted)


class ForgeryTests(FirebaseCase):
    """Nothing but RS256 with a key of Google's is a signature."""

    def setUp(self) -> None:
        """Take what is in a good token."""
        super().setUp()
        self.good = self.google.token("alice", NOW)
        self.claims = jwt.decode(self.good, options={"verify_signature": False})
        self.body = encoded(self.claims)
        self.asked = self.store()

    def assert_no_use(self, token: str) -> None:
        """Nobody gets in by it."""
        self.assertEqual(self.verdict(self.asked, "alice", token), NoSuchUser())
        self.assertNotIn("lookup", self.google.asked)

    def test_the_good_token_is_good(self) -> None:
        """What the others are compared with."""
        self.assertIsInstance(self.verdict(self.store(), "alice", self.good), Accepted)

    def test_no_signature(self) -> None:
        """``none`` is no algorithm, however it is spelled."""
        signature = self.good.rpartition(".")[2]
        name: object
        for name in ("none", "None", "NONE", "nOnE", "", None, 0, []):
            for end in ("", signature):
                header = encoded({"alg": name, "kid": "k1", "typ": "JWT"})
                self.assert_no_use(f"{header}.{self.body}.{end}")
        self.assert_no_use(f"{encoded({'kid': 'k1'})}.{self.body}.{signature}")

    def test_public_key_as_a_shared_secret(self) -> None:
        """HS256 with what everybody can read, a certificate or its key, is nothing."""
        key = signing_key("first")
        for name, method in (("HS256", hashlib.sha256), ("HS512", hashlib.sha512)):
            for secret in (key.certificate, key.public_pem, "k1", ""):
                signed = f"{encoded({'alg': name, 'kid': 'k1'})}.{self.body}"
                mac = hmac.new(secret.encode(), signed.encode(), method).digest()
                end = base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
                self.assert_no_use(f"{signed}.{end}")

    def test_other_algorithms(self) -> None:
        """Even those that are good elsewhere, with the right key."""
        key = signing_key("first").private_key
        for name in ("RS384", "RS512", "PS256"):
            token = jwt.encode(self.claims, key, name, {"kid": "k1"})
            self.assert_no_use(token)

    def test_key_of_somebody_else(self) -> None:
        """A signature by a foreign key under the ID of Google's, or its own."""
        foreign = signing_key("foreign")
        for key_id in ("k1", "k2", "", "../k1"):
            self.assert_no_use(id_token(foreign, key_id, "alice", NOW))

    def test_key_id_of_another_key(self) -> None:
        """A good signature under the ID of another good key is none."""
        self.google.keys["k2"] = "second"
        self.assert_no_use(id_token(signing_key("first"), "k2", "alice", NOW))

    def test_key_in_the_token(self) -> None:
        """A key, or where to get it, that a token brings along is not looked at."""
        foreign = signing_key("foreign")
        public = jwt.algorithms.RSAAlgorithm.to_jwk(
            foreign.private_key.public_key(), as_dict=True
        )
        for more in (
            {"jwk": public},
            {"jku": "http://google.test/certificates"},
            {"x5c": [foreign.certificate]},
            {"kid": None},
            {"kid": ["k1"]},
            {"crit": ["exp"]},
        ):
            header = {"alg": "RS256", "kid": "k1", **more}
            signed = f"{encoded(header)}.{self.body}"
            algorithm = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256)
            signature = algorithm.sign(signed.encode(), foreign.private_key)
            end = base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
            self.assert_no_use(f"{signed}.{end}")

    def test_changed_claims(self) -> None:
        """A signature is for what was signed."""
        head, _body, end = self.good.split(".")
        body = encoded({**self.claims, "sub": "bob"})
        verdict = self.verdict(self.store(), "bob", f"{head}.{body}.{end}")
        self.assertEqual(verdict, NoSuchUser())

    @given(st.data())
    def test_any_other_token(self, data: st.DataObject) -> None:
        """A token in which anything at all was changed opens nothing."""
        place = data.draw(st.integers(0, len(self.good) - 1))
        letter = data.draw(st.characters(codec="utf-8"))
        token = self.good[:place] + letter + self.good[place + 1 :]
        # The last letter of a signature has bits that mean nothing.
        if token != self.good and place < len(self.good) - 1:
            self.assertEqual(self.verdict(self.asked, "alice", token), NoSuchUser())


class KeyTests(FirebaseCase):
    """Google's keys are kept, and replaced."""

    def certificates(self) -> int:
        """How often the keys were asked for."""
        return self.google.asked.count("certificates")

    def test_keys_are_kept(self) -> None:
        """As long as the answer allows, and no longer."""
        self.google.cache_control = "public, max-age=600, must-revalidate"
        store = self.store()
        for passed, asked in ((0, 1), (599, 1), (1, 2)):
            self.clock.advance(passed)
            token = self.google.token("alice", self.clock.seconds())
            self.assertIsInstance(self.verdict(store, "alice", token), Accepted)
            self.assertEqual(self.certificates(), asked)

    def test_keys_are_kept_within_reason(self) -> None:
        """A minute at least, a day at most; five minutes if nothing is said."""
        for header, seconds in (
            ("", 300),
            ("max-age=0", 60),
            ("no-store", 60),
            ("private, MAX-AGE=120", 120),
            ("s-maxage=5, max-age=200", 200),
            ("max-age=99999999", 86_400),
            ("max-age=-1", 300),
        ):
            self.google.cache_control = header
            self.google.asked.clear()
            store = self.store()
            for passed in (0, seconds - 1, 1):
                self.clock.advance(passed)
                token = self.google.token("alice", self.clock.seconds())
                self.verdict(store, "alice", token)
            self.assertEqual(self.certificates(), 2, header)

    def test_new_key(self) -> None:
        """It is fetched when the first token with it comes, and the old one goes."""
        store = self.store()
        old = self.google.token("alice", NOW)
        self.assertIsInstance(self.verdict(store, "alice", old), Accepted)
        self.google.keys = {"k2": "second"}
        new = self.google.token("alice", NOW, key_id="k2")
        self.clock.advance(61)
        self.assertIsInstance(self.verdict(store, "alice", new), Accepted)
        self.assertEqual(self.verdict(store, "alice", old), NoSuchUser())

    def test_unknown_keys_are_no_flood(self) -> None:
        """Tokens with invented keys make us ask once a minute at most."""
        store = self.store()
        for index in range(50):
            token = id_token(signing_key("foreign"), f"x{index}", "alice", NOW)
            self.assertEqual(self.verdict(store, "alice", token), NoSuchUser())
        self.assertEqual(self.certificates(), 1)

    def test_no_keys(self) -> None:
        """Without keys nobody is told apart: the store cannot answer."""
        token = Secret(self.google.token("alice", NOW))
        for mood in ("garbage", "500", "404", "301"):
            self.google.mood = mood
            store = self.store()
            assert store.authenticator is not None
            self.unavailable(store.authenticator.authenticate(ALICE.user_id, token))
