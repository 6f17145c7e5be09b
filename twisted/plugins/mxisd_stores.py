"""The stores that come with mxisd; each is imported when it is configured."""

from mxisd.stores.factories import StoreMaker

memory = StoreMaker(
    "memory", "mxisd.stores.memory", "People written in the configuration itself"
)
ldap = StoreMaker("ldap", "mxisd.stores.ldap.factory", "An LDAP directory")
netiq = StoreMaker("netiq", "mxisd.stores.ldap.netiq", "A NetIQ eDirectory")
rest = StoreMaker("rest", "mxisd.stores.rest.factory", "A web application")
exec_ = StoreMaker(
    "exec", "mxisd.stores.command.factory", "Programs of your own that know users"
)
firebase = StoreMaker(
    "firebase", "mxisd.stores.firebase.factory", "The accounts of a Firebase project"
)
wordpress = StoreMaker(
    "wordpress", "mxisd.stores.wordpress.factory", "The users of a WordPress site"
)
sql = StoreMaker("sql", "mxisd.stores.sql.factory", "Tables of an SQL database")
synapse_sql = StoreMaker(
    "synapseSql", "mxisd.stores.synapse.sql.factory", "A Synapse's database"
)
synapse_api = StoreMaker(
    "synapseApi", "mxisd.stores.synapse.api.factory", "A Synapse, by its Admin API"
)
homeserver_directory = StoreMaker(
    "homeserverDirectory",
    "mxisd.stores.homeserver_directory",
    "Another homeserver's user directory",
)
