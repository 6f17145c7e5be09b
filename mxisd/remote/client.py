"""What other servers say, as JSON."""

import json
from typing import Any

from mxisd.drivers.http import HttpFailed, HttpReply


class BadAnswer(HttpFailed):
    """A server answered something else than it should."""


def json_object(reply: HttpReply) -> dict[str, Any]:
    """
    Read an answer as a JSON object, whatever its content type.

    :raise BadAnswer: If it is not one.
    """
    try:
        content = json.loads(reply.body)
    except (ValueError, RecursionError) as error:
        raise BadAnswer("the answer is not JSON") from error
    if not isinstance(content, dict):
        raise BadAnswer("the answer is not a JSON object")
    return content
