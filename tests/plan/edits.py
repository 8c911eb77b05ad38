"""What may happen to an analysis between two looks at it. Each takes two numbers that choose what, and how."""

import contextlib
import os
import shutil
import time
from pathlib import Path

from tests.plan.oracle import journal
from tests.plan.world import ENGINES, STAGES, Make, Read, Spec, World

GRAIN_NS = 20_000_000
"""Times of files are no finer than this."""


def pick(things, number):
    """Choose one of several things by a number."""
    things = list(things)
    return things[number % len(things)] if things else None


def sly(path: Path, content: bytes | None = None) -> None:
    """Change a file: other bytes, the same size, the same time."""
    stat, old = path.stat(), path.read_bytes()
    path.chmod(0o644)
    path.write_bytes((bytes([old[0] ^ 1]) + old[1:] if old else old) if content is None else content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def replace(path: Path, content: bytes, keep_time: bool = True) -> None:
    """Put another file in its place."""
    stat, new = path.stat(), path.with_name(path.name + ".new")
    new.write_bytes(content)
    if keep_time:
        os.utime(new, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    new.replace(path)


def wait_for_the_clock(path: Path) -> None:
    """Wait until a change of a folder can be told from the one before it."""
    while time.time_ns() - path.stat().st_mtime_ns < GRAIN_NS:
        time.sleep(0.002)


# --- cards, programs and the graph


def card_value(world: World, a: int, b: int) -> None:
    """Change a value, or change it back, or take the key away, or add one."""
    spec = pick(world.specs.values(), a)
    key = pick(("A", "B", "Aside"), b)
    if b % 13 == 12:
        spec.card.pop(key, None)
    else:
        spec.card[key] = b // 3 % 3


def card_style(world: World, a: int, b: int) -> None:
    """Write the same card in another way."""
    pick(world.specs.values(), a).style = b % 6


def arguments(world: World, a: int, b: int) -> None:
    spec = pick(world.specs.values(), a)
    if b % 2:
        spec.more = not spec.more
    else:
        spec.threads = 3 - spec.threads


def programs(world: World, a: int, b: int) -> None:
    """Change an engine, or change it back; the second digit alone matters for what it makes."""
    (world.programs(pick(ENGINES, a)) / "program").write_text(f"#!/bin/sh\n# version {b % 2}{b // 2 % 2}\n")


def programs_touched(world: World, a: int, b: int) -> None:
    program = world.programs(pick(ENGINES, a)) / "program"
    os.utime(program)
    program.chmod(pick((0o755, 0o644), b))
    (program.parent / f"README{b % 3}.md").write_text("not a program")


def another_engine(world: World, a: int, b: int) -> None:
    pick(world.specs.values(), a).engine = pick(ENGINES, b)


def add_task(world: World, a: int, b: int) -> None:
    if len(world.specs) < 14:
        ident = f"x{len(world.specs)}{a % 10}{b % 10}"
        name = f"{pick(STAGES, a)}:{ident}"
        if name not in world.specs:
            world.specs[name] = Spec(ident, card={"A": b % 3}, makes=[Make(f"{ident}.0")])
            for number in (a, b):
                add_read(world, len(world.specs) - 1, number)


def add_twin(world: World, a: int, b: int) -> None:
    """Add a task that makes the same of the same."""
    name = pick(world.specs, a)
    spec, twin = world.specs[name], f"{name}twin"
    if twin not in world.specs and len(world.specs) < 14:
        makes = [Make(each.name, each.optional, link=False) for each in spec.makes]
        world.specs[twin] = Spec(
            spec.ident, spec.engine, dict(spec.card), b, spec.more, spec.threads, list(spec.reads), makes
        )


def remove_task(world: World, a: int, b: int) -> None:
    if len(world.specs) > 1:
        name = pick(world.specs, a)
        del world.specs[name]
        for spec in world.specs.values():
            spec.reads = [read for read in spec.reads if read.task != name]


def rename_task(world: World, a: int, b: int) -> None:
    old = pick(world.specs, a)
    new = f"{pick(STAGES, b)}:{world.specs[old].ident}n{b % 2}"
    if new not in world.specs:
        world.specs = {new if name == old else name: spec for name, spec in world.specs.items()}
        for spec in world.specs.values():
            for read in spec.reads:
                read.task = new if read.task == old else read.task


def reorder(world: World, a: int, b: int) -> None:
    """Name the tasks in another order, in which each still comes after those before it; and their inputs."""
    left, done = dict(world.specs), {}
    while left:
        ready = [name for name, spec in left.items() if all(r.task is None or r.task in done for r in spec.reads)]
        name = pick(ready, a)
        done[name] = left.pop(name)
        done[name].reads.sort(key=lambda read: read.name, reverse=bool(b % 2))
        a = a * 7 + 3
    world.specs = done


def add_read(world: World, a: int, b: int) -> None:
    """Have a task read one thing more: a file in storage, or what a task before it makes."""
    names = list(world.specs)
    position = a % len(names)
    spec = world.specs[names[position]]
    before = [(name, make) for name in names[:position] for make in world.specs[name].makes]
    chosen = pick([*((None, name) for name in world.files), *before], b)
    if chosen is None:
        return
    name, make = chosen
    if name is None:
        read = Read(pick(("in", "aside"), b // 7), make)
    else:
        role = "sub" if make.name.startswith("sub/") and b // 7 % 3 else pick(("in", "aside"), b // 7)
        read = Read(role, make.name, name)
    if all(each.name != read.name for each in spec.reads):
        spec.reads.append(read)


def remove_read(world: World, a: int, b: int) -> None:
    spec = pick(world.specs.values(), a)
    if spec.reads:
        spec.reads.remove(pick(spec.reads, b))


def promise(world: World, a: int, b: int) -> None:
    """Have a task promise one output more, or one fewer that nobody reads."""
    name = pick(world.specs, a)
    spec = world.specs[name]
    if sum(each.ident == spec.ident for each in world.specs.values()) > 1:
        return  # twins would promise different things of one action
    extra = f"{spec.ident}.more"
    if b % 3:
        if all(make.name != extra for make in spec.makes):
            spec.makes.append(Make(extra, optional=b % 3 == 2))
        return
    read = {r.name for other in world.specs.values() for r in other.reads if r.task == name}
    spec.makes = [make for make in spec.makes if make.name != extra or extra in read]


# --- files in storage


def _file(world: World, a: int) -> tuple[str, Path] | tuple[None, None]:
    name = pick([name for name in world.files if name not in world.away], a)
    return (None, None) if name is None else (name, world.file(name))


def input_changed(world: World, a: int, b: int) -> None:
    name, path = _file(world, a)
    if path is not None:
        path.write_text(f"{name} {b % 3}\n")


def input_sly(world: World, a: int, b: int) -> None:
    name, path = _file(world, a)
    if path is not None:
        sly(path, f"{name} {b % 3}\n".encode())


def input_touched(world: World, a: int, b: int) -> None:
    _, path = _file(world, a)
    if path is not None:
        os.utime(path, *([] if b % 2 else [(b, b)]))


def input_replaced(world: World, a: int, b: int) -> None:
    """Put a new file in its place: of the same content, or of another of the same size and time."""
    name, path = _file(world, a)
    if path is not None:
        replace(path, path.read_bytes() if b % 2 else f"{name} {b // 2 % 3}\n".encode(), keep_time=bool(b % 5))


def input_cut(world: World, a: int, b: int) -> None:
    _, path = _file(world, a)
    if path is not None:
        os.truncate(path, b % 3)


def input_gone(world: World, a: int, b: int) -> None:
    name, path = _file(world, a)
    if path is not None:
        world.away[name] = path.read_bytes()
        path.unlink()


def input_back(world: World, a: int, b: int) -> None:
    name = pick([name for name in world.away if not name.startswith("/")], a)
    if name is not None:
        world.file(name).write_bytes(world.away.pop(name))


# --- the store


def _product(world: World, a: int) -> Path | None:
    """Choose a product: of what was last done for a task that is there now, or of any."""
    last = [world.folder.action(action) for name, (action, _) in journal(world).items() if name in world.specs]
    places = last if a % 4 and last else sorted(world.folder.store.glob("*/*"))
    own = ("receipt.json", "card.rc")
    found = (path for place in places for path in sorted(place.rglob("*")) if path.is_file() and path.name not in own)
    return pick(found, a // 4)


def _keep(world: World, path: Path) -> None:
    """Keep what it was, for `product_back`."""
    world.away.setdefault(f"/{path.relative_to(world.root)}", path.read_bytes())


def product_changed(world: World, a: int, b: int) -> None:
    path = _product(world, a)
    if path is not None:
        _keep(world, path)
        path.chmod(0o644)
        content = path.read_bytes()
        path.write_bytes((b"x" + content, content[: b % 70], b"", content, content[::-1])[b % 5])


def product_sly(world: World, a: int, b: int) -> None:
    path = _product(world, a)
    if path is not None:
        _keep(world, path)
        sly(path)


def product_touched(world: World, a: int, b: int) -> None:
    """Change all about a product but its content."""
    path = _product(world, a)
    if path is not None:
        os.utime(path, *([] if b % 2 else [(b, b)]))
        path.chmod(pick((0o444, 0o600), b))
        if b % 3 == 2:
            replace(path, path.read_bytes())


def product_gone(world: World, a: int, b: int) -> None:
    path = _product(world, a)
    if path is not None:
        _keep(world, path)
        path.unlink()


def product_back(world: World, a: int, b: int) -> None:
    """Put back what a product was."""
    key = pick([key for key in world.away if key.startswith("/")], a)
    if key is not None:
        content, path = world.away.pop(key), world.root / key[1:]
        if path.parent.exists():
            path.unlink(missing_ok=True)
            path.write_bytes(content)


def action_gone(world: World, a: int, b: int) -> None:
    place = pick(sorted(world.folder.store.glob("*/*")), a)
    if place is not None:
        shutil.rmtree(place)


def receipt_gone(world: World, a: int, b: int) -> None:
    path = pick(sorted(world.folder.store.glob("*/*/receipt.json")), a)
    if path is not None:
        path.unlink()
        if b % 3 == 0:
            path.write_text("{")


def link_gone(world: World, a: int, b: int) -> None:
    """Take a name for people away, or point it elsewhere."""
    path = pick(sorted(path for path in world.root.glob("products/**/*") if path.is_symlink()), a)
    if path is not None:
        wait_for_the_clock(path.parent)
        path.unlink()
        if b % 2:
            path.symlink_to("../../store/ab/elsewhere")


# --- what is derived, and where things are


def moved(world: World, a: int, b: int) -> None:
    new = world.base / f"analysis{int(world.root.name[8:]) + 1}"
    world.root.rename(new)
    world.root = new


def copied(world: World, a: int, b: int) -> None:
    """Go on in a copy: the same times, other inodes."""
    new = world.base / f"analysis{int(world.root.name[8:]) + 1}"
    shutil.copytree(world.root, new, symlinks=True)
    shutil.rmtree(world.root)
    world.root = new


def umask(world: World, a: int, b: int) -> None:
    os.umask(pick((0o022, 0o077, 0o002), b))


def derived_gone(world: World, a: int, b: int) -> None:
    """Delete something that may be deleted at any time."""
    folder = world.folder
    lines = folder.hashes.with_suffix(".lines")
    what = (
        [folder.database], [folder.hashes, lines], [folder.exports], [folder.graph], [folder.journal / "links.json"],
        [folder.events], [folder.database, folder.exports, folder.hashes, lines, folder.graph],
    )  # fmt: skip
    for path in pick(what, b):
        if path.is_dir():
            shutil.rmtree(path)
        path.unlink(missing_ok=True)


def old_schema(world: World, a: int, b: int) -> None:
    """Have the catalog's file be that of an older version, or no catalog at all."""
    import duckdb

    path = world.folder.database
    if path.exists() and b % 3:
        with duckdb.connect(str(path)) as connection:
            connection.execute("UPDATE meta SET value = '3' WHERE key = 'schema'")
            connection.execute("DROP TABLE made")
    else:
        path.write_bytes(b"no catalog" * 100)


def torn(world: World, a: int, b: int) -> None:
    """Cut the end off the journal, and off the remembered hashes."""
    journals = sorted(world.folder.journal.glob("*.jsonl"))
    for path in (*journals[-1:], world.folder.hashes.with_suffix(".lines")):
        with contextlib.suppress(FileNotFoundError):
            os.truncate(path, max(0, path.stat().st_size - (1 + b % (1500 if a % 2 else 40))))


def journal_gone(world: World, a: int, b: int) -> None:
    for path in world.folder.journal.glob("*.jsonl"):
        path.unlink()


EDITS = [
    card_value, card_value, card_value, card_style, arguments, programs, programs, programs_touched, another_engine,
    add_task, add_twin, remove_task, rename_task, reorder, add_read, remove_read, promise, input_changed, input_changed,
    input_sly, input_touched, input_replaced, input_cut, input_gone, input_back, product_changed, product_sly,
    product_touched, product_gone, product_back, action_gone, receipt_gone, link_gone, moved, copied, umask,
    derived_gone, derived_gone, old_schema, torn, journal_gone,
]  # fmt: skip
