"""Korean names in hangul and in Latin letters: which spellings are of one name."""

import pytest
from hypothesis import given

from api.letters import korean
from api.matching import scoring
from api.matching.search import match_names
from tests.matching.test_scoring import person, texts

# Spellings of one name on each line: hangul, Revised, McCune-Reischauer, and what people choose.
NAMES = (
    "김대중 / Gim Daejung / Kim Tae-jung / Kim Dae-jung / Dae-jung Kim / KIM DAE JUNG / kimdaejung",
    "최은희 / Choe Eunhui / Ch'oe Ŭn-hŭi / Choi Eun-hee",
    "이명박 / I Myeongbak / Yi Myŏng-bak / Lee Myung-bak / Rhee Myoung Bak / 리명박",
    "노무현 / No Muhyeon / No Mu-hyŏn / Roh Moo-hyun",
    "박근혜 / Bak Geunhye / Pak Kŭnhye / Park Geun-hye",
    "윤석열 / Yun Seokyeol / Yun Sŏg-yŏl / Yoon Suk-yeol",
    "조국 / Jo Guk / Cho Kuk",
    "류현우 / Ryu Hyon-u / Yoo Hyun-woo",
    "황장엽 / Hwang Jangyeop / Hwang Jang-yop",
    "남궁억 / Namgung Eok / Namgung Ok",
)
TWO_NAMES = (
    ("Kim Seong-ho", "Kim Seung-ho"),
    ("Kim Min-jun", "Kim Min-jung"),
    ("Park Ji-won", "Park Ji-hyun"),
    ("김민준", "김민중"),
    ("Kim Dae-jung", "Kim Dae-hyun"),
    ("Lee Jong-un", "Kim Jong-un"),
)


@pytest.mark.parametrize("line", NAMES)
def test_spellings_of_a_name_agree(line: str) -> None:
    spellings = line.split(" / ")
    for a in spellings:
        for b in spellings:
            agreement = korean.compare(a, b)
            assert agreement is not None, (a, b)
            assert agreement.likeness > 0, (a, b)
            keys = [{reading.key for reading in korean.readings(name)} for name in (a, b)]
            assert set.intersection(*keys), (a, b)
    assert scoring.compare(person(spellings[0]), person(spellings[1])).decision == "possible"


@pytest.mark.parametrize("pair", [("최은희", "Choi Eun-hee"), ("Gim Yeongsam", "Kim Young-sam")])
def test_another_romanization_is_never_the_same_for_certain(pair: tuple[str, str]) -> None:
    more = {"external_ids": [("id", "7")], "birth_date": "1961-05-04"}
    a, b = (person(name, **more) for name in pair)
    assert scoring.compare(a, b).decision == "possible"


@pytest.mark.parametrize("pair", TWO_NAMES)
def test_two_names_do_not_agree(pair: tuple[str, str]) -> None:
    agreement = korean.compare(*pair)
    assert agreement is None or not agreement.likeness


@pytest.mark.parametrize(("q", "name"), [("Lee Jimin", "Jimena Lee"), ("Kim Jimin", "Jimina Kim")])
def test_search_does_not_take_a_korean_name_for_a_similar_name_of_another_language(
    q: str, name: str
) -> None:
    assert match_names(q, [name]) is None
    surname, given_name = q.split()
    assert match_names(q, [f"{given_name} {surname}"]) is not None


def test_beginning_of_a_name() -> None:
    for query in ("Lee", "Yi", "이", "Lee S", "S. Rhee", "Yi Sun", "이순", "Lee Soon-s"):
        match = match_names(query, ["Yi Sun-sin"])
        assert match is not None, query
        assert match.score > 0.8, query
    for query in ("Kim", "Lee M", "Lee Soon-m", "Choi Sun"):
        assert match_names(query, ["Yi Sun-sin"]) is None, query
    assert not korean.beginnings("Kim Min-ju")  # It is a whole name, not Kim Min-jun.


def test_names_of_other_languages_are_not_read() -> None:
    for name in (
        "Jimena",
        "Ana Soto",
        "Luis Yang",
        "Aung San",
        "Nguyễn Văn Đài",
        "\u0413\u0438\u043c \u041d\u043e",
        "",
        " ",
    ):
        assert not korean.readings(name), name


@given(texts)
def test_any_text_can_be_read(name: str) -> None:
    assert all(korean.compare(name, name) for _ in korean.readings(name)[:1])
    assert all(len(beginning.keys) <= 2 for beginning in korean.beginnings(name))
