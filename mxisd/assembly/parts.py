"""What a server is made of before anything is written."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from mxisd.assembly.reaching import Reaching
from mxisd.config.sections import Config
from mxisd.interfaces import Store
from mxisd.ports import INotifier
from mxisd.randomness import SystemRandom
from mxisd.web.pages import OwnPages


@frozen(kw_only=True)
class Parts:
    """
    Made of what the configuration says and names; nothing has been changed for it.

    :ivar stores: By name, in their order of priority; unguarded.
    """

    config: Config
    reactor: Any
    random: SystemRandom
    reaching: Reaching
    notifier: INotifier
    stores: Mapping[str, Store]
    pages: OwnPages
