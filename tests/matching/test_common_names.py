"""The word list of common names."""

from collections import Counter
from importlib.resources import files


def test_spelling_belongs_to_one_given_name() -> None:
    lines = (files("api.matching") / "common_names.txt").read_text("utf-8").splitlines()
    section = lines[lines.index("[given]") + 1 : lines.index("[surnames]")]
    words = [word for line in section for word in line.lstrip("+").split("/")[0].split()]
    assert [word for word, times in Counter(words).items() if times > 1] == []
