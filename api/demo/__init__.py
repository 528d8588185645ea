"""What `pixloom demo` needs beside the command: pictures to look at, questions to ask, a sheet to keep."""
