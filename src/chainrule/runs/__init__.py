"""What a stage says about its run: the journal, the sender, MLflow."""
