"""Every error of every operation is a problem document with a slug of the contract."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from marshmallow import ValidationError
from werkzeug.test import TestResponse

from api.contract.document import FORM, Operation
from api.contract.fields import MAX_LISTED_VALUES, String
from tests.conftest import Api
from tests.whole_set.operations import (
    CONTRACT,
    UNKNOWN_ID,
    assert_valid,
    dereferenced,
    operation_ids,
)


def test_an_operation_lists_its_own_errors_and_a_default() -> None:
    for operation in CONTRACT.operations:
        raw = CONTRACT.document["paths"][operation.path][operation.method]
        responses = raw["responses"]
        default = "PageError" if operation.is_page else "Error"
        assert responses["default"] == {"$ref": f"#/components/responses/{default}"}, operation.id
        for status, response in responses.items():
            if status[0] in "45":
                described = dereferenced(response)["description"]
                slugs = set(re.findall(r"`([a-z-]+)`", described)) & set(CONTRACT.problems)
                assert {str(CONTRACT.problems[slug].status) for slug in slugs} == {status}


def test_the_introduction_explains_every_generic_error() -> None:
    introduction = CONTRACT.document["info"]["description"]
    listed = {
        slug
        for operation in CONTRACT.operations
        for status, response in CONTRACT.document["paths"][operation.path][operation.method][
            "responses"
        ].items()
        if status[0] in "45"
        for slug in re.findall(r"`([a-z-]+)`", dereferenced(response)["description"])
    }
    for slug in set(CONTRACT.problems) - listed:
        assert f"`{slug}`" in introduction, slug


def provoke(api: Api, operation: Operation) -> Iterator[TestResponse]:
    """Send requests with every error that does not depend on the records."""
    method = operation.method.upper()
    path = re.sub(r"\{\w+\}", UNKNOWN_ID, operation.path)
    editor = api.scope("edit")

    def send(caller: Api, method: str = method, **options: Any) -> TestResponse:
        if operation.upload_media_types:
            options.setdefault("content_type", operation.upload_media_types[0])
        return caller.send(method, path, **options)

    json: dict[str, Any] = {"content_type": "application/json"} if operation.body else {}
    yield send(editor, "PUT")
    yield send(editor, headers={"Accept": "image/png"}, **json)
    yield send(editor, query_string={"unknown": "1"}, **json)
    yield send(api, headers={"Authorization": "Bearer unknown"})
    yield send(api)
    yield send(api.scope("admin"))
    if operation.body:
        yield send(editor, json={"unknown": 1})
        yield send(editor, data="{", content_type="application/json")
        yield send(editor, data="{}", content_type="text/plain")
        yield send(editor, data=b" " * (1024 * 1024 + 1), content_type="application/json")


@pytest.mark.parametrize(
    "operation", CONTRACT.operations, ids=operation_ids(list(CONTRACT.operations))
)
def test_every_error_is_a_problem_of_a_known_kind(shared_api: Api, operation: Operation) -> None:
    statuses = set()
    for response in provoke(shared_api, operation):
        if response.status_code < 400:
            response.close()  # else an export holds a connection, and fails a later test
            continue
        statuses.add(response.status_code)
        assert response.mimetype == "application/problem+json"
        problem = response.get_json(force=True)
        assert_valid(CONTRACT.schema("Problem"), problem)
        kind = CONTRACT.problems[problem["type"].removeprefix("/problems/")]
        assert (kind.status, kind.title) == (response.status_code, problem["title"])
        assert problem["status"] == response.status_code
        if response.status_code == 415:
            accepted = ", ".join(operation.body_media_types)
            assert response.headers["Accept"] == accepted
            assert response.headers.get("Accept-Patch", accepted) == accepted
            assert ("Accept-Patch" in response.headers) == (operation.method == "patch")
    expected = {405}
    if operation.scope:
        expected |= {401, 403}
    if operation.body and not operation.upload_media_types:
        expected |= {400, 413, 415, 422}
    assert statuses >= expected


def strings_with_forms(schema: Any) -> Iterator[Any]:
    if isinstance(schema, dict):
        is_long_enum = len(schema.get("enum", ())) > MAX_LISTED_VALUES
        if is_long_enum or ("pattern" in schema and "format" not in schema):
            yield schema
        for part in schema.values():
            yield from strings_with_forms(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from strings_with_forms(part)


@pytest.mark.parametrize(
    "operation", [o for o in CONTRACT.operations if o.body], ids=lambda o: o.id
)
def test_an_error_of_form_quotes_the_value_and_describes_the_form(operation: Operation) -> None:
    """The description of a property says what the value means; the form is that of its type."""
    for schema in strings_with_forms(operation.body):
        value = "x\ue000x"
        with pytest.raises(ValidationError) as error:
            String(schema).deserialize(value)
        (message,) = error.value.messages
        form = schema.get(FORM, schema.get("description"))
        assert message == f"'x\\ue000x' is not of the right form. Expected: {form}"
        assert len(form) > 20


def test_an_error_says_which_values_are_possible(api: Api) -> None:
    editor = api.scope("edit")
    path = f"/v1/detainees/{editor.detainee('Ana')}/detentions"
    for target, body, detail in (
        (
            path,
            {"detained_on": "02/2024"},
            "'02/2024' is not of the right form. Expected: A day, a month or a year, as precise as "
            "it is known: `2024-02-09`, `2024-02` or `2024`.",
        ),
        (
            "/v1/detainees",
            {"name": "Eva", "sex": "F"},
            "'F' is not one of: female, male, other.",
        ),
        (
            "/v1/detainees",
            {"name": "Eva", "birth_date": "1974"},
            "Must be a day of the calendar, such as 2026-01-08, not '1974'.",
        ),
        ("/v1/detainees", {"name": 7}, "Must be a string, not 7."),
    ):
        assert [error["detail"] for error in editor.post(target, body, 422)["errors"]] == [detail]
