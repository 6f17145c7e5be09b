"""
The Identity Service API's words: requests into values, values into replies.

The names of JSON keys and query parameters stand here and nowhere else in ``web``.

Source: Identity Service API v1.19; r0.3.0 for v1.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from attrs import frozen

from mxisd.errors import InvalidParam, MissingParams, TooManyAddresses
from mxisd.features.health import HealthReport, StoreHealth
from mxisd.features.lookup import HashDetails
from mxisd.model.identifiers import UserId
from mxisd.model.secret import Secret
from mxisd.model.terms import Policy
from mxisd.web.decoding import json_object
from mxisd.web.exchange import Reply, json_reply

MAX_ADDRESSES = 10_000

LEGACY_VERSIONS = ("r0.1.0", "r0.2.0", "r0.2.1", "r0.3.0")
VERSIONS = tuple(f"v1.{minor}" for minor in range(1, 20))

EMPTY = json_reply({})
UNSUCCESSFUL: Mapping[str, Any] = {"success": False}


# --- Requests -------------------------------------------------------------------------


@frozen
class RegisterRequest:
    """An OpenID token, and the homeserver that gave it."""

    server_name: str
    token: Secret


@frozen
class LookupRequest:
    """A v2 lookup; ``addresses`` are hashes, or addresses with their medium."""

    algorithm: str
    pepper: str
    addresses: Sequence[str]


def access_token(query: Mapping[str, str]) -> str | None:
    """The account token, where the query string carries it."""
    return query.get("access_token")


def public_key(query: Mapping[str, str]) -> str:
    """The key whose validity is asked."""
    return _parameter(query, "public_key")


def threepid(query: Mapping[str, str]) -> tuple[str, str]:
    """The medium and the address of a v1 lookup."""
    return _parameter(query, "medium"), _parameter(query, "address")


def parse_register(body: bytes) -> RegisterRequest:
    """Read what a homeserver gave the client for us."""
    content = json_object(body)
    return RegisterRequest(
        _text(content, "matrix_server_name"), Secret(_text(content, "access_token"))
    )


def parse_terms(body: bytes) -> Sequence[str]:
    """Read the URLs of the documents that a user accepts."""
    return _texts(json_object(body), "user_accepts")


def parse_lookup(body: bytes) -> LookupRequest:
    """Read a v2 lookup."""
    content = json_object(body)
    algorithm, pepper = _text(content, "algorithm"), _text(content, "pepper")
    addresses = _texts(content, "addresses")
    _check_count(addresses)
    return LookupRequest(algorithm, pepper, addresses)


def parse_bulk_lookup(body: bytes) -> Sequence[tuple[str, str]]:
    """Read the media and addresses of a v1 bulk lookup."""
    pairs = _list(json_object(body), "threepids")
    _check_count(pairs)
    return _pairs(pairs)


def _parameter(query: Mapping[str, str], name: str) -> str:
    value = query.get(name)
    if value is None:
        raise MissingParams(f"The parameter {name} is missing.")
    return value


def _required(content: Mapping[str, Any], key: str) -> Any:
    if key not in content:
        raise MissingParams(f"{key} is missing.")
    return content[key]


def _text(content: Mapping[str, Any], key: str) -> str:
    value = _required(content, key)
    if not isinstance(value, str):
        raise InvalidParam(f"{key} must be a string.")
    return value


def _list(content: Mapping[str, Any], key: str) -> list[Any]:
    value = _required(content, key)
    if not isinstance(value, list):
        raise InvalidParam(f"{key} must be a list.")
    return value


def _texts(content: Mapping[str, Any], key: str) -> Sequence[str]:
    values = _list(content, key)
    if not set(map(type, values)) <= {str}:
        raise InvalidParam(f"{key} must be a list of strings.")
    return values


def _pairs(values: Sequence[Any]) -> Sequence[tuple[str, str]]:
    # Without a loop of our own: there may be ten thousand.
    are_pairs = set(map(type, values)) <= {list} and set(map(len, values)) <= {2}
    if not are_pairs or not set(map(type, chain.from_iterable(values))) <= {str}:
        raise InvalidParam("Each of threepids must be a medium and an address.")
    return list(map(tuple, values))


def _check_count(addresses: Sequence[object]) -> None:
    if len(addresses) > MAX_ADDRESSES:
        raise TooManyAddresses(f"At most {MAX_ADDRESSES} addresses may be looked up.")


# --- Replies --------------------------------------------------------------------------


def error(
    status: int,
    errcode: str,
    text: str,
    extra: Mapping[str, Any] | None = None,
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> Reply:
    """An error as the specification wants it."""
    content = {"errcode": errcode, "error": text, **(extra or {})}
    return json_reply(content, status, headers)


def request_id(text: str) -> Mapping[str, str]:
    """What to add to an error so that it can be found in the log."""
    return {"request_id": text}


def hash_hints(algorithm: str, pepper: str) -> Mapping[str, str]:
    """What to add to an error so that the client can hash again."""
    return {"algorithm": algorithm, "lookup_pepper": pepper}


def retry_after_ms(seconds: float) -> Mapping[str, int]:
    """What to add to an error so that older clients know when to come back."""
    return {"retry_after_ms": math.ceil(seconds * 1000)}


def versions(legacy: bool, current: bool) -> Reply:
    """The versions of the specification that are served."""
    served = (LEGACY_VERSIONS if legacy else ()) + (VERSIONS if current else ())
    return json_reply({"versions": served})


def registered(token: Secret) -> Reply:
    """A fresh account token; older clients read the second key."""
    return json_reply({"token": token.value, "access_token": token.value})


def account(user_id: UserId) -> Reply:
    """Whose token it is."""
    return json_reply({"user_id": str(user_id)})


def policies(policies: Iterable[Policy]) -> Reply:
    """All policies, each in all its languages."""
    return json_reply({"policies": {p.policy_id: _policy(p) for p in policies}})


def _policy(policy: Policy) -> dict[str, Any]:
    documents = {d.language: {"name": d.name, "url": d.url} for d in policy.documents}
    return {"version": policy.version, **documents}


def key(public_key: str) -> Reply:
    """A public key."""
    return json_reply({"public_key": public_key})


def validity(is_valid: bool) -> Reply:
    """Whether a key is valid."""
    return json_reply({"valid": is_valid})


@lru_cache(4)  # asked for before every lookup, and the same for everybody
def hash_details(details: HashDetails) -> Reply:
    """What clients need to know before they look up."""
    return json_reply(
        {"lookup_pepper": details.pepper, "algorithms": details.algorithms}
    )


def mappings(found: Mapping[str, str]) -> Reply:
    """The users found by a v2 lookup, by the client's own strings."""
    return json_reply({"mappings": found})


def bulk(found: Sequence[tuple[str, str, str]]) -> Reply:
    """The users found by a v1 bulk lookup."""
    return json_reply({"threepids": found})


def association(signed: Mapping[str, Any] | None) -> Reply:
    """The user found by a v1 lookup, or nothing."""
    return EMPTY if signed is None else json_reply(signed)


def status(report: HealthReport, with_stores: bool) -> Reply:
    """How we are; without our own records we are of no use to anybody."""
    content: dict[str, Any] = {"health": health(report)}
    if with_stores:
        content["stores"] = {k: _state(each) for k, each in report.stores.items()}
        if not report.hashes_ok:
            content["hash_index"] = "STALE"
    return json_reply({"status": content}, 200 if report.records_ok else 503)


def health(report: HealthReport) -> str:
    """How we are, in a word."""
    if not report.records_ok:
        return "DOWN"
    return "OK" if report.is_whole else "DEGRADED"


def _state(store: StoreHealth) -> str:
    keys = ", ".join(store.misconfigured) if store.is_answering else ""
    return f"{store_state(store)}: {keys}" if keys else store_state(store)


def store_state(store: StoreHealth) -> str:
    """How a store is, in a word."""
    if not store.is_answering:
        return "DOWN"
    return "MISCONFIGURED" if store.misconfigured else "OK"


def version(name: str, number: str) -> Reply:
    """What runs here."""
    return json_reply({"server": {"name": name, "version": number}})
