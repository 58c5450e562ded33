import boto3
import psycopg


def test_postgres_takes_a_master_user_like_that_of_rds(postgres_server):
    postgres_server.create_role("rds_master", "test")
    postgres_server.create_role("rds_master", "test")
    postgres_server.create_database("rds_database", owner="rds_master")
    postgres_server.create_database("rds_database", owner="rds_master")
    url = postgres_server.url("rds_database", "rds_master", "test")
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT rolsuper, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        ).fetchone()
        connection.execute("SET session_replication_role = replica")
        encoding = connection.execute("SHOW server_encoding").fetchone()
    assert row == (False, True, True)
    assert encoding == ("UTF8",)


def test_object_store_keeps_objects(object_store):
    client = boto3.client(
        "s3",
        endpoint_url=object_store.endpoint,
        aws_access_key_id=object_store.access_key,
        aws_secret_access_key=object_store.secret_key,
        region_name="us-east-1",
    )
    object_store.create_buckets(["kept"])
    object_store.create_buckets(["kept"])
    client.put_object(Bucket="kept", Key="a/b", Body=b"content", Metadata={"colour": "blue"})
    answer = client.get_object(Bucket="kept", Key="a/b")
    assert answer["Body"].read() == b"content"
    assert answer["Metadata"] == {"colour": "blue"}


def test_emulator_is_the_default_of_aws_clients(aws):
    assert boto3.client("sts").get_caller_identity()["Account"] == aws.account_id
