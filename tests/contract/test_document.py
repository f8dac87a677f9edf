"""Reading the contract into operations; the service does not start with an unsupported part."""

from typing import Any

import pytest

from api.contract import document
from api.contract.document import ContractError

CONTRACT = document.load()
NULL = {"type": "null"}


def nullable(*alternatives: Any) -> Any:
    return document._resolved({}, {"oneOf": list(alternatives), "description": "d"})


def test_one_of_a_schema_and_null_is_a_nullable_type() -> None:
    assert nullable({"type": "string", "format": "date", "description": "x"}, NULL) == {
        "type": ["string", "null"],
        "format": "date",
        "description": "d",
    }


def test_nullable_enumeration_includes_null() -> None:
    assert nullable({"type": "string", "enum": ["a"]}, NULL)["enum"] == ["a", None]


@pytest.mark.parametrize(
    "alternatives",
    [
        [{"type": "string"}, {"type": "integer"}],
        [{"type": ["string", "null"]}, NULL],
        [{}, NULL],
    ],
)
def test_other_alternatives_are_refused(alternatives: Any) -> None:
    with pytest.raises(ContractError):
        nullable(*alternatives)


def test_copies_of_a_schema_have_its_properties() -> None:
    """`additionalProperties: false` forbids a schema that adds properties to another."""
    schemas = CONTRACT.document["components"]["schemas"]
    copies = {
        name: name.removeprefix(prefix)
        for prefix in ("New", "Listed")
        for name in schemas
        if name.startswith(prefix) and "id" in schemas[name].get("properties", {})
    }
    assert copies.keys() >= {"NewDetainee", "ListedDetainee", "ListedReleaseEvent", "NewSource"}
    for copy, original in copies.items():
        assert schemas[copy]["properties"].items() >= schemas[original]["properties"].items(), copy
        assert set(schemas[copy]["required"]) >= set(schemas[original]["required"]), copy


def test_changes_and_proposals_take_the_fields_of_a_creation() -> None:
    hides_people = {"birth_date", "age_group", "withheld"}  # for a key of scope `edit`
    created, changed, proposed = (
        CONTRACT.schema(name)["properties"].keys()
        for name in ("DetaineeCreate", "DetaineeChange", "ProposedValues")
    )
    assert changed == created
    assert proposed >= changed - hides_people


def test_location_is_the_path_that_gets_the_new_record() -> None:
    locations = {operation.id: operation.location for operation in CONTRACT.operations}
    assert locations["createAffiliation"] == "/v1/affiliations/{id}"
    assert locations["createClaim"] == "/v1/claims/{id}"
    assert locations["mergeDetainee"] == "/v1/merges/{id}"
    assert locations["getClaim"] is None


def test_service_operations_have_no_rate_limit() -> None:
    unlimited = {operation.id for operation in CONTRACT.operations if operation.weight is None}
    assert unlimited == {"getHealth", "getReadiness"}


def test_weights_name_query_parameters_of_their_operation() -> None:
    for operation in CONTRACT.operations:
        names = {p.name for p in operation.parameters if p.location == "query"}
        assert operation.weight is None or names >= operation.weight.parameters.keys()


@pytest.mark.parametrize(
    "change",
    [{"tags": ["sources", "claims"]}, {"security": [{"key": ["edit", "contribute"]}]}],
    ids=["two tags", "two scopes"],
)
def test_operation_has_one_tag_and_one_scope(change: Any) -> None:
    raw = CONTRACT.document["paths"]["/v1/sources"]["post"] | change
    with pytest.raises(ContractError):
        document._operation(CONTRACT.document, "/v1/sources", "post", raw)
