"""Starts `tests/moto/launch.py` with what the Terraform provider asks for and moto lacks or makes constant.

For ci/terraform-record. Without these patches the provider fails, or its next plan is not free of changes, or keur cannot
read what AWS always sends; the reason is beside each.
"""

import json
import pathlib
import runpy
import sys
from urllib.parse import unquote

import moto
import moto.server
from moto.autoscaling.models import FakeScalingPolicy
from moto.backup.models import Vault
from moto.backup.responses import BackupResponse
from moto.core.responses import ActionResult
from moto.ec2.models.launch_templates import LaunchTemplateVersion
from moto.ec2.models.vpc_peering_connections import VPCPeeringConnection
from moto.ec2.responses.monitoring import Monitoring
from moto.ec2.responses.transit_gateway_attachments import TransitGatewayAttachment
from moto.efs.models import FileSystem, MountTarget
from moto.efs.responses import EFSResponse
from moto.elbv2.models import FakeListener
from moto.elbv2.models import FakeLoadBalancer
from moto.iam.models import ManagedPolicy
from moto.kms.models import Key
from moto.rds.models import DBCluster, DBInstance
from moto.rds.utils import ClusterEngine, DbInstanceEngine
from moto.s3.responses import S3Response


def there(owner, name):
    """The attribute that is about to be replaced. Patching one that is gone would change nothing, and nobody would notice."""
    if name not in vars(owner):
        sys.exit(f"tests/terraform/launch.py: moto {moto.__version__} has no {owner.__module__}.{owner.__qualname__}.{name}; mend the patch")
    return getattr(owner, name)


def after(owner, then):
    """`then` runs after the constructor, with what it was given by keyword."""
    was = there(owner, "__init__")

    def init(self, *args, **kwargs):
        was(self, *args, **kwargs)
        then(self, kwargs)

    owner.__init__ = init


# After it has started an instance with `monitoring`, the provider asks once more for the same: not implemented.
def monitored(state):
    def answer(self):
        instances = [self.ec2_backend.get_instance(one) for one in self._get_param("InstanceIds", [])]
        for instance in instances:
            instance.monitoring_state = state
        return ActionResult({"InstanceMonitorings": [{"InstanceId": i.id, "Monitoring": {"State": state}} for i in instances]})

    return answer


there(Monitoring, "monitor_instances")
Monitoring.monitor_instances = monitored("enabled")
Monitoring.unmonitor_instances = monitored("disabled")


# Backups of a file system can only be asked for when it is made: not implemented.
def put_backup_policy(self):
    policy = self._get_param("BackupPolicy")
    self.efs_backend.file_systems_by_id[self._get_param("FileSystemId")]._backup = policy["Status"] == "ENABLED"
    return json.dumps({"BackupPolicy": policy}), {"Content-Type": "application/json"}


there(FileSystem, "backup_policy")
EFSResponse.put_backup_policy = put_backup_policy

# DocumentDB answers through the API of RDS; moto has everything but its name and a few defaults.
DOCDB = "docdb"
clusters, instances = there(ClusterEngine, "list_cluster_engines"), there(DbInstanceEngine, "valid_db_instance_engine")
ClusterEngine.list_cluster_engines = classmethod(lambda _class: [*clusters(), DOCDB])
DbInstanceEngine.valid_db_instance_engine = classmethod(lambda _class: [*instances(), DOCDB])


def known(owner, name, value):
    was = there(owner, name)
    setattr(owner, name, staticmethod(lambda engine, **more: value if engine == DOCDB else was(engine, **more)))


known(DBCluster, "default_engine_version", "5.0.0")
known(DBCluster, "default_port", 27017)
known(DBCluster, "default_allocated_storage", 1)
known(DBInstance, "default_port", 27017)
known(DBInstance, "default_allocated_storage", 1)


def cluster(self, _given):
    # Without encryption there is no key; moto names one that no account has.
    if not self.storage_encrypted:
        self.kms_key_id = None
    if self.engine == DOCDB:
        self.storage_type = None


after(DBCluster, cluster)

# Only clusters of the old serverless kind scale this way; moto sends an empty answer for all others.
scaling = there(DBCluster, "scaling_configuration_info")
DBCluster.scaling_configuration_info = property(lambda self: scaling.fget(self) if self.scaling_configuration else None)


# Performance Insights is forgotten.
def insights(self, given):
    # AWS always says whether it is public.
    self.publicly_accessible = bool(self.publicly_accessible)
    if given.get("enable_performance_insights"):
        self.performance_insights_enabled = True
        self.performance_insights_kms_key_id = given.get("performance_insights_kms_key_id")
        self.performance_insights_retention_period = given.get("performance_insights_retention_period") or 7


def main(arguments, was=moto.server.main):
    # Last, since tests/moto/launch.py looks into the constructor.
    after(DBInstance, insights)
    was(arguments)


moto.server.main = main


# A scaling policy is in force unless it is switched off: moto leaves it out. An empty answer is not sent either.
def policy(self, _given):
    self.enabled = True
    self.predictive_scaling_configuration = self.predictive_scaling_configuration or None


after(FakeScalingPolicy, policy)


# The tags of a launch template are not those that it gives to what is launched.
def untagged(self, _given):
    specifications = self.data.get("TagSpecifications", [])
    self.data["TagSpecifications"] = [one for one in specifications if one["ResourceType"] != "launch-template"]


after(LaunchTemplateVersion, untagged)

# Tags of an attachment are looked for under the type of another resource.
parse = TransitGatewayAttachment._parse_tag_specification


def tags_of_attachment(self, expected_type=None):
    tags = parse(self, expected_type)
    if "transit-gateway-attachment" in tags:
        tags["transit-gateway-route-table"] = tags["transit-gateway-attachment"]
    return tags


TransitGatewayAttachment._parse_tag_specification = tags_of_attachment


# The path of the request may end with a slash or not.
def list_tags(self):
    arn = unquote(self.path.rstrip("/").split("/tags/")[-1])
    return json.dumps({"Tags": self.backup_backend.list_tags(resource_arn=arn)})


there(BackupResponse, "list_tags")
BackupResponse.list_tags = list_tags

# Listeners without TLS have no security policy.
def without_tls(self, _given):
    if self.protocol not in ("HTTPS", "TLS"):
        self.ssl_policy = None


after(FakeListener, without_tls)


# EFS says of the network interface of a mount target that it is its own.
def of_efs(self, network_interface, was=there(MountTarget, "set_network_interface")):
    was(self, network_interface)
    network_interface.requester_managed = True
    network_interface.description = f"EFS mount target for {self._file_system.file_system_id} ({self.mount_target_id})"


MountTarget.set_network_interface = of_efs

# The root element has another name.
versioning = there(S3Response, "get_bucket_versioning")


def root_of_versioning(self):
    status, headers, body = versioning(self)
    return status, headers, body.replace("GetBucketVersioningResponse", "VersioningConfiguration")


S3Response.get_bucket_versioning = root_of_versioning

# AWS always says whether a key has replicas, and which side of the wall a load balancer stands on.
after(Key, lambda self, _given: setattr(self, "multi_region", bool(self.multi_region)))
after(FakeLoadBalancer, lambda self, _given: setattr(self, "scheme", self.scheme or "internet-facing"))

# Vaults have a type, peered networks a set of ranges, and policies an id and a name wherever they are listed.
vault = there(Vault, "to_list_dict")
Vault.to_list_dict = lambda self: {**vault(self), "VaultType": "BACKUP_VAULT"}


def with_ranges(side):
    info = there(VPCPeeringConnection, side)
    ranges = lambda known: {**known, "CidrBlockSet": [{"CidrBlock": known["CidrBlock"]}]}  # noqa: E731
    setattr(VPCPeeringConnection, side, property(lambda self: ranges(info.fget(self))))


with_ranges("requester_vpc_info")
with_ranges("accepter_vpc_info")
ManagedPolicy.policy_id = property(lambda self: self.id)
ManagedPolicy.policy_name = property(lambda self: self.name)

launch = pathlib.Path(__file__).resolve().parent.parent / "moto" / "launch.py"
sys.path.insert(0, str(launch.parent))
runpy.run_path(str(launch), run_name="__main__")
