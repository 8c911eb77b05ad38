#!/bin/sh
# launch.sh FOLDER [WORD]: start the job of a folder in its image, closed off from everything but its inputs.
#
# FOLDER has spec.json and `launch`, written by the driver (automagic/job/launch.py), one thing a line:
#   apptainer PROGRAM   image SIF   pyz JOB.PYZ   mount WORD (of --mount)   inputs FOLDER   copy FILE, then: as NAME
# Relative paths count from FOLDER. WORD is handed on to the job. Inside, /job is the scratch folder: that of HTCondor
# where there is one, else FOLDER. A node needs this shell, cp, mkdir, uname and Apptainer.
set -eu
umask 022
cd -- "$1"
folder=$(pwd -P)
word=${2:-}
scratch=${_CONDOR_SCRATCH_DIR:-$folder}
set --
if [ "$scratch" != "$folder" ]; then
    cp spec.json "$scratch/spec.json"
    set -- --mount "type=bind,source=$scratch,destination=/job"
elif [ -n "${_CONDOR_SCRATCH_DIR:-}" ]; then
    set -- --mount "type=bind,source=$scratch,destination=/job"
fi
while IFS= read -r line; do
    value=${line#* }
    case $line in
        "apptainer "*) apptainer=$value ;;
        "image "*) image=$value ;;
        "pyz "*) pyz=$value ;;
        "mount "*) set -- "$@" --mount "$value" ;;
        "inputs "*) set -- "$@" --mount "type=bind,source=$folder/$value,destination=/job/scratch/in,ro" ;;
        "copy "*) from=$value ;;
        "as "*)
            mkdir -p -- "$scratch/scratch/in/${value%/*}"
            cp -- "$from" "$scratch/scratch/in/$value" ;;
        *) echo "launch: cannot read the line: $line" >&2; exit 125 ;;
    esac
done < launch
case $image in /*) ;; *) image=$folder/$image ;; esac
case $pyz in /*) ;; *) set -- "$@" --mount "type=bind,source=$folder/$pyz,destination=/automagic/job.pyz,ro" ;; esac
uname -n > "$scratch/host"    # the job notes it in the receipt and takes it away before the program starts
if ! [ -x "$apptainer" ]; then echo "launch: there is no $apptainer on $(uname -n)" >&2; exit 127; fi
exec "$apptainer" -q exec --containall --cleanenv --no-home --net --network none --uts --hostname automagic \
    --pwd /job "$@" "$image" python3 -I /automagic/job.pyz /job/spec.json ${word:+"$word"}
