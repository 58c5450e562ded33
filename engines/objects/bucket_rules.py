"""Rules of a bucket, from the XML of S3 to the form of CloudFormation, in which the inventory gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engines.objects.xml_answer import Element, bare

Rule = dict[str, Any]
_CORS = {"ID": "Id", "MaxAgeSeconds": "MaxAge"}
_CORS_LISTS = {
    "AllowedHeader": "AllowedHeaders",
    "AllowedMethod": "AllowedMethods",
    "AllowedOrigin": "AllowedOrigins",
    "ExposeHeader": "ExposedHeaders",
}
_FILTER = {name: name for name in ("Prefix", "ObjectSizeGreaterThan", "ObjectSizeLessThan")}
_EXPIRATION = {
    "Days": "ExpirationInDays",
    "Date": "ExpirationDate",
    "ExpiredObjectDeleteMarker": "ExpiredObjectDeleteMarker",
}
_TRANSITION = {
    "StorageClass": "StorageClass",
    "Days": "TransitionInDays",
    "NoncurrentDays": "TransitionInDays",
    "Date": "TransitionDate",
    "NewerNoncurrentVersions": "NewerNoncurrentVersions",
}
_TRANSITIONS = {
    "Transition": "Transitions",
    "NoncurrentVersionTransition": "NoncurrentVersionTransitions",
}
# Parts whose names are the same in both forms.
_AS_THEY_ARE = ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload")
# Whole numbers here, and text in CloudFormation.
_TEXTS = frozenset({"ID", "Prefix", "ObjectSizeGreaterThan", "ObjectSizeLessThan"})


def cors_rules(root: Element) -> list[Rule]:
    """Return the rules of a ``CORSConfiguration`` as ``CorsRules`` has them."""
    return [
        {new: found for old, new in _CORS_LISTS.items() if (found := _texts(rule, old))} | _named(rule, _CORS)
        for rule in _children(root, "CORSRule")
    ]


def lifecycle_rules(root: Element) -> list[Rule]:
    """Return the rules of a ``LifecycleConfiguration`` as ``Rules`` has them."""
    return [_lifecycle_rule(rule) for rule in _children(root, "Rule")]


def _lifecycle_rule(rule: Element) -> Rule:
    made = _named(rule, {"ID": "Id", "Status": "Status"}) | _filter(rule)
    for part in _children(rule, "Expiration"):
        made |= _named(part, _EXPIRATION)
    for old, new in _TRANSITIONS.items():
        if parts := _children(rule, old):
            made[new] = [_named(part, _TRANSITION) for part in parts]
    for name in _AS_THEY_ARE:
        for part in _children(rule, name):
            made[name] = {bare(one): _value(one) for one in part}
    return made


def _filter(rule: Element) -> Rule:
    """Return what of a bucket a rule is about: parts of ``Filter``, or of ``And`` in it."""
    places = [rule, *_children(rule, "Filter")]
    places += [one for place in places for one in _children(place, "And")]
    made: Rule = {}
    tags = []
    for place in places:
        made |= _named(place, _FILTER)
        tags += [{bare(part): part.text or "" for part in tag} for tag in _children(place, "Tag")]
    return made | ({"TagFilters": tags} if tags else {})


def _named(element: Element, names: Mapping[str, str]) -> Rule:
    """Return the values of the children with these names, by their new names."""
    return {
        names[bare(one)]: _value(one) for one in element if bare(one) in names and (one.text or "").strip()
    }


def _value(element: Element) -> int | bool | str:
    text = (element.text or "").strip()
    if text in {"true", "false"}:
        return text == "true"
    return int(text) if text.isdecimal() and bare(element) not in _TEXTS else text


def _texts(element: Element, name: str) -> list[str]:
    return [(one.text or "").strip() for one in _children(element, name)]


def _children(element: Element, name: str) -> list[Element]:
    return [one for one in element if bare(one) == name]
