"""Constancia: release verification of political prisoners."""
