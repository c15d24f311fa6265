"""Makes an estate of about 2,000 resources on an AWS emulator: what `ci/bench-evidence` records.

usage: bench_estate.py ENDPOINT
"""

import sys

import boto3

REGION = "eu-central-1"


def client(name):
    return boto3.client(name, endpoint_url=sys.argv[1], region_name=REGION, aws_access_key_id="123456789012", aws_secret_access_key="test")


def tags(environment):
    return [{"Key": "Environment", "Value": environment}]


ENVIRONMENTS = ["production", "staging", "test", "demo"]
ec2, rds, s3, kms, dynamodb = (client(name) for name in ("ec2", "rds", "s3", "kms", "dynamodb"))
for number, environment in enumerate(ENVIRONMENTS):
    vpc = ec2.create_vpc(CidrBlock=f"10.{number}.0.0/16")["Vpc"]["VpcId"]
    ec2.create_tags(Resources=[vpc], Tags=tags(environment))
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.{number}.{at * 16}.0/20", AvailabilityZone=REGION + zone)["Subnet"]["SubnetId"]
        for at, zone in enumerate("abc")
    ]
    key = kms.create_key(Description=environment, Tags=[{"TagKey": "Environment", "TagValue": environment}])["KeyMetadata"]["KeyId"]
    specification = [{"ResourceType": kind, "Tags": tags(environment)} for kind in ("instance", "volume", "network-interface")]
    disk = {"DeviceName": "/dev/sda1", "Ebs": {"VolumeSize": 8, "Encrypted": True, "KmsKeyId": key}}
    for subnet in subnets:
        ec2.run_instances(
            ImageId="ami-12345678", MinCount=35, MaxCount=35, SubnetId=subnet, BlockDeviceMappings=[disk], TagSpecifications=specification[:1]
        )
    rds.create_db_subnet_group(DBSubnetGroupName=environment, DBSubnetGroupDescription=environment, SubnetIds=subnets)
    for at in range(10):
        name = f"{environment}-db-{at}"
        rds.create_db_instance(
            DBInstanceIdentifier=name, DBInstanceClass="db.m6g.large", Engine="postgres", AllocatedStorage=20, MasterUsername="owner",
            MasterUserPassword="not-a-secret", StorageEncrypted=True, KmsKeyId=key, MultiAZ=True, DBSubnetGroupName=environment,
            BackupRetentionPeriod=14, Tags=tags(environment),
        )
        for day in range(8):
            rds.create_db_snapshot(DBSnapshotIdentifier=f"{name}-{day}", DBInstanceIdentifier=name, Tags=tags(environment))
    for at in range(30):
        bucket = f"clinic-{environment}-{at}"
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": tags(environment)})
        rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}
        s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [rule]})
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for at in range(15):
        dynamodb.create_table(
            TableName=f"{environment}-{at}", BillingMode="PAY_PER_REQUEST", KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}], Tags=tags(environment),
        )
