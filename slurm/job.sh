# The body of every batch script (harness/submit/script.py): one run of an array, on its first node.
# Sourced by bash with REPRISE_* set; starts the run under srun, tells it when SLURM announces an end, and
# asks SLURM for another attempt when there is something left to do. Everything about the run itself,
# above all when to give up, is decided in Python (harness/submit/job.py).

BRINGUP=90       # slurm/ray_cluster: not every node came
NODE_LOST=91     # slurm/ray_cluster: a node went away
UNWRITABLE=74
# Of the notice before a time limit: first the step under way may end and be saved, then the run is asked to
# stop, then killed. A preemption leaves no time that could be known: the run is asked at once.
save_s=$((REPRISE_NOTICE_S > 60 ? REPRISE_NOTICE_S - 45 : 0))
stop_s=$((REPRISE_NOTICE_S > 60 ? 30 : REPRISE_NOTICE_S * 2 / 3))

task=${SLURM_ARRAY_JOB_ID}_${SLURM_ARRAY_TASK_ID}
restart=${SLURM_RESTART_COUNT:-0}
run=$(sed -n "$((SLURM_ARRAY_TASK_ID + 1))p" "$REPRISE_RUNS")
logs=$run/logs/slurm/$task-$restart
if [ -z "$run" ] || ! mkdir -p "$logs"; then
    echo "$(hostname) cannot reach the run of task $task (${run:-its list $REPRISE_RUNS}): is that" \
        "folder on a file system that all nodes share? Set output_root= to one that is" >&2
    exit $UNWRITABLE
fi
rm -f "$run/notice.json"

say() { echo "$(date +%FT%T) $*"; }
phase() { printf '{"phase": "%s", "time": %s, "node": "%s"}\n' "$1" "$(date +%s.%N)" "$(hostname)" >>"$logs/phases.jsonl"; }
seconds_left() { # until the time limit, as it stands now; nothing where there is none
    local start limit days=0 parts
    # Not the end that SLURM expects (%e): a preemption moves it. Not by $SLURM_JOB_ID: one task of an
    # array has the array's own, which lists all of them.
    for _ in 1 2 3; do # a busy controller may leave the first question without an answer
        IFS='|' read -r start limit < <(squeue --noheader --job "$task" --format '%S|%l' 2>/dev/null)
        [ -z "$limit" ] || break
        sleep 1
    done
    case $limit in *-*) days=${limit%%-*} limit=${limit#*-} ;; esac
    [[ $limit =~ ^[0-9:]+$ ]] && start=$(date -d "$start" +%s 2>/dev/null) || return
    IFS=: read -ra parts <<<"$limit"
    while ((${#parts[@]} < 3)); do parts=(0 "${parts[@]}"); done
    echo $((start + days * 86400 + 10#${parts[0]} * 3600 + 10#${parts[1]} * 60 + 10#${parts[2]} - $(date +%s)))
}
notice() { # CAUSE: what the run will say of its end; the run is then asked to stop
    printf '{"cause": "%s", "time": %s, "job": "%s"}\n' "$1" "$(date +%s)" "$task" >"$run/.notice" \
        && mv "$run/.notice" "$run/notice.json"
    noticed=$1
    say "SLURM announces the end of this job: $1"
    [ -z "$killer" ] || { tell TERM; return; }
    if [ "$1" != time_limit ] || ((save_s == 0)); then
        tell TERM
        (later $stop_s KILL) &
    else
        (later $save_s TERM; later $stop_s KILL) &
    fi
    killer=$!
}
tell() { scancel --signal="$1" "$SLURM_JOB_ID.0" 2>/dev/null; }
later() { # SECONDS SIGNAL; never when this shell is gone: the next attempt has the same job and step
    sleep "$1"
    if kill -0 $$ 2>/dev/null; then tell "$2"; fi
}
on_signal() { # the same signal announces a time limit and a preemption
    local left
    [ -z "$noticed" ] || return
    left=$(seconds_left)
    if [ -n "$left" ] && ((left <= REPRISE_NOTICE_S + 60)); then notice time_limit; else notice preemption; fi
}
on_term() { # scancel; or SLURM itself, when the time that it announced has come
    local left
    left=$(seconds_left)
    if [ "$noticed" = time_limit ] && ((${left:-0} <= 5)); then return; fi
    ended=1  # asked for another attempt, SLURM would bring a cancelled job back; a preempted one comes by itself
    [ "$noticed" = preemption ] || notice terminated
}

noticed='' killer='' ended=''
say "job $task, start $((restart + 1)), on $SLURM_JOB_NODELIST: $run"
phase script_started

export PYTHONPATH=$REPRISE_CODE PYTHONSAFEPATH=1 REPRISE_LOGS=$logs
unset PYTHONHOME FORCE_COLOR
export TTY_COMPATIBLE=0  # rich: the log is no terminal
run_it=(-m harness.submit.job "$run")
job=("${PYTHON[@]}" "${run_it[@]}")
if ((SLURM_JOB_NUM_NODES > 1)); then
    job=("${PYTHON[@]}" "$REPRISE_CODE/slurm/ray_cluster" --logs "$logs" --gpus-per-node "$REPRISE_GPUS_PER_NODE"
        --cpus-per-node "$REPRISE_RAY_CPUS" -- "${PYTHON[@]: -1}" "${run_it[@]}")  # in a container already: the last word alone is the interpreter
fi
trap on_signal USR2
trap on_term TERM
srun --nodes="$SLURM_JOB_NUM_NODES" --ntasks-per-node=1 --cpus-per-task="$SLURM_CPUS_PER_TASK" --unbuffered \
    --output="$logs/job.log" "${SRUN_OPTIONS[@]}" "${job[@]}" &
step=$!
wait $step; code=$?
while kill -0 $step 2>/dev/null; do wait $step; code=$?; done
wait $step; last=$?  # the run may have ended while a trap ran: then this alone has its exit code
[ $last = 127 ] || code=$last
trap '' USR2 TERM  # the run has ended: what comes now is the end of the job, and no news of the run
[ -z "$killer" ] || kill $killer 2>/dev/null
[ ! -s "$logs/exit_code" ] || code=$(cat "$logs/exit_code")
phase script_ended
say "the run ended with exit code $code${noticed:+ after the notice: $noticed}"

case $noticed:$code in
*:0) exit 0 ;;
time_limit:* | preemption:* | :$BRINGUP | :$NODE_LOST)
    if [ -z "$ended" ] && ((restart + 1 < REPRISE_MAX_ATTEMPTS)); then
        say "asking SLURM for another attempt"
        scontrol requeue "$task" && sleep 120
    fi
    ;;
esac
exit "$code"
