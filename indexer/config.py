"""Settings: one frozen value, built at the edge (command line, server, test) and handed down."""

import os
from pathlib import Path

from platformdirs import user_data_path
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL


class Settings(BaseSettings):
    """Everything that can be set, from PIXLOOM_* variables or arguments.

    All that Pixloom writes lies below `home`; sizes are bytes or pixels as named.
    """

    model_config = SettingsConfigDict(env_prefix="PIXLOOM_", frozen=True, extra="ignore")

    home: Path = Field(default_factory=lambda: user_data_path("pixloom"))
    encoder: str = "auto"
    database_url: str | None = Field(None, description="PostgreSQL URL; default a SQLite file in home")
    workers: int = Field(default_factory=lambda: max(2, os.cpu_count() or 2), ge=1, le=256)
    batch_size: int = Field(16, ge=1, le=4096, description="pictures embedded and committed together")
    max_bytes: int = Field(512 * 2**20, ge=1, description="largest file that is read")
    max_pixels: int = Field(256 * 10**6, ge=1, description="largest picture that is decoded")
    max_frames: int = Field(10_000, ge=1, description="longest animation whose first frame is taken")
    thumbnail_size: int = Field(320, ge=16, le=4096, description="longer side of thumbnails, pixels")
    clip_export: bool = Field(True, description="CLIP's picture tower in OpenVINO where that is faster than torch")
    c2pa_chain: Path | None = Field(None, description="certificates (PEM) that outcomes are signed with")
    c2pa_key: Path | None = Field(None, description="private key (PEM) of the first of them")
    content_filter: bool = Field(False, description="refuse generated pictures that show bare bodies")
    hub_timeout: float = Field(2.0, gt=0, le=30, description="seconds to find out whether the hub answers")

    safety_checker: bool = Field(True, description="pictures that a diffusion model's own safety checker refuses fail")
    queue_url: str | None = Field(None, description="redis://HOST for the queue of jobs; default a SQLite file in home")
    jobs_per_owner: int = Field(20, ge=1, le=10_000, description="jobs of one person that haven't ended")
    pictures_per_job: int = Field(1000, ge=1, le=10_000, description="pictures that one job may name")

    @field_validator("home", mode="before")
    @classmethod
    def _absolute(cls, home: object) -> Path:
        if not str(home).strip():  # an unset variable of a script, not the current folder
            raise ValueError("it is empty: name a folder")
        try:
            return Path(str(home)).expanduser().absolute()
        except RuntimeError as error:
            raise ValueError(f"{error}") from error

    @property
    def catalog_url(self) -> str | URL:
        """SQLAlchemy URL of the catalogue."""
        return self.database_url or URL.create("sqlite", database=str(self.home / "catalog.db"))

    @property
    def vectors(self) -> Path:
        """Folder of the append-only vector files, one per index."""
        return self.home / "vectors"

    @property
    def thumbnails(self) -> Path:
        """Folder of WebP thumbnails, named by content hash."""
        return self.home / "thumbnails"

    @property
    def models(self) -> Path:
        """Folder of models that were exported, pulled or trained here."""
        return self.home / "models"

    @property
    def cache(self) -> Path:
        """Folder of what can be computed again."""
        return self.home / "cache"

    @property
    def previews(self) -> Path:
        """Folder of small looks at what jobs will make."""
        return self.cache / "previews"

    @property
    def uploads(self) -> Path:
        """Folder of pictures that came in over HTTP."""
        return self.home / "uploads"

    @property
    def references(self) -> Path:
        """Folder of pictures and masks that edits were made with, named by content hash."""
        return self.home / "references"

    @property
    def edits(self) -> Path:
        """Folder of edits that can't lie beside their originals."""
        return self.home / "edits"

    @property
    def generated(self) -> Path:
        """Folder of pictures that were made of nothing but words."""
        return self.home / "generated"
