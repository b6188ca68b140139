"""PostgreSQL processes for the demo and the tests, without installing one.

`find_binaries()` says where PostgreSQL's programs are; `Cluster(folder,
binaries)` is one server whose data lives in `folder`. Nothing here is used by
a gateway in production: it is given the address of a server that others run.
"""

from proxy.embedded.binaries import Binaries, find_binaries, installed_binaries
from proxy.embedded.cluster import Cluster
from proxy.embedded.errors import EmbeddedFailed
from proxy.embedded.lifeline import die_with_parent
from proxy.embedded.postmaster import free_port
from proxy.embedded.staging import private_folder
from proxy.embedded.user import ServerUser, reaches, server_user

__all__ = [
    "Binaries",
    "Cluster",
    "EmbeddedFailed",
    "ServerUser",
    "die_with_parent",
    "find_binaries",
    "free_port",
    "installed_binaries",
    "private_folder",
    "reaches",
    "server_user",
]
