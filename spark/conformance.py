"""Runs every row of the dialect table on a Spark and prints where it gives another value than DuckDB does.

    spark-submit spark/conformance.py [conformance.json]

Needs PySpark 3.4 or 3.5 and the file medallion_job.py beside this one, whose session it has. conformance.json lies there too and
is written from the table itself. Exits with 1 when there is a difference, else with 0.
"""

import datetime
import decimal
import json
import os
import sys

from pyspark.sql import SparkSession

# spark-submit puts the folder of the script that it runs before all others.
from medallion_job import SETTINGS


def text_of(value):
    """A value as the rows write it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    if isinstance(value, (bytes, bytearray)):
        return "x" + bytes(value).hex().upper()
    if isinstance(value, (datetime.date, datetime.datetime)):
        return value.isoformat()
    if isinstance(value, float):
        return repr(value)
    return str(value)


def reason_of(error):
    """The first line of what went wrong."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return "ERROR " + (lines[0] if lines else type(error).__name__)


def values_of(spark, expression, rows):
    """The value of each row; a row that fails is told alone."""
    named = [tuple([number] + list(row["arguments"]) + [None] * (3 - len(row["arguments"]))) for number, row in enumerate(rows)]
    spark.createDataFrame(named, "n INT, t STRING, u STRING, v STRING").createOrReplaceTempView("i")
    # The expression may end in a comment.
    query = "SELECT n, ({}\n) AS value FROM i".format(expression)
    try:
        found = dict((row[0], text_of(row[1])) for row in spark.sql(query).collect())
        return [found[number] for number in range(len(rows))]
    except Exception:  # Which row it is has to be found out.
        values = []
        for number in range(len(rows)):
            try:
                values.append(text_of(spark.sql("{} WHERE n = {}".format(query, number)).collect()[0][1]))
            except Exception as error:
                values.append(reason_of(error))
        return values


def main():
    path = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(os.path.abspath(__file__)), "conformance.json")
    with open(path, encoding="utf-8") as file:
        cases = json.load(file)["cases"]

    builder = SparkSession.builder.appName("conformance")
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    # A session that was there before keeps its own settings otherwise.
    for name, value in SETTINGS.items():
        spark.conf.set(name, value)

    asked, different = 0, 0
    for case in cases:
        for row, value in zip(case["rows"], values_of(spark, case["spark"], case["rows"])):
            asked += 1
            if value != row["value"]:
                different += 1
                print("{}: {} gives {}, expected {}".format(
                    case["name"], json.dumps(row["arguments"], ensure_ascii=False), json.dumps(value, ensure_ascii=False),
                    json.dumps(row["value"], ensure_ascii=False)))

    print("Spark {}: {} rows of {} functions and constructs, {} different".format(spark.version, asked, len(cases), different))
    spark.stop()
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
