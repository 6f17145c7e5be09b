"""LDAP: requests built with ldaptor, answers read by a small decoder of our own."""
