"""Publishing a built book: checks of the site, RO-Crate metadata, archive and checksums."""

from dfe.publishing.checks import MAX_FILE_MB, MAX_SITE_MB, Problem, check_site
from dfe.publishing.site import PublishError, publish

__all__ = ["MAX_FILE_MB", "MAX_SITE_MB", "Problem", "PublishError", "check_site", "publish"]
