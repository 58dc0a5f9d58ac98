"""Adapters: files that other programs wrote, in our form. One file for each format."""

from dfe.data.adapters.base import Adapter, AdapterError, Files, Kind, Recording, recording

__all__ = ["Adapter", "AdapterError", "Files", "Kind", "Recording", "recording"]
