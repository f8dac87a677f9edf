"""The encoder of each tabular media type."""

from collections.abc import Mapping
from typing import Any

from api.rendering.media_types import CSV, EXCEL_CSV, XLSX
from api.tables.csv_writer import CsvLines, NdjsonLines
from api.tables.workbook_writer import Workbook

Encoder = CsvLines | NdjsonLines | Workbook


def encoder(schema: Mapping[str, Any], media_type: str, title: str) -> Encoder:
    """Return the encoder of a schema's objects as rows of a tabular media type.

    `title` is the name of the worksheet.
    """
    if media_type == XLSX:
        return Workbook(schema, title)
    if media_type in (CSV, EXCEL_CSV):
        return CsvLines(schema, for_excel=media_type == EXCEL_CSV)
    return NdjsonLines()
