"""Citable answers: counts, the people behind them, differences, comparisons, explanations."""
