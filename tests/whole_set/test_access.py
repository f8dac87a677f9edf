"""The scopes that each operation requires."""

import pytest

from api import access
from tests.conftest import Api
from tests.whole_set.operations import CONTRACT, UNKNOWN_ID, WRITES, assert_valid

# Possible duplicates are not public: the list has names of hidden people.
READS_OF_EDITORS = {"listDuplicates"}


def test_writes_require_a_key_and_reads_do_not() -> None:
    for operation in CONTRACT.operations:
        raw = CONTRACT.document["paths"][operation.path][operation.method]
        if operation.id in READS_OF_EDITORS:
            assert operation.scope == "edit", operation.id
        elif operation.writes:
            assert operation.scope in {"contribute", "edit"}, operation.id
            assert not operation.key_is_optional, operation.id
        else:
            assert raw.get("security", []) in ([], [{}, {"key": []}]), operation.id


GRANTED = {
    None: set(),
    "contribute": {"contribute"},
    "edit": {"contribute", "edit"},
    "admin": set(),
}


@pytest.mark.parametrize("scope", GRANTED)
def test_key_grants_exactly_its_scope(api: Api, scope: str | None) -> None:
    caller = api.scope(scope) if scope else api
    for operation in CONTRACT.operations:
        path = operation.path.replace("{id}", UNKNOWN_ID)
        body = {} if operation.body else None
        response = caller.send(operation.method.upper(), path, json=body)
        if operation.scope is None:
            assert response.status_code not in {401, 403, 500}, operation.id
        elif scope is None:
            assert response.status_code == 401, operation.id
        elif operation.scope not in GRANTED[scope]:
            assert response.status_code == 403, operation.id
        else:
            assert response.status_code in {404, 415, 422}, operation.id
        if response.status_code >= 400:
            assert_valid(CONTRACT.schema("Problem"), response.get_json(force=True))


def test_invalid_key_grants_nothing(api: Api) -> None:
    headers = {"Authorization": "Bearer constancia_unknown"}
    for operation in CONTRACT.operations:
        path = operation.path.replace("{id}", UNKNOWN_ID)
        response = api.send(operation.method.upper(), path, json={}, headers=headers)
        assert (response.status_code == 401) == (operation.tag != "service"), operation.id


def test_scopes_equal_those_of_the_contract() -> None:
    assert set(access.GRANTS) == set(GRANTED) - {None}
    assert {o.scope for o in WRITES} <= set(access.GRANTS)
