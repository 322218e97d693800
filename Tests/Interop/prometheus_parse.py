# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads a page of metrics with Prometheus' own parser and prints every sample as JSON: "name|label=value" to number."""
import json
import sys

from prometheus_client.parser import text_fd_to_metric_families

samples = {}
with open(sys.argv[1], encoding="utf-8", newline="\n") as page:
    for family in text_fd_to_metric_families(page):
        assert family.type in ("counter", "gauge", "histogram"), family
        assert family.documentation, family
        for sample in family.samples:
            key = sample.name + "|" + ",".join(f"{name}={value}" for name, value in sorted(sample.labels.items()))
            assert key not in samples, key
            samples[key] = sample.value
print(json.dumps(samples))
