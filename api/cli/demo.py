"""`pixloom demo`."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from api.cli import STOPPED
from api.cli.home import opened
from api.cli.index import as_dict
from api.cli.options import EncoderName, Home, Json
from api.cli.output import note, print_json, say, table
from api.cli.progress import shown
from api.demo.gather import gather
from api.demo.html_sheet import html_sheet
from api.demo.png_sheet import png_sheet
from api.demo.questions import of_demo, of_folder
from api.demo.sheet import Sheet, make_sheet
from indexer.collection import Collection
from indexer.config import Settings
from indexer.database import disk_error
from indexer.errors import UsageError
from indexer.types import Report
from search.engine import Engine

app = typer.Typer(add_completion=False, rich_markup_mode=None)
