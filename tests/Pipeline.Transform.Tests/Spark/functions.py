"""What spark/medallion_job.py makes of words, values and exceptions, as plain assertions.

    python3 functions.py [FOLDER]

FOLDER has what a real Spark printed when jobs failed, as NN-kind.txt.
"""

import os
import re
import sys

from py4j.protocol import Py4JJavaError, Throwable

import medallion_job as job


def chain_of(links):
    """The exception that Python sees of a chain in the JVM."""
    java = None
    for name, message in reversed(links):
        java = Throwable(name, message, java)
    return Py4JJavaError("An error occurred while calling o1.count", java)


def words():
    assert job.quoted("a`b") == "`a``b`"
    assert job.text("it's \\d") == "'it\\'s \\\\d'"
    assert job.type_of("array<decimal(12,2)>") == "ARRAY<DECIMAL(12,2)>"
    assert job.as_type("a", "bigint", "long") == "`a`"
    assert job.as_type("a", "array<string>", "array<string>") == "`a`"
    assert job.as_type("a", "int", "long") == "CAST(`a` AS BIGINT) AS `a`"
    assert job.as_type("a", None, "decimal(5,2)") == "CAST(NULL AS DECIMAL(5,2)) AS `a`"
    assert job.as_type("a", "timestamp", "string") == "concat(CAST(`a` AS STRING), '+00') AS `a`"
    assert [job.text_of(value) for value in (None, "x", True, False, 7)] == [None, "x", "true", "false", "7"]
    assert job.filled({"thing": "{0}", "cause": "{1} {2}", "next": "{12}"}, ["{1}", None]) == ["{1}", "null {2}", "{12}"]
    assert job.clean("s3a://key:hush@bucket/x?X-Amz-Signature=hush&a=1 fs.s3a.secret.key=hush, password: hush") == (
        "s3a://bucket/x?X-Amz-Signature=...&a=1 fs.s3a.secret.key=..., password: ...")


def exceptions():
    # What a task threw may be in the text of the driver's exception alone.
    lost = "Job aborted due to stage failure: Task 1 in stage 0.0 failed 4 times, most recent failure: Lost task 1.3 in stage 0.0 (TID 7) (10.0.0.1 executor 2): {}\n\tat x"
    overflow = chain_of([("org.apache.spark.SparkException", lost.format("org.apache.spark.SparkArithmeticException: [ARITHMETIC_OVERFLOW] long overflow. Use 'try_add' to tolerate overflow."))])
    assert job.is_of_a_row(overflow) and job.told(job.causes(overflow)) == "[ARITHMETIC_OVERFLOW] long overflow"
    written = chain_of([("org.apache.spark.SparkException", lost.format(
        "org.apache.spark.SparkException: [TASK_WRITE_FAILED] Task failed while writing rows to s3://b/x.\n\tat y\nCaused by: org.apache.spark.SparkArithmeticException: "
        "[NUMERIC_VALUE_OUT_OF_RANGE] 1000 cannot be represented as Decimal(3, 1). If necessary set \"spark.sql.ansi.enabled\" to \"false\".\n\tat z\n\nDriver stacktrace:"))])
    assert job.is_of_a_row(written) and job.told(job.causes(written)) == "[NUMERIC_VALUE_OUT_OF_RANGE] 1000 cannot be represented as Decimal(3, 1)"
    key = chain_of([("org.apache.spark.SparkRuntimeException", "[NULL_MAP_KEY] Cannot use null as map key.")])
    assert job.is_of_a_row(key)
    gone = chain_of([("org.apache.spark.SparkException", lost.format("ExecutorLostFailure (executor 2 exited caused by one of the running tasks) Reason: worker lost"))])
    assert job.kind_of(job.causes(gone)) == "unreachable"
    memory = chain_of([("org.apache.spark.SparkException", lost.format("ExecutorLostFailure (executor 2 exited caused by one of the running tasks) Reason: Container killed by YARN for exceeding physical memory limits."))])
    assert job.kind_of(job.causes(memory)) == "too-large"
    assert job.kind_of(job.causes(KeyError("sql"))) == "defect"
    assert job.ENDED_FROM_OUTSIDE.search("org.apache.spark.SparkException: Job 3 cancelled because SparkContext was shut down")


class Submitted(object):
    """A session of Spark that was submitted with settings."""

    def __init__(self, given):
        self.settings = dict(given)
        self.builder = self.conf = self.sparkContext = self
        self.appName = lambda name: self
        self.getOrCreate = self.getConf = lambda: self
        self.contains = lambda name: name in given

    def config(self, name, value):
        self.settings[name] = value
        return self

    set = config


def submissions():
    # The last word where no value depends on it, and nowhere else.
    codec, was = "spark.sql.parquet.compression.codec", job.SparkSession
    try:
        for given in ({}, {codec: "snappy", "spark.sql.ansi.enabled": "false", "spark.x": "1"}):
            job.SparkSession = Submitted(given)
            assert job.session().settings == dict(job.SETTINGS, **{name: given[name] for name in (codec, "spark.x") if name in given})
    finally:
        job.SparkSession = was


# What the real ones are; the others are of functions in Python, which the job has none of, or print no exception.
REAL = {
    "01": "invalid", "02": "invalid", "03": "invalid", "04": "invalid", "05": "invalid", "06": "invalid", "07": "invalid", "08": "row", "09": "damaged", "10": "damaged",
    "11": "damaged", "12": "damaged", "13": "damaged", "14": "damaged", "17": "unreachable", "18": "unreachable", "21": "row", "22": "row", "23": "row", "24": "row",
    "25": "too-large", "26": "invalid", "27": "row", "28": "too-large", "32": "unreachable", "34": "unreachable", "36": "too-large", "37": "too-large",
}


def real(folder):
    seen = set()
    for file in sorted(os.listdir(folder)):
        if file[:2] not in REAL:
            continue
        with open(os.path.join(folder, file), encoding="utf-8") as opened:
            printed = opened.read().split("## stdout of spark-submit")[1]
        captured = re.search(r"^pyspark\.errors\.exceptions\.captured\.(\w+): (.*)", printed, re.MULTILINE | re.DOTALL)
        if captured:
            links = [("org.apache.spark.sql." + captured.group(1), captured.group(2))]
        else:
            thrown = re.findall(r"^(?:: |Caused by: )([\w.$]+)(?:: ((?:(?!^Caused by: |^\tat ).)*))?", printed, re.MULTILINE | re.DOTALL)
            links = [(name, message) for name, message in thrown]
        chain = job.causes(chain_of(links))
        assert job.kind_of(chain) == REAL[file[:2]], (file, job.kind_of(chain), chain)
        told = job.told(chain)
        assert told and "\n" not in told and not told.endswith(".") and "try_" not in told, (file, told)
        print("{}: {}: {}".format(file, job.kind_of(chain), told))
        seen.add(file[:2])
    assert seen == set(REAL), set(REAL) - seen


if __name__ == "__main__":
    words()
    exceptions()
    submissions()
    if len(sys.argv) > 1:
        real(sys.argv[1])
