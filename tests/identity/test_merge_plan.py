"""The columns of the surviving record after a merge."""

from api.contract import document
from api.database import queries
from api.identity.merge_plan import MergePlan, merge_people

# The columns that a merge does not combine: each record keeps its own.
EXCLUDED = {"id", "created_at", "updated_at"}
# A value of the duplicate record for each other column; the surviving record has none.
DUPLICATE = {
    "name": "Ana Prueba Díaz",
    "aliases": ["Anita"],
    "sex": "female",
    "birth_date": "1990-02-03",
    "age_group": "adult",
    "nationalities": ["VE"],
    "occupation": "nurse",
    "external_ids": [{"scheme": "foro-penal", "value": "1"}],
    "withheld": True,
    "accepted": True,
    "merged_into": None,
}
SURVIVING = {
    "name": "Ana Prueba",
    "aliases": [],
    "sex": None,
    "birth_date": None,
    "age_group": "unknown",
    "nationalities": [],
    "occupation": None,
    "external_ids": [],
    "withheld": False,
    "accepted": False,
    "merged_into": None,
}


def test_merge_combines_every_column_of_detainees(conn: queries.Connection) -> None:
    columns = {
        name
        for (name,) in conn.execute(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_schema = 'public' AND table_name = 'detainees'"
        )
    }
    assert columns == DUPLICATE.keys() | EXCLUDED, "add the column to DUPLICATE and SURVIVING"

    plan = MergePlan()
    plan.stored["detainee"] = {"a": DUPLICATE, "b": SURVIVING}
    nullable = document.nullable_properties("DetaineeCreate")
    max_items = document.max_items("DetaineeCreate")
    merge_people(plan, "a", "b", nullable, max_items)
    surviving = plan.planned("detainee", "b")
    assert plan.planned("detainee", "a")["merged_into"] == "b"
    assert surviving["aliases"] == ["Ana Prueba Díaz", "Anita"]
    for name in DUPLICATE.keys() - {"name", "aliases", "merged_into"}:
        assert surviving[name] == DUPLICATE[name], name
