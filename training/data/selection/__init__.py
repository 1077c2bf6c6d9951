"""Which preferences are worth a teacher's call: rules, decontamination, duplicates, diversity, and the table of it."""
