"""The lists of a store, as case files and exports hold them: what an entry of each may say.

An entry is a new resource by the contract, what its path would say, and what came since. In an
export it has its id, and the contract's names; in a case file a key, and shorter names.
"""

from collections.abc import Mapping
from functools import cache
from typing import Any

from api.contract import document
from api.contract.document import Schema

EXPORT_VERSION = 1
"""Of the form of an export's lines."""

# In the order in which their entries refer to one another.
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
# Each list's resource.
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
# The list in which stands what a field names.
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
# The contract's names of fields -> a case's.
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
# What the contract's new resource does not say of an entry: its path does, or it came since.
_OF_PATH = {"affiliations": ("source_id",), "detentions": ("detainee_id", "created_at")}
_SINCE = {
    "claims": ("retracted_at", "retraction_note"),
    "attestations": ("retracted_at", "retraction_note"),
}


@cache
def entry(name: str) -> Schema:
    """The contract of an entry of a list, by the contract's names and without id or key.

    A detention also says since when it is recorded, and the first day on which it can have begun:
    by these two detentions are in order, and count, and neither follows from all else.
    """
    contract = document.load()
    resource = RESOURCES[name].title().replace("_", "")
    schema, whole = contract.schema(f"{resource}Create"), contract.schema(resource)["properties"]
    properties, required = dict(schema["properties"]), list(schema.get("required", ()))
    for field in _OF_PATH.get(name, ()):
        properties[field] = whole[field]
        required.append(field)
    for field in _SINCE.get(name, ()):
        properties[field] = whole[field]
    if name == "detentions":
        properties["began_on"] = contract.schema("Day")
        required.append("began_on")
    return {**schema, "properties": properties, "required": required}
