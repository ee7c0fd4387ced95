namespace Pipeline.Transform.Exports;

/// <summary>What the folder says of itself.</summary>
internal static class ExportReadme
{
    public const string Text = """
        # Exported jobs

        Runs that the Silver and Gold tables of a lake have had, to be run again by any engine, and the rows that came of them. The
        files are the lake's own: they hold what the lake holds, personal data included.

        | here | what |
        |---|---|
        | `jobs.json` | all runs, by table and number: what the others below are for |
        | `documents/` | a document for each run and dialect, `TABLE-RUN.DIALECT.json`; its root is `../lake` |
        | `lake/` | the files that documents name, under the locations of their tables |
        | `expected/TABLE-RUN/` | a Parquet file for each output of a run: all rows of that table after the run, sorted |

        The folder can be moved. On a Spark, without anything else: `spark-submit spark/exported_jobs.py FOLDER` of the product's sources
        runs every document for Spark and tells the rows that differ; `spark-submit spark/medallion_job.py DOCUMENT` runs one.

        An engine that runs as a program is given a document's path and `sha256` of `jobs.json`, an id of
        letters and digits for the execution, and where to write its answer. It writes below `lake/`, into directories of the
        execution.

        After a run, a table holds the rows of the files that `before` lists for this output, without those in files that the answer
        calls `rewritten` and without the rows of its `marks`, and the rows of its `files`. They are the rows of `expected`, each as
        often as there, in any order.

        A run was made by the definitions of its time; documents are of the definitions that the export was made with. A Gold run of
        another definition is left out, and a Silver run with other columns. Rows of a Silver table whose rules were changed may differ
        where they were.

        """;
}
