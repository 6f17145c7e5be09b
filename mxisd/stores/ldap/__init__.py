"""An LDAP directory as an identity store."""
