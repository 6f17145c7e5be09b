# SPDX-License-Identifier: AGPL-3.0-or-later OR Apache-2.0
"""Pure nouns and rules of the Matrix specification: no I/O, no clock, no randomness."""
