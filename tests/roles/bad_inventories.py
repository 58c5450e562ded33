"""A good production inventory, and what may be wrong with one: one fault each, and its variable."""

from __future__ import annotations

CANARY = "canary-e17b"
GOOD = {
    "platform_account_id": "123456789012",
    "platform_region": "eu-central-1",
    "platform_container_builder": "oci",
    "platform_source_url": "https://old.example.org",
    "platform_source_database": f"postgresql://reader:{CANARY}@old.example.org/bio_bind_rank",
    "platform_source_store": {
        "endpoint": "https://store.example.org",
        "access_key": "reader",
        "secret_key": CANARY,
        "region": "us-east-1",
    },
}
DATABASE = {
    "name": "bio_bind_rank",
    "user": "bmii_admin",
    "application_user": "bmii_app",
    "instance_identifier": "bmii-postgres",
}
SECRETS = [
    {"name": name, "generate": {"length": 40}} for name in ("db_password", "app_db_password", "API_KEY")
]
STORE = GOOD["platform_source_store"]
BUCKETS = [{"name": one, "source": one, "target": f"bmii-{one}"} for one in ("raw", "processed")]


def database(**changes):
    return {"provision_database": {**DATABASE, **changes}}


def secret(**way):
    return {"provision_secrets": [*SECRETS[:2], {"name": "API_KEY", **way}]}


def password(value):
    return {"provision_secrets": [{"name": "db_password", "value": value}, *SECRETS[1:]]}


def store(**changes):
    return {"platform_source_store": {**STORE, **changes}}


def bucket(**changes):
    return {"platform_buckets": [BUCKETS[0], {**BUCKETS[1], **changes}]}


CERTIFICATE = "arn:aws:acm:{}:{}:certificate/0a-1b"
# What is wrong, and the variable that must be named. `environment` is the shell's.
FAULTS = [
    ({"platform_target": "production"}, "platform_target"),
    ({"platform_account_id": ""}, "platform_account_id"),
    ({"platform_account_id": "1234"}, "platform_account_id"),
    ({"platform_account_id": 12345670123}, "platform_account_id"),
    ({"platform_account_id": ["123456789012"]}, "platform_account_id"),
    ({"platform_region": "frankfurt"}, "platform_region"),
    ({"platform_region": "eu-central-9"}, "platform_region"),
    ({"platform_region": True}, "platform_region"),
    ({"platform_name": "BMII"}, "platform_name"),
    ({"platform_name": "b" * 33}, "platform_name"),
    ({"platform_name": "internal-bmii"}, "platform_name"),
    ({"platform_name": 15.1}, "platform_name"),
    ({"platform_parameter_path": "/aws/bmii"}, "platform_parameter_path"),
    ({"platform_source_url": ""}, "platform_source_url"),
    ({"platform_source_url": "http://old:port"}, "platform_source_url"),
    ({"platform_source_url": ["http://old"]}, "platform_source_url"),
    ({"platform_source_database": ""}, "platform_source_database"),
    ({"platform_source_database": f"mysql://u:{CANARY}@old/db"}, "platform_source_database"),
    ({"platform_source_database": f"postgresql://u:{CANARY}@old"}, "platform_source_database"),
    ({"platform_source_database": {"password": CANARY}}, "platform_source_database"),
    ({"platform_source_store": [CANARY]}, "platform_source_store"),
    (store(endpoint="old-host:9000"), "platform_source_store.endpoint"),
    (store(secret_key=""), "platform_source_store.secret_key"),
    (store(secret=CANARY), "platform_source_store.secret"),
    ({"platform_buckets": "raw"}, "platform_buckets"),
    ({"platform_buckets": []}, "platform_buckets"),
    (bucket(target="bmii-raw"), "platform_buckets"),
    (bucket(source="raw"), "platform_buckets"),
    (bucket(target="Bmii_Processed"), "platform_buckets"),
    (bucket(target=None), "platform_buckets"),
    ({"platform_state_bucket": "bmii_state"}, "platform_state_bucket"),
    ({"platform_state_bucket": "bmii-raw"}, "platform_state_bucket"),
    (
        {**store(endpoint="https://s3.eu-central-1.amazonaws.com"), **bucket(target="processed")},
        "platform_buckets",
    ),
    ({"provision_rds_endpoint_override": "old.example.org:5432"}, "platform_source_database"),
    ({"platform_vpc_cidr": "10.20.0.0"}, "platform_vpc_cidr"),
    ({"platform_vpc_cidr": "10.20.0.1/16"}, "platform_vpc_cidr"),
    ({"platform_vpc_cidr": "10.20.0.0/24"}, "platform_vpc_cidr"),
    ({"platform_vpc_cidr": "10.0.0.0/8"}, "platform_vpc_cidr"),
    ({"platform_vpc_cidr": "8.8.0.0/16"}, "platform_vpc_cidr"),
    ({"provision_operator_cidr": "10.20.4.0/24"}, "platform_vpc_cidr"),
    ({"platform_connected_cidrs": ["10.20.0.0/20"]}, "platform_vpc_cidr"),
    ({"platform_connected_cidrs": "10.30.0.0/16"}, "platform_connected_cidrs"),
    ({"provision_operator_cidr": "0.0.0.0/0"}, "provision_operator_cidr"),
    ({"provision_egress": "proxy"}, "provision_egress"),
    ({"provision_certificate_arn": "bmii.example.org"}, "provision_certificate_arn"),
    (
        {"provision_certificate_arn": CERTIFICATE.format("us-east-1", "123456789012")},
        "provision_certificate_arn",
    ),
    (
        {"provision_certificate_arn": CERTIFICATE.format("eu-central-1", "210987654321")},
        "provision_certificate_arn",
    ),
    ({"platform_cpu": "lots"}, "platform_cpu"),
    ({"platform_cpu": 1500}, "platform_cpu"),
    ({"platform_memory": 2500}, "platform_memory"),
    ({"platform_memory": "2 GiB"}, "platform_memory"),
    ({"platform_desired_count": -1}, "platform_desired_count"),
    ({"platform_desired_count": "two"}, "platform_desired_count"),
    ({"platform_container_builder": "podman"}, "platform_container_builder"),
    ({"provision_log_retention_days": 31}, "provision_log_retention_days"),
    ({"provision_alarm_email": "ops"}, "provision_alarm_email"),
    ({"provision_access_logs_days": "long"}, "provision_access_logs_days"),
    ({"platform_access_logs_bucket": "Logs"}, "platform_access_logs_bucket"),
    ({"provision_database": "bmii-postgres"}, "provision_database"),
    ({"provision_database": {**DATABASE, "name": None}}, "provision_database.name"),
    (database(instance_identifier="bmii--postgres"), "provision_database.instance_identifier"),
    (database(instance_identifier="b" * 64), "provision_database.instance_identifier"),
    (database(user="rdsadmin"), "provision_database.user"),
    (database(application_user="bmii_admin"), "provision_database.application_user"),
    (database(instance_class="t4g.medium"), "provision_database.instance_class"),
    (database(instance_clas="db.t4g.medium"), "provision_database.instance_clas"),
    (database(allocated_storage="50 GiB"), "provision_database.allocated_storage"),
    (database(allocated_storage=50, max_allocated_storage=40), "provision_database.max_allocated_storage"),
    (database(allocated_storage=5), "provision_database.allocated_storage"),
    (database(engine_version=15.10), "provision_database.engine_version"),
    (database(engine_version="16.4"), "provision_database.engine_version"),
    (database(backup_retention_days=0), "provision_database.backup_retention_days"),
    (database(backup_retention_days=36), "provision_database.backup_retention_days"),
    (database(multi_az="yes"), "provision_database.multi_az"),
    (database(deletion_protection="on"), "provision_database.deletion_protection"),
    ({"provision_secrets": {"API_KEY": CANARY}}, "provision_secrets"),
    ({"provision_secrets": [*SECRETS, CANARY]}, "provision_secrets"),
    ({"provision_secrets": SECRETS[1:]}, "provision_secrets"),
    (secret(value="changeme"), "provision_secrets.API_KEY"),
    (secret(generate={"length": 8}), "provision_secrets.API_KEY"),
    (secret(generate={"length": "long"}), "provision_secrets"),
    (secret(value="env:BMII_API_KEY", type="String"), "provision_secrets.API_KEY"),
    (password(f"{CANARY}-with/slash"), "provision_secrets.db_password"),
    ({"environment": {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}}, "AWS_ENDPOINT_URL"),
    ({"environment": {"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}}, "AWS_ENDPOINT_URL_S3"),
    ({"platform_aws_profile": "of-nobody"}, "platform_aws_profile"),
    ({"platform_aws_profile": "elsewhere"}, "endpoint_url of the AWS profile"),
    ({"platform_aws_profile": "services"}, "s3.endpoint_url of the AWS profile"),
]
