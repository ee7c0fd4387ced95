"""
A double of PySpark for the tests: SQL goes to the DuckDB of whoever started the program, as lines of JSON to the loopback port in
DOUBLE_PORT. It has what the scripts in spark/ call and nothing else, with the habits of Spark that the job has to deal with:
types do not widen, hidden files are not there, metadata columns do not pass a view, an empty file comes with each write, and
checksums lie beside files.
"""
