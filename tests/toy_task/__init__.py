"""A task that the project does not have: how many stars a text gives. What tests/test_new_task.py adds."""
