"""The lists of case files and exports, and the schema of their entries.

An entry has the fields of the request that creates its record: those of the body, and the ids of
the path. A retracted one also has its retraction. An entry of an export has an id and the
contract's names, an entry of a case a key and shorter names.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from api.contract import document
from api.contract.document import Schema

EXPORT_VERSION = 1
"""The version of an export's lines."""

# In the order of references: an entry refers to its own list or to earlier ones.
LISTS = (
    "sources",
    "affiliations",
    "facilities",
    "claims",
    "detainees",
    "detentions",
    "release_events",
    "attestations",
)
# List -> resource.
RESOURCES: Mapping[str, Any] = {
    "sources": "source",
    "affiliations": "affiliation",
    "facilities": "facility",
    "claims": "claim",
    "detainees": "detainee",
    "release_events": "release_event",
    "attestations": "attestation",
    "detentions": "detention",
}
# Field -> the list that it refers to.
REFERENCES: Mapping[str, str] = {
    "source_id": "sources",
    "with_source_id": "sources",
    "vouched_by": "sources",
    "facility_id": "facilities",
    "detainee_id": "detainees",
    "detention_id": "detentions",
    "release_event_id": "release_events",
    "attestation_id": "attestations",
    "announcement_id": "claims",
    "claim_id": "claims",
}
# The contract's name of a field -> the name in a case.
CASE_NAMES: Mapping[str, str] = {
    "source_id": "source",
    "with_source_id": "with",
    "valid_from": "from",
    "valid_until": "until",
    "facility_id": "facility",
    "detainee_id": "detainee",
    "detention_id": "detention",
    "release_event_id": "release_event",
    "attestation_id": "attestation",
    "announcement_id": "announcement",
    "claim_id": "claim",
}
# Fields that the body of a creation lacks: they are in its path, or are set by the service.
_REQUIRED_FIELDS = {"affiliations": ("source_id",), "detentions": ("detainee_id", "created_at")}
_BEGAN_ON = (
    "The first possible day of the detention, by which the detentions of a person are in order. "
    "`0001-01-01` if no day is known; for a hidden person it gives the order only."
)
# Fields that a later operation sets.
_RETRACTION_FIELDS = {
    "claims": ("retracted_at", "retraction_note"),
    "attestations": ("retracted_at", "retraction_note"),
}


def resource_schema(name: str) -> str:
    """Return the name of the schema of a list's records in the contract."""
    return str(RESOURCES[name].title().replace("_", ""))


@cache
def entry_schema(name: str) -> Schema:
    """Return the schema of an entry of a list, by the contract's names, without id or key.

    A detention also has `created_at` and `began_on`, which order the detentions of a person, and
    can have `counts_from_entry`. They cannot be derived from other fields.
    """
    contract = document.load()
    resource = resource_schema(name)
    schema = contract.schema(f"{resource}Create")
    all_properties = contract.schema(resource)["properties"]
    properties, required = dict(schema["properties"]), list(schema.get("required", ()))
    properties.pop("distinct_from", None)  # distinctions are in no case
    for field in _REQUIRED_FIELDS.get(name, ()):
        properties[field] = all_properties[field]
        required.append(field)
    for field in _RETRACTION_FIELDS.get(name, ()):
        properties[field] = all_properties[field]
    if name == "detentions":
        properties["began_on"] = {**contract.schema("Day"), "description": _BEGAN_ON}
        properties["counts_from_entry"] = {"type": "boolean"}
        required.append("began_on")
    return {**schema, "properties": properties, "required": required}
