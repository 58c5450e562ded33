"""S3 over HTTP: signed requests to one bucket, its listing, and its objects read whole."""

from engines.objects.s3.attributes import Attributes, tags_as_xml
from engines.objects.s3.client import Address, Store, element, refusal
from engines.objects.s3.endpoint import Endpoint
from engines.objects.s3.external_sort import Sorted, Spool, in_parallel, side_by_side
from engines.objects.s3.listing import Entry, entry, listed, older_versions
from engines.objects.s3.object_reader import Body, Found, opened, read, tags
from engines.objects.s3.sigv4 import UNSIGNED

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
    "in_parallel",
    "listed",
    "older_versions",
    "opened",
    "read",
    "refusal",
    "side_by_side",
    "tags",
    "tags_as_xml",
]
