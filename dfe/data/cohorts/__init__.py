"""Simulated cohorts: people with known states, and what observers see of their faces."""
