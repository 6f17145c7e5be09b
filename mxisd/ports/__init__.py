"""The interfaces inside: what features need, and adapters provide."""

from mxisd.ports.lookups import (
    IAnswering,
    IHashFiles,
    IHashIndex,
    IListing,
    IThreePidResolver,
    Listed,
    LookupContext,
    Resolution,
)
from mxisd.ports.operators import IInterventions, IOverviews
from mxisd.ports.records import (
    AccountRecord,
    IAccountRecords,
    IBindingRecords,
    IDeliveryRecords,
    IInviteMessageRecords,
    IInviteRecords,
    IPepperRecords,
    IRecordsHealth,
    ISessionRecords,
    ITermsRecords,
)
from mxisd.ports.surroundings import (
    IHomeserver,
    IHomeserverKeys,
    IKeyRing,
    INotifier,
    IOnBind,
    IRandom,
)

__all__ = [
    "AccountRecord",
    "IAccountRecords",
    "IAnswering",
    "IBindingRecords",
    "IDeliveryRecords",
    "IHashFiles",
    "IHashIndex",
    "IHomeserver",
    "IHomeserverKeys",
    "IInterventions",
    "IInviteMessageRecords",
    "IInviteRecords",
    "IKeyRing",
    "IListing",
    "INotifier",
    "IOnBind",
    "IOverviews",
    "IPepperRecords",
    "IRandom",
    "IRecordsHealth",
    "ISessionRecords",
    "ITermsRecords",
    "IThreePidResolver",
    "Listed",
    "LookupContext",
    "Resolution",
]
