"""Makes ``twistd mxisd`` known; the rest is imported when it is asked for."""

from twisted.application.service import ServiceMaker

mxisd = ServiceMaker("mxisd", "mxisd.tap", "Matrix identity server", "mxisd")
