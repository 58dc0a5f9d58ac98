"""Data: manifests of open sources, verified fetching, the feature table, splits and cohorts."""

from __future__ import annotations
