# SPDX-License-Identifier: Apache-2.0
"""A CSV file as an identity store of mxisd."""
