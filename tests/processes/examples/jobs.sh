export RUNLAKE_STORE=/shared/lake
export RUNLAKE_PARENT_RUN_ID=$(python -c "import runlake; print(runlake.start_run(run_name='jobs').run_id)")
for c in 1 10 100; do
    python job.py $c &  # or: sbatch --wrap "python job.py $c"
done
wait
