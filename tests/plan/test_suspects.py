"""A plan compares only the tasks that something has come to since the catalog was written."""

from tests.plan.edits import journal


def test_only_what_something_has_come_to_is_compared_with_how_it_was(world, plan):
    def suspects():
        sql = "SELECT task FROM suspect JOIN g.tasks USING (position) ORDER BY position"
        return [row[0] for row in plan().connection.execute(sql).fetchall()]

    assert world.run().code == 0  # the analysis was moved: its graph is another one
    assert suspects() == []
    world.file("raw1").write_text("raw1 1\n")
    assert suspects() == ["star:2"]
    (world.folder.action(journal(world)["superstar:1"][0]) / "u1.0").unlink()
    assert suspects() == ["star:2", "superstar:1"]
    world.specs["melibea:1"].card["A"] = 1  # another graph: the catalog's states are not of it
    assert suspects() == list(world.specs)
