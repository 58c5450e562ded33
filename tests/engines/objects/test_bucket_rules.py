"""Rules of S3 become those of CloudFormation, which boto3 and the documentation of both name."""

from __future__ import annotations

from xml.etree import ElementTree

from engines.objects.bucket_rules import cors_rules, lifecycle_rules

NAMESPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def test_cors_rules() -> None:
    root = ElementTree.fromstring(  # noqa: S314 - a text of this test
        f"<CORSConfiguration {NAMESPACE}><CORSRule><ID>pages</ID><AllowedMethod>GET</AllowedMethod>"
        "<AllowedMethod>PUT</AllowedMethod><AllowedOrigin>*</AllowedOrigin><AllowedHeader>x-a</AllowedHeader>"
        "<ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>300</MaxAgeSeconds></CORSRule></CORSConfiguration>"
    )
    assert cors_rules(root) == [
        {
            "Id": "pages",
            "AllowedMethods": ["GET", "PUT"],
            "AllowedOrigins": ["*"],
            "AllowedHeaders": ["x-a"],
            "ExposedHeaders": ["ETag"],
            "MaxAge": 300,
        }
    ]


def test_lifecycle_rules() -> None:
    root = ElementTree.fromstring(  # noqa: S314 - a text of this test
        f"<LifecycleConfiguration {NAMESPACE}>"
        "<Rule><ID>a</ID><Status>Enabled</Status><Filter><And><Prefix>tmp/</Prefix>"
        "<Tag><Key>k</Key><Value>v</Value></Tag><ObjectSizeGreaterThan>9</ObjectSizeGreaterThan></And></Filter>"
        "<Expiration><Days>30</Days></Expiration>"
        "<Transition><Days>7</Days><StorageClass>GLACIER</StorageClass></Transition></Rule>"
        "<Rule><Status>Disabled</Status><Prefix>old/</Prefix>"
        "<NoncurrentVersionExpiration><NoncurrentDays>5</NoncurrentDays></NoncurrentVersionExpiration>"
        "<NoncurrentVersionTransition><NoncurrentDays>2</NoncurrentDays><StorageClass>STANDARD_IA</StorageClass>"
        "</NoncurrentVersionTransition>"
        "<AbortIncompleteMultipartUpload><DaysAfterInitiation>3</DaysAfterInitiation>"
        "</AbortIncompleteMultipartUpload></Rule></LifecycleConfiguration>"
    )
    first, second = lifecycle_rules(root)
    assert first == {
        "Id": "a",
        "Status": "Enabled",
        "Prefix": "tmp/",
        "TagFilters": [{"Key": "k", "Value": "v"}],
        "ObjectSizeGreaterThan": "9",
        "ExpirationInDays": 30,
        "Transitions": [{"StorageClass": "GLACIER", "TransitionInDays": 7}],
    }
    assert second == {
        "Status": "Disabled",
        "Prefix": "old/",
        "NoncurrentVersionExpiration": {"NoncurrentDays": 5},
        "NoncurrentVersionTransitions": [{"StorageClass": "STANDARD_IA", "TransitionInDays": 2}],
        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 3},
    }
