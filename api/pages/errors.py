"""The page of an error: what is wrong, in the language of the reader, and what to do instead.

Problem documents have details in English, for programmers. A page explains what a reader can cause
by a link, by the address or by a form.
"""

from collections.abc import Mapping
from dataclasses import replace

from api.config import Language
from api.contract.document import Operation, Parameter, Problem
from api.contract.fields import without_keys
from api.errors import RequestError
from api.pages import site
from api.pages.site import Address
from api.wording import words
from api.wording.catalogs import mark
from api.wording.words import Words

_FORMS: Mapping[str, str] = {
    "getDifferencesPage": "_differences_form.html",
    "getPeoplePage": "_people_form.html",
}
_MISSING: Mapping[str | None, str] = {
    "getPersonPage": mark("There is no person at this address."),
    "getReleasePage": mark("There is no release at this address."),
    "getCertificate": mark(
        "There is no certificate at this address. Only releases of people who are named have one."
    ),
    "getAnnouncementPage": mark("There is no announcement at this address."),
    "getSourcePage": mark("There is no source at this address."),
    "getCitationPage": mark("There is no citation at this address."),
}
_FORMATS: Mapping[str | None, str] = {
    "uuid": mark("Nothing is recorded under “%(value)s”."),
    "time-zone": mark("“%(value)s” is no time zone. Give one such as America/Caracas."),
    "date-time": mark(
        "“%(value)s” cannot be used here. Give a moment that is not in the future, such as "
        "2026-01-09T12:25:00Z, and the earlier one first."
    ),
}
_DAY = mark(
    "“%(value)s” cannot be used here. Give a day that exists, such as 2026-01-09, not in the "
    "future, and the first day not after the second."
)
_MAX_CHOICES = 10
_MAX_QUOTED = 60


def page(
    language: Language,
    address: Address,
    problem: Problem,
    error: RequestError,
    operation: Operation | None,
    sent: Mapping[str, str],
) -> str:
    """Return the page of an error: with the form of the page, which holds what a reader sent."""
    spoken = words.in_language(language)
    parameters = {p.name: p for p in operation.parameters} if operation else {}
    names = [field.pointer.removeprefix("/") for field in error.errors]
    errors = {
        name: _explanation(parameters[name], sent.get(name), spoken)
        for name in names
        if name in parameters
    }
    if "time_zone" in errors:
        # All links of a page repeat it, and no form has a field to correct it.
        query = {name: value for name, value in address.query.items() if name != "time_zone"}
        address = replace(address, query=query)
    id = operation.id if operation else None
    missing = _MISSING.get(id) if problem.status == 404 else None
    return site.render(
        "error.html",
        language,
        address,
        problem=problem,
        missing=missing,
        errors=errors,
        form=_FORMS.get(id or "") if errors else None,
        first_day="",
        last_day="",
        choices={},
    )


def _explanation(parameter: Parameter, value: str | None, spoken: Words) -> str:
    """Return what is wrong with the value of a parameter, and what to send instead."""
    schema = parameter.schema
    choices = schema.get("enum", ())
    if value is None:
        text = spoken.text("It is missing in the address.")
    elif parameter.name == "cursor":
        text = spoken.text(
            "This part of the list is not there any more. Begin with its first page."
        )
    elif parameter.name == "url":
        text = spoken.text(
            "At “%(value)s” there is no answer that can be cited. Follow the link of a citation, "
            "or paste its whole address, with its moments."
        )
    elif len(choices) > _MAX_CHOICES:
        text = spoken.text("“%(value)s” is no country. Give its two letters, such as VE.")
    elif choices:
        text = spoken.text("“%(value)s” cannot be used here. Give one of these: %(choices)s.")
    elif "minimum" in schema:
        text = spoken.text(
            "“%(value)s” cannot be used here. Give a number from %(low)s to %(high)s."
        )
    elif schema.get("format") in ("date", "day-or-moment"):
        text = spoken.text(_DAY)
    elif schema.get("format") in _FORMATS:
        text = spoken.text(_FORMATS[schema["format"]])
    else:
        text = spoken.text(
            "“%(value)s” cannot be searched for. Give a name of at most 200 letters."
        )
    shown = without_keys(value or "")
    return text % {
        "value": shown if len(shown) <= _MAX_QUOTED else f"{shown[:_MAX_QUOTED]}…",
        "choices": ", ".join(choices),
        "low": schema.get("minimum"),
        "high": schema.get("maximum"),
    }
