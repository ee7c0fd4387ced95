"""Sessions and frames whose SQL is DuckDB's."""

import json
import os
import re
import socket
import urllib.parse
import uuid
from threading import Lock

from py4j.protocol import Py4JJavaError, Throwable
from pyspark import hadoop

# Spark's words for DuckDB's types.
TYPES = {
    "BIGINT": "bigint", "INTEGER": "int", "SMALLINT": "smallint", "TINYINT": "tinyint", "FLOAT": "float", "DOUBLE": "double", "BOOLEAN": "boolean",
    "BLOB": "binary", "DATE": "date", "VARCHAR": "string", "TIMESTAMP WITH TIME ZONE": "timestamp",
}

# What DuckDB says when a row makes a statement fail, as Spark says it.
OF_A_ROW = {
    "Conversion Error": "org.apache.spark.SparkNumberFormatException: [CAST_INVALID_INPUT] ",
    "Decimal Error": "org.apache.spark.SparkArithmeticException: [NUMERIC_VALUE_OUT_OF_RANGE] ",
    "Out of Range Error": "org.apache.spark.SparkArithmeticException: [ARITHMETIC_OVERFLOW] ",
}


class AnalysisException(Exception):
    """pyspark.errors.exceptions.captured.AnalysisException."""

    def __init__(self, message):
        super(AnalysisException, self).__init__(message)
        self._origin = Throwable("org.apache.spark.sql.AnalysisException", message)


def translated(sql):
    """Spark's names and types as DuckDB writes them."""
    return re.sub(r"\bARRAY<([A-Z]+)>", r"\1[]", re.sub(r"\bAS TIMESTAMP\)", "AS TIMESTAMPTZ)", sql)).replace("`", '"')


def error_of(message):
    kind, _, said = message.partition(": ")
    if "was not asked for" in said:
        return lost(Throwable("java.lang.RuntimeException", said))
    if kind in OF_A_ROW:
        name, _, condition = OF_A_ROW[kind].partition(": ")
        return lost(Throwable(name, condition + said.split("\n")[0]))
    if kind == "Out of Memory Error":
        return lost(Throwable("java.lang.OutOfMemoryError", "Java heap space"))
    return AnalysisException("[UNRESOLVED] " + said.split("\n")[0])


def lost(cause):
    """What the driver throws of a failed task."""
    told = "Job aborted due to stage failure: Task 0 in stage 1.0 failed 4 times, most recent failure: Lost task 0.3 in stage 1.0 (TID 3) (worker executor 1): {}: {}\n\tat org.apache..."
    return Py4JJavaError("An error occurred while calling o1.call", Throwable("org.apache.spark.SparkException", told.format(cause.getName(), cause.getMessage()), cause))


class DuckDb(object):
    def __init__(self, port):
        self._lines = socket.create_connection(("127.0.0.1", port)).makefile("rw", encoding="utf-8")
        self._lock = Lock()

    def __call__(self, sql):
        with self._lock:
            self._lines.write(json.dumps(sql) + "\n")
            self._lines.flush()
            answer = json.loads(self._lines.readline())
        if "error" in answer:
            raise error_of(answer["error"])
        return answer["rows"]


class Conf(object):
    def __init__(self):
        self.settings = {}

    def set(self, name, value):
        self.settings[name] = value

    def unset(self, name):
        del self.settings[name]


class Builder(object):
    def __init__(self):
        self._settings = {}

    def appName(self, name):
        return self

    def config(self, name, value):
        self._settings[name] = value
        return self

    def getOrCreate(self):
        return SparkSession(self._settings)


class SparkSession(object):
    builder = Builder()

    def __init__(self, settings):
        self.duckdb = DuckDb(int(os.environ["DOUBLE_PORT"]))
        self.conf = Conf()
        self.catalog = hadoop.Named(clearCache=lambda: None)
        self.sparkContext = hadoop.Named(getConf=lambda: hadoop.Named(contains=lambda name: False), _jvm=hadoop.jvm(self.duckdb), _jsc=hadoop.Named(hadoopConfiguration=lambda: self.conf))
        self.duckdb("CREATE TEMP MACRO raise_error(m) AS error(m)")

    def sql(self, text):
        assert self.conf.settings["spark.sql.ansi.enabled"] == "true"
        said(text)
        return DataFrame(self, translated(text))

    @property
    def read(self):
        return Reader(self)

    def stop(self):
        pass


def said(statement):
    """Writes down what a Spark would be asked, for whoever wants to read it."""
    if os.environ.get("DOUBLE_SAID"):
        with open(os.environ["DOUBLE_SAID"], "a", encoding="utf-8") as file:
            file.write(json.dumps(statement) + "\n")


class DataFrame(object):
    def __init__(self, session, query):
        self._session, self._query, self._is_kept = session, query, False

    def persist(self):
        self._is_kept = True
        return self

    def unpersist(self):
        self._is_kept = False

    def count(self):
        if self._is_kept:
            name = "_kept_" + uuid.uuid4().hex
            self._session.duckdb("CREATE TEMP TABLE {} AS {}".format(name, self._query))
            self._query = "SELECT * FROM " + name
        return self._session.duckdb("SELECT count(*) FROM ({}\n)".format(self._query))[0][0]

    def collect(self):
        return [tuple(row) for row in self._session.duckdb(self._query)]

    def take(self, rows):
        return self.collect()[:rows]

    def createOrReplaceTempView(self, name):
        self._session.duckdb("CREATE OR REPLACE TEMP VIEW {} AS {}".format(name, self._query))

    def selectExpr(self, *expressions):
        said("SELECT {} FROM t".format(", ".join(expressions)))
        return DataFrame(self._session, translated("SELECT {} FROM ({}) AS t".format(", ".join(expressions), self._query)))

    def repartitionByRange(self, *columns):
        return self

    def sortWithinPartitions(self, *columns):
        return DataFrame(self._session, translated("SELECT * FROM ({}\n) AS t ORDER BY {}".format(self._query, ", ".join(columns))))

    @property
    def dtypes(self):
        return [(name, TYPES.get(kind, kind.lower())) for name, kind in self._session.duckdb("SELECT column_name, column_type FROM (DESCRIBE {})".format(self._query)) if name != "_metadata"]

    @property
    def write(self):
        return Writer(self._session, self._query)


class Reader(object):
    def __init__(self, session):
        self._session, self._schema, self._options = session, None, {}

    def option(self, name, value):
        self._options[name] = value
        return self

    def schema(self, columns):
        said("CREATE TABLE t ({})".format(columns))
        self._schema = [(name, kind) for name, kind in re.findall(r"`([^`]+)` ([^,(]+(?:\([^)]*\))?)", columns)]
        return self

    def parquet(self, *paths):
        assert self._options["recursiveFileLookup"] == "true" and self._options["__globPaths__"] == "false"
        shown = [hadoop.Path(path).local for path in paths if not os.path.basename(path).startswith(("_", "."))]
        return DataFrame(self._session, " UNION ALL ".join(self._file(path) for path in shown))

    def _file(self, path):
        if not os.path.exists(path):
            raise AnalysisException("[PATH_NOT_FOUND] Path does not exist: file:{}.".format(path))
        scan = "read_parquet('{}', file_row_number = true, hive_partitioning = false)".format(re.sub(r"([*?[])", r"[\1]", path).replace("'", "''"))
        found = dict(DataFrame(self._session, "SELECT * EXCLUDE (file_row_number) FROM " + scan).dtypes)
        # Which file a row is from may be told otherwise than it was asked for.
        uri = os.environ.get("DOUBLE_URI") or "file:" + urllib.parse.quote(path, safe="/:=,+'*")
        columns = []
        for name, kind in self._schema or found.items():
            if found.get(name, kind) != kind:
                raise lost(Throwable("org.apache.spark.SparkException", "Parquet column cannot be converted in file file://{}. Column: [{}], Expected: {}, Found: {}.".format(path, name, kind, found[name])))
            columns.append('"{}"'.format(name) if name in found else 'CAST(NULL AS {}) AS "{}"'.format(kind.replace("timestamp", "TIMESTAMPTZ"), name))
        return "SELECT {}, {{'file_path': '{}', 'row_index': file_row_number}} AS _metadata FROM {}".format(", ".join(columns), uri.replace("'", "''"), scan)


class Writer(object):
    def __init__(self, session, query):
        self._session, self._query, self._options = session, query, {}

    def mode(self, mode):
        assert mode == "errorifexists"
        return self

    def option(self, name, value):
        self._options[name] = value
        return self

    def parquet(self, path):
        directory = hadoop.Path(path).local
        if os.path.exists(directory):
            raise AnalysisException("[PATH_ALREADY_EXISTS] Path file:{} already exists. Set mode as \"overwrite\" to overwrite the existing path.".format(directory))
        os.makedirs(directory)
        run = uuid.uuid4()
        # A partition without rows has a file as well, but when there is one partition.
        parts = [self._query] if "REPARTITION(1)" in self._query else ["SELECT * FROM ({}\n) AS t WHERE false".format(self._query), self._query]
        for number, part in enumerate(parts):
            name = "part-{:05}-{}-c000.zstd.parquet".format(number, run)
            self._session.duckdb("COPY ({}\n) TO '{}' (FORMAT parquet, COMPRESSION zstd)".format(part, os.path.join(directory, name).replace("'", "''")))
            with open(os.path.join(directory, "." + name + ".crc"), "wb"):
                pass
        if os.environ.get("DOUBLE_STRANGER"):
            # Somebody else has had the same directory at the same time.
            with open(os.path.join(directory, "part-00000-{}-c000.zstd.parquet".format(uuid.uuid4())), "wb"):
                pass
