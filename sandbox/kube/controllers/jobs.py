"""Jobs: pods that run to their end, tried again up to a limit, removed after a while."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.kube.clock import parse_timestamp
from sandbox.kube.controllers.base import Controller, Handler
from sandbox.kube.controllers.meta import (
    Json,
    condition,
    deleting,
    is_true,
    key_of,
    labels,
    owner_ref,
    pod_active,
    pod_ready,
    uid,
    with_condition,
)
from sandbox.kube.controllers.work import Key
from sandbox.kube.resources import JOBS, PODS, Resource

SOURCE = "job-controller"
_UID_LABELS = ("batch.kubernetes.io/controller-uid", "controller-uid")
_NAME_LABELS = ("batch.kubernetes.io/job-name", "job-name")


class Jobs(Controller):
    """Runs the pods of Jobs."""

    name = "jobs"
    level = 1

    def watches(self) -> Mapping[Resource, Handler]:
        """Jobs and their pods."""
        return {JOBS: self.enqueue, PODS: self.enqueue_owner("Job")}

    def reconcile(self, key: Key) -> None:
        """Start or stop pods, write the status, and remove the Job when its time is over."""
        job = self.ctx.store.peek(JOBS, *key)
        if job is None or deleting(job):
            return
        status = job.get("status") or {}
        if is_true(status, "Complete") or is_true(status, "Failed"):
            self._expire(key, job)
            return
        pods = self.ctx.index.owned(uid(job), PODS)
        won = sum(1 for p in pods if (p.get("status") or {}).get("phase") == "Succeeded")
        lost = sum(1 for p in pods if _lost(p))
        active = [p for p in pods if pod_active(p)]
        fresh = dict(status)
        fresh.setdefault("startTime", self.ctx.stamp())
        verdict = self._verdict(job, fresh, won, lost, active)
        if verdict is not None:
            for pod in active:
                self._delete(job, pod)
            fresh = self._finish(job, fresh, *verdict)
            active = []
        elif job["spec"].get("suspend"):
            for pod in active:
                self._delete(job, pod)
        else:
            active = self._fill(key, job, won, lost, active)
        self._count(job, fresh, won, lost, active)

    def _verdict(
        self, job: Json, status: Json, won: int, lost: int, active: list[Json]
    ) -> tuple[str, str, str] | None:
        spec = job["spec"]
        wanted = spec.get("completions")
        enough = won >= wanted if wanted is not None else (won > 0 and not active)
        if enough:
            return "Complete", "CompletionsReached", "Reached expected number of succeeded pods"
        restarts = sum(_restarts(pod) for pod in active)
        limit = spec.get("backoffLimit", 6)
        if lost > limit or (restarts > limit):
            return "Failed", "BackoffLimitExceeded", "Job has reached the specified backoff limit"
        deadline = spec.get("activeDeadlineSeconds")
        if deadline is not None:
            started = parse_timestamp(status["startTime"])
            left = deadline - (self.ctx.now() - started).total_seconds()
            if left <= 0:
                text = "Job was active longer than specified deadline"
                return "Failed", "DeadlineExceeded", text
            self.again(key_of(job), left)
        return None

    def _finish(self, job: Json, status: Json, kind: str, reason: str, message: str) -> Json:
        now = self.ctx.stamp()
        first = "SuccessCriteriaMet" if kind == "Complete" else "FailureTarget"
        have = list(status.get("conditions") or ())
        for name in (first, kind):
            have = with_condition(have, name, "True", now, reason=reason, message=message)
        for item in have:
            item.setdefault("lastProbeTime", now)
        status["conditions"] = have
        if kind == "Complete":
            status["completionTime"] = now
            self.ctx.events.normal(job, "Completed", "Job completed", source=SOURCE)
        else:
            self.ctx.events.warning(job, reason, message, source=SOURCE)
        if job["spec"].get("ttlSecondsAfterFinished") is not None:
            self.again(key_of(job), float(job["spec"]["ttlSecondsAfterFinished"]))
        return status

    def _fill(self, key: Key, job: Json, won: int, lost: int, active: list[Json]) -> list[Json]:
        spec = job["spec"]
        wanted = spec.get("completions")
        parallel = spec.get("parallelism", 1)
        if wanted is not None:
            parallel = min(parallel, wanted - won)
        elif won:
            parallel = len(active)
        wait = self._back_off(job, lost)
        if lost and wait > 0 and len(active) < parallel:
            self.again(key, wait)
            return active
        made = [self._make(job) for _ in range(parallel - len(active))]
        for pod in active[parallel:] if parallel >= 0 else active:
            self._delete(job, pod)
        return [*active[:parallel], *made]

    def _back_off(self, job: Json, lost: int) -> float:
        """Seconds until a failed pod may be followed by the next."""
        if not lost:
            return 0.0
        pods = self.ctx.index.owned(uid(job), PODS)
        latest = max(p["metadata"]["creationTimestamp"] for p in pods if _lost(p))
        wait = min(self.ctx.pace.backoff * 2.0 ** (lost - 1), self.ctx.pace.backoff_limit)
        return wait - (self.ctx.now() - parse_timestamp(latest)).total_seconds()

    def _make(self, job: Json) -> Json:
        meta, template = job["metadata"], job["spec"]["template"]
        own = dict(labels(template))
        own |= {name: meta["uid"] for name in _UID_LABELS}
        own |= {name: meta["name"] for name in _NAME_LABELS}
        pod = self.ctx.store.create(
            PODS,
            {
                "metadata": {
                    "generateName": f"{meta['name']}-",
                    "namespace": meta["namespace"],
                    "labels": own,
                    "annotations": (template.get("metadata") or {}).get("annotations") or {},
                    "ownerReferences": [owner_ref(job)],
                },
                "spec": template["spec"],
            },
        )
        self.ctx.events.normal(
            job, "SuccessfulCreate", f"Created pod: {pod['metadata']['name']}", source=SOURCE
        )
        return pod

    def _delete(self, job: Json, pod: Json) -> None:
        self.ctx.remove(PODS, pod)
        self.ctx.events.normal(
            job, "SuccessfulDelete", f"Deleted pod: {pod['metadata']['name']}", source=SOURCE
        )

    def _count(self, job: Json, status: Json, won: int, lost: int, active: list[Json]) -> None:
        for name, count in (("active", len(active)), ("succeeded", won), ("failed", lost)):
            status.pop(name, None)
            if count:
                status[name] = count
        status["ready"] = sum(1 for pod in active if pod_ready(pod))
        status["terminating"] = 0
        status["uncountedTerminatedPods"] = {}
        self.ctx.put_status(JOBS, job, status)

    def _expire(self, key: Key, job: Json) -> None:
        ttl = job["spec"].get("ttlSecondsAfterFinished")
        if ttl is None:
            return
        status = job["status"]
        end = condition(status, "Complete") or condition(status, "Failed") or {}
        ended = parse_timestamp(end["lastTransitionTime"])
        left = ttl - (self.ctx.now() - ended).total_seconds()
        if left > 0:
            self.again(key, left)
        else:
            self.ctx.store.delete(JOBS, *key, propagation="Foreground")


def _lost(pod: Json) -> bool:
    return (pod.get("status") or {}).get("phase") == "Failed"


def _restarts(pod: Json) -> int:
    if pod["spec"].get("restartPolicy") != "OnFailure":
        return 0
    every = (pod.get("status") or {}).get("containerStatuses") or ()
    return sum(int(c.get("restartCount", 0)) for c in every)
