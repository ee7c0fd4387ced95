using System.Collections.Immutable;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.DuckDb;
using Pipeline.Transform.Jobs;

namespace Pipeline.Transform.Gold;

/// <summary>A Gold table's run as steps: its query over pinned inputs makes the table anew, or what differs of it.</summary>
internal static class GoldSteps
{
    /// <summary>Words for a query that fails on a row; <c>{0}</c> is the engine's message.</summary>
    public static FaultWords FailsOnARow(TableId table) => new($"Table {table}", "its query fails on a row ({0})",
        "Correct the row at its source, or let the query take it: TRY_CAST gives null for what cannot be converted.");

    /// <summary>The query as a SELECT: a comment at its end ends with its line.</summary>
    private static string Closed(string sql) => sql.TrimEnd() + "\n";

    /// <summary>The merge of a run that is one; null: the table is made anew. Made by another definition, its rows may not have today's key.</summary>
    public static MergeSql? MergeOf(JobSpec spec, Snapshot before) =>
        spec.Kind == JobKind.Merge && before.Position(JobPlanner.DefinitionAppId) == spec.Definition ? new MergeSql("target", spec.Table, before, spec.Columns, spec.Key) : null;

    /// <summary>All rows of the table are replaced.</summary>
    public static JobDocument Full(JobSpec spec, string root) => Document(spec, root) with
    {
        Relations = [.. spec.Inputs.Select(Input)],
        Outputs = [new JobOutput(spec.Table.ToString(), spec.Table.ToString(), spec.Columns)],
        Steps =
        [
            new DefineStep("result", Closed(spec.Sql!)) { RowFault = FailsOnARow(spec.Table) },
            // The rows are computed once: the key is looked at in what was written.
            new WriteStep(spec.Table.ToString(), "result") { As = spec.Key.IsEmpty ? null : "written", RowFault = FailsOnARow(spec.Table) },
            .. spec.Key.IsEmpty ? [] : new[] { KeyCheck(spec, "written") },
        ],
    };

    /// <summary>Rows are inserted, updated and deleted by key, so that the table holds what the query returns.</summary>
    public static JobDocument Merge(JobSpec spec, string root, Snapshot before, MergeSql merge)
    {
        var (key, columns, rowFault) = (Sql.Names(spec.Key), Sql.Names(spec.Columns.Select(column => column.Name)), FailsOnARow(spec.Table));
        ImmutableArray<JobColumn> keyColumns = [.. spec.Columns.Where(column => spec.Key.Contains(column.Name))];
        var cast = spec.Columns.Select(column => $"CAST({Sql.Name(column.Name)} AS {Sql.Type(column.ToField().DataType)}) AS {Sql.Name(column.Name)}");
        return Document(spec, root) with
        {
            Relations = [.. spec.Inputs.Select(Input), new JobRelation("target_keys", spec.Table.ToString(), keyColumns, JobFiles.Of(before)), .. merge.Relations],
            Outputs = [merge.Output],
            Steps =
            [
                new DefineStep("result", Closed(spec.Sql!)) { Keep = true, RowFault = rowFault },
                KeyCheck(spec, "result"),
                // The query's rows are all that the table shall hold: a key that it does not return any more goes.
                new DefineStep("gone", $"SELECT {key} FROM target_keys ANTI JOIN result USING ({key})") { Keep = true },
                .. merge.Match($"SELECT {key} FROM result UNION ALL SELECT {key} FROM gone", "existing"),
                // Only rows that differ are written, so unchanged files stay.
                new DefineStep("upserts", $"SELECT {string.Join(", ", cast)} FROM result EXCEPT SELECT {columns} FROM existing") { Keep = true, RowFault = rowFault },
                .. merge.Write("existing", "upserts", "gone", rowFault),
            ],
        };
    }

    private static JobDocument Document(JobSpec spec, string root) => new()
    {
        Format = JobDocument.CurrentFormat,
        Dialect = JobDocument.DuckDbDialect,
        Run = new DocumentRun(spec.Table, spec.Pins.Run),
        Root = root,
    };

    private static JobRelation Input(JobInput input) => new(input.RelationName, input.Table.ToString(), input.Columns, input.Files);

    /// <summary>A key names one row: anything else multiplies whatever joins it.</summary>
    private static CheckStep KeyCheck(JobSpec spec, string rows)
    {
        var key = spec.Key.Select(Sql.Name).ToList();
        var places = string.Join(", ", key.Select((_, i) => $"{{{i}}}"));
        return new CheckStep($"""
            SELECT {string.Join(", ", key.Select(name => $"CAST({name} AS VARCHAR)"))}, CAST(count(*) AS VARCHAR) FROM {rows} GROUP BY {string.Join(", ", key)}
            HAVING count(*) > 1 OR {string.Join(" OR ", key.Select(name => $"{name} IS NULL"))} LIMIT 1
            """,
            new FaultWords($"Table {spec.Table}", $"its query returns key ({places}) {{{key.Count}}} times or with a null",
                "Make the query return each key once, or add the column that tells the rows apart to key."));
    }
}
