"""How many files and sockets this process may have open."""

import resource
from contextlib import suppress
from math import inf


def descriptor_limit(wanted: int) -> int:
    """
    Let this process have so many descriptors, if the system allows it.

    systemd's services start with 1024 and may have 524 288; programs that they start
    inherit what is set here.

    :return: How many it may have; at most those wanted.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if _number(soft) < wanted:
        limit = int(min(_number(hard), wanted))
        # Some systems have a further limit that they do not tell.
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            soft = limit
    return int(min(_number(soft), wanted))


def _number(limit: int) -> float:
    return inf if limit == resource.RLIM_INFINITY else limit
