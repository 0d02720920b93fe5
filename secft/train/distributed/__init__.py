"""One training on several processes: settings, launch files, supervision of the processes, and what they share."""
