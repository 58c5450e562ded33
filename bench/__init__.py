"""Benchmarks: contenders run in turns on one machine; medians and ratios, never a lone figure."""
