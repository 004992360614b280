"""Zhupi 朱批: a grading server. The rooms of this package are drawn in docs/architecture.md."""
