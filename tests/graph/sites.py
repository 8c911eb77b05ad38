"""Small simulated sites of which graphs are made: nothing of them runs."""

CRAB = """
[source]
name = "CrabNebula"
ra = 83.6333
dec = 22.0145
"""
MC = """[[simulate.mc]]
zenith = [5, 35]
showers = 10
files = 2
"""


def site(*parts: str, seed: int = 1) -> str:
    return "".join((f"\n[simulate]\nseed = {seed}\n", *parts))


def run(number: int, start: str, minutes: int = 12, more: str = "") -> str:
    return f"[[simulate.runs]]\nrun = {number}\nstart = {start}:00Z\nminutes = {minutes}\n{more}"


def off(number: int, start: str, minutes: int = 10, name: str = "OffCrab", ra: float = 83.6, more: str = "") -> str:
    place = f'name = "{name}"\nra = {ra}\ndec = {28.0 if name == "OffCrab" else 27.0}\n'
    return f"[[simulate.off]]\nrun = {number}\nstart = {start}:00Z\nminutes = {minutes}\n{place}{more}"
