"""What would run, and why: known before anything runs."""

from automagic.plan.plan import Plan, make_plan

__all__ = ["Plan", "make_plan"]
