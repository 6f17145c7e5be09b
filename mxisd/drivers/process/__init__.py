"""
Programs that are run: bounded in number, time and output.

No shell is involved. Each program leads a process group of its own, so that it ends
together with whatever it started, and inherits no open file. ``setsid`` of util-linux
or busybox makes the group; where it is missing, the program alone is ended.
"""

from mxisd.drivers.process.processes import NotExecutable, Processes, found
from mxisd.drivers.process.running import Finished, Program, Take

__all__ = ["Finished", "NotExecutable", "Processes", "Program", "Take", "found"]
