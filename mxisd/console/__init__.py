"""The commands of ``mxisd`` that ask a server: what its operator sees and changes."""
