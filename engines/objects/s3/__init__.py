"""S3 over HTTP: signed requests to one bucket, its listing, and its objects read whole."""

from engines.objects.s3.attributes import Attributes, tags_as_xml
from engines.objects.s3.client import Address, Store, element, refusal
from engines.objects.s3.endpoint import Endpoint
from engines.objects.s3.external_sort import Sorted, Spool, merge_join
from engines.objects.s3.listing import Entry, entry, listed, older_versions
from engines.objects.s3.object_reader import Body, Found, open_object, read, tags
from engines.objects.s3.sigv4 import UNSIGNED
from engines.objects.s3.threads import parallel_map

__all__ = [
    "UNSIGNED",
    "Address",
    "Attributes",
    "Body",
    "Endpoint",
    "Entry",
    "Found",
    "Sorted",
    "Spool",
    "Store",
    "element",
    "entry",
    "listed",
    "merge_join",
    "older_versions",
    "open_object",
    "parallel_map",
    "read",
    "refusal",
    "tags",
    "tags_as_xml",
]
