"""People of the stories."""

HIDDEN = {
    "name": "Lucero Canario Paz",
    "aliases": ["Luz Canario"],
    "birth_date": "2011-05-04",
    "occupation": "alumna canaria",
    "external_ids": [{"scheme": "lista", "value": "CANARIO-7"}],
}
