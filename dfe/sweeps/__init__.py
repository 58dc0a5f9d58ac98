"""Pages that compare the points of a parameter sweep, and the page of each point."""

from dfe.sweeps.page import sweep_page
from dfe.sweeps.points import SweepError
from dfe.sweeps.write import sweep_pages, write_sweeps

__all__ = ["SweepError", "sweep_page", "sweep_pages", "write_sweeps"]
