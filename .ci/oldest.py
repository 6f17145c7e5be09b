"""Print the lower bounds of what a setup.cfg needs as pip constraints."""

import re
import sys
from configparser import ConfigParser
from pathlib import Path

REQUIREMENT = re.compile(r"(?P<name>[\w.-]+)(?:\[[\w,]*\])?\s*>=\s*(?P<bound>[\w.]+)")


def bounds(setup_cfg: str) -> list[str]:
    """The constraints that hold every dependency of the server at its oldest."""
    config = ConfigParser()
    config.read_string(setup_cfg)
    wanted = config["options"]["install_requires"].splitlines()
    found = (REQUIREMENT.match(line) for line in wanted)
    return [f"{match['name']} == {match['bound']}" for match in found if match]


if __name__ == "__main__":
    print("\n".join(bounds(Path(sys.argv[1]).read_text(encoding="utf-8"))))
