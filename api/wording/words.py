"""Words for the values of the contract, such as `first_hand`, in the language of a page."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from api.config import Language
from api.wording import vocabulary
from api.wording.catalogs import LANGUAGES, mark, translations

_LABELS: Mapping[str, Mapping[str | None, str]] = {
    "status": {
        "confirmed": mark("Confirmed"),
        "disputed": mark("Disputed"),
        "reported": mark("Reported"),
        "refuted": mark("Refuted"),
        "unverified": mark("Unverified"),
        "merged": mark("Merged into another record"),
        "voided": mark("Entered by mistake"),
    },
    "custody": {
        "detained": mark("No release from the latest detention is confirmed"),
        "whereabouts_unknown": mark(
            "No release from the latest detention, at an unknown place, is confirmed"
        ),
        "released": mark("Out of custody: the release is confirmed"),
    },
    "stance": {"confirms": mark("confirms it"), "denies": mark("denies it")},
    "denial_reason": {
        "still_held": mark("the person is still held"),
        "transferred": mark("it was a transfer"),
        "died_in_custody": mark("the person died in custody"),
        "not_a_detainee": mark("the person was not held"),
        "other": mark("for another reason"),
    },
    "evidence": {
        "statement": mark("statement"),
        "report": mark("report"),
        "list": mark("list"),
        "document": mark("document"),
        "photo": mark("photo"),
        "footage": mark("footage"),
        "interview": mark("interview"),
        "other": mark("evidence"),
    },
    "release_kind": {
        "full": mark("full freedom"),
        "conditional": mark("release under precautionary measures"),
        "house_arrest": mark("house arrest"),
        "exile": mark("exile"),
        "unknown": mark("release of an unspecified kind"),
    },
    "reason": {
        "superseded": mark("Not counted: the source has made a later statement."),
        "retracted": mark("Not counted: the source retracted it."),
        "unattributed": mark("Not counted: it does not say how the source knows."),
        "origin_not_live": mark("Not counted: what it repeats does not stand."),
        "same_group": mark("Adds nothing: its group is counted already."),
        "same_origin": mark("Adds nothing: its origin is counted already."),
    },
    "source_kind": {
        "news_outlet": mark("news outlet"),
        "ngo": mark("non-governmental organisation"),
        "political_party": mark("political party"),
        "state_body": mark("state body"),
        "state_media": mark("state media"),
        "international_organisation": mark("international organisation"),
        "journalist": mark("journalist"),
        "lawyer": mark("lawyer"),
        "relative": mark("relative"),
        "released_person": mark("released person"),
        "witness": mark("witness"),
        "person": mark("person"),
        "other": mark("source"),
    },
    "relation": {
        "owned_by": mark("owned by"),
        "controlled_by": mark("controlled by"),
        "employed_by": mark("employed by"),
        "member_of": mark("member of"),
        "related_to": mark("related to"),
    },
    "age_group": {
        "adult": mark("Adults"),
        "minor": mark("Minors"),
        "unknown": mark("Unknown"),
    },
    "sex": {"female": mark("Female"), "male": mark("Male"), "other": mark("Another sex")},
    "claim_kind": {
        "announced": mark("Announced releases"),
        "released": mark("Released people"),
        "detained": mark("Detained people"),
        "whereabouts_unknown": mark("People of unknown whereabouts"),
    },
    "qualifier": {
        "exact": mark("%(n)s"),
        "at_least": mark("at least %(n)s"),
        "at_most": mark("at most %(n)s"),
        "about": mark("about %(n)s"),
        "unspecified": mark("%(n)s"),
    },
    "verdict": {
        "below_confirmed": mark("The figure is below what is confirmed."),
        "within_documented": mark("The figure is within what is documented."),
        "above_documented": mark("The figure is above what is documented."),
        "not_comparable": mark("The figure cannot be compared."),
    },
}


class Words:
    """The words of one language."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._place = LANGUAGES.index(language)
        self.locale = vocabulary.LOCALES[self._place]
        catalog = translations(language)
        self.text, self.plural = catalog.gettext, catalog.ngettext
        self._labels = {
            kind: {value: catalog.gettext(text) for value, text in texts.items()}
            for kind, texts in _LABELS.items()
        }

    def label(self, value: str, kind: str) -> str:
        """Return the words for a value of the contract."""
        return self._labels[kind][value]

    def labels(self, kind: str) -> list[tuple[str | None, str]]:
        """Return all values of a kind, with their words."""
        return list(self._labels[kind].items())

    def country(self, code: str) -> str:
        return vocabulary.country(code)[self._place]

    def person(self, name: str) -> str:
        return vocabulary.person(name)[self._place]

    def speaker(self, name: str, *, is_confidential: bool, begins: bool = True) -> str:
        """Return whose statement it is: that of a source, or of one for whom the source vouches.

        The first letter is that of a sentence that it `begins`.
        """
        if not begins:
            return vocabulary.speaker(name, is_confidential=is_confidential)[self._place]
        return (
            self.text("A confidential source of %(name)s") % {"name": name}
            if is_confidential
            else name
        )

    def number(self, value: int) -> str:
        return vocabulary.digits(value)[self._place]

    def figure(self, value: int | None, qualifier: str) -> str:
        """Return the figure of a claim, as its source qualified it."""
        if value is None:
            return self.text("no figure")
        return self.label(qualifier, "qualifier") % {"n": self.number(value)}

    def scope(self, claim: Mapping[str, Any], names: Mapping[str, str]) -> str:
        """Return which people a claim counts, as ` (counting only minors)`; empty if all.

        `names` are those of facilities, by id.
        """
        facility = claim["facility_id"]
        values = {
            "facility": names.get(facility, facility),
            "nationality": claim["nationality"],
            "age_group": claim["age_group"],
            "occurred_from": claim["window_start"],
        }
        return vocabulary.filters(
            {name: value for name, value in values.items() if value is not None},
            of_releases=claim["kind"] in ("announced", "released"),
        )[self._place]

    def day(self, value: str) -> str:
        """Return a day, a month or a year in words."""
        return vocabulary.partial_day(value)[self._place]

    def day_of(self, value: str, zone: str) -> str:
        """Return the day of a moment in words."""
        return self.day(_local(value, zone).date().isoformat())

    def moment(self, value: str, zone: str) -> str:
        """Return a moment in words for a sentence, as `since ...`."""
        return vocabulary.moment(_local(value, zone))[self._place]

    def short_moment(self, value: str, zone: str) -> str:
        """Return a moment for a list."""
        return vocabulary.short_moment(_local(value, zone))[self._place]

    def zone(self, zone: str) -> str:
        """Return the name of the time of a zone, such as `Caracas time`."""
        return vocabulary.local(zone)[0][self._place]

    def volatile(self, answers: Sequence[Mapping[str, Any]], zone: str) -> list[str]:
        """Return the parts of a page that differ with the moment of answers as of now."""
        parts: list[str] = []
        for answer in answers:
            citation = answer["citation"]
            moments = (citation["as_of"], citation["recorded_as_of"])
            parts += map(to_second, moments)
            # The words of both: within a second, and in short within a minute, they are the same.
            parts += [*moments, citation["sha256"], *(self.moment(it, zone) for it in moments)]
            parts += [self.short_moment(moment, zone) for moment in moments]
        return parts


def to_second(value: str) -> str:
    """Return a moment without its fraction, of which HTML allows three digits."""
    return f"{value.partition('.')[0].removesuffix('Z')}Z"


def _local(value: str, zone: str) -> datetime:
    _, (moment,) = vocabulary.local(zone, datetime.fromisoformat(value))
    return moment


@cache
def in_language(language: Language) -> Words:
    """Return the words of a language."""
    return Words(language)
