# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""Who may do what, where the network address decides."""

from collections.abc import Sequence

from mxisd.model.requesters import Network, Ourselves, Requester


def may_recurse(
    requester: Requester, enabled: bool, networks: Sequence[Network]
) -> bool:
    """
    Whether other servers may be asked on this requester's behalf.

    Only requesters nearby are served from afar: two servers that recurse for everybody
    would ask each other for ever.

    :param enabled: ``lookup.recursive.enabled``.
    :param networks: ``lookup.recursive.allowedCidr``.
    """
    if not enabled:
        return False
    if isinstance(requester, Ourselves):
        return True
    return requester.origin.is_within(networks)
