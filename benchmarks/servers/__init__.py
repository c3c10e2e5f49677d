"""The Python contenders, each as its documentation shows it."""
