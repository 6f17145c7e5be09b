"""Why nothing is imported."""

from mxisd.errors import MxisdError


class ImportRefused(MxisdError):
    """It cannot be done as asked; the message is one line for the operator."""
