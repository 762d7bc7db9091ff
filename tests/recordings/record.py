#!/usr/bin/env python3
"""Records this Linux host once a second as JSON lines in the shape of `hansho sample --json`.

Written apart from the agent on purpose: a recording made by the agent's own reader could not contradict it.

    record.py COUNT FILE

Kernel documents: proc_meminfo(5), proc_stat(5), proc_loadavg(5), proc_vmstat(5), Documentation/accounting/psi.rst.
"""
import json
import sys
import time

INTERVAL_NS = 1_000_000_000


def text(path):
    try:
        with open(path, encoding="ascii") as file:
            return file.read()
    except OSError:
        return ""


def memory():
    kib = {}
    pages = {}
    for line in text("/proc/meminfo").splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        (kib if words[1:] == ["kB"] else pages)[name] = int(words[0])

    def pool(name):
        if name in pages and "Hugepagesize" in kib:
            return pages[name] * kib["Hugepagesize"]
        return None

    huge = pool("HugePages_Total")
    return {
        "total_kib": kib["MemTotal"] - (huge or 0),
        "available_kib": kib.get("MemAvailable"),
        "available_estimated": False,
        "anonymous_kib": kib.get("AnonPages"),
        "page_cache_kib": kib["Cached"] + kib["Buffers"] - kib["Shmem"],
        "shmem_kib": kib.get("Shmem"),
        "slab_reclaimable_kib": kib.get("SReclaimable"),
        "slab_unreclaimable_kib": kib.get("SUnreclaim"),
        "swap_total_kib": kib.get("SwapTotal"),
        "swap_used_kib": kib["SwapTotal"] - kib["SwapFree"],
        "dirty_kib": kib.get("Dirty"),
        "committed_kib": kib.get("Committed_AS"),
        "zfs_arc_kib": None,
        "hugetlb_total_kib": huge,
        "hugetlb_free_kib": pool("HugePages_Free"),
    }


def cpu_now():
    ticks, cores, running = None, 0, None
    for line in text("/proc/stat").splitlines():
        words = line.split()
        if words[0] == "cpu":
            user, nice, system, idle, iowait, irq, softirq, steal = map(int, words[1:9])
            ticks = {
                "user": user + nice,
                "system": system + irq + softirq,
                "idle": idle,
                "iowait": iowait,
                "steal": steal,
            }
        elif words[0].startswith("cpu"):
            cores += 1
        elif words[0] == "procs_running":
            running = int(words[1])
    return ticks, cores, running


def share(now, before, total):
    if total <= 0 or now < before:
        return None
    return min(1000, (now - before) * 1000 // total)


def cpu(now, before):
    ticks, cores, running = now
    shares = dict.fromkeys(("busy", "user", "system", "iowait", "steal"))
    if before is not None:
        total = sum(ticks.values()) - sum(before.values())
        for name in ("user", "system", "iowait", "steal"):
            shares[name] = share(ticks[name], before[name], total)
        busy = ("user", "system", "steal")
        shares["busy"] = share(sum(ticks[n] for n in busy), sum(before[n] for n in busy), total)
    whole, _, part = text("/proc/loadavg").split()[0].partition(".")
    values = {f"{name}_permille": value for name, value in shares.items()}
    values.update(load1_centi=int(whole + part), runnable=running, cores=cores)
    return values


def pressure_now():
    totals = {}
    for resource, kind in (("cpu", "some"), ("memory", "some"), ("memory", "full"), ("io", "some"), ("io", "full")):
        totals[f"{resource}_{kind}"] = None
        for line in text(f"/proc/pressure/{resource}").splitlines():
            if line.startswith(kind):
                totals[f"{resource}_{kind}"] = int(line.rpartition("total=")[2])
    return totals


def pressure(now, before, elapsed_us):
    values = {}
    for name, total in now.items():
        known = before is not None and total is not None and before[name] is not None
        values[f"{name}_permille"] = share(total, before[name], elapsed_us) if known else None
    return values


def counters():
    names = {
        "oom_kill": "oom_kill",
        "pswpin": "swap_in_pages",
        "pswpout": "swap_out_pages",
        "pgmajfault": "major_faults",
        "workingset_refault_file": "refaults",
    }
    values = dict.fromkeys(names.values())
    for line in text("/proc/vmstat").splitlines():
        name, _, value = line.partition(" ")
        if name in names:
            values[names[name]] = int(value)
    return values


def main():
    count, path = int(sys.argv[1]), sys.argv[2]
    deadline = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
    cpu_before = pressure_before = uptime_before = None
    with open(path, "w", encoding="ascii") as out:
        for _ in range(count):
            uptime_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
            memory_now, cpu_read, pressure_read = memory(), cpu_now(), pressure_now()
            elapsed_us = (uptime_ns - uptime_before) // 1000 if uptime_before is not None else 0
            line = {
                "uptime_ms": uptime_ns // 1_000_000,
                "wall_ms": time.time_ns() // 1_000_000,
                "scope": "host",
                "memory": memory_now,
                "cpu": cpu(cpu_read, cpu_before),
                "pressure": pressure(pressure_read, pressure_before, elapsed_us),
                "counters": counters(),
            }
            out.write(json.dumps(line, separators=(",", ":")) + "\n")
            out.flush()
            cpu_before, pressure_before, uptime_before = cpu_read[0], pressure_read, uptime_ns
            deadline += INTERVAL_NS
            time.sleep(max(0, deadline - time.clock_gettime_ns(time.CLOCK_MONOTONIC)) / 1e9)


if __name__ == "__main__":
    main()
