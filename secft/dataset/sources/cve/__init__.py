"""CVE records."""

from __future__ import annotations

from dataclasses import dataclass

from secft.config.schemas.source import SourceConfig
from secft.config.setting import setting
from secft.dataset.sources.source import Reader, Source


@dataclass
class CveSource(SourceConfig):
    """CVE records: NVD JSON 2.0 feeds, CVE JSON 5 records, or the NVD API."""

    name: str = "cve"
    paths: list[str] = setting(
        [], about="NVD JSON 2.0 or CVE JSON 5 files, plain, gzipped or zipped, folders or globs."
    )
    api: bool = setting(False, about="Ask the NVD API too; pages are kept, and a stopped download resumes.")
    api_url: str = setting("https://services.nvd.nist.gov/rest/json/cves/2.0", about="Address of the NVD API.")
    api_key_env: str = setting("NVD_API_KEY", about="Environment variable with the NVD API key; it may be unset.")
    published_from: str | None = setting(None, about="First day of publication asked of the API, YYYY-MM-DD.")
    published_to: str | None = setting(None, about="Last day of publication asked of the API, YYYY-MM-DD.")
    page_size: int = setting(2000, about="Entries asked of the API at a time.", low=1, high=2000, internal=True)
    retries: int = setting(
        6, about="Further attempts after 403, 429, 5xx or a broken connection.", low=0, internal=True
    )
    cache: str = setting(".secft/nvd", about="Where pages of the API are kept.", internal=True)
    allow_hosts: list[str] = setting([], about="Private or loopback hosts that may be asked, by name.")


def _reader() -> Reader:
    from secft.dataset.sources.cve.reader import READER

    return READER


SOURCE = Source(
    CveSource,
    kinds=("vulnerability",),
    version=1,
    reader=_reader,
    home="https://nvd.nist.gov/",
)
