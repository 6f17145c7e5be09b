"""Performance figures: ``python -m bench``, or ``make bench``."""
