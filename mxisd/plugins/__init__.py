"""The factories of stores and senders that are installed here, each contained."""

from mxisd.plugins.finding import find_factories, find_senders, log_problem

__all__ = ["find_factories", "find_senders", "log_problem"]
