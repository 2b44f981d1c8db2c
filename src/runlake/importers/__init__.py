"""Runs that were recorded elsewhere come into a store.

arriving     writes them: what the store has of them already is left out
pushing      those of another store
bringing     those of another tracker: counted, and without their secrets
sources, remarks      what is read of one, and what is said of what stays behind
mlflow_files, mlflow_database, mlflow_runs, mlflow_artifacts      MLflow's folder, its database, and what both have
flat_yaml, sqlite_tables      the files that these are in
tensorboard, event_files      what programs wrote for TensorBoard
"""
