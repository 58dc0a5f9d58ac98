"""Discrete Facial Encoding: expression vectors become tokens, tokens become evidence."""

from __future__ import annotations

__version__ = "0.1.0"
