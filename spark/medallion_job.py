"""Interprets the document of a job of the pipeline on Spark: one run of a Silver or Gold table.

    spark-submit spark/medallion_job.py --document PATH --sha256 HEX --execution ID --answer PATH
    spark-submit spark/medallion_job.py SPEC

docs/job-document.md says what a document and an answer are, docs/spark-job.md how to run this. Paths are of any file system that
Hadoop finds here. The second form tries a document by itself: nobody has promised its SHA-256, the execution's id is drawn and
the answer is put beside it.

Needs PySpark 3.4 or 3.5 and nothing else: no Delta, no jar, no function in Python. Exits with 0 when the answer says what was
written, with 1 when the run has failed (then the answer says why) or was refused (then there is none), with 2 when it was called
wrongly.
"""

import argparse
import hashlib
import json
import os
import re
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor

from py4j.protocol import Py4JError, Py4JJavaError
from pyspark.sql import SparkSession

# What documents are written for, set before the first read.
SETTINGS = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.ansi.doubleQuotedIdentifiers": "true",
    "spark.sql.ansi.enforceReservedKeywords": "false",
    "spark.sql.parser.escapedStringLiterals": "false",
    "spark.sql.variable.substitute": "false",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.caseSensitive": "true",
    "spark.sql.timestampType": "TIMESTAMP_LTZ",
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    "spark.sql.mapKeyDedupPolicy": "EXCEPTION",
    "spark.sql.decimalOperations.allowPrecisionLoss": "false",
    "spark.sql.storeAssignmentPolicy": "ANSI",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.writeLegacyFormat": "false",
    "spark.sql.parquet.inferTimestampNTZ.enabled": "false",
    "spark.sql.parquet.mergeSchema": "false",
    "spark.sql.parquet.fieldId.write.enabled": "false",
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.sql.adaptive.enabled": "true",
    # Releases that are in use lose rows, or elements of arrays, with what these turn off: docs/spark-job.md.
    "spark.sql.optimizer.canChangeCachedPlanOutputPartitioning": "false",
    "spark.sql.optimizer.windowGroupLimitThreshold": "-1",
    "spark.sql.parquet.enableNestedColumnVectorizedReader": "false",
}

# Of these a submission has the last word: no value depends on them.
SUBMITTED_FIRST = ("spark.sql.parquet.compression.codec", "spark.sql.adaptive.enabled")

# Hadoop's: no file _SUCCESS.
NO_SUCCESS_FILE = "mapreduce.fileoutputcommitter.marksuccessfuljobs"

FORMAT = 1
DIALECT = "spark"
STEPS = ("define", "judge", "check", "write", "figures")

# What adaptive execution makes partitions of, and so files, when rows have been shuffled.
PARTITION_BYTES = "spark.sql.adaptive.advisoryPartitionSizeInBytes"
PARALLELISM_FIRST = "spark.sql.adaptive.coalescePartitions.parallelismFirst"

# Bytes that rows take when they are shuffled, for each byte that they take as Parquet: a guess for the number of files.
SHUFFLED_BYTES = 2

# Footers that are read at once.
FOOTERS_AT_ONCE = 16


class Failure(Exception):
    """Why a run has failed, in the words of its answer."""

    def __init__(self, kind, thing, cause, next_step):
        thing, cause, next_step = clean(thing), clean(cause), clean(next_step)
        super(Failure, self).__init__("{}: {}. {}".format(thing, cause, next_step))
        self.words = {"kind": kind, "thing": thing, "cause": cause, "next": next_step}


# --- Words of SQL -------------------------------------------------------------------------------------------------------------

TYPES = {
    "string": "STRING", "long": "BIGINT", "int": "INT", "short": "SMALLINT", "byte": "TINYINT", "float": "FLOAT", "double": "DOUBLE",
    "boolean": "BOOLEAN", "binary": "BINARY", "date": "DATE", "timestamp": "TIMESTAMP",
}


def quoted(name):
    """A column or relation, whatever its name is."""
    return "`{}`".format(name.replace("`", "``"))


def names(columns):
    return ", ".join(quoted(column) for column in columns)


def text(value):
    """A literal."""
    return "'{}'".format(value.replace("\\", "\\\\").replace("'", "\\'"))


def type_of(column_type):
    """A type of the document as SQL calls it."""
    if column_type in TYPES:
        return TYPES[column_type]
    decimal = re.match(r"decimal\(([0-9]+), *([0-9]+)\)\Z", column_type)
    if decimal:
        return "DECIMAL({},{})".format(*decimal.groups())
    array = re.match(r"array<(.+)>\Z", column_type)
    if array:
        return "ARRAY<{}>".format(type_of(array.group(1)))
    raise Failure("invalid", "Job document", "it has a column of type {}, which is none".format(column_type), "Make it again with this release.")


def as_type(name, found, wanted):
    """A column of a file, whose type is what Spark found, as the type that is wanted; found is None: the file has no such column."""
    sql = type_of(wanted)
    if found is None:
        return "CAST(NULL AS {}) AS {}".format(sql, quoted(name))
    if found.upper() == sql:
        return quoted(name)
    if found == "timestamp" and wanted == "string":
        # The text that a timestamp has everywhere else.
        return "concat(CAST({0} AS STRING), '+00') AS {0}".format(quoted(name))
    return "CAST({0} AS {1}) AS {0}".format(quoted(name), sql)


def text_of(value):
    """A value of a result, as figures and messages have it."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def filled(words, values):
    """A fault's words with the values in their places. A value may look like a place: each text is read once."""
    def value(match):
        place = int(match.group(1))
        return match.group(0) if place >= len(values) else "null" if values[place] is None else values[place]
    return [re.sub(r"\{([0-9]{1,2})\}", value, words[part]) for part in ("thing", "cause", "next")]


# --- What Spark's exceptions mean ---------------------------------------------------------------------------------------------

# Exceptions that Spark and Java throw for nothing but what a row holds.
ROW_EXCEPTIONS = {
    "SparkArithmeticException", "SparkArrayIndexOutOfBoundsException", "SparkDateTimeException", "SparkNumberFormatException",
    "ArithmeticException", "NumberFormatException", "DateTimeException", "DateTimeParseException", "PatternSyntaxException",
}

# Spark's conditions for the same that come with exceptions of a wider meaning, in 3.4 or 3.5.
ROW_CONDITIONS = {
    "ARITHMETIC_OVERFLOW", "BINARY_ARITHMETIC_OVERFLOW", "CANNOT_CHANGE_DECIMAL_PRECISION", "CANNOT_PARSE_DECIMAL", "CANNOT_PARSE_TIMESTAMP",
    "CAST_INVALID_INPUT", "CAST_OVERFLOW", "CAST_OVERFLOW_IN_TABLE_INSERT", "CONVERSION_INVALID_INPUT", "DATETIME_OVERFLOW",
    "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION", "DIVIDE_BY_ZERO", "DUPLICATED_MAP_KEY", "ELEMENT_AT_BY_INDEX_ZERO", "INTERVAL_ARITHMETIC_OVERFLOW",
    "COLLECTION_SIZE_LIMIT_EXCEEDED", "INTERVAL_DIVIDED_BY_ZERO", "INVALID_ARRAY_INDEX", "INVALID_ARRAY_INDEX_IN_ELEMENT_AT", "INVALID_BITMAP_POSITION",
    "INVALID_FRACTION_OF_SECOND", "INVALID_INDEX_OF_ZERO", "INVALID_PARAMETER_VALUE", "MALFORMED_RECORD_IN_PARSING", "MAP_KEY_DOES_NOT_EXIST",
    "NOT_NULL_ASSERT_VIOLATION", "NULL_MAP_KEY", "NUMERIC_OUT_OF_SUPPORTED_RANGE", "NUMERIC_VALUE_OUT_OF_RANGE", "SCALAR_SUBQUERY_TOO_MANY_ROWS",
}

# Said of a row that Spark has read from a file which nobody asked for.
LOST_ROW = "Rows were read from a file that was not asked for"

# Shapes of the other kinds, in any exception of the chain.
TOO_LARGE = re.compile(
    r"OutOfMemoryError|StackOverflowError|GC overhead limit|maxResultSize|exceeding (?:physical |virtual )?memory limits|TaskResultLost|result lost from block manager"
    r"|unread block data|Not enough memory|Cannot broadcast the table|exit(?:ed with)? (?:code|status):? (?:52|137)\b")
DAMAGED = re.compile(
    r"FileNotFoundException|PATH_NOT_FOUND|Path does not exist|is not a Parquet file|[Cc]ould not read footer|CANNOT_READ_FILE_FOOTER|FAILED_READ_FILE"
    r"|ParquetDecodingException|InvalidSchemaException|FAILED_TO_UNCOMPRESS|ChecksumException|Encountered error while reading file"
    r"|cannot be converted in file|" + LOST_ROW)
UNREACHABLE = re.compile(
    r"ConnectException|SocketTimeoutException|SocketException|UnknownHostException|NoRouteToHostException|SdkClientException|AmazonClientException"
    r"|AmazonS3Exception|AWSClientIOException|AWSServiceIOException|AccessDeniedException|AccessControlException|ExecutorLostFailure|FetchFailed|No space left on device"
    r"|No FileSystem for scheme|S3AFileSystem not found|Mkdirs failed to create")
ENDED_FROM_OUTSIDE = re.compile(r"SparkContext was shut down|stopped SparkContext|SparkContext has been shutdown|Py4JNetworkError")

NEXT = {
    "invalid": "Correct the table's SQL, or the row at its source.",
    "too-large": "Give the job more memory, or the run fewer rows.",
    "damaged": "Look for the file: the table names it, or something took it away while the job ran.",
    "unreachable": "Nothing to do when it was passing: the run is tried again. Else look for the cluster, its rights and the lake.",
    "defect": "Look into the log of the job.",
}

# What a failed task threw, in the text of what the driver throws: the exception and its causes, each with the first line of its message.
IN_A_TASK = re.compile(r"(?:Lost task \S+ in stage \S+ \(TID [0-9]+\) \([^)]*\): |^Caused by: )([\w.$]+)(?:: ([^\n]*))?", re.MULTILINE)


def is_of_the_jvm(error):
    """Whether an exception was thrown there; PySpark shows those of some classes as its own."""
    return isinstance(error, Py4JJavaError) or getattr(error, "_origin", None) is not None


def causes(error):
    """Pairs of class and message, from what was told to what happened first."""
    java = error.java_exception if isinstance(error, Py4JJavaError) else getattr(error, "_origin", None)
    if isinstance(java, Py4JJavaError):
        java = java.java_exception
    if java is None:
        return [(type(error).__name__, str(error))]
    found = []
    # A chain has an end, but for a class that is its own cause.
    while java is not None and len(found) < 50:
        message = java.getMessage() or ""
        found.append((java.getClass().getName(), message))
        # The driver may not have been able to read what a task threw: then it stands in the text alone.
        found.extend(IN_A_TASK.findall(message.split("Driver stacktrace:")[0]))
        java = java.getCause()
    return found


def condition_of(message):
    """Spark's name for what is wrong, at the beginning of its message."""
    found = re.match(r"\s*\[([A-Z0-9_]+)(?:\.[A-Z0-9_]+)*\]", message)
    return found.group(1) if found else None


def kind_of(chain):
    """The kind of a failure, or row: what a row holds makes the statement fail."""
    everything = "\n".join("{}: {}".format(*one) for one in chain)
    if TOO_LARGE.search(everything):
        return "too-large"
    if DAMAGED.search(everything):
        return "damaged"
    for name, message in chain:
        if name.split(".")[-1] in ROW_EXCEPTIONS or condition_of(message) in ROW_CONDITIONS:
            return "row"
    if UNREACHABLE.search(everything):
        return "unreachable"
    # Of SQL that does not parse or names what is not there.
    if any(re.search(r"\b(?:Extended)?(?:Analysis|Parse)Exception$", name) for name, _ in chain):
        return "invalid"
    return "defect"


def told(chain):
    """The message of what happened first, in one line without a full stop."""
    message = next((message for _, message in reversed(chain) if message.strip()), chain[-1][0])
    line = next(line for line in message.splitlines() if line.strip()).strip()
    # Advice for whoever writes SQL in a shell, and the plan that follows.
    line = re.sub(r"\s+(?:Use `?'?try_|If necessary set|Correct the value as per|To return NULL instead).*", "", line)
    line = re.sub(r"(?:;(?: line [0-9]+ pos [0-9]+)?)+\s*\Z", "", line)
    place = re.search(r"(?:in|reading) file:? (\S+?)[.,;]?(?:\s|\Z)", "\n".join(message for _, message in chain))
    if place and place.group(1) not in line:
        line = "{} (file {})".format(line.rstrip("."), place.group(1))
    return line.rstrip(".")


def is_of_a_row(error):
    return kind_of(causes(error)) == "row"


def clean(line):
    """Without what may be a secret: of a URI, a header or a setting."""
    line = re.sub(r"(\w://)[^/@\s]+@", r"\1", line)
    line = re.sub(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", "...", line)
    line = re.sub(r"(?i)(X-Amz-(?:Signature|Credential|Security-Token)=)[^&\s]+", r"\1...", line)
    return re.sub(r"(?i)((?:secret|password|passwd|token|access\.?key|credential)[\w.-]*[\"']?\s*[=:]\s*)[^\s,;]+", r"\1...", line)


# --- Files --------------------------------------------------------------------------------------------------------------------


class Files(object):
    """Files of the lake, wherever Hadoop finds them. A path is a plain text: nothing in it is encoded."""

    def __init__(self, spark):
        self._jvm = spark.sparkContext._jvm
        self._conf = spark.sparkContext._jsc.hadoopConfiguration()
        self._conf.set(NO_SUCCESS_FILE, "false")
        self._footers = {}

    def _at(self, path):
        """Hadoop's path and its file system."""
        found = self._jvm.org.apache.hadoop.fs.Path(path)
        system = found.getFileSystem(self._conf)
        if system.getUri().getScheme() == "file":
            # No files .crc beside others on a local disk: a reader would believe them more than files that we have changed since.
            system.setWriteChecksum(False)
            system.setVerifyChecksum(False)
        return found, system

    def below(self, document, root):
        """A root, which begins where the document lies if it begins nowhere else."""
        if root.startswith("/") or re.match(r"[A-Za-z][A-Za-z0-9+.-]*:/", root):
            return root.rstrip("/") or "/"
        found, system = self._at(document)
        parent = system.makeQualified(found).getParent()
        return self._jvm.org.apache.hadoop.fs.Path(parent.toString() if root in ("", ".") else parent.toString() + "/" + root).toString()

    def exists(self, path):
        found, system = self._at(path)
        return system.exists(found)

    def read(self, path):
        found, system = self._at(path)
        stream = system.open(found)
        try:
            return bytes(self._jvm.org.apache.commons.io.IOUtils.toByteArray(stream))
        finally:
            stream.close()

    def create(self, path, content):
        """Refuses a file that is there."""
        found, system = self._at(path)
        stream = system.create(found, False)
        try:
            stream.write(content)
        finally:
            stream.close()
        self._without_checksum(found, system)

    def list(self, directory):
        """Names and sizes of the files that lie directly there."""
        found, system = self._at(directory)
        return [(status.getPath().getName(), status.getLen()) for status in system.listStatus(found) if status.isFile()]

    def rename(self, path, to):
        found, system = self._at(path)
        target = self._at(to)[0]
        if system.exists(target) or not system.rename(found, target):
            raise Failure("defect", "File {}".format(to), "{} could not be given this name".format(path), "Look for who else writes there: the run is tried again in a directory of its own.")
        self._without_checksum(found, system)
        self._without_checksum(target, system)

    def delete(self, path, recursive=False):
        found, system = self._at(path)
        system.delete(found, recursive)
        self._without_checksum(found, system)

    def uris(self, path):
        """What Spark may call a file in _metadata.file_path: never what it calls another."""
        found, system = self._at(path)
        encoded = system.makeQualified(found).toUri().toString()
        return sorted({encoded, self._jvm.org.apache.hadoop.fs.Path(encoded).toString()})

    def footer(self, path):
        """A Parquet file's columns as a text of Parquet's, and its number of rows."""
        if path not in self._footers:
            hadoop = self._jvm.org.apache.parquet.hadoop
            try:
                reader = hadoop.ParquetFileReader.open(hadoop.util.HadoopInputFile.fromPath(self._at(path)[0], self._conf))
                try:
                    schema = reader.getFooter().getFileMetaData().getSchema().toString()
                    self._footers[path] = (schema, reader.getRecordCount())
                finally:
                    reader.close()
            except Exception as error:
                if not is_of_the_jvm(error):
                    raise
                chain = causes(error)
                kind = kind_of(chain)
                # Whatever else Parquet finds wrong with a file.
                kind = kind if kind in ("too-large", "unreachable") else "damaged"
                raise Failure(kind, "Data file {}".format(path), "it cannot be read: {}".format(told(chain)), NEXT[kind])
        return self._footers[path]

    def footers(self, paths):
        with ThreadPoolExecutor(FOOTERS_AT_ONCE) as pool:
            return list(pool.map(self.footer, paths))

    def without_checksums(self, directory, listed):
        """Of files that executors have written."""
        for name in listed:
            found, system = self._at(directory + "/" + name)
            self._without_checksum(found, system)

    def _without_checksum(self, found, system):
        if system.getUri().getScheme() == "file":
            path = found.toUri().getPath()
            checksum = os.path.join(os.path.dirname(path), "." + os.path.basename(path) + ".crc")
            if os.path.exists(checksum):
                os.remove(checksum)


# --- The run ------------------------------------------------------------------------------------------------------------------


def steps_of(steps):
    """All steps, also those that are done instead."""
    for step in steps:
        yield step
        for other in steps_of(step.get("otherwise") or []):
            yield other


def accepted(content):
    """The document of these bytes, if it is one that this program can interpret."""
    wrong, document = None, None
    try:
        document = json.loads(content.decode("utf-8"))
    except ValueError as error:
        wrong = "it is no JSON: {}".format(error)
    if wrong:
        pass
    elif not isinstance(document, dict) or document.get("format") != FORMAT:
        wrong = "it is not of format {}".format(FORMAT)
    elif document.get("dialect") != DIALECT:
        wrong = "it is in the SQL of {}, not of {}".format(document.get("dialect"), DIALECT)
    else:
        strange = sorted({str(step.get("do")) for step in steps_of(document.get("steps") or [])} - set(STEPS))
        several = [relation["name"] for relation in document.get("relations") or [] if not re.match(r"[A-Za-z0-9_]+\Z", relation["name"])]
        if strange:
            wrong = "it has a step {}, which this program does not know".format(strange[0])
        elif several:
            wrong = "relation {} has no name of one part".format(several[0])
    if wrong:
        raise Failure("invalid", "Job document", wrong, "Make it again for this release of spark/medallion_job.py.")
    return document


class Run(object):
    """One execution of a document."""

    def __init__(self, spark, files, document, root, execution):
        self._spark = spark
        self._files = files
        self._document = document
        self._root = root
        self._roots = document.get("roots") or {}
        self._execution = execution
        self._kept = []
        self._waiting = list(document.get("relations") or [])
        self._defined = set()
        self._views = 0
        # Of Parquet's schemas, as Spark finds them.
        self._types = {}
        self._outputs = []
        self._figures = {}
        # What it is at: for messages.
        self.place = "relations"

    def done(self):
        """Does all steps; what the answer says of it."""
        self._bind()
        steps = self._document.get("steps") or []
        for number, step in enumerate(steps, 1):
            what = " ".join(word for word in (step["do"], step.get("name"), step.get("output")) if word)
            self.place = "step {} of {} ({})".format(number, len(steps), what)
            self._do(step)
        for frame in self._kept:
            frame.unpersist()
        return {"outputs": self._outputs, "figures": self._figures}

    def _do(self, step):
        {"define": self._define, "judge": self._judge, "check": self._check, "write": self._write, "figures": self._bring}[step["do"]](step)

    # Relations

    def _bind(self):
        """Makes the relations that wait for nothing any more, in their order."""
        for relation in list(self._waiting):
            hints = [(relation.get("near") or {}).get("relation"), relation.get("filesOf"), relation.get("neededWhen")]
            if any(hint is not None and hint not in self._defined for hint in hints):
                continue
            self._waiting.remove(relation)
            self._view(relation["name"], self._spark.sql(self._rows_of(relation)))

    def _view(self, name, frame):
        frame.createOrReplaceTempView(name)

    def _helper(self, frame):
        """A view that no document can name."""
        self._views += 1
        name = "_job_{}".format(self._views)
        self._view(name, frame)
        return name

    def _has_become(self, name):
        self._defined.add(name)
        self._bind()

    def _rows_of(self, relation):
        """A SELECT of the relation's rows."""
        columns = [(column["name"], column["type"]) for column in relation["columns"]]
        left_out = relation.get("leftOut")
        with_origin = bool(relation.get("origin"))
        rows = self._scan(relation["location"], columns, self._needed(relation), with_origin or left_out is not None)
        if left_out is None:
            return rows
        gone = self._scan(relation["location"], [("_file", "string"), ("_file_row", "long")], [left_out], False)
        shown = [name for name, _ in columns] + (["_file", "_file_row"] if with_origin else [])
        return "SELECT {} FROM ({}) AS t ANTI JOIN ({}) AS g USING (_file, _file_row)".format(names(shown), rows, gone)

    def _needed(self, relation):
        """Paths of the files that the hints do not rule out."""
        files = relation.get("files") or []
        needed_when = relation.get("neededWhen")
        if files and needed_when is not None and not self._spark.sql("SELECT 1 FROM {} LIMIT 1".format(quoted(needed_when))).collect():
            return []
        if files and relation.get("filesOf") is not None:
            wanted = set(row[0] for row in self._spark.sql("SELECT DISTINCT _file FROM {}".format(quoted(relation["filesOf"]))).collect())
            files = [file for file in files if file["path"] in wanted]
        near = relation.get("near")
        bounded = any(file.get("low") is not None or file.get("high") is not None for file in files)
        if near is not None and bounded:
            column = next(column for column in relation["columns"] if column["name"] == near["columns"][0])
            values = ["({}, {}, {})".format(text(file["path"]), *["CAST(NULL AS STRING)" if file.get(bound) is None else text(file[bound]) for bound in ("low", "high")]) for file in files]
            possible = set(row[0] for row in self._spark.sql(
                "SELECT f._path FROM (VALUES {values}) AS f(_path, _low, _high) CROSS JOIN (SELECT min({name}) AS _least, max({name}) AS _greatest FROM {of}) AS w "
                "WHERE w._least IS NOT NULL AND (TRY_CAST(f._high AS {type}) >= w._least AND TRY_CAST(f._low AS {type}) <= w._greatest) IS NOT FALSE".format(
                    values=", ".join(values), name=quoted(column["name"]), of=quoted(near["relation"]), type=type_of(column["type"]))).collect())
            files = [file for file in files if file["path"] in possible]
        return [file["path"] for file in files]

    def _place(self, location):
        """Where a table's directory is."""
        return "/".join((self._roots.get(location, self._root).rstrip("/"), location))

    def _scan(self, location, columns, paths, with_origin):
        """A SELECT of exactly these columns over files of a table; with origin it has _file and _file_row behind them."""
        if not paths:
            wanted = columns + ([("_file", "string"), ("_file_row", "long")] if with_origin else [])
            return "SELECT {} WHERE false".format(", ".join(as_type(name, None, wanted_type) for name, wanted_type in wanted))

        full = dict((path, "/".join((self._place(location), path))) for path in paths)
        for path in paths:
            name = path.split("/")[-1]
            # Spark takes such a file for none, without a word.
            if name.startswith(("_", ".")) or name.endswith("._COPYING_") or ":" in path:
                raise Failure("invalid", "Data file {}".format(full[path]), "Spark cannot read a file of this name", "Give it another one by compacting the table.")

        scans = []
        for types, group in self._groups([name for name, _ in columns], [full[path] for path in paths]):
            shown = [as_type(name, types.get(name), wanted) for name, wanted in columns]
            if with_origin:
                # Under a new name they would still be marked as columns of the file itself, also in files that are written of them.
                shown += ["concat(_metadata.file_path, '') AS _uri", "_metadata.row_index + 0 AS _file_row"]
            schema = ", ".join("{} {}".format(quoted(name), found) for name, found in types.items())
            # The columns of the file itself cannot be asked for through a view.
            frame = self._reader().schema(schema).parquet(*group).selectExpr(*shown)
            scans.append("SELECT * FROM {}".format(self._helper(frame)))
        rows = " UNION ALL ".join(scans)
        if not with_origin:
            return rows

        values = ", ".join("({}, {})".format(text(uri), text(path)) for path in paths for uri in self._files.uris(full[path]))
        known = self._helper(self._spark.sql("SELECT * FROM (VALUES {}) AS f(_uri, _path)".format(values)))
        # The error has the type of null: to bring it to another is said, so that nobody takes it for a null of that type.
        return (
            "SELECT /*+ BROADCAST(f) */ {}coalesce(f._path, CAST(raise_error(concat('{}: ', r._uri)) AS STRING)) AS _file, r._file_row "
            "FROM ({}) AS r LEFT JOIN {} AS f ON r._uri = f._uri"
        ).format("".join("r.{}, ".format(quoted(name)) for name, _ in columns), LOST_ROW, rows, known)

    def _reader(self):
        # Nothing in a path is a pattern, and directories of partitions add no columns. Parquet's reader of rows, which reads arrays,
        # may give a row another one's value when it passes over pages.
        return self._spark.read.option("recursiveFileLookup", "true").option("__globPaths__", "false").option("parquet.filter.columnindex.enabled", "false")

    def _groups(self, wanted, paths):
        """
        Pairs of types by column and paths: Spark reads a column as the type that it has in the file, so files whose columns
        differ are read apart.
        """
        by_schema = {}
        for path, (schema, _) in zip(paths, self._files.footers(paths)):
            by_schema.setdefault(schema.split("{", 1)[-1], []).append(path)
        groups = {}
        for schema, members in by_schema.items():
            if schema not in self._types:
                self._types[schema] = self._reader().parquet(members[0]).dtypes
            found = self._types[schema]
            types = [(name, found_type) for name, found_type in found if name in wanted]
            # A file with none of them has rows nevertheless, and something has to be read of it.
            groups.setdefault(tuple(types or found[:1]), []).extend(members)
        return [(dict(types), members) for types, members in groups.items()]

    # Steps

    def _define(self, step):
        name = step["name"]
        if not step.get("keep"):
            self._view(name, self._spark.sql(step["sql"]))
        else:
            try:
                self._keep(name, step["sql"])
            except Exception as error:
                if not is_of_a_row(error) or not (step.get("otherwise") or step.get("rowFault")):
                    raise
                if not step.get("otherwise"):
                    raise self._row_fault(step, error)
                for other in step["otherwise"]:
                    self._do(other)
                return
        self._has_become(name)

    def _keep(self, name, sql):
        """Computes a relation once, here."""
        frame = self._spark.sql(sql).persist()
        try:
            frame.count()
        except Exception:
            frame.unpersist()
            raise
        self._kept.append(frame)
        self._view(name, frame)

    def _row_fault(self, step, error):
        return Failure("invalid", *filled(step["rowFault"], [told(causes(error))]))

    def _judge(self, step):
        self._views += 1
        judged = "_job_{}".format(self._views)
        self._keep(judged, step["rows"])
        rows = self._spark.sql("SELECT count(*) FROM {}".format(judged)).collect()[0][0]
        shown = [quoted(column) for column in step["columns"]]
        for number, check in enumerate(step["checks"]):
            failing = self._failing(judged, check, 1, rows)
            outcome = "CASE WHEN ({0}\n) THEN 1 WHEN NOT ({0}\n) THEN 0 ELSE 1 END".format(check)
            if failing and len(failing) == rows:
                outcome = "2"
            elif failing:
                outcome = "CASE WHEN _n IN ({}) THEN 2 ELSE {} END".format(", ".join(str(row) for row in failing), outcome)
            shown.append("CAST({} AS INT) AS _rule_{}".format(outcome, number))
        self._keep(step["name"], "SELECT {} FROM {}".format(", ".join(shown), judged))
        self._has_become(step["name"])

    def _failing(self, judged, check, first, last):
        """Numbers of the rows on which a condition fails: halves are tried until those that fail stand alone."""
        if first > last:
            return []
        try:
            self._spark.sql("SELECT count(CASE WHEN ({}\n) THEN 1 END) FROM {} WHERE _n BETWEEN {} AND {}".format(check, judged, first, last)).collect()
            return []
        except Exception as error:
            if not is_of_a_row(error):
                raise
        if first == last:
            return [first]
        middle = (first + last) // 2
        return self._failing(judged, check, first, middle) + self._failing(judged, check, middle + 1, last)

    def _check(self, step):
        rows = self._spark.sql(step["sql"]).take(1)
        if rows:
            raise Failure(step["fault"].get("kind", "invalid"), *filled(step["fault"], [text_of(value) for value in rows[0]]))

    def _bring(self, step):
        self._figures[step["name"]] = [[text_of(value) for value in row] for row in self._spark.sql(step["sql"]).collect()]

    def _write(self, step):
        output = next(output for output in self._document["outputs"] if output["name"] == step["output"])
        own = "x-" + self._execution
        directory = "/".join((self._place(output["location"]), own))
        try:
            files = self._write_files(output, quoted(step["from"]), directory)
            answered = {"name": output["name"], "files": [{"path": own + "/" + name, "size": size, "rows": rows} for name, size, rows in files]}
            if step.get("replaced") is not None:
                marks = self._write_marks(quoted(step["replaced"]), directory)
                if marks:
                    answered["marks"] = {"path": own + "/marks.parquet", "size": marks[0], "rows": marks[1]}
            if step.get("rewritten") is not None:
                answered["rewritten"] = sorted(row[0] for row in self._spark.sql("SELECT DISTINCT _file FROM {}".format(quoted(step["rewritten"]))).collect())
        except Exception as error:
            if not step.get("rowFault") or isinstance(error, Failure) or not is_of_a_row(error):
                raise
            raise self._row_fault(step, error)
        self._outputs.append(answered)
        if step.get("as") is not None:
            columns = [(column["name"], column["type"]) for column in output["columns"]]
            self._view(step["as"], self._spark.sql(self._scan(output["location"], columns, [file["path"] for file in answered["files"]], False)))
            self._has_become(step["as"])

    def _write_files(self, output, source, directory):
        """Name, size and rows of each file with rows."""
        columns = ", ".join("CAST({0} AS {1}) AS {0}".format(quoted(column["name"]), type_of(column["type"])) for column in output["columns"])
        order = [quoted(name) for name in output.get("order") or []]
        self._spark.conf.set(PARTITION_BYTES, str(SHUFFLED_BYTES * output.get("targetBytes", 128000000)))
        self._spark.conf.set(PARALLELISM_FIRST, "false")
        try:
            if order:
                frame = self._spark.sql("SELECT {} FROM {}".format(columns, source)).repartitionByRange(*order).sortWithinPartitions(*order)
            else:
                frame = self._spark.sql("SELECT /*+ REBALANCE */ {} FROM {}".format(columns, source))
            return self._parquet(frame, directory)
        finally:
            self._spark.conf.unset(PARTITION_BYTES)
            self._spark.conf.unset(PARALLELISM_FIRST)

    def _write_marks(self, source, directory):
        """Size and number of the marks; None: there are none, and no file."""
        beside = directory + "/marks"
        frame = self._spark.sql("SELECT /*+ REPARTITION(1) */ CAST(_file AS STRING) AS _file, CAST(_file_row AS BIGINT) AS _file_row FROM {}".format(source))
        files = self._parquet(frame, beside)
        if len(files) > 1:
            raise Failure("defect", "Directory {}".format(beside), "the marks are {} files instead of one".format(len(files)), NEXT["defect"])
        for name, size, rows in files:
            self._files.rename(beside + "/" + name, directory + "/marks.parquet")
            found = (size, rows)
        self._files.delete(beside, recursive=True)
        return found if files else None

    def _parquet(self, frame, directory):
        """Writes a directory, which must not be there; name, size and rows of its files, without those that have no rows."""
        frame.write.mode("errorifexists").option(NO_SUCCESS_FILE, "false").parquet(directory)
        listed = [(name, size) for name, size in self._files.list(directory) if not name.startswith(("_", "."))]
        # Whoever was taken for dead and started once more has the same directory: what both have written must not be one answer.
        writes = set(re.sub(r"\Apart-[0-9]+-([0-9a-f-]{36}).*", r"\1", name) for name, _ in listed)
        if len(writes) > 1 or any(not name.startswith("part-") or not name.endswith(".parquet") for name, _ in listed):
            raise Failure("defect", "Directory {}".format(directory), "somebody else has written into it", "Nothing to do: the run is tried again in a directory of its own.")
        self._files.without_checksums(directory, [name for name, _ in listed])
        files = []
        for (name, size), (_, rows) in zip(listed, self._files.footers([directory + "/" + name for name, _ in listed])):
            if rows == 0:
                self._files.delete(directory + "/" + name)
            else:
                files.append((name, size, rows))
        return files


# --- The program --------------------------------------------------------------------------------------------------------------


def asked_for(arguments):
    """The program's arguments."""
    parser = argparse.ArgumentParser(prog="medallion_job.py", description="Interprets the document of a job on Spark.")
    parser.add_argument("spec", nargs="?", metavar="SPEC", help="a document to try by itself: its own SHA-256, a new execution, the answer beside it")
    parser.add_argument("--document", metavar="PATH", help="the document")
    parser.add_argument("--sha256", metavar="HEX", help="the SHA-256 of its bytes; others are refused")
    parser.add_argument("--execution", metavar="ID", help="the execution's id, letters and digits: it has a directory of its own in each table")
    parser.add_argument("--answer", metavar="PATH", help="where the answer is put, last of all; must not be there yet")
    asked = parser.parse_args(arguments)
    given = [asked.document, asked.sha256, asked.execution, asked.answer]
    if asked.spec is not None:
        if any(value is not None for value in given):
            parser.error("SPEC stands alone")
        asked.document, asked.execution = asked.spec, uuid.uuid4().hex
        asked.answer = "{}.{}.answer.json".format(asked.spec, asked.execution)
    elif any(value is None for value in given):
        parser.error("--document, --sha256, --execution and --answer are needed, or SPEC alone")
    elif not re.match(r"[0-9a-fA-F]{64}\Z", asked.sha256):
        parser.error("--sha256 is 64 digits of base 16")
    if not re.match(r"[A-Za-z0-9]+\Z", asked.execution):
        parser.error("--execution is letters and digits")
    return asked


def session():
    builder = SparkSession.builder.appName("medallion_job")
    for name, value in SETTINGS.items():
        if name not in SUBMITTED_FIRST:
            builder = builder.config(name, value)
    spark = builder.getOrCreate()
    submitted = spark.sparkContext.getConf()
    # A session that was there before keeps its own settings otherwise.
    for name, value in SETTINGS.items():
        if name not in SUBMITTED_FIRST or not submitted.contains(name):
            spark.conf.set(name, value)
    return spark


def say(spark, line):
    """Into the stderr of spark-submit: what Python writes lands in its stdout. By its beginning it is found there again."""
    line = "medallion_job: " + line
    try:
        spark.sparkContext._jvm.java.lang.System.err.println(line)
    except (Py4JError, OSError):
        # The JVM has ended.
        sys.stderr.write(line + "\n")


def failure_of(error, place):
    """The words for an exception that nobody has put into words."""
    chain = causes(error)
    kind = {"row": "invalid"}.get(kind_of(chain), kind_of(chain))
    cause = told(chain)
    if not is_of_the_jvm(error):
        cause = "{} ({})".format(cause, type(error).__name__)
    return Failure(kind, place, cause, NEXT[kind])


def interpret(spark, asked):
    """The program's exit code."""
    files = Files(spark)
    answer, place, run = None, asked.document, None
    try:
        if files.exists(asked.answer):
            raise Failure("invalid", "Answer {}".format(asked.answer), "it is there already", "Ask for another execution.")
        content = files.read(asked.document)
        sha256 = hashlib.sha256(content).hexdigest()
        if asked.sha256 is not None and asked.sha256.lower() != sha256:
            raise Failure("invalid", "Job document {}".format(asked.document), "its SHA-256 is {}, not {}".format(sha256, asked.sha256), "Ask for the document that was meant.")
        answer = {"format": FORMAT, "document": sha256, "execution": asked.execution}
        document = accepted(content)
        place = "{}#{}".format(document["run"]["table"], document["run"]["number"])
        run = Run(spark, files, document, files.below(asked.document, document["root"]), asked.execution)
        answer.update(run.done())
    except Exception as error:  # Whatever it is ends the run, and is said.
        if run is not None:
            place = "{}, {}".format(place, run.place)
        failure = error if isinstance(error, Failure) else failure_of(error, place)
        say(spark, " ".join((str(failure) if failure is not error else "{}: {}".format(place, failure)).split()))
        # Of a run that was ended from outside there is no answer, as of one whose machine went away.
        if answer is None or ENDED_FROM_OUTSIDE.search(" ".join("{}: {}".format(*one) for one in causes(error))):
            return 1
        answer["failure"] = failure.words
    try:
        files.create(asked.answer, json.dumps(answer, ensure_ascii=False, indent=1).encode("utf-8"))
    except Exception as error:  # Without an answer the run has failed.
        say(spark, "{}: {}".format(place, Failure("defect", "Answer {}".format(asked.answer), "it cannot be written: {}".format(told(causes(error))), "Ask for another execution.")))
        return 1
    return 1 if "failure" in answer else 0


def main(arguments):
    asked = asked_for(arguments)
    spark = session()
    try:
        code = interpret(spark, asked)
        if asked.spec is not None:
            print("Answer: {}".format(asked.answer))
        return code
    finally:
        spark.stop()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
