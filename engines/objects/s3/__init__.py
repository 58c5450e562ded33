"""S3 over HTTP: signed requests to one bucket, its listing, and its objects read whole."""

from engines.objects.s3.archive import may_be_archived, why_archived
from engines.objects.s3.attributes import Attributes, tags_as_xml
from engines.objects.s3.capabilities import Capabilities, probe
from engines.objects.s3.client import Address, Store, element, refusal
from engines.objects.s3.endpoint import Endpoint
from engines.objects.s3.external_sort import Sorted, Spool, merge_join
from engines.objects.s3.listing import Entry, entry, listed, strong
from engines.objects.s3.object_reader import Body, Found, open_object, read, tags, tags_again, tags_now
from engines.objects.s3.object_times import finer_time, outlast_second, same_time
from engines.objects.s3.versions import OlderVersions, older_versions

__all__ = [
    "Address",
    "Attributes",
    "Body",
    "Capabilities",
    "Endpoint",
    "Entry",
    "Found",
    "OlderVersions",
    "Sorted",
    "Spool",
    "Store",
    "element",
    "entry",
    "finer_time",
    "listed",
    "may_be_archived",
    "merge_join",
    "older_versions",
    "open_object",
    "outlast_second",
    "probe",
    "read",
    "refusal",
    "same_time",
    "strong",
    "tags",
    "tags_again",
    "tags_as_xml",
    "tags_now",
    "why_archived",
]
