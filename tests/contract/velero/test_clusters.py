"""A second cluster on the same store."""

from __future__ import annotations

from integrations.kubernetes import kinds as kube_kinds
from integrations.velero.models import Backup, BackupSpec, RestoreSpec
from tests.contract.velero.world import APP, Hands, eventually


async def test_a_backup_of_one_cluster_is_restored_in_another(
    hands: Hands, others_hands: Hands
) -> None:
    await hands.app(replicas=0)
    name = hands.name("a")
    await hands.velero.create_backup(name, BackupSpec([hands.namespace], [APP]))
    made = await hands.velero.follow_backup(name)

    there = others_hands.velero
    assert (await there.set_access_mode("default", "ReadOnly")).read_only
    try:
        # The server looks for others' backups each minute, and when it starts.
        await others_hands.world.server_stop()
        await others_hands.world.server_start()

        async def synced() -> Backup | None:
            return next((b for b in await there.backups() if b.name == name), None)

        found: Backup = await eventually(synced)
        assert found.completed
        assert found.uid != made.uid
        assert found.started_at == made.started_at
        assert found.expires_at == made.expires_at
        assert found.source_version == await hands.kube.version()

        async def noted() -> bool:
            return (await there.location("default")).synced_at is not None

        await eventually(noted)

        await there.create_restore(name, RestoreSpec(name))
        restored = await there.follow_restore(name)
        assert (restored.phase, restored.errors) == ("Completed", 0)
        settings = await others_hands.get(kube_kinds.CONFIG_MAP, "settings", hands.namespace)
        assert settings is not None
        assert settings["data"] == {"colour": "red"}
        await others_hands.delete_namespace(hands.namespace)
    finally:
        await there.set_access_mode("default", "ReadWrite")
