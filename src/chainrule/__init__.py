"""Chainrule: from labelled rows to a served model through one chain.

Whoever imports any module of the project imports this one first. It holds defaults of the environment that libraries
read when they are imported and that every process started from here inherits; what the user set stays. And it says
whose code runs. Nothing in it changes an output, so it is no input of any stage (tests/test_dvc_yaml.py).
"""

import os

QUIET = {
    "DO_NOT_TRACK": "true",  # in this very word, for MLflow takes no other
    "DVC_NO_ANALYTICS": "true",
    "GX_ANALYTICS_ENABLED": "false",
    "HF_HUB_DISABLE_TELEMETRY": "true",
    "HF_HUB_OFFLINE": "yes",  # by this very word the stage `fetch` knows that no user said it, and asks the hub
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "ORT_DISABLE_TELEMETRY": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}
"""Nothing is reported to the libraries' makers, and nothing asked of them."""

PATIENT = {"GOMP_SPINCOUNT": "3000"}
"""OpenMP's threads that wait for one another spin this often before they sleep. By default they spin for milliseconds,
and beside one other busy process a training is forty times slower; benchmarks/spinning.py chose the number."""

for _name, _value in QUIET.items():
    os.environ.setdefault(_name, _value)
if "OMP_WAIT_POLICY" not in os.environ:  # the user's own word about the same
    for _name, _value in PATIENT.items():
        os.environ.setdefault(_name, _value)

# A stage that DVC runs is the code beside it: in the copy of the project in which `dvc exp run --temp` and `--queue`
# work, an installed package would be the workspace's.
if "DVC_STAGE" in os.environ and os.path.isdir("src/chainrule"):
    __path__ = [os.path.abspath("src/chainrule")]
