"""The same rows as a file of every format of tables."""

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pandas as pd

from chainrule.data.sources import delimited, excel, json_lines, parquet

READERS: dict[str, Callable[..., pd.DataFrame]] = {
    "delimited": delimited.read,
    "excel": excel.read,
    "json_lines": json_lines.read,
    "parquet": parquet.read,
}
ENDINGS = {"delimited": "csv", "excel": "xlsx", "json_lines": "jsonl", "parquet": "parquet"}


def write(kind: str, folder: Path, rows: Sequence[Mapping[str, Any]], stem: str = "rows") -> str:
    """Write rows of the same columns and return the name of the file."""
    name = f"{stem}.{ENDINGS[kind]}"
    if kind == "delimited":
        with (folder / name).open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
    elif kind == "excel":
        workbook(folder / name, [list(rows[0]), *(list(row.values()) for row in rows)])
    elif kind == "json_lines":
        text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (folder / name).write_text(text, encoding="utf-8")
    else:
        pd.DataFrame(rows).to_parquet(folder / name, index=False)
    return name


def workbook(path: Path, cells: Sequence[Sequence[Any]], **sheets: Sequence[Sequence[Any]]) -> openpyxl.Workbook:
    """Write a workbook with a sheet of these cells, and more sheets by name; return it to be changed and saved."""
    book = openpyxl.Workbook()
    for name, rows in {"Sheet": cells, **sheets}.items():
        sheet = book[name] if name in book.sheetnames else book.create_sheet(name)
        for row in rows:
            sheet.append(list(row))
    book.save(path)
    return book
