#!/bin/sh
# Compiles the programs' kernels, and the simulator's by a few seconds of each kind of data.
set -eu
set -a
. /opt/automagic/environment
set +a
mkdir -p "$NUMBA_CACHE_DIR"
scratch=$(mktemp -d)
cd "$scratch"
PYTHONPATH=/opt/openmars python3 /opt/automagic/kernels.py
simulate() { printf '%s\n' "$@" > card.rc; /opt/programs/openmars-sim -f --config=card.rc --out=out > log || { cat log; exit 1; }; }
for output in calibrated raw; do
    simulate "Sim.Kind: observation" "Sim.Output: $output" "Sim.Duration: 1" "Sim.Subruns: 1"
done
simulate "Sim.Kind: gamma" "Sim.Showers: 200" "Sim.Run: 1"
for kind in pedestal calibration; do simulate "Sim.Kind: $kind" "Sim.Output: raw" "Sim.Events: 5"; done
cd /
rm -rf "$scratch"
chmod -R a+rX,go-w /opt/automagic
