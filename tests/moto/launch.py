"""Starts moto's server with the members that AWS always sends and moto leaves out or makes constant.

Only answers are mended that would otherwise say something of a healthy estate that AWS never says: each patch has its
reason. What moto cannot answer at all stays unanswered, so that the tests see gaps as well.
"""

import datetime
import hashlib
import sys

import moto
from moto.dynamodb.models.table import Table
from moto.ec2.models.elastic_block_store import Volume
from moto.efs.responses import EFSResponse
from moto.iam.access_control import IAMRequestBase
from moto.organizations.models import OrganizationsBackend
from moto.rds import models as rds
from moto.server import main
from parent import end_with_parent


def there(owner, name):
    """The attribute that is about to be replaced. Patching one that is gone would change nothing, and nobody would notice."""
    if name not in vars(owner):
        sys.exit(
            f"tests/moto/launch.py: moto {moto.__version__} has no {owner.__module__}.{owner.__qualname__}.{name}; "
            "install what tests/requirements.txt names (`ci/test` does), or mend the patch"
        )
    return vars(owner)[name]


def replace(owner, name, make):
    """Replaces an attribute by `make` of what it was."""
    setattr(owner, name, make(there(owner, name)))


def derived(prefix, *parts):
    """An id that the same resource always gets."""
    return prefix + hashlib.sha256(":".join(map(str, parts)).encode()).hexdigest()[:26].upper()


def after(then):
    """`then` runs after the method."""

    def make(method):
        def wrapped(self, *args, **kwargs):
            method(self, *args, **kwargs)
            then(self)

        return wrapped

    return make


# What is made now has been there for a month: of anything younger no policy asks for a backup of yesterday.
def a_month_old(*names):
    def then(thing):
        for name in names:
            setattr(thing, name, getattr(thing, name) - datetime.timedelta(days=30))

    return after(then)


replace(Volume, "__init__", a_month_old("create_time"))
replace(Table, "__init__", a_month_old("created_at"))
replace(rds.DBCluster, "__init__", a_month_old("created", "cluster_create_time"))


# moto gives every instance the same DbiResourceId, which would join every snapshot to every database.
resource_id = property(lambda db: derived("db-", db.account_id, db.region, db.db_instance_identifier), lambda _db, _value: None)
if "db-M5ENSHXFPU6XHZ4G4ZEI5QIO2U" not in there(rds.DBInstance, "__init__").__code__.co_consts:
    sys.exit(f"tests/moto/launch.py: moto {moto.__version__} makes DbiResourceId in another way; mend the patch")
rds.DBInstance.dbi_resource_id = resource_id
replace(rds.DBInstance, "__init__", a_month_old("created", "instance_create_time"))


# moto leaves out the DbClusterResourceId of cluster snapshots, which joins them to their cluster.
def joined(snapshot):
    snapshot.db_cluster_resource_id = snapshot.cluster.db_cluster_resource_id


replace(rds.DBClusterSnapshot, "__init__", after(joined))


# Without backups AWS has no time to restore to, and takes no snapshot; of members of a cluster it takes none either. moto's
# clock cannot be turned back: a tag says until when a database can be restored, as if its backups had failed since.
def restorable(was):
    def time(db):
        until = [tag["Value"] for tag in db.tags or [] if tag["Key"] == "moto:restorable-until"]
        if until:
            return datetime.datetime.fromisoformat(until[0]).replace(tzinfo=None)
        return was.fget(db) if db.backup_retention_period else None

    return property(time)


def snapshot_taken(was):
    return lambda db: was(db) if db.backup_retention_period and not db.db_cluster_identifier else None


replace(rds.DBCluster, "latest_restorable_time", restorable)
replace(rds.DBInstance, "latest_restorable_time", restorable)
replace(rds.DBInstance, "save_automated_backup", snapshot_taken)


# moto sends two members of an automated backup, the identifier and the status.
def describe(backup):
    db = backup.backend.databases.get(backup.db_instance_identifier)
    if db is None:
        return
    backup.dbi_resource_id = db.dbi_resource_id
    backup.db_instance_arn = db.arn
    backup.encrypted = db.storage_encrypted
    backup.kms_key_id = db.kms_key_id
    backup.region = db.region
    backup.engine = db.engine
    backup.backup_retention_period = db.backup_retention_period


replace(rds.DBInstanceAutomatedBackup, "__init__", after(describe))


# moto leaves out TableId, which joins backups to their table.
def identified(was):
    def wrapped(self, base_key="TableDescription"):
        description = was(self, base_key)
        description[base_key]["TableId"] = derived("", self.table_arn).lower()
        return description

    return wrapped


replace(Table, "describe", identified)


# Outside an organisation AWS says so (AWSOrganizationsNotInUseException), moto that the account does not exist.
def in_use(was):
    def wrapped(self, *args, **kwargs):
        self.describe_organization()
        return was(self, *args, **kwargs)

    return wrapped


there(OrganizationsBackend, "describe_organization")
replace(OrganizationsBackend, "list_parents", in_use)


# Where there is no body, moto signs the parsed query instead: right for forms, but no GET would ever be signed rightly.
def without_query(was):
    def wrapped(self):
        data, self._data = self._data, self._data if self._method == "POST" else b""
        try:
            return was(self)
        finally:
            self._data = data

    return wrapped


replace(IAMRequestBase, "_create_aws_request", without_query)

# Not implemented in moto, whose file systems have no replicas: AWS says so with an empty list.
if hasattr(EFSResponse, "describe_replication_configurations"):
    sys.exit(f"tests/moto/launch.py: moto {moto.__version__} describes replication configurations itself; remove the patch")
EFSResponse.describe_replication_configurations = lambda _self: ('{"Replications": []}', {"Content-Type": "application/json"})

end_with_parent()
main(sys.argv[1:])
