"""Name parsing: which part of a name each word is."""

from api.matching.name_parsing import parse


def test_parts_of_names() -> None:
    def parts(name: str) -> str:
        return " ".join(f"{word.text}:{word.part[0]}" for word in parse(name).words)

    assert parts("José Luis Pérez García") == "jose:g luis:g perez:s garcia:s"
    assert parts("PÉREZ GARCÍA JOSÉ LUIS") == "perez:s garcia:s jose:g luis:g"
    assert parts("Tte. Cnel. Pérez, José (Pepe)") == "jose:g perez:s pepe:n"
    assert parts("Петров Иван Сергеевич") == "petrov:s ivan:g sergeevich:p"
    assert parts("Ana de la Cruz D'Elia") == "ana:g cruz:u delia:s"
    assert parts("Petrov I. S.") == "petrov:s i:g s:g"
    assert parse("Raúl Bonilla Jr.").generation == "the younger"


def test_joined_words_are_separated_at_their_capitals() -> None:
    def words(name: str) -> str:
        return " ".join(word.text for word in parse(name).words)

    assert words("AnaMora") == "ana mora"
    assert words("McLean") == "mclean"
    assert words("GARCíA") == "garcia"
    # A sign can be lower-case too.
    assert words("(ⓐBaRojas") == "aba rojas"
