"""What a person should read before a restore, in words. Pure."""

from __future__ import annotations

from bot.recovery.restores.prepared import Prepared
from bot.releases.words import ago, count, listed


def warnings(found: Prepared, *, update: bool, safety: bool, now: int) -> tuple[str, ...]:
    """What a person should read first, the worst first."""
    said = [
        *_blind(found, now),
        *_copies(found),
        *_losses(found, safety=safety, now=now),
        *_data(found),
        *_skips(found, update=update),
        *found.survey.clashes,
        *_choice(found),
        *_place(found),
    ]
    return tuple(said)


def _blind(found: Prepared, now: int) -> list[str]:
    """What nobody could look at."""
    unseen = found.unseen
    if unseen is None:
        return []
    reached = ago(unseen.reached_at, now)
    copied = listed((p.claim for p in found.proof.protected), 4)
    said = [
        f"{unseen.why} So NOBODY HAS LOOKED at what it holds. Velero reached its store "
        f"{reached or 'lately'}, so it can restore all the same: it makes what is missing, and "
        "leaves alone what is there.",
        "Not known: whether all of the app is in it; which node ports, hosts and storage classes "
        "clash or are missing; which volumes come back EMPTY, or wait for an old volume (reclaim "
        "policy Retain). "
        + (
            f"By Velero's records it has copies of {copied}."
            if copied
            else "Velero's records name no volume that was copied."
        ),
    ]
    if unseen.loose:
        said.append(
            f"{_volumes(unseen.loose)} and no pod uses "
            f"{'it' if len(unseen.loose) == 1 else 'them'}: if the backup has a dump, its restore "
            "hook loads it OVER the data there."
        )
    return [*said, f"Better with a look first, if there is time. {unseen.hint}"]


def _copies(found: Prepared) -> list[str]:
    """What a copy does to the living app: no wall stands between them."""
    named, jobs, said = found.reach.named, found.reach.jobs, []
    source = listed((s for s, place in found.mapping.items() if s != place), 3)
    if named:
        verb = "names" if len(named) == 1 else "name"
        said.append(
            f"The copy may write to the LIVE app: {listed(named, 4)} {verb} a host of namespace "
            f"{source}. A drill would refuse it."
        )
    if jobs:
        verb = "starts" if len(jobs) == 1 else "start"
        said.append(f"CronJob {listed(jobs, 4)} {verb} in the copy too, beside that of {source}.")
    return said


def _losses(found: Prepared, *, safety: bool, now: int) -> list[str]:
    room = found.room
    if room is None:
        return []
    made = ago(found.backup.started_at, now)
    said = [
        f"The app stops, and everything written after the backup ({made}) is lost: its workloads "
        f"and {count(len(room.claims), 'volume')} are deleted."
    ]
    if not safety:
        said.append("No safety backup is made first: there is no way back.")
    if room.retained:
        said.append(
            f"{listed(room.retained, 4)} {'keeps' if len(room.retained) == 1 else 'keep'} the old "
            "data (reclaim policy Retain): delete it yourself once nobody needs it."
        )
    if room.kept:
        stay = "this volume stays" if len(room.kept) == 1 else "these volumes stay"
        said.append(f"The backup has no data of {listed(room.kept, 4)}, so {stay} as now.")
    return said


def _data(found: Prepared) -> list[str]:
    """What becomes of the data on volumes."""
    survey, said = found.survey, []
    stays = survey.claims if found.room is None else ()
    if stays and survey.hooks and not survey.idle_hooks:
        said.append(
            f"{_volumes(stays)}, but the restore hook of {listed(survey.hooks, 3)} loads the dump "
            "of the backup: the database goes back to it."
        )
    elif stays:
        whose = "its" if len(stays) == 1 else "their"
        said.append(f"{_volumes(stays)}: {whose} data is NOT rolled back.{_instead(found, stays)}")
    if found.room is None and survey.idle_hooks:
        said.append(
            f"{listed(survey.idle_hooks, 3)} still "
            f"{'runs' if len(survey.idle_hooks) == 1 else 'run'}, so the restore hook that loads "
            "the dump does not run there."
        )
    waiting = {one.claim for one in found.waiting} | {one.claim for one in found.remade}
    lost = [u for u in found.proof.unprotected if u.claim not in (*survey.claims, *waiting)]
    if lost and found.room is None:
        named = listed((f"{u.claim} ({u.cause})" for u in lost), 4)
        said.append(f"The backup has no data of {named}: these volumes come back EMPTY.")
    said += [one.words for one in found.waiting]
    return [*said, *_remade(found)]


def _remade(found: Prepared) -> list[str]:
    """Volumes that come back on the storage that they had."""
    if not found.remade:
        return []
    named = listed((f"{one.claim} (volume {one.volume})" for one in found.remade), 3)
    said = (
        f"The backup has no copy of its own of the data of {named}, and the reclaim policy is "
        "Retain: Velero makes such a volume as it was, on its OLD storage, with what is there now."
    )
    if found.intent.home:
        said += f" If {found.intent.home} still uses that storage, BOTH write to it: stop it first."
    return [said]


def _volumes(claims: tuple[str, ...]) -> str:
    verb = "exists" if len(claims) == 1 else "exist"
    return f"{count(len(claims), 'volume')} ({listed(claims, 4)}) {verb}"


def _instead(found: Prepared, stays: tuple[str, ...]) -> str:
    """What would roll the data of these claims back."""
    if not found.intent.in_place or found.unseen is not None:
        return ""
    stored = {p.claim for p in found.proof.protected}
    if stored.isdisjoint(stays):
        return " The backup has none of it."
    if fixed := [name for name in found.fixed if name in stored]:
        return (
            f" Nor can --replace alone do that for {listed(fixed, 4)} (reclaim policy Retain, and "
            "the backup has a dump only): "
            f"`restore {found.backup.name} --replace{found.where}` says what can."
        )
    return f" `restore {found.backup.name} --replace{found.where}` deletes and refills."


def _skips(found: Prepared, *, update: bool) -> list[str]:
    """Objects that the restore leaves alone."""
    number = len(found.survey.met) - len(found.survey.claims)
    if number <= 0 or update:
        return []
    verb = "exists and stays" if number == 1 else "exist and stay"
    patches = "" if found.unseen else "; --update patches them"
    return [
        f"{count(number, 'object')} {verb} as {'it is' if number == 1 else 'they are'}, even where "
        f"the backup differs{patches}."
    ]


def _choice(found: Prepared) -> list[str]:
    """Which backup it is, and why not a newer or a better one."""
    said = []
    if found.intent.home:
        said.append(f"The backup is of {found.intent.home}, not of {found.intent.cluster}.")
    if found.choice.passed_over:
        newer = listed((f"{name} ({phase})" for name, phase in found.choice.passed_over), 3)
        said.append(f"Newer, but not good: {newer}.")
    if not found.backup.completed:
        said.append(
            f"The backup is incomplete ({count(found.backup.errors, 'error')}): "
            f"`backup describe {found.backup.name}{found.where}` tells what is missing."
        )
    if found.selectors:
        said.append("Another app lives in that namespace; only objects with the app's label come.")
    return said


def _place(found: Prepared) -> list[str]:
    said = []
    said += [
        f"{name} was not asked which backups it has: {why}." for name, why in found.troubles.items()
    ]
    if found.location is not None and not found.location.read_only:
        said.append(
            f"While it runs, {found.intent.cluster} cannot write to storage location "
            f"{found.location.name}: no backups there."
        )
    if found.waits:
        said.append(f"{found.intent.cluster} has yet to find the backup in the bucket.")
    return said
