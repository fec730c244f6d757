"""Two Ray nodes on this machine, in a process of their own: `python -m tests.runtime.engines.cluster`.

Prints `{"address": …}`; each line on stdin is obeyed: `kill` ends the second node at once. Ends at the end of stdin.
Workers have the environment this was started in, as they have on a real cluster.
"""

import json
import os
import sys
import tempfile

NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "include_dashboard": False}


def main() -> None:
    """Start both nodes, say where, and obey."""
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        os.environ["RAY_TMPDIR"] = folder  # read when Ray is imported
        from ray.cluster_utils import Cluster

        cluster = Cluster(initialize_head=True, head_node_args=NODE)
        second = cluster.add_node(**NODE)
        cluster.wait_for_nodes()
        sys.stdout.write(json.dumps({"address": cluster.address}) + "\n")
        sys.stdout.flush()
        for line in sys.stdin:
            assert line.strip() == "kill", line
            cluster.remove_node(second, allow_graceful=False)
            sys.stdout.write(json.dumps({"killed": second.node_id}) + "\n")
            sys.stdout.flush()
        cluster.shutdown()


if __name__ == "__main__":
    main()
