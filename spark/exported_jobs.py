"""Runs all jobs of an exported folder on a Spark and prints where its tables hold other rows than are expected.

    spark-submit spark/exported_jobs.py FOLDER [TABLE]

FOLDER is what `./pipeline export-jobs` has written; a TABLE such as gold/kpi_daily keeps it to the runs of that one. Needs PySpark
3.4 or 3.5 and the file medallion_job.py beside this one, which runs the jobs. Exits with 1 when there is a difference or a job fails,
else with 0.
"""

import json
import os
import sys
import uuid

# spark-submit puts the folder of the script that it runs before all others.
import medallion_job
from medallion_job import quoted, text, type_of


class Comparison(object):
    """The rows of one output after a run, as views of a session."""

    def __init__(self, spark, folder, output, expected, answered):
        self._spark, self._output, self._expected, self._answered = spark, output, expected, answered
        self._location = "/".join((folder, "lake", output["location"]))
        self._wanted_file = "/".join((folder, expected["expected"]))
        self._columns = ", ".join(quoted(column["name"]) for column in output["columns"])

    def counts(self):
        """Rows that are expected, rows that are missing, rows that should not be there, written files of other columns."""
        wanted, held = "SELECT {} FROM {}".format(self._columns, self._view(self._wanted_file)), self._held()
        return (
            self._count(wanted),
            self._count("{} EXCEPT ALL {}".format(wanted, held)),
            self._count("{} EXCEPT ALL {}".format(held, wanted)),
            sum(1 for path in self._written() if self._read(path).dtypes != self._read(self._wanted_file).dtypes),
        )

    def _held(self):
        """What the run left of the table as it was, and what it wrote."""
        rewritten = set(self._answered.get("rewritten") or [])
        left = [path for path in self._expected["before"] if path not in rewritten]
        views = [self._view("/".join((self._location, path)), path) for path in left]
        before = " UNION ALL ".join("SELECT * FROM {}".format(view) for view in views)
        marks = self._answered.get("marks")
        if views and marks:
            marked = self._named(self._read("/".join((self._location, marks["path"]))))
            before = "SELECT * FROM ({}) AS b ANTI JOIN {} AS m ON b._file = m._file AND b._file_row = m._file_row".format(before, marked)
        written = ["SELECT {} FROM {}".format(self._columns, self._view(path)) for path in self._written()]
        parts = (["SELECT {} FROM ({}) AS k".format(self._columns, before)] if views else []) + written
        return "SELECT {} FROM ({}) AS h".format(self._columns, " UNION ALL ".join(parts or ["SELECT {} FROM {} WHERE false".format(self._columns, self._view(self._wanted_file))]))

    def _written(self):
        return ["/".join((self._location, file["path"])) for file in self._answered["files"]]

    def _view(self, path, name=None):
        """A file as the output's columns, whatever it has of them, and where each row is from when the file has a name."""
        frame = self._read(path)
        found = set(column for column, _ in frame.dtypes)
        shown = ["CAST({} AS {}) AS {}".format(quoted(column["name"]) if column["name"] in found else "NULL", type_of(column["type"]), quoted(column["name"])) for column in self._output["columns"]]
        if name is not None:
            shown += ["{} AS _file".format(text(name)), "_metadata.row_index AS _file_row"]
        return self._named(frame.selectExpr(*shown))

    def _named(self, frame):
        name = "compared_{}".format(uuid.uuid4().hex)
        frame.createOrReplaceTempView(name)
        return name

    def _read(self, path):
        # Nothing in a path is a pattern, and directories of partitions add no columns.
        return self._spark.read.option("recursiveFileLookup", "true").option("__globPaths__", "false").parquet(path)

    def _count(self, rows):
        return self._spark.sql("SELECT count(*) AS n FROM ({}) AS r".format(rows)).collect()[0][0]


def read(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def main(arguments):
    if len(arguments) not in (1, 2):
        print(__doc__)
        return 2

    folder, table = os.path.abspath(arguments[0]), arguments[1] if len(arguments) > 1 else None
    answers = os.path.join(folder, "answers")
    if not os.path.isdir(answers):
        os.mkdir(answers)
    spark = medallion_job.session()
    documents, outputs, rows, differences = 0, 0, 0, 0
    for job in read(os.path.join(folder, "jobs.json"))["jobs"]:
        for told in job["documents"]:
            if told["dialect"] != medallion_job.DIALECT or table not in (None, job["table"]):
                continue
            path, execution = os.path.join(folder, told["path"]), uuid.uuid4().hex
            answer = os.path.join(answers, "{}.{}.json".format(os.path.basename(path), execution))
            documents += 1
            asked = medallion_job.asked_for(["--document", path, "--sha256", told["sha256"], "--execution", execution, "--answer", answer])
            code = medallion_job.interpret(spark, asked)
            # What a run has kept is of no use to the next.
            spark.catalog.clearCache()
            if code != 0:
                differences += 1
                print("{} fails".format(told["path"]))
                continue
            written = dict((output["name"], output) for output in read(answer)["outputs"])
            for output in read(path)["outputs"]:
                expected = [one for one in job["outputs"] if one["name"] == output["name"]][0]
                wanted, missing, strange, columns = Comparison(spark, folder, output, expected, written[output["name"]]).counts()
                outputs += 1
                rows += wanted
                differences += missing + strange + columns
                print("{}#{} {}: {} rows expected, {} missing, {} strange, {} columns differ".format(job["table"], job["run"], output["name"], wanted, missing, strange, columns))

    print("{} documents, {} outputs, {} rows, {} differences".format(documents, outputs, rows, differences))
    spark.stop()
    return 1 if differences or documents == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
