#!/usr/bin/env python3
"""What a snapshot of a captured tree must say, worked out without the library: from the documentation of the
files, with regular expressions and Python's integers.

    python3 tests/trees/expected.py tests/trees/NAME > tests/trees/NAME/expected.json

With a second argument (a directory laid over the tree) for the second look of a tree that changes."""
import json
import os
import re
import sys

PAGE_KIB = 4


def text(trees, path):
    for tree in reversed(trees):
        full = os.path.join(tree, path)
        if os.path.isfile(full):
            with open(full, encoding="ascii") as file:
                return file.read()
    return ""


def find(pattern, content):
    match = re.search(pattern, content, re.MULTILINE)
    return int(match.group(1)) if match else None


def kib_of(content, key):
    return find(rf"^{re.escape(key)}:\s+(\d+) kB$", content)


def subtract(left, *rights):
    if left is None or None in rights:
        return None
    value = left - sum(rights)
    return value if value >= 0 else None


def estimate(trees, info):
    low = PAGE_KIB * sum(int(n) for n in re.findall(r"^ +low +(\d+)$", text(trees, "proc/zoneinfo"), re.M))
    available = info("MemFree") - low
    page_cache = info("Active(file)") + info("Inactive(file)")
    available += page_cache - min(page_cache // 2, low)
    slab = info("SReclaimable")
    available += slab - min(slab // 2, low)
    return max(available, 0)


def host_memory(trees):
    content = text(trees, "proc/meminfo")

    def info(key):
        return kib_of(content, key)

    size = info("Hugepagesize")
    pages = find(r"^HugePages_Total:\s+(\d+)$", content)
    free = find(r"^HugePages_Free:\s+(\d+)$", content)
    pool = info("Hugetlb")
    if pool is None and pages is not None:
        pool = pages * size
    estimated = info("MemAvailable") is None and info("MemFree") is not None
    shmem = info("Shmem")
    cached = None if info("Cached") is None else info("Cached") + info("Buffers")
    arc = find(r"^size +\d+ +(\d+)$", text(trees, "proc/spl/kstat/zfs/arcstats"))
    return {
        "total_kib": subtract(info("MemTotal"), pool or 0),
        "available_kib": estimate(trees, info) if estimated else info("MemAvailable"),
        "available_estimated": estimated,
        "anonymous_kib": info("AnonPages"),
        "page_cache_kib": subtract(cached, shmem),
        "shmem_kib": shmem,
        "slab_reclaimable_kib": info("SReclaimable"),
        "slab_unreclaimable_kib": info("SUnreclaim"),
        "swap_total_kib": info("SwapTotal"),
        "swap_used_kib": subtract(info("SwapTotal"), info("SwapFree")),
        "dirty_kib": info("Dirty"),
        "committed_kib": info("Committed_AS"),
        "zfs_arc_kib": None if arc is None else arc // 1024,
        "hugetlb_total_kib": pool,
        "hugetlb_free_kib": None if free is None else free * size,
    }


def group_memory(trees, host):
    def number(name):
        return find(r"\A(\d+)$", text(trees, "sys/fs/cgroup/" + name))

    stat = text(trees, "sys/fs/cgroup/memory.stat")

    def kib(value):
        return None if value is None else value // 1024

    def entry(key):
        return find(rf"^{key} (\d+)$", stat)

    total = min(kib(number("memory.max")), host["total_kib"])
    used = kib(number("memory.current") - entry("inactive_file"))
    swap_max = number("memory.swap.max")
    return {
        "total_kib": total,
        "available_kib": total - used,
        "available_estimated": False,
        "anonymous_kib": kib(entry("anon")),
        "page_cache_kib": kib(entry("file") - entry("shmem")),
        "shmem_kib": kib(entry("shmem")),
        "slab_reclaimable_kib": kib(entry("slab_reclaimable")),
        "slab_unreclaimable_kib": kib(entry("slab_unreclaimable")),
        "swap_total_kib": host["swap_total_kib"] if swap_max is None else min(kib(swap_max), host["swap_total_kib"]),
        "swap_used_kib": kib(number("memory.swap.current")),
        "dirty_kib": kib(entry("file_dirty")),
        "committed_kib": None,
        "zfs_arc_kib": None,
        "hugetlb_total_kib": None,
        "hugetlb_free_kib": None,
    }


def counters(vmstat, events):
    refaults = find(r"^workingset_refault_file (\d+)$", vmstat)
    if refaults is None:
        refaults = find(r"^workingset_refault (\d+)$", vmstat)
    return {
        "oom_kill": find(r"^oom_kill (\d+)$", events),
        "swap_in_pages": find(r"^pswpin (\d+)$", vmstat),
        "swap_out_pages": find(r"^pswpout (\d+)$", vmstat),
        "major_faults": find(r"^pgmajfault (\d+)$", vmstat),
        "refaults": refaults,
    }


def ticks(stat):
    match = re.search(r"^cpu  ?(.*)$", stat, re.MULTILINE)
    if not match:
        return None
    user, nice, system, idle, iowait, irq, softirq, steal = (int(n) for n in match.group(1).split()[:8])
    return {
        "user": user + nice,
        "system": system + irq + softirq,
        "idle": idle,
        "iowait": iowait,
        "steal": steal,
    }


def expected(trees):
    limit = re.match(r"\d+$", text(trees, "sys/fs/cgroup/memory.max").strip())
    own_root = re.search(r"^0::/$", text(trees, "proc/self/cgroup"), re.MULTILINE)
    in_group = bool(limit and own_root)
    lxcfs = " /proc/meminfo " in text(trees, "proc/self/mountinfo")
    memory = host_memory(trees)
    vmstat = text(trees, "proc/vmstat")
    events = vmstat
    pressure_of = "proc/pressure/{}"
    if in_group:
        memory = group_memory(trees, memory)
        vmstat = text(trees, "sys/fs/cgroup/memory.stat")
        events = text(trees, "sys/fs/cgroup/memory.events")
        pressure_of = "sys/fs/cgroup/{}.pressure"
    stat = text(trees, "proc/stat")
    load = re.match(r"(\d+)\.(\d\d) \S+ \S+ (\d+)/", text(trees, "proc/loadavg"))

    def stalled(what, kind):
        return find(rf"^{kind} .* total=(\d+)$", text(trees, pressure_of.format(what)))

    return {
        "scope": "container" if in_group or lxcfs else "host",
        "memory": memory,
        "cpu_ticks": ticks(stat),
        "load1_centi": int(load.group(1)) * 100 + int(load.group(2)) if load else None,
        "runnable": find(r"^procs_running (\d+)$", stat),
        "cores": len(re.findall(r"^cpu\d", stat, re.MULTILINE)) or None,
        "pressure_us": {
            "cpu_some": stalled("cpu", "some"),
            "memory_some": stalled("memory", "some"),
            "memory_full": stalled("memory", "full"),
            "io_some": stalled("io", "some"),
            "io_full": stalled("io", "full"),
        },
        "counters": counters(vmstat, events),
    }


print(json.dumps(expected(sys.argv[1:]), indent=2))
