using System.Collections.Immutable;
using Apache.Arrow.Types;
using Pipeline.Core;
using Pipeline.Delta.Log;
using Pipeline.Transform.Contracts;
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

    /// <summary>
    /// The merge of a run that is one; null: the table is made anew. Made by another definition, its rows may not have today's key; and of
    /// other types, because what it reads has them, its files cannot stay.
    /// </summary>
    public static MergeSql? MergeOf(JobSpec spec, Snapshot before) =>
        spec.Kind == JobKind.Merge && spec.Pins.IsAnew != true && IsMadeBy(spec, before)
        && JobCommits.Retyped(before, spec.Columns.Select(column => column.ToField())) is null ? new MergeSql(spec.Dialect, "target", spec.Table, before, spec.Columns, spec.Key) : null;

    private static bool IsMadeBy(JobSpec spec, Snapshot before) => GoldShape.TryRead(spec.Contract) is { } shape ? shape.ChangesSince(before, spec.Definition!.Value).Count == 0 : before.Position(JobPlanner.DefinitionAppId) == spec.Definition;

    /// <summary>All rows of the table are replaced.</summary>
    public static JobDocument Full(JobSpec spec, string root) => Document(spec, root) with
    {
        Relations = [.. Inputs(spec)],
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
        var (sql, rowFault) = (spec.Dialect, FailsOnARow(spec.Table));
        var (key, columns) = (sql.Names(spec.Key), sql.Names(spec.Columns.Select(column => column.Name)));
        ImmutableArray<JobColumn> keyColumns = [.. spec.Columns.Where(column => spec.Key.Contains(column.Name))];
        var cast = spec.Columns.Select(column => $"{sql.Cast(sql.Name(column.Name), column.ToField().DataType)} AS {sql.Name(column.Name)}");
        return Document(spec, root) with
        {
            Relations = [.. Inputs(spec), new JobRelation("target_keys", spec.Table.ToString(), keyColumns, JobFiles.Of(before)), .. merge.Relations],
            Outputs = [merge.Output],
            Steps =
            [
                // Functions have other types on each engine: the columns are the table's.
                new DefineStep("result", $"SELECT {string.Join(", ", cast)} FROM (\n{Closed(spec.Sql!)}) AS made") { Keep = true, RowFault = rowFault },
                KeyCheck(spec, "result"),
                // The query's rows are all that the table shall hold: a key that it does not return any more goes.
                new DefineStep("gone", $"SELECT {key} FROM target_keys ANTI JOIN result USING ({key})") { Keep = true },
                .. merge.Match($"SELECT {key} FROM result UNION ALL SELECT {key} FROM gone", "existing"),
                // Only rows that differ are written, so unchanged files stay.
                new DefineStep("upserts", $"SELECT {columns} FROM result EXCEPT SELECT {columns} FROM existing") { Keep = true, RowFault = rowFault },
                .. merge.Write("existing", "upserts", "gone", rowFault),
            ],
        };
    }

    private static JobDocument Document(JobSpec spec, string root) => new()
    {
        Format = JobDocument.CurrentFormat,
        Dialect = spec.Dialect.Engine,
        Run = new DocumentRun(spec.Table, spec.Pins.Run),
        Root = root,
    };

    private static IEnumerable<JobRelation> Inputs(JobSpec spec) => spec.Inputs.Select(input => input.ToRelation(spec.Dialect));

    /// <summary>A key names one row: anything else multiplies whatever joins it.</summary>
    private static CheckStep KeyCheck(JobSpec spec, string rows)
    {
        var sql = spec.Dialect;
        var key = spec.Key.Select(name => (Name: sql.Name(name), Type: spec.Columns.Single(column => column.Name == name).ToField().DataType)).ToList();
        var places = string.Join(", ", key.Select((_, i) => $"{{{i}}}"));
        return new CheckStep($"""
            SELECT {string.Join(", ", key.Select(column => sql.ToText(column.Name, column.Type)))}, {sql.ToText("count(*)", Int64Type.Default)} FROM {rows} GROUP BY {string.Join(", ", key.Select(column => column.Name))}
            HAVING count(*) > 1 OR {string.Join(" OR ", key.Select(column => $"{column.Name} IS NULL"))} LIMIT 1
            """,
            new FaultWords($"Table {spec.Table}", $"its query returns key ({places}) {{{key.Count}}} times or with a null",
                "Make the query return each key once, or add the column that tells the rows apart to key."));
    }
}
