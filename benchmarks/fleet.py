"""Makes a project of many tenants. Must not know how they are measured."""

from __future__ import annotations

import shutil
from pathlib import Path

from temoctl import assets

_SPEC = """\
id: {id}
company:
  name: Business {number}
  country: DE
  currency: EUR
  language: en
  time_zone: Europe/Berlin
  contact: {{name: Owner {number}, email: owner{number}@example.com}}
business:
  niche: shop
  offer: Things of kind {number}
plan: BUSINESS
channels:
  telegram:
    token: {{secret: telegram/token}}
    name: Business {number}
    description: Ask us anything
    commands:
      - {{command: start, description: Say hello}}
knowledge_base:
  products:
    - {{name: Catalogue, file: kb/{id}.csv}}
"""


def tenant_id(number: int) -> str:
    return f"shop-{number:04d}"


def make_project(root: Path, tenants: int, *, rows: int = 40) -> Path:
    """A project folder with the shipped plans and that many tenants, each with one table of `rows` rows."""
    specs = root / "tenant_specs"
    (specs / "kb").mkdir(parents=True)
    shutil.copytree(assets.plans(), root / "plans")
    for number in range(tenants):
        name = tenant_id(number)
        (specs / f"{name}.yaml").write_text(_SPEC.format(id=name, number=number), encoding="utf-8")
        lines = ["sku,name,price", *(f"{row:05d},Thing {row} of {number},{row}.50" for row in range(1, rows + 1))]
        (specs / "kb" / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root
